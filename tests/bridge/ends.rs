//! mosquitto_pub and mosquitto_sub at the two ends of a bridge.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use causeway_tests::deadline::patience;
use causeway_tests::process;

/// Publishes at QoS 1 and waits until the broker has it.
pub fn publish(at: SocketAddr, topic: &str, payload: &str) {
    let port = at.port().to_string();
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-m", payload]);
    let output = command.output().expect("mosquitto_pub");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A running mosquitto_sub.
pub struct Subscriber {
    child: Child,
    lines: Receiver<String>,
}

impl Subscriber {
    /// Starts and waits until the subscription stands.
    pub fn start(at: SocketAddr, filter: &str) -> Self {
        let port = at.port().to_string();
        // Its output is a pipe here: without this it would come in blocks.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", filter]);
        command.args(["-d", "-F", "message %t %p"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
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

    /// The next message as "TOPIC PAYLOAD".
    pub fn message(&self) -> String {
        self.line("message ")
    }

    /// The next line that begins so, without its beginning.
    fn line(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(patience()).unwrap_or_else(|_| panic!("no line \"{start}\""));
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_string();
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
