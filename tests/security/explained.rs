//! What the broker does, what `causeway authz explain` says, and what the admin API says of a live client: one and the same.

use causeway_tests::errand::{self, Outcome};
use causeway_tests::{Filter, Publish, Subscribe, Version, http};

use crate::guarded::Guarded;
use crate::plant::{self, connect};

#[derive(Clone, Copy, Debug)]
enum Action {
    Connect,
    Publish(&'static str),
    Subscribe(&'static str),
}

use Action::{Connect, Publish as To, Subscribe as Of};

/// Who, as which client, what: and the place of the rule that allows it, or nothing.
const CASES: &[(&str, &str, Action, Option<&str>)] = &[
    ("pump", "pump-1", Connect, Some("rules[0].brokerResources[0].clientIds[0]")),
    ("pump", "valve", Connect, None),
    ("stray", "stray", Connect, None),
    ("clerk", "auditor", Connect, Some("rules[3].brokerResources[0].clientIds[0]")),
    ("clerk", "clerk", Connect, None),
    ("ann", "whatever", Connect, Some("rules[1].brokerResources[0]")),
    ("pump", "pump-1", To("telemetry/pump/a"), Some("rules[0].brokerResources[1].topics[0]")),
    ("pump", "pump-1", To("clients/pump-1"), Some("rules[0].brokerResources[1].topics[1]")),
    ("pump", "pump-1", To("alarms/fire/north"), Some("rules[0].brokerResources[1].topics[2]")),
    ("pump", "pump-1", To("alarms/fire/south"), None),
    ("pump", "pump-1", To("telemetry/valve"), None),
    ("pump", "pump-1", To("$SYS/broker"), None),
    ("pump", "pump", To("own-name"), Some("rules[4].brokerResources[0].topics[0]")),
    ("pump", "pump-1", To("own-name"), None),
    ("pump", "pump-1", Of("orders/north/+"), Some("rules[0].brokerResources[2].topics[0]")),
    ("pump", "pump-1", Of("orders/north/#"), None),
    ("pump", "pump-1", Of("$share/g/orders/north/1"), Some("rules[0].brokerResources[2].topics[0]")),
    ("pump", "pump-1", Of("$share/g/#"), None),
    ("pump", "pump-1", Of("public"), Some("rules[0].brokerResources[2].topics[1]")),
    ("ann", "a", Of("telemetry/+/x"), Some("rules[1].brokerResources[1].topics[0]")),
    ("ann", "a", Of("+/+/+"), None),
    ("ann", "a", To("orders/north/1"), Some("rules[1].brokerResources[2].topics[0]")),
    ("bob", "b", To("orders/north/1"), None),
    ("eve", "e", To("orders/north/1"), None),
    ("supervisor", "s", To("anything/at/all"), Some("rules[2].brokerResources[1].topics[0]")),
    ("supervisor", "s", Of("#"), Some("rules[2].brokerResources[2].topics[0]")),
    ("clerk", "auditor", Of("+/fire/north"), Some("rules[3].brokerResources[1].topics[0]")),
    ("clerk", "auditor", Of("+/fire/+"), None),
];

impl Action {
    fn words(self) -> Vec<&'static str> {
        match self {
            Connect => vec!["connect"],
            To(topic) => vec!["publish", topic],
            Of(filter) => vec!["subscribe", filter],
        }
    }
}

/// Whether the broker lets them; `None` where nobody is there to try, since CONNECT itself is refused.
fn done(guarded: &Guarded, username: &str, client_id: &str, action: Action) -> Option<bool> {
    let (mut client, answer) = guarded.knock(&connect(Version::V5, username, client_id));
    let reason = match action {
        Connect => return Some(answer.code == 0),
        _ if answer.code != 0 => return None,
        To(topic) => client.publish(Publish::new(topic, "x").qos(1)),
        Of(filter) => client.subscribe_with(&Subscribe::new(Filter::new(filter, 1))).codes[0],
    };
    Some(reason < 0x80)
}

fn asked(guarded: &Guarded, username: &str, client_id: &str, words: &[&str]) -> Outcome {
    let (_, attributes) = plant::USERS.iter().find(|(name, _)| *name == username).expect("a user");
    let mut who = format!("client-id={client_id},username={username}");
    attributes.iter().for_each(|(name, value)| who.push_str(&format!(",attributes.{name}={value}")));
    let path = guarded.resources.path().display().to_string();
    let mut arguments = vec!["authz", "explain", "--resources", &path, "--as", &who];
    arguments.extend(words);
    errand::run(&arguments)
}

/// The answer for a live client, as it is written.
fn answered(guarded: &Guarded, client_id: &str, action: Action) -> serde_json::Value {
    let query = match action {
        Connect => "action=connect".to_string(),
        To(topic) => format!("action=publish&topic={}", encoded(topic)),
        Of(filter) => format!("action=subscribe&filter={}", encoded(filter)),
    };
    let path = format!("/api/v1/clients/{client_id}/authorization?{query}");
    let answer = http::request(guarded.broker.admin(), "GET", &path, &[]).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn the_broker_the_program_and_the_api_say_the_same() {
    let guarded = plant::guarded();
    for (username, client_id, action, place) in CASES {
        let (case, allowed) = (format!("{username} as {client_id}: {action:?}"), place.is_some());
        if let Some(done) = done(&guarded, username, client_id, *action) {
            assert_eq!(done, allowed, "the broker: {case}");
        }
        let told = asked(&guarded, username, client_id, &action.words());
        assert_eq!(told.code, i32::from(!allowed), "{case}: {}{}", told.stdout, told.stderr);
        if let Some(place) = place {
            assert!(told.stdout.contains(&format!("authorizationPolicies.{place}")), "{case}: {}", told.stdout);
        }
        assert!(told.stdout.contains("rules") || told.stdout.contains("broker itself"), "{case}: {}", told.stdout);
        let (client, answer) = guarded.knock(&connect(Version::V5, username, client_id));
        if answer.code == 0 {
            let answer = answered(&guarded, client_id, *action);
            assert_eq!(answer["allowed"], allowed, "the API: {case}: {answer}");
            let text = answer.to_string();
            assert!(place.is_none_or(|place| text.contains(place)), "{case}: {text}");
            client.disconnect();
        }
    }
}

/// Publishing is nothing to who may not connect, and the program says so.
#[test]
fn who_may_not_connect_is_told_that_as_well() {
    let guarded = plant::guarded();
    let told = asked(&guarded, "pump", "valve", &["publish", "telemetry/pump/a"]);
    assert!(told.stdout.contains("connect"), "{}", told.stdout);
}

#[test]
fn what_cannot_be_said_is_neither_yes_nor_no() {
    let guarded = plant::guarded();
    let path = guarded.resources.path().display().to_string();
    for arguments in [
        vec!["authz", "explain", "--resources", &path, "--listener", "nowhere/0", "--as", "client-id=a", "connect"],
        vec!["authz", "explain", "--resources", "/nonexistent", "--as", "client-id=a", "connect"],
        vec!["authz", "explain", "--resources", &path, "--as", "client-id=a", "publish", "a/#"],
        vec!["authz", "explain", "--resources", &path, "--as", "client-id=a", "subscribe", "a/#/b"],
        vec!["authz", "explain", "--resources", &path, "--as", "colour=red", "connect"],
    ] {
        let told = errand::run(&arguments);
        assert_eq!(told.code, 2, "{arguments:?}: {}{}", told.stdout, told.stderr);
        assert!(!told.stderr.is_empty(), "{arguments:?}");
    }
    let missing =
        http::request(guarded.broker.admin(), "GET", "/api/v1/clients/nobody/authorization?action=connect", &[]);
    assert_eq!(missing.expect("an answer").status, 404);
}
