//! pub, sub and rr against mosquitto and ourselves, and beside mosquitto's own tools.

use std::process::Command;

use causeway_tests::deadline::eventually;
use causeway_tests::stream::tcp;
use causeway_tests::{Client, Connect, Filter, Packet, Publish, Subscribe, Version, fresh, prop};

use crate::brokers::{Brokers, Target};
use crate::program::{Program, at, causeway, succeed};

const VERSIONS: [&str; 2] = ["5", "311"];

fn client(target: &Target, version: Version) -> Client {
    let mut client = Client::over(Box::new(tcp(target.plain)), version);
    assert_eq!(client.connect(&Connect::fresh(version)).code, 0);
    client
}

#[test]
fn what_pub_retains_sub_prints() {
    let brokers = Brokers::start();
    for target in brokers.both() {
        for version in VERSIONS {
            for qos in ["0", "1", "2"] {
                let topic = fresh("tools/retained");
                succeed(at(target, &["pub", "-V", version, "-t", &topic, "-m", "hello", "-r", "-q", qos]));
                let seen = succeed(at(target, &["sub", "-V", version, "-t", &topic, "-C", "1", "-v", "-q", qos]));
                assert_eq!(seen, format!("{topic} hello\n"), "{} {version} QoS {qos}", target.name);
                succeed(at(target, &["sub", "-t", &topic, "--remove-retained", "-C", "1", "-q", qos]));
                let after = Program::start(at(target, &["sub", "-t", &topic, "-W", "1"])).end();
                assert_eq!((after.out.as_str(), after.status.code()), ("", Some(27)), "{}", target.name);
            }
        }
    }
}

/// A thousand lines arrive in order, by TLS and WebSocket too; the session waits for them offline.
#[test]
fn lines_arrive_in_order_over_every_transport() {
    let brokers = Brokers::start();
    let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    for target in brokers.both() {
        let (secured, ws) = (target.secured.port().to_string(), target.ws.port().to_string());
        let ca = target.ca.display().to_string();
        let ways: [Vec<&str>; 3] = [vec!["-p", ""], vec!["-p", &secured, "--cafile", &ca], vec!["-p", &ws, "--ws"]];
        for (way, qos) in ways.iter().zip(["1", "2", "1"]) {
            let (topic, id) = (fresh("tools/lines"), fresh("kept").replace('/', "-"));
            let plain = target.plain.port().to_string();
            let way: Vec<&str> = way.iter().map(|word| if word.is_empty() { plain.as_str() } else { word }).collect();
            let run = |words: &[&str]| {
                let mut command = causeway(words);
                command.args(["-h", "localhost"]).args(&way);
                command
            };
            succeed(run(&["sub", "-i", &id, "-c", "-t", &topic, "-q", qos, "-E"]));
            let sent = Program::start_with(run(&["pub", "-t", &topic, "-q", qos, "-l"]), lines.as_bytes()).end();
            assert!(sent.status.success(), "{} {way:?}: {sent:?}", target.name);
            let taken = succeed(run(&["sub", "-i", &id, "-c", "-t", &topic, "-q", qos, "-C", "1000"]));
            assert_eq!(taken, lines, "{} {way:?}", target.name);
            succeed(run(&["sub", "-i", &id, "-t", &topic, "-E"]));
        }
    }
}

/// The same message in the same words: what mosquitto_sub prints, ours prints.
#[test]
fn formats_print_what_mosquitto_sub_prints() {
    let brokers = Brokers::start();
    let format = "%t|%p|%l|%q|%r|%x|%X|%%|%P|%C|%R|%E|%A|%m|%d|%D|%F|%S|\\t\\n";
    let topic = fresh("tools/format");
    let properties = [
        ["-D", "publish", "content-type", "text/plain"].as_slice(),
        &["-D", "publish", "response-topic", "the/answer"],
        &["-D", "publish", "user-property", "a", "b"],
    ];
    let target = &brokers.ours;
    let mut publish = at(target, &["pub", "-t", &topic, "-m", "héllo", "-r", "-q", "1"]);
    publish.args(properties.concat());
    succeed(publish);
    let port = target.plain.port().to_string();
    for format in [format, "%25t|%-25t|%.9t|%5l|%-5l|", "@H|%p"] {
        let words = ["-t", topic.as_str(), "-C", "1", "-q", "1", "-F", format, "-h", "127.0.0.1", "-p", &port];
        let mut theirs = Command::new("mosquitto_sub");
        theirs.args(["-V", "5"]).args(words);
        let mut ours = causeway(&["sub", "-V", "5"]);
        ours.args(words);
        // The hour may turn between the two.
        let (ours, theirs) = eventually("both print the same hour", || {
            let both = (Program::start(clone(&ours)).end(), Program::start(clone(&theirs)).end());
            (!format.starts_with('@') || both.0.out == both.1.out).then_some(both)
        });
        assert_eq!(ours.out, theirs.out, "{format}: {ours:?} {theirs:?}");
    }
}

