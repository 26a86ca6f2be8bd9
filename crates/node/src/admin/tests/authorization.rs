//! What a connected client may do, and why.

use serde_json::json;

use super::fixture::running;

#[test]
fn the_entry_that_decides_is_told() {
    let fixture = running();
    let explained = |query: &str| fixture.json(&format!("/api/v1/clients/a%2Fb/authorization{query}"));
    let place = |resource: u32| format!("authorizationPolicies.rules[0].brokerResources[{resource}]");
    let at = format!("{}.topics[0]", place(1));
    assert_eq!(
        fixture.json("/api/v1/clients/a/authorization?action=publish&topic=a/x"),
        json!({
            "allowed": true,
            "explanation": format!("publish to a/x: allowed: BrokerAuthorization plant, {at}: {{principal.clientId}}/#"),
            "rule": { "authorization": "plant", "place": at, "entry": "{principal.clientId}/#" },
        })
    );
    assert_eq!(explained("")["rule"], json!({ "authorization": "plant", "place": place(0), "entry": null }));
    assert_eq!(explained("?action=connect")["allowed"], true);
    for (query, action) in [
        // A client identifier with a slash is no level.
        ("?action=publish&topic=a%2Fb/x", "publish to a/b/x"),
        ("?action=subscribe&filter=a/+", "subscribe to a/+"),
        ("?action=subscribe&filter=$share/g/%23", "subscribe to $share/g/#"),
    ] {
        let denied = explained(query);
        let because = "denied: BrokerAuthorization plant: of the rules for this client (0) none allows it";
        assert_eq!(denied, json!({ "allowed": false, "explanation": format!("{action}: {because}"), "rule": null }));
    }
    assert!(explained("?action=publish&topic=$SYS/x")["explanation"].as_str().unwrap().ends_with("publishes there"));
}

#[test]
fn what_cannot_be_asked_is_told() {
    let fixture = running();
    for query in ["action=publish&topic=a", "action=publish", "topic=a"] {
        fixture.problem(&format!("/api/v1/clients/nobody/authorization?{query}"), 404);
    }
    for (query, place, expected) in [
        ("action=read", "action", "one of connect, publish, subscribe"),
        ("action=publish", "topic", "a topic name: 1 to 65535 bytes, at most 200 levels, without +, # and U+0000"),
        ("action=publish&topic=a/%23", "topic", ""),
        ("action=publish&topic=a&filter=a", "filter", "none, or action=subscribe"),
        ("action=subscribe", "filter", "a topic filter, $share/GROUP/ before it or not"),
        ("action=subscribe&filter=a%23", "filter", "a topic filter, $share/GROUP/ before it or not"),
        ("topic=a", "topic", "none, or action=publish"),
        ("who=a", "who", "one of action, filter, topic"),
    ] {
        let problem = fixture.problem(&format!("/api/v1/clients/a/authorization?{query}"), 400);
        let flaws = problem["problems"].as_array().unwrap();
        assert_eq!((flaws.len(), &flaws[0]["place"]), (1, &json!(format!("query parameter {place}"))), "{query}");
        let told = flaws[0]["expected"].as_str().unwrap();
        assert!(told == expected || expected.is_empty() && !told.is_empty(), "{query}: {told}");
    }
}
