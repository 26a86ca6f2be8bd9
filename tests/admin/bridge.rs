//! The endpoint of a process that is a bridge and has no broker in it.

use std::net::SocketAddr;

use causeway_tests::bridge_process::BridgeProcess;
use causeway_tests::flow::plain_settings;
use causeway_tests::http::{self, Response};
use causeway_tests::{Flow, Publish, Resources, Settings, Version, eventually};
use serde_json::{Value, json};

use crate::ask::assert_problem;
use crate::watch::{QUIET, quiet};

fn get(admin: SocketAddr, path: &str) -> Response {
    http::request(admin, "GET", path, &[]).unwrap_or_else(|| panic!("no answer to {path}"))
}

fn json(admin: SocketAddr, path: &str) -> Value {
    let response = get(admin, path);
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    response.json()
}

#[test]
fn a_bridge_tells_of_dataflows_and_leaves_the_rest_to_the_broker() {
    let (remote, _remote_resources) = quiet("");
    let resources = Resources::new();
    resources.broker(QUIET);
    resources.endpoint("default", &plain_settings("aio-broker:18883", ""));
    resources.endpoint("remote", &plain_settings(remote.mqtt(), ""));
    resources.dataflow(&Flow::new("outward").from("default", &["in/#"]).to("remote", "${inputTopic}"));
    let local = causeway_tests::Broker::start(Settings::new());
    let mut bridge = BridgeProcess::start(&resources, local.mqtt());
    let admin = bridge.admin();
    let mut there = remote.client(Version::V5);
    there.subscribe("in/#", 1);
    eventually("both ends are up", || {
        (json(admin, "/api/v1/dataflows/outward")["health"] == "Available").then_some(())
    });
    assert_eq!(local.client(Version::V5).publish(Publish::new("in/a", "over").qos(1)), 0);
    assert_eq!(there.take().text(), "over");
    let shown = eventually("it is counted", || {
        let shown = json(admin, "/api/v1/dataflows/outward");
        (shown["messagesSent"] == 1).then_some(shown)
    });
    let instance = &shown["instances"][0];
    assert_eq!(instance["waitingMessages"], Value::Null, "another process has the session: {shown:#}");
    let id = instance["source"]["clientId"].as_str().expect("a client id");
    // What has arrived is acknowledged here a moment later.
    eventually("nothing waits in the session", || {
        let session = json(local.admin(), &format!("/api/v1/sessions/{id}"));
        (session["connected"] == true && session["queuedMessages"] == 0).then_some(())
    });
    assert_eq!(json(admin, "/api/v1/dataflow-endpoints/default")["inProcess"], false);

    for path in ["clients", "clients/a", "sessions", "subscriptions", "retained", "retained/a", "traces", "listeners"] {
        let response = get(admin, &format!("/api/v1/{path}"));
        assert_problem(&response, 404, "");
        assert!(response.body.contains("bridge"), "{path}: {}", response.body);
    }
    let metrics = get(admin, "/metrics").body;
    assert!(!metrics.contains("aio_broker_"), "{metrics}");
    assert_eq!(
        http::metric(admin, "aio_dataflow_messages_sent", "dataflow=\"outward\"").map(|sent| sent as u64),
        Some(1)
    );
    let health = json(admin, "/health");
    assert_eq!((&health["status"], &health["conditions"]), (&json!("Available"), &json!([])), "{health}");
    assert!(bridge.terminate().success(), "{}", bridge.log());
}