fn clone(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

/// mosquitto's tools at one end, ours at the other.
#[test]
fn our_tools_and_mosquittos_understand_each_other() {
    let brokers = Brokers::start();
    for target in brokers.both() {
        let port = target.plain.port().to_string();
        let topic = fresh("tools/mixed");
        let mut theirs = Command::new("mosquitto_pub");
        theirs.args(["-p", &port, "-t", &topic, "-m", "theirs", "-r", "-q", "2"]);
        succeed(theirs);
        assert_eq!(succeed(at(target, &["sub", "-t", &topic, "-C", "1", "-q", "2"])), "theirs\n");
        succeed(at(target, &["pub", "-t", &topic, "-m", "ours", "-r", "-q", "2"]));
        let mut theirs = Command::new("mosquitto_sub");
        theirs.args(["-p", &port, "-t", &topic, "-C", "1", "-q", "2"]);
        assert_eq!(succeed(theirs), "ours\n");
    }
}

#[test]
fn rr_prints_the_response_to_its_request() {
    let brokers = Brokers::start();
    for target in brokers.both() {
        let (request, response) = (fresh("tools/request"), fresh("tools/response"));
        let mut responder = client(target, Version::V5);
        responder.subscribe_with(&Subscribe::new(Filter::new(&request, 1)));
        let words = ["rr", "-t", &request, "-e", &response, "-m", "how much?", "-q", "1", "-W", "20", "-v"];
        let asking = Program::start(at(target, &words));
        let asked: Publish = responder.await_packet("the request", |packet| match packet {
            Packet::Publish(publish) => Some(publish.clone()),
            _ => None,
        });
        assert_eq!(asked.text(), "how much?");
        let to = asked.props.text(prop::RESPONSE_TOPIC).expect("a response topic").to_string();
        assert_eq!(to, response);
        responder.publish(Publish::new(&to, "this much").qos(1));
        let ended = asking.end();
        assert_eq!(ended.out, format!("{response} this much\n"), "{} {ended:?}", target.name);
        assert!(ended.status.success());
    }
}

/// Errors say what, where, and what would be right; nothing hangs.
#[test]
fn failures_have_their_exit_code_and_their_words() {
    let brokers = Brokers::start();
    let closed = causeway_tests::free_port().to_string();
    let foreign_ca = brokers.mosquitto.ca.display().to_string();
    let secured = brokers.ours.secured.port().to_string();
    let cases: [(&[&str], &str); 6] = [
        (&["pub", "-p", &closed, "-t", "a", "-m", "b"], &closed),
        (&["sub", "-p", &closed, "-t", "a"], &closed),
        (&["pub", "-p", &secured, "--cafile", &foreign_ca, "-t", "a", "-m", "b"], "certificate"),
        (&["pub", "-t", "a/#", "-m", "b"], "a/#"),
        (&["sub", "-t", "a/#/b"], "a/#/b"),
        (&["pub", "-h", "no.such.host.invalid", "-t", "a", "-m", "b"], "no.such.host.invalid"),
    ];
    for (words, said) in cases {
        let ended = Program::start(causeway(words)).end();
        assert!(!ended.status.success(), "{words:?}: {ended:?}");
        assert!(ended.err.contains(said), "{words:?}: {ended:?}");
        assert!(ended.err.starts_with("Error: ") || ended.err.starts_with("error: "), "{words:?}: {ended:?}");
    }
}

#[test]
fn every_tool_explains_itself() {
    for (tool, words) in [
        ("pub", ["--topic", "--message", "--qos", "--retain", "--cafile", "--will-topic", "--stdin-line"]),
        ("sub", ["--topic", "--count", "--timeout", "--format", "--verbose", "--disable-clean-session", "--cafile"]),
        ("rr", ["--response-topic", "--timeout", "--topic", "--message", "--qos", "--cafile", "--format"]),
    ] {
        let help = succeed(causeway(&[tool, "--help"]));
        for word in words {
            assert!(help.contains(word), "{tool} --help without {word}");
        }
        let long = |line: &&str| line.chars().count() > 100 && !line.starts_with("Usage:");
        assert_eq!(help.lines().find(long), None, "{tool} --help has long lines");
    }
}
