//! A dataflow that does not work shows at which step, since when, what was said to it, and when it tries again.

use causeway_tests::identity_server::{Arced, Mint};
use causeway_tests::pki::TestAuthority;
use causeway_tests::property::Value as Property;
use causeway_tests::{Flow, Publish, Resources, free_port, http, prop};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::identity::scene::{Local, Remote, endpoint, system_identity};
use crate::shown::{self, DESTINATION, Failing, SOURCE};

const ANONYMOUS: &str = "method: Anonymous\n";
const AUDIENCE: &str = "api://plant";

/// Those who show a good token may do this.
const RULES: &str = "rules:\n- principals: {usernames: [5b7a9c1e-0f2d-4e3a-8b6c-7d8e9f0a1b2c]}\n  brokerResources:\n  \
                     - {method: Connect}\n  - {method: Publish, topics: [\"telemetry/allowed/#\"]}\n  \
                     - {method: Subscribe, topics: [\"orders/allowed/#\"]}\n";

/// The other broker, and one with a dataflow for each way to fail.
struct Plant {
    remote: Remote,
    _agent: Arced,
    local: Local,
}

/// Dataflow and endpoint have one name.
fn flow_out(resources: &Resources, name: &str, host: &str, authentication: &str) {
    resources.endpoint(name, &endpoint(host, authentication));
    let topic = format!("telemetry/{name}/#");
    resources.dataflow(&Flow::new(name).from("default", &[&topic]).to(name, "${inputTopic}"));
}

impl Plant {
    fn new() -> Self {
        let mint = Mint::new();
        let remote = Remote::ruled(&mint, AUDIENCE, Some(RULES));
        let agent = Arced::start(&mint);
        let good = system_identity(Some(AUDIENCE));
        let resources = Local::resources(&remote, "", &good);
        let host = remote.host();
        flow_out(&resources, "unknown-host", "nowhere.invalid:8883", ANONYMOUS);
        flow_out(&resources, "nobody-there", &format!("127.0.0.1:{}", free_port()), ANONYMOUS);
        flow_out(&resources, "other-authority", &host, ANONYMOUS);
        let other = endpoint(&host, &good).replace("remote-ca", "other-ca");
        resources.config_map("other-ca", &[("ca.crt", &TestAuthority::new("Another").certificate)]);
        resources.endpoint("other-authority", &other);
        let account = "method: ServiceAccountToken\nserviceAccountTokenSettings: {tokenFile: /nowhere/token}\n";
        flow_out(&resources, "no-token", &host, account);
        flow_out(&resources, "other-audience", &host, &system_identity(Some("api://elsewhere")));
        flow_out(&resources, "nobody-named", &host, ANONYMOUS);
        let flow = Flow::new("denied-filter").from("remote", &["orders/allowed/a", "orders/denied/#"]);
        resources.dataflow(&flow.to("default", "arrived/${inputTopic}"));
        let local = Local::start(resources, &agent.variables());
        Plant { remote, _agent: agent, local }
    }

    /// What stands to be seen of a dataflow whose step has failed twice.
    fn fails(&self, name: &str, end: &str, step: &str, health: &str) -> Failing {
        let first = shown::failing(&self.local.broker, name, end, step, 1);
        let second = shown::failing(&self.local.broker, name, end, step, first.times + 1);
        assert_eq!(second.since, first.since, "{name}: since it began to fail");
        assert!(second.last >= first.last && second.last >= second.since, "{name}: {second:?}");
        assert!(second.next_retry >= second.last, "{name}: {second:?}");
        assert!(second.since <= OffsetDateTime::now_utc(), "{name}: {second:?}");
        let shown = shown::dataflow(&self.local.broker, name).expect("a dataflow");
        assert_eq!(shown["health"], health, "{shown:#}");
        assert!(shown["reasonCode"].as_str().is_some_and(|code| code.starts_with("DataflowMqtt")), "{shown:#}");
        second
    }
}

