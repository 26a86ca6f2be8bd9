//! bench against mosquitto and ourselves: what it says is true, and it ends whatever the broker does.

use causeway_tests::{Broker, Settings};
use serde_json::Value;

use crate::brokers::{Brokers, Target};
use crate::program::{Program, at, causeway, succeed};

fn measured(target: &Target, words: &[&str]) -> Value {
    let mut command = at(target, &[&["bench"], words, &["--json", "--quiet"]].concat());
    if words.contains(&"--cafile") {
        command = causeway(&[&["bench"], words, &["--json", "--quiet", "-h", "localhost"]].concat());
        command.args(["-p", &target.secured.port().to_string()]);
    }
    let text = succeed(command);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}"))
}

fn number(result: &Value, path: &str) -> u64 {
    let value = result.pointer(path).unwrap_or_else(|| panic!("no {path} in {result:#}"));
    value.as_u64().unwrap_or_else(|| panic!("{path} is {value}"))
}

/// Every shape at every QoS: as many as were sent arrive, once, in order.
#[test]
fn every_shape_is_counted_exactly() {
    let brokers = Brokers::start();
    let shapes: [(&[&str], u64); 3] = [
        (&["p2p", "-n", "5", "--count", "2000"], 2000),
        (&["fan-in", "--count", "2000"], 2000),
        (&["fan-out", "--subscribers", "20", "--count", "200"], 4000),
    ];
    for target in brokers.both() {
        for version in ["5", "311"] {
            for qos in ["0", "1", "2"] {
                for (shape, expected) in shapes {
                    let result = measured(target, &[shape, &["-q", qos, "-V", version]].concat());
                    let what = format!("{} {version} {shape:?} QoS {qos}: {result:#}", target.name);
                    assert_eq!(result["result"], "ok", "{what}");
                    assert_eq!(number(&result, "/messages/received"), expected, "{what}");
                    for nothing in ["lost", "duplicates", "out_of_order", "misrouted", "unanswered"] {
                        assert_eq!(number(&result, &format!("/messages/{nothing}")), 0, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn queues_connections_tls_and_rates_are_measured() {
    let brokers = Brokers::start();
    for target in brokers.both() {
        let ca = target.ca.display().to_string();
        let offline = measured(target, &["offline", "--sessions", "20", "--each", "50", "-q", "1"]);
        assert_eq!(number(&offline, "/messages/received"), 1000, "{} {offline:#}", target.name);
        assert_eq!(number(&offline, "/messages/lost"), 0, "{offline:#}");
        let connections = measured(target, &["conn", "-n", "100", "--hold", "0s"]);
        assert_eq!(number(&connections, "/connections/opened"), 100, "{} {connections:#}", target.name);
        let secured = measured(target, &["p2p", "-n", "3", "-q", "1", "--count", "300", "--cafile", &ca]);
        assert_eq!(number(&secured, "/messages/received"), 300, "{} {secured:#}", target.name);
        let paced = measured(target, &["p2p", "-n", "3", "-q", "1", "--count", "300", "--rate", "600"]);
        assert_eq!(number(&paced, "/messages/received"), 300, "{} {paced:#}", target.name);
        assert!(number(&paced, "/latency/delivery/count") > 0, "{paced:#}");
    }
}

/// A broker that dies in the middle: told, exit code 1, no hang.
#[test]
fn a_broker_that_dies_is_told() {
    let mut broker = Broker::start(Settings::new());
    let port = broker.mqtt().port().to_string();
    let words =
        ["bench", "p2p", "-n", "5", "-q", "1", "--duration", "60s", "--json", "--quiet", "-h", "127.0.0.1", "-p"];
    let mut command = causeway(&words);
    command.arg(&port);
    let running = Program::start(command);
    causeway_tests::eventually("its messages come", || {
        let totals = broker_metric(&broker);
        (totals > 100.0).then_some(())
    });
    broker.kill();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let result: Value = serde_json::from_str(&ended.out).expect("JSON all the same");
    assert_ne!(result["result"], "ok", "{result:#}");
    assert!(number(&result, "/connections/lost") > 0, "{result:#}");
}

fn broker_metric(broker: &Broker) -> f64 {
    causeway_tests::http::metric(broker.admin(), "aio_broker_publishes_received", "").unwrap_or(0.0)
}

/// Ctrl-C ends the run early; what was measured is printed.
#[test]
fn an_interrupted_run_tells_what_it_has() {
    let broker = Broker::start(Settings::new());
    let port = broker.mqtt().port().to_string();
    let words =
        ["bench", "p2p", "-n", "2", "-q", "1", "--duration", "60s", "--json", "--quiet", "-h", "127.0.0.1", "-p"];
    let mut command = causeway(&words);
    command.arg(&port);
    let running = Program::start(command);
    causeway_tests::eventually("its messages come", || (broker_metric(&broker) > 100.0).then_some(()));
    running.signal(libc::SIGINT);
    let ended = running.end();
    let result: Value = serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("no JSON ({e}): {ended:?}"));
    assert_eq!(result["interrupted"], true, "{result:#}");
    assert_eq!(number(&result, "/messages/lost"), 0, "{result:#}");
}
