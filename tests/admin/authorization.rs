//! `/api/v1/clients/ID/authorization`: what a connected client may do, and why.

use causeway_tests::{Broker, Client, Connect, Filter, Publish, Resources, Settings, Subscribe, Version, eventually};
use serde_json::Value;

use crate::ask::{assert_problem, encoded, get, json};
use crate::door;

/// ann's client with that identifier, connected at the door of a broker.
fn guarded(client_id: &str) -> (Broker, Resources, Client) {
    let resources = Resources::new();
    door::ruled(&resources);
    let broker = Broker::start(Settings::new().resources(&resources));
    let client = door::ann(&broker, client_id);
    (broker, resources, client)
}

fn path(client: &Client, query: &str) -> String {
    format!("/api/v1/clients/{}/authorization{query}", encoded(&client.id))
}

fn answer(broker: &Broker, client: &Client, query: &str) -> Value {
    let answer = json(broker, &path(client, query));
    let mut fields: Vec<_> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["allowed", "explanation", "rule"], "{answer}");
    answer
}

/// What the answer says, the broker does.
#[test]
fn the_answer_names_the_entry_that_decides() {
    let (broker, _resources, mut client) = guarded("pump");
    let mut allowed = |query: &str| match query.split_once('=') {
        Some(("?action", action)) if action.starts_with("publish") => {
            let topic = action.split_once("topic=").expect("a topic").1;
            client.publish(Publish::new(topic, "x").qos(1)) < 0x80
        }
        Some(("?action", action)) if action.starts_with("subscribe") => {
            let filter = action.split_once("filter=").expect("a filter").1;
            client.subscribe_with(&Subscribe::new(Filter::new(filter, 1))).codes[0] < 0x80
        }
        _ => true,
    };
    let entry = "{principal.clientId}/#";
    let cases = [
        ("", Some((0, "", None))),
        ("?action=connect", Some((0, "", None))),
        ("?action=publish&topic=pump/a/b", Some((1, ".topics[0]", Some(entry)))),
        ("?action=publish&topic=public/a", None),
        ("?action=publish&topic=$SYS/a", None),
        ("?action=subscribe&filter=public/+", Some((2, ".topics[0]", Some("public/+")))),
        ("?action=subscribe&filter=$share/g/public/a", Some((2, ".topics[0]", Some("public/+")))),
        ("?action=subscribe&filter=public/a/b", None),
    ];
    let asked: Vec<(&str, bool)> = cases.iter().map(|(query, _)| (*query, allowed(query))).collect();
    for ((query, rule), (_, done)) in cases.iter().zip(asked) {
        let told = answer(&broker, &client, query);
        assert_eq!((&told["allowed"], done), (&rule.is_some().into(), rule.is_some()), "{query}: {told}");
        let text = told["explanation"].as_str().expect("a sentence");
        assert!(text.contains(if rule.is_some() { ": allowed: " } else { ": denied: " }), "{query}: {text}");
        match rule {
            Some((resource, below, entry)) => {
                let place = format!("authorizationPolicies.rules[0].brokerResources[{resource}]{below}");
                let expected = serde_json::json!({ "authorization": "rules", "place": place, "entry": entry });
                assert_eq!(told["rule"], expected, "{query}");
            }
            None => assert_eq!(told["rule"], Value::Null, "{query}"),
        }
    }
}

/// Without rules everything is allowed but what is the broker's own, and no entry is named.
#[test]
fn a_port_without_rules_allows_everything() {
    let broker = Broker::shared();
    let client = broker.client(Version::V311);
    for (query, allowed) in [
        ("", true),
        ("?action=publish&topic=a", true),
        ("?action=subscribe&filter=%23", true),
        ("?action=publish&topic=$SYS/a", false),
    ] {
        let told = answer(broker, &client, query);
        assert_eq!((&told["allowed"], &told["rule"]), (&allowed.into(), &Value::Null), "{query}: {told}");
    }
}

/// It is decided by the rules of now.
#[test]
fn other_rules_give_another_answer() {
    let (broker, resources, client) = guarded("pump/7");
    let query = "?action=publish&topic=valve/a";
    assert_eq!(answer(&broker, &client, query)["allowed"], false);
    let valve = "rules:\n- principals: {attributes: [{site: north}]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"valve/#\"]}\n";
    resources.authorization("rules", valve);
    eventually("the answer is another one", || (answer(&broker, &client, query)["allowed"] == true).then_some(()));
    assert_eq!(answer(&broker, &client, "?action=publish&topic=pump/7/a")["allowed"], false);
}

#[test]
fn what_makes_no_question_is_refused() {
    let broker = Broker::shared();
    let client = broker.connect(&Connect::fresh(Version::V5));
    for (query, place) in [
        ("?action=read", "action"),
        ("?action=", "action"),
        ("?action=publish", "topic"),
        ("?action=publish&topic=", "topic"),
        ("?action=publish&topic=a/%23", "topic"),
        ("?action=publish&topic=a&filter=a", "filter"),
        ("?action=subscribe", "filter"),
        ("?action=subscribe&filter=a%23", "filter"),
        ("?action=subscribe&filter=a&topic=a", "topic"),
        ("?action=connect&filter=a", "filter"),
        ("?topic=a", "topic"),
        ("?who=a", "who"),
        ("?action=connect&action=connect", "action"),
    ] {
        assert_problem(&get(broker, &path(&client, query)), 400, place);
    }
    assert_problem(&get(broker, "/api/v1/clients/nobody/authorization"), 404, "");
}
