//! The audit log: who was denied what, and who changed what.

use causeway_tests::{Broker, Connect, Filter, Publish, Subscribe, Version, Will, eventually, http};
use serde_json::Value;

use crate::guarded::{Guarded, Port, anybody, login};
use crate::leaks::audit;
use crate::passwords;
use crate::plant::{self, PASSWORD, connect, supervisor};

/// Every line there is; each must be JSON with a time and an event.
pub fn lines(broker: &Broker) -> Vec<Value> {
    let read = |line: &str| -> Value {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(line["event"].is_string(), "{line}");
        line
    };
    let text = audit(broker.data_dir());
    // The last may be written at this moment.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(read).collect()
}

/// Waits for a line with all these values.
pub fn line(broker: &Broker, values: &[(&str, &str)]) -> Value {
    let found = |line: &Value| values.iter().all(|(name, value)| line[*name] == *value);
    eventually(&format!("a line {values:?}"), || lines(broker).into_iter().find(found))
}

#[test]
fn each_denial_has_its_line() {
    let guarded = plant::guarded();
    let broker = &guarded.broker;
    let mut pump = guarded.admitted(&connect(Version::V5, "pump", "pump-1"));
    let peer = pump.socket().local_addr().expect("an address").to_string();
    pump.publish(Publish::new("telemetry/valve", "x").qos(1));
    let denied = line(broker, &[("event", "denied"), ("what", "publish")]);
    for (name, value) in [
        ("topic", "telemetry/valve"),
        ("client", "pump-1"),
        ("username", "pump"),
        ("listener", "door/0"),
        ("peer", peer.as_str()),
    ] {
        assert_eq!(denied[name], value, "{denied}");
    }
    assert!(denied["why"].as_str().is_some_and(|why| !why.is_empty()), "{denied}");
    pump.publish(Publish::new("telemetry/quietly", "x"));
    line(broker, &[("what", "publish"), ("topic", "telemetry/quietly")]);
    pump.subscribe_with(&Subscribe::new(Filter::new("$share/g/#", 1)));
    line(broker, &[("what", "subscribe"), ("filter", "$share/g/#"), ("client", "pump-1")]);
    guarded.refused(&connect(Version::V5, "pump", "valve"), 0x87);
    line(broker, &[("what", "connect"), ("client", "valve"), ("username", "pump")]);
    guarded.refused(&connect(Version::V311, "pump", "pump-2").will(Will::new("telemetry/valve", "x")), 0x87);
    line(broker, &[("what", "will"), ("topic", "telemetry/valve"), ("client", "pump-2")]);
    let wrong = login(Version::V5, "pump", "hunter2");
    guarded.refused(&wrong, 0x86);
    let denied = line(broker, &[("what", "authenticate"), ("client", &wrong.client_id), ("reasonCode", "0x86")]);
    assert!(denied["why"].as_str().is_some_and(|why| why.contains("UserPassword")), "{denied}");
    guarded.refused(&anybody(Version::V311), 0x87);
    line(broker, &[("what", "authenticate"), ("reasonCode", "0x87")]);
}

#[test]
fn what_administrators_do_has_its_line() {
    let guarded = plant::guarded();
    let broker = &guarded.broker;
    line(broker, &[("event", "started")]);
    let mut supervisor = supervisor(&guarded, Version::V5);
    supervisor.publish(Publish::new("a/b", "kept").qos(1).retained());
    let delete = |path: &str| {
        let answer = http::request(broker.admin(), "DELETE", &format!("/api/v1/{path}"), &[]).expect("an answer");
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
    };
    delete("retained/a/b");
    let done = line(broker, &[("event", "retainedDeleted"), ("topic", "a/b")]);
    assert!(done["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{done}");
    assert!(done["by"].as_str().is_some_and(|by| by.contains("admin")), "{done}");
    delete(&format!("clients/{}", supervisor.id));
    line(broker, &[("event", "clientDisconnected"), ("client", &supervisor.id)]);
    guarded.apply(|resources| resources.authorization("rules", "rules: []\n"));
    let done = line(broker, &[("event", "configurationApplied")]);
    assert!(done["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{done}");
    guarded.resources.authorization("rules", "rules: [nonsense]\n");
    broker.signal(libc::SIGHUP);
    let done = line(broker, &[("event", "configurationRefused")]);
    assert!(done["problems"].to_string().contains("authorization-rules.yaml"), "{done}");
    // The port is shut to everybody now: their connections ended, and that is no denial of what they did.
    guarded.refused(&connect(Version::V5, "supervisor", "s"), 0x87);
}

#[test]
fn the_end_is_the_last_line() {
    let mut guarded = plant::guarded();
    guarded.refused(&login(Version::V5, "pump", "hunter2"), 0x86);
    guarded.broker.terminate(libc::SIGTERM);
    let lines = lines(&guarded.broker);
    let last = lines.last().expect("lines");
    assert!(last["event"] == "ended" && last["signal"].to_string().contains("TERM"), "{last}");
    assert!(lines.iter().any(|line| line["what"] == "authenticate"), "{lines:?}");
}

/// Old lines go when there are too many; what a client calls itself cannot make it more.
#[test]
fn files_are_kept_within_their_size() {
    let resources = plant::resources();
    resources.authentication("guard", &[passwords::METHOD]);
    resources.broker(
        "advanced:\n  clients:\n    failedLoginsPerAddress: 0\ndiagnostics:\n  audit:\n    maxSize: 64Ki\n    maxFiles: 2\n",
    );
    let guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard");
    let long = "x".repeat(4000);
    for number in 0..200 {
        guarded.knock(&Connect::new(Version::V311, &format!("{number}-{long}")));
    }
    let folder = guarded.broker.data_dir().join("audit");
    eventually("the oldest lines are gone", || {
        let text = audit(guarded.broker.data_dir());
        (text.contains("\"199-x") && !text.contains("\"0-x")).then_some(())
    });
    let files: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        let length = file.metadata().expect("its size").len();
        assert!(length <= 64 * 1024, "{}: {length}", file.path().display());
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().expect("its mode").permissions().mode() & 0o077, 0, "others may read it");
    }
}

#[test]
fn without_an_audit_log_there_is_none() {
    let resources = plant::resources();
    resources.authentication("guard", &[passwords::METHOD]);
    resources.broker("diagnostics:\n  audit:\n    mode: Disabled\n");
    let guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard");
    guarded.refused(&login(Version::V5, "pump", "hunter2"), 0x86);
    guarded.admitted(&login(Version::V5, "pump", PASSWORD)).quiet();
    assert_eq!(audit(guarded.broker.data_dir()), "");
}
