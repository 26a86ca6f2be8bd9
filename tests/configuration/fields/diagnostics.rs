//! `diagnostics`: log level, where the admin endpoint is, how often `$SYS` is published.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use causeway_tests::deadline::eventually;
use causeway_tests::{Publish, Resources, Settings, errand, free_port, http};

use super::served::{Served, V, refused_broker};

fn logs(level: &str) -> String {
    format!("diagnostics:\n  logs:\n    level: {level}\n")
}

#[test]
pub fn log_level() {
    let served = Served::by(&logs("error"));
    let has = |level: &str| served.broker.log().contains(&format!("\"level\":\"{level}\""));
    // A good start is no error.
    assert!(!has("INFO") && !has("DEBUG"), "{}", served.broker.log());
    served.change(&logs("debug"));
    eventually("the log tells why a publish was refused", || {
        assert_eq!(served.broker.client(V).publish(Publish::new("$SYS/broker/version", "x").qos(1)), 0x87);
        has("DEBUG").then_some(())
    });
    assert!(!has("TRACE"));
    let quiet = Served::by(&logs("warn"));
    assert!(!quiet.broker.log().contains("\"level\":\"INFO\""), "{}", quiet.broker.log());
    let usual = Served::by("{}");
    let log = usual.broker.log();
    assert!(log.contains("\"level\":\"INFO\"") && !log.contains("\"level\":\"DEBUG\""), "{log}");
    assert!(refused_broker(&logs("loud")).contains("spec.diagnostics.logs.level"));
}

#[test]
fn log_level_trace_tells_every_step() {
    let served = Served::by(&logs("trace"));
    eventually("the log tells of a publish that went well", || {
        served.broker.client(V).publish(Publish::new("step", "x").qos(1));
        served.broker.log().contains("\"level\":\"TRACE\"").then_some(())
    });
}

fn port(port: u16) -> String {
    format!("diagnostics:\n  metrics:\n    prometheusPort: {port}\n")
}

#[test]
pub fn prometheus_port() {
    let (first, second) = (free_port(), free_port());
    let resources = Resources::new();
    resources.broker(&port(first));
    let served = Served::from(resources, Settings::new().admin_by_resources());
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let answers = |port: u16| http::get(at(port), "/metrics").is_some_and(|(status, _)| status == 200);
    assert_eq!(served.broker.listener("admin"), Some(at(first)));
    assert!(answers(first));
    served.resources.broker(&port(second));
    served.broker.signal(libc::SIGHUP);
    eventually("the endpoint has moved", || (answers(second) && TcpStream::connect(at(first)).is_err()).then_some(()));
    // And 0 is none at all.
    served.resources.broker(&port(0));
    served.broker.signal(libc::SIGHUP);
    eventually("the endpoint is off", || TcpStream::connect(at(second)).is_err().then_some(()));
    eventually("it is written down no more", || served.broker.listener("admin").is_none().then_some(()));
    served.broker.client(V).quiet();
    // Off from the start, too.
    let off = Served::from(Resources::new(), Settings::new().admin_by_resources().set("--admin", "off"));
    assert_eq!(off.broker.listener("admin"), None);

    let usual = errand::explain::<&str>(&[]);
    let usual = usual.iter().find(|line| line.path == "Broker diagnostics.metrics.prometheusPort").expect("a line");
    assert_eq!((usual.value.as_str(), usual.origin.as_str()), ("9600", "default"));
}

fn interval(seconds: u32) -> String {
    format!("diagnostics:\n  sysTopics:\n    intervalSeconds: {seconds}\n")
}

#[test]
pub fn sys_topics_interval() {
    let served = Served::by(&interval(0));
    let mut reader = served.broker.client(V);
    reader.subscribe("$SYS/broker/uptime", 0);
    // What takes longer than a second: a client that times out.
    served.broker.connect(&causeway_tests::Connect::fresh(V).keep_alive(1)).expect_disconnect(0x8d);
    reader.quiet();
    served.change(&interval(1));
    // Uptime is another one each time.
    let (first, second) = (reader.take(), reader.take());
    assert_ne!(first.text(), second.text());
    assert!(refused_broker(&interval(86_401)).contains("spec.diagnostics.sysTopics.intervalSeconds"));
}
