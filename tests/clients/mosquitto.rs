//! mosquitto_pub and mosquitto_sub: each QoS, retained, will, session resume, shared, TLS, both versions.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use causeway_tests::deadline::{eventually, patience};
use causeway_tests::{Broker, fresh, process};

/// How to reach the broker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
}

fn command(program: &str, version: &str, way: Way) -> Command {
    let broker = Broker::shared();
    // Its output is a pipe here: without this it would come in blocks.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", program]);
    let address = if way == Way::Tls { broker.mqtts() } else { broker.mqtt() };
    command.args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-V", version]);
    if way == Way::Tls {
        command.arg("--cafile").arg(broker.ca_file());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Publishes and waits for the end of mosquitto_pub.
fn publish(version: &str, way: Way, arguments: &[&str]) {
    let mut command = command("mosquitto_pub", version, way);
    command.args(arguments);
    let output = command.output().expect("mosquitto_pub");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A running mosquitto_sub with its lines.
struct Subscriber {
    child: Child,
    lines: Receiver<String>,
}

impl Subscriber {
    /// Starts and waits for "Subscribed".
    fn start(version: &str, way: Way, arguments: &[&str]) -> Self {
        let mut command = command("mosquitto_sub", version, way);
        // -d says when the subscription stands; -F keeps messages apart from what it says.
        command.args(["-d", "-F", "message %q %r %t %p"]).args(arguments);
        let mut child = process::spawn(command).expect("mosquitto_sub");
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("its output");
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let subscriber = Subscriber { child, lines };
        subscriber.line("Subscribed");
        subscriber
    }

    /// The next line that begins so, without its beginning.
    fn line(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(patience()).unwrap_or_else(|_| panic!("no line \"{start}\""));
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim_start().to_string();
            }
        }
    }

    /// The next message as "QOS RETAIN TOPIC PAYLOAD".
    fn message(&self) -> String {
        self.line("message")
    }

    /// Ends it with a DISCONNECT. Nothing may be on its way to it: its signal handler sends the DISCONNECT, and waits for
    /// ever when it interrupts the handling of a message.
    fn stop(mut self) {
        process::signal(&self.child, libc::SIGTERM);
        eventually("the end of mosquitto_sub", || self.child.try_wait().expect("its state"));
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let mut text = String::new();
            let _ = self.child.stderr.take().map(|mut e| e.read_to_string(&mut text));
            eprintln!("mosquitto_sub said: {text}");
        }
    }
}

macro_rules! everywhere {
    ($($(#[$meta:meta])* fn $name:ident($version:ident, $way:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$meta])*
            fn check($version: &str, $way: Way) $body

            #[test]
            fn v31() { check("mqttv31", Way::Plain); }

            #[test]
            fn v311() { check("mqttv311", Way::Plain); }

            #[test]
            fn v5() { check("mqttv5", Way::Plain); }

            #[test]
            fn v311_tls() { check("mqttv311", Way::Tls); }

            #[test]
            fn v5_tls() { check("mqttv5", Way::Tls); }
        }
    )*};
}