#[test]
fn every_step_that_fails_is_named() {
    let plant = Plant::new();
    for (name, step, code, expected) in [
        ("unknown-host", "DNS", None, "nowhere.invalid"),
        ("nobody-there", "TCP", None, "refused"),
        ("other-authority", "TLS", None, "certificate"),
        ("no-token", "token", None, "/nowhere/token cannot be read"),
        ("other-audience", "CONNACK", Some(0x87), ""),
        ("nobody-named", "CONNACK", Some(0x87), ""),
    ] {
        let failing = plant.fails(name, DESTINATION, step, "Unavailable");
        assert_eq!(failing.code, code, "{name}: {failing:?}");
        assert!(failing.text.contains(expected), "{name}: {}", failing.text);
    }
    let failing = plant.fails("denied-filter", SOURCE, "SUBACK", "Unavailable");
    assert_eq!(failing.code, Some(0x87), "{failing:?}");
    assert!(failing.text.contains("orders/denied/#"), "{}", failing.text);
    // The local broker does its work all the same.
    assert_eq!(http::get(plant.local.broker.admin(), "/health/ready").expect("an answer").0, 200);
    let health = http::get(plant.local.broker.admin(), "/health").expect("an answer").1;
    for name in ["unknown-host", "denied-filter"] {
        assert!(health.contains(name), "{health}");
    }
    repaired(&plant);
}

/// Whoever puts right what was wrong need not restart anything.
fn repaired(plant: &Plant) {
    let (local, host) = (&plant.local, plant.remote.host());
    let good = endpoint(&host, &system_identity(Some(AUDIENCE)));
    for name in ["unknown-host", "nobody-there", "other-authority", "no-token", "other-audience", "nobody-named"] {
        local.resources.endpoint(name, &good);
    }
    let flow = Flow::new("denied-filter").from("remote", &["orders/allowed/a"]);
    local.resources.dataflow(&flow.to("default", "arrived/${inputTopic}"));
    local.broker.signal(libc::SIGHUP);
    for name in ["unknown-host", "nobody-there", "other-authority", "no-token", "other-audience", "denied-filter"] {
        shown::up(&local.broker, name);
        let shown = shown::dataflow(&local.broker, name).expect("a dataflow");
        assert_eq!((&shown["health"], &shown["reasonCode"]), (&json!("Available"), &Value::Null), "{shown:#}");
    }
}

/// What the other broker refuses for good lies in the dead letter topic, and what comes after it crosses.
#[test]
fn a_denied_topic_is_seen_and_its_messages_are_kept() {
    let plant = Plant::new();
    let local = &plant.local;
    shown::up(&local.broker, "upward");
    let (mut client, mut there) = (local.client(), plant.remote.client());
    client.subscribe("dataflow/deadletter/upward", 1);
    there.subscribe("telemetry/#", 1);
    for (topic, payload) in [("telemetry/denied", "first"), ("telemetry/allowed/a", "second")] {
        assert_eq!(client.publish(Publish::new(topic, payload).qos(1)), 0);
    }
    assert_eq!(there.take().text(), "second");
    let letter = client.take();
    assert_eq!(letter.text(), "first");
    assert_eq!(user(&letter, "causeway-topic"), "telemetry/denied");
    assert_eq!((user(&letter, "causeway-source"), user(&letter, "causeway-destination")), ("default", "remote"));
    assert!(user(&letter, "causeway-reason").contains("NotAuthorized"), "{letter:?}");
    let shown = shown::until(&local.broker, "upward", "the dead letter and why it is one", |shown| {
        let told = !shown["instances"][0]["deadLetterFailure"].is_null();
        (shown["deadLetters"] == 1 && shown["messagesSent"] == 1 && told).then(|| shown.clone())
    });
    let instance = &shown["instances"][0];
    let failure = &instance["deadLetterFailure"];
    assert_eq!((&failure["step"], &failure["code"]["number"]), (&json!("PUBACK"), &json!(0x87)), "{shown:#}");
    assert!(shown::moment(&failure["since"]).is_some() && failure["times"] == 1, "{failure}");
    assert_eq!(shown["health"], "Degraded", "{shown:#}");
    assert_eq!(instance["counts"]["refusals"].as_object().map(|refusals| refusals.len()), Some(1), "{shown:#}");
}

/// The value of a user property.
fn user<'a>(message: &'a Publish, name: &str) -> &'a str {
    let mut values = message.props.0.iter().filter_map(|(id, value)| match value {
        Property::Pair(key, value) if *id == prop::USER_PROPERTY && key == name => Some(value.as_str()),
        _ => None,
    });
    values.next_back().unwrap_or_else(|| panic!("no user property {name}: {message:?}"))
}
