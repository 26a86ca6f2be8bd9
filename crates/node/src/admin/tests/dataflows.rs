//! Dataflows and their endpoints: lists, one of them, what they make of the condition.

use std::time::{Duration, SystemTime};

use bridge::{Failure, Step};
use serde_json::{Value, json};

use super::broker::Broker;
use super::crossing::{at, cut_off, instance, plan, refusing, show, well};
use super::fixture::{Fixture, running, starting};
use crate::admin::view::ViewError;

/// The names of all items of a list that fits on a page.
fn names(fixture: &Fixture, path: &str) -> Vec<String> {
    let page = fixture.json(path);
    assert!(page["next"].is_null(), "{page}");
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_list_has_them_in_short() {
    let fixture = running();
    show(&fixture.dataflows, vec![instance("east", 0), cut_off(instance("west", 0), 200), instance("west", 1)]);
    let page = fixture.json("/api/v1/dataflows");
    let item = |name: &str, own: Value| {
        let mut item = json!({
            "name": name, "mode": "Enabled", "profile": "default", "source": "default",
            "filters": ["telemetry/#", "$share/us/a/+"], "destination": "plant", "topic": "up/${inputTopic.2}",
            "health": "Available", "reasonCode": null, "message": null, "since": "1970-01-01T00:02:40Z",
            "messagesReceived": 21, "messagesSent": 23, "deadLetters": 30, "heldMessages": 3,
        });
        item.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        item
    };
    let idle = json!({ "mode": "Disabled", "health": null, "since": null,
        "messagesReceived": 0, "messagesSent": 0, "deadLetters": 0, "heldMessages": 0 });
    let west = json!({ "health": "Unavailable", "reasonCode": "DataflowMqttTargetConnectionFailed",
        "message": "destination plant: CONNACK: the server refused the connection: NotAuthorized",
        "since": "1970-01-01T00:03:20Z",
        "messagesReceived": 42, "messagesSent": 46, "deadLetters": 60, "heldMessages": 6 });
    let items = json!([item("east", json!({})), item("idle", idle), item("west", west)]);
    assert_eq!(page, json!({ "items": items, "next": null }));
}

#[test]
fn lists_are_walked_and_filtered() {
    let fixture = running();
    show(&fixture.dataflows, vec![instance("east", 0), cut_off(instance("west", 0), 200)]);
    let first = fixture.json("/api/v1/dataflows?limit=2");
    assert_eq!((&first["items"][1]["name"], &first["next"]), (&"idle".into(), &"idle".into()));
    for (path, expected) in [
        ("dataflows?limit=2&after=idle", ["west"].as_slice()),
        ("dataflows?after=west", &[]),
        ("dataflows?health=Available", &["east"]),
        ("dataflows?health=Unavailable", &["west"]),
        ("dataflows?health=Unknown", &[]),
        ("dataflows?profile=default&endpoint=plant", &["east", "idle", "west"]),
        ("dataflows?profile=other", &[]),
        ("dataflows?endpoint=other", &[]),
        ("dataflow-endpoints", &["default", "plant"]),
        ("dataflow-endpoints?after=default", &["plant"]),
    ] {
        assert_eq!(names(&fixture, &format!("/api/v1/{path}")), expected, "{path}");
    }
    assert_eq!(fixture.json("/api/v1/dataflow-endpoints?limit=1")["next"], "default");
    let problem = fixture.problem("/api/v1/dataflows?health=Good", 400);
    assert_eq!(problem["problems"][0]["expected"], "one of Available, Degraded, Unavailable, Unknown");
    for path in ["dataflows/none", "dataflow-endpoints/none"] {
        fixture.problem(&format!("/api/v1/{path}"), 404);
    }
    fixture.problem("/api/v1/dataflows/%FF", 400);
}

#[test]
fn one_of_them_is_shown_with_its_instances_and_their_connections() {
    let fixture = running();
    let mut east = cut_off(instance("east", 0), 200);
    east.status.destination.session_lost = Some(at(90));
    east.status.destination.credential_expires = Some(SystemTime::now() + Duration::from_secs(3_000));
    east.status.publish =
        Some(Failure { step: Step::Publish, code: None, text: "it is too large".to_owned(), ..refusing(300) });
    east.status.publish_retry = Some(at(400));
    show(&fixture.dataflows, vec![east]);
    let mut shown = fixture.json("/api/v1/dataflows/east");
    let destination = &mut shown["instances"][0]["destination"];
    let left = destination["credentialExpiresInSeconds"].take().as_i64().unwrap();
    assert!((2_900..=3_000).contains(&left), "{left}");
    assert!(destination["credentialExpiresAt"].take().is_string());
    let failure = json!({ "step": "CONNACK", "code": { "number": 135, "name": "NotAuthorized" },
        "text": "the server refused the connection: NotAuthorized", "since": "1970-01-01T00:03:20Z",
        "last": "1970-01-01T00:04:20Z", "times": 4 });
    let expected = json!({
        "endpoint": "plant", "address": "mqtts://plant.example:8883", "clientId": "a b", "state": "Waiting",
        "upSince": null, "nextRetryAt": "1970-01-01T00:04:21Z", "protocolVersion": "5.0", "failure": failure,
        "sessionLostAt": "1970-01-01T00:01:30Z", "credentialExpiresAt": null, "credentialExpiresInSeconds": null,
        "credentialFailure": null,
    });
    assert_eq!(*destination, expected);
    let instance = &shown["instances"][0];
    assert_eq!(
        (&instance["source"]["state"], &instance["source"]["upSince"]),
        (&"Up".into(), &"1970-01-01T00:01:40Z".into())
    );
    assert_eq!((&instance["health"], &instance["since"]), (&"Unavailable".into(), &"1970-01-01T00:03:20Z".into()));
    let publish = &instance["publishFailure"];
    assert_eq!(
        (&publish["step"], &publish["code"], &publish["text"]),
        (&"PUBACK".into(), &Value::Null, &"it is too large".into())
    );
    assert_eq!(instance["publishRetryAt"], "1970-01-01T00:06:40Z");
    assert_eq!((&instance["heldMessages"], &instance["waitingMessages"]), (&3.into(), &5.into()));
    let counts = json!({
        "messagesReceived": 21, "bytesReceived": 22, "messagesSent": 23, "bytesSent": 24, "messagesRetried": 25,
        "messagesExpired": 26, "loops": 27, "strays": 28, "messagesDroppedWhenBusy": 29, "deadLetters": 30,
        "deadLettersWithoutPayload": 13, "refusals": { "NotAuthorized": 31, "unresolvable topic": 32 },
        "source": { "connections": 33, "failures": 34, "sessionsLost": 37 },
        "destination": { "connections": 35, "failures": 36, "sessionsLost": 38 },
    });
    assert_eq!(instance["counts"], counts);
    assert_eq!((&shown["name"], &shown["deadLetterTopic"]), (&"east".into(), &"dataflow/deadletter/east".into()));
    assert_eq!(fixture.json("/api/v1/dataflows/idle")["instances"], json!([]));
}

#[test]
fn a_broker_that_does_not_say_what_waits_is_no_hindrance() {
    let fixture = starting(None);
    fixture.run(Broker::failing(ViewError::Late));
    show(&fixture.dataflows, well());
    assert_eq!(fixture.json("/api/v1/dataflows/east")["instances"][0]["waitingMessages"], Value::Null);
}

#[test]
fn an_endpoint_is_shown_with_who_uses_it() {
    let fixture = running();
    show(&fixture.dataflows, vec![instance("east", 0), cut_off(instance("west", 0), 200)]);
    let mut plant = fixture.json("/api/v1/dataflow-endpoints/plant");
    let connections = plant["connections"].take();
    let user = |dataflow: &str| json!({ "dataflow": dataflow, "end": "destination" });
    let expected = json!({
        "name": "plant", "kind": "CustomMqtt", "address": "mqtts://plant.example:8883", "inProcess": false,
        "authentication": "X509Certificate", "dataflows": [user("east"), user("idle"), user("west")],
        "connected": 1, "connections": null,
    });
    assert_eq!(plant, expected);
    let of = |n: usize, field: &str| connections[n][field].clone();
    assert_eq!([of(0, "dataflow"), of(0, "end"), of(0, "state")], ["east", "destination", "Up"]);
    assert_eq!([of(1, "dataflow"), of(1, "state"), of(1, "clientId")], ["west", "Waiting", "a b"]);
    assert_eq!(connections[1]["failure"]["step"], "CONNACK");
    let local = fixture.json("/api/v1/dataflow-endpoints/default");
    assert_eq!((&local["kind"], &local["connected"]), (&"LocalBroker".into(), &2.into()));
}

#[test]
fn the_condition_names_those_that_are_not_available() {
    let fixture = running();
    let mut begun = instance("west", 0);
    begun.status.health = bridge::Health::Unknown;
    show(&fixture.dataflows, vec![instance("east", 0), begun]);
    assert_eq!(fixture.json("/health")["conditions"], json!([]), "one that has just begun is no news");

    let mut dead = instance("west", 1);
    (dead.status.health, dead.status.reason) = (bridge::Health::Degraded, Some("DataflowMqttTargetPublishRejected"));
    dead.status.dead_letter = Some(Failure { step: Step::Publish, ..refusing(500) });
    show(&fixture.dataflows, vec![cut_off(instance("east", 0), 200), instance("west", 0), dead]);
    let report = fixture.json("/health");
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Degraded".into(), &"DataflowNotAvailable".into()));
    assert_eq!(report["message"], "2 of 3 dataflows do not carry every message");
    let problems = json!([
        "dataflow east: Unavailable, DataflowMqttTargetConnectionFailed, since 1970-01-01T00:03:20Z: destination plant: \
         CONNACK: the server refused the connection: NotAuthorized",
        "dataflow west: Degraded, DataflowMqttTargetPublishRejected, since 1970-01-01T00:08:20Z: destination plant: \
         PUBACK: the server refused the connection: NotAuthorized",
    ]);
    assert_eq!(report["conditions"][0]["problems"], problems);
    assert_eq!(fixture.get("/health/ready").status, 200);

    show(&fixture.dataflows, well());
    assert_eq!(fixture.json("/health")["status"], "Available");
}

#[test]
fn a_bridge_without_a_broker_says_what_it_is() {
    let fixture = starting(None);
    fixture.provide(None);
    show(&fixture.dataflows, vec![cut_off(instance("east", 0), 200)]);
    let broker = [
        "clients",
        "clients/a",
        "clients/a/authorization",
        "sessions",
        "sessions/a",
        "subscriptions",
        "retained",
        "retained/a",
        "traces",
        "traces/00000000000000000000000000000000",
        "listeners",
    ];
    for path in broker {
        let problem = fixture.problem(&format!("/api/v1/{path}"), 404);
        assert!(problem["detail"].as_str().unwrap().contains("bridge"), "{path}: {problem}");
    }
    for path in ["clients/a", "retained/a"] {
        fixture.delete(&format!("/api/v1/{path}")).problem(404);
    }
    for path in ["configuration", "dataflows", "dataflow-endpoints", "openapi.json"] {
        fixture.json(&format!("/api/v1/{path}"));
    }
    let east = fixture.json("/api/v1/dataflows/east");
    assert_eq!(east["instances"][0]["waitingMessages"], Value::Null, "the broker is another process");
    let metrics = fixture.get("/metrics").body;
    for (name, is_there) in [
        ("aio_broker_", false),
        ("causeway_connections ", false),
        ("aio_dataflow_messages_sent{", true),
        ("causeway_configuration_rejected ", true),
        ("causeway_audit_entries_total ", true),
        ("process_cpu_seconds_total ", true),
    ] {
        assert_eq!(metrics.lines().any(|line| line.starts_with(name)), is_there, "{name}");
    }
    assert_eq!(fixture.json("/health")["reasonCode"], "DataflowNotAvailable");
    assert_eq!(fixture.get("/health/ready").status, 200);
    fixture.settings.health.set_draining();
    assert_eq!(fixture.get("/health").status, 503);
}

#[test]
fn what_is_shown_is_what_is_planned_now() {
    let fixture = running();
    fixture.dataflows.show(vec![plan("other")], Vec::new(), Vec::new);
    assert_eq!(names(&fixture, "/api/v1/dataflows"), ["other"]);
    let other = fixture.json("/api/v1/dataflows/other");
    assert_eq!((&other["mode"], &other["health"]), (&"Enabled".into(), &Value::Null), "nothing runs of it here");
}