everywhere! {
    fn every_qos(version, way) {
        let topic = fresh("mosquitto");
        for qos in ["0", "1", "2"] {
            let subscriber = Subscriber::start(version, way, &["-t", &topic, "-q", qos]);
            for n in 0..5 {
                publish(version, way, &["-t", &topic, "-q", qos, "-m", &n.to_string()]);
                assert_eq!(subscriber.message(), format!("{qos} 0 {topic} {n}"));
            }
            subscriber.stop();
        }
    }

    /// Many lines over one connection.
    fn many_messages_from_one_publisher(version, way) {
        let topic = fresh("mosquitto");
        let subscriber = Subscriber::start(version, way, &["-t", &topic, "-q", "2"]);
        let file = std::env::temp_dir().join(format!("causeway-lines-{}", std::process::id()));
        let lines: Vec<String> = (0..500).map(|n| format!("line {n}")).collect();
        std::fs::write(&file, lines.join("\n") + "\n").expect("a file of lines");
        let mut command = command("mosquitto_pub", version, way);
        command.args(["-t", &topic, "-q", "2", "-l"]).stdin(std::fs::File::open(&file).expect("the file"));
        assert!(command.status().expect("mosquitto_pub").success());
        let _ = std::fs::remove_file(&file);
        for line in lines {
            assert_eq!(subscriber.message(), format!("2 0 {topic} {line}"));
        }
    }

    fn retained(version, way) {
        let topic = fresh("mosquitto/retained");
        publish(version, way, &["-t", &topic, "-q", "1", "-r", "-m", "kept"]);
        let subscriber = Subscriber::start(version, way, &["-t", &topic, "-q", "1"]);
        assert_eq!(subscriber.message(), format!("1 1 {topic} kept"));
        publish(version, way, &["-t", &topic, "-q", "1", "-r", "-n"]);
        assert_eq!(subscriber.message().trim_end(), format!("1 0 {topic}"));
        drop(subscriber);
        let subscriber = Subscriber::start(version, way, &["-t", &topic, "-q", "1"]);
        publish(version, way, &["-t", &topic, "-q", "1", "-m", "live"]);
        assert_eq!(subscriber.message(), format!("1 0 {topic} live"));
    }

    fn will(version, way) {
        let topic = fresh("mosquitto/will");
        let subscriber = Subscriber::start(version, way, &["-t", &topic, "-q", "1"]);
        let arguments = ["-t", "nothing", "--will-topic", &topic, "--will-payload", "gone", "--will-qos", "1"];
        drop(Subscriber::start(version, way, &arguments));
        assert_eq!(subscriber.message(), format!("1 0 {topic} gone"));
        // After a DISCONNECT there is none; with MQTT 5 mosquitto_sub asks for it with reason 0x04.
        Subscriber::start(version, way, &arguments).stop();
        if version == "mqttv5" {
            assert_eq!(subscriber.message(), format!("1 0 {topic} gone"));
        }
        publish(version, way, &["-t", &topic, "-q", "1", "-m", "marker"]);
        assert_eq!(subscriber.message(), format!("1 0 {topic} marker"));
    }

    fn session_resume(version, way) {
        let (topic, id) = (fresh("mosquitto/resume"), fresh("resume"));
        let id = format!("{id}-{}", std::process::id());
        let mut arguments = vec!["-t", &topic, "-q", "2", "-i", &id, "-c"];
        if version == "mqttv5" {
            arguments.extend(["-x", "600"]);
        }
        Subscriber::start(version, way, &arguments).stop();
        for n in 0..10 {
            publish(version, way, &["-t", &topic, "-q", "2", "-m", &n.to_string()]);
        }
        // What waited may arrive before the new SUBACK: all lines count.
        let mut command = command("mosquitto_sub", version, way);
        command.args(arguments).args(["-C", "10", "-W", "20"]);
        let output = command.output().expect("mosquitto_sub");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let wanted: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>(), wanted);
    }

    fn shared_subscription(version, way) {
        let topic = fresh("mosquitto/shared");
        let filter = format!("$share/g/{topic}");
        let members = [0, 1].map(|_| Subscriber::start(version, way, &["-t", &filter, "-q", "1"]));
        for n in 0..10 {
            publish(version, way, &["-t", &topic, "-q", "1", "-m", &n.to_string()]);
        }
        let mut seen = Vec::new();
        causeway_tests::eventually("ten messages at two members", || {
            for member in &members {
                seen.extend(member.lines.try_iter().filter(|line| line.starts_with("message")));
            }
            (seen.len() == 10).then_some(())
        });
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 10);
    }
}

/// The name in the certificate works as well as the address.
#[test]
fn tls_by_name() {
    let broker = Broker::shared();
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "localhost", "-p", &broker.mqtts().port().to_string()]);
    command.arg("--cafile").arg(broker.ca_file()).args(["-t", "by/name", "-m", "x", "-q", "1"]);
    let output = command.output().expect("mosquitto_pub");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Without the CA the client refuses the broker.
#[test]
fn tls_without_the_ca_is_refused() {
    let broker = Broker::shared();
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &broker.mqtts().port().to_string(), "--capath", "/etc/ssl/certs"]);
    assert!(!command.args(["-t", "x", "-m", "x"]).output().expect("mosquitto_pub").status.success());
}

/// mosquitto_rr asks over MQTT 5 with response topic and correlation data.
#[test]
fn request_and_response() {
    let topic = fresh("mosquitto/request");
    let broker = Broker::shared();
    let mut answerer = broker.client(causeway_tests::Version::V5);
    answerer.subscribe(&topic, 1);
    let mut command = command("mosquitto_rr", "mqttv5", Way::Plain);
    let answer_topic = fresh("mosquitto/answer");
    command.args(["-t", &topic, "-e", &answer_topic, "-m", "question", "-q", "1", "-W", "20"]);
    command.args(["-D", "publish", "correlation-data", "c1"]);
    let asking = process::spawn(command).expect("mosquitto_rr");
    let question = answerer.take();
    assert_eq!(question.text(), "question");
    let back = question.props.text(causeway_tests::prop::RESPONSE_TOPIC).expect("a response topic").to_string();
    let data = question.props.bytes(causeway_tests::prop::CORRELATION_DATA).expect("correlation data").to_vec();
    let props = causeway_tests::Props::new().bin(causeway_tests::prop::CORRELATION_DATA, &data);
    answerer.publish(causeway_tests::Publish::new(&back, "answer").qos(1).props(props));
    let output = asking.wait_with_output().expect("the end of mosquitto_rr");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "answer");
}
