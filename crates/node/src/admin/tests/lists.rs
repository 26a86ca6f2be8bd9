//! Pages, filters and single things, read.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::broker::{Broker, NAMES, PAYLOAD, TOPICS, TRACE};
use super::fixture::{Fixture, running, starting};
use crate::admin::view::ViewError;

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// All items of a list, page by page.
fn walk(fixture: &Fixture, list: &str, key: &str, limit: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = fixture.json(&format!("{list}?limit={limit}{after}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        all.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={}", encoded(next));
    }
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| String::from(*name)).collect();
    names.sort();
    names
}

#[test]
fn lists_are_walked_in_pages_of_any_size() {
    let fixture = running();
    for limit in [1, 5, 12, 1000] {
        assert_eq!(walk(&fixture, "/api/v1/clients", "clientId", limit), sorted(&NAMES));
        assert_eq!(walk(&fixture, "/api/v1/sessions", "clientId", limit), sorted(&NAMES));
        assert_eq!(walk(&fixture, "/api/v1/subscriptions", "clientId", limit), sorted(&NAMES));
        assert_eq!(walk(&fixture, "/api/v1/retained", "topic", limit), sorted(&TOPICS));
    }
}

#[test]
fn every_name_that_is_listed_is_found_under_its_encoded_form() {
    let fixture = running();
    for name in NAMES {
        for list in ["clients", "sessions"] {
            let one = fixture.json(&format!("/api/v1/{list}/{}", encoded(name)));
            assert_eq!(one["clientId"], name);
        }
    }
    for topic in TOPICS {
        let one = fixture.json(&format!("/api/v1/retained/{}", encoded(topic)));
        assert_eq!((&one["topic"], &one["payloadText"]), (&topic.into(), &"grüß".into()));
    }
    for path in ["demo/hello", "/", "a//b/", "demo%2Fhello", "a/b%20c%3Fd"] {
        fixture.json(&format!("/api/v1/retained/{path}"));
    }
}

#[test]
fn what_is_not_there_or_cannot_be_is_told_apart() {
    let fixture = running();
    for path in
        ["clients/nobody", "clients/A", "sessions/nobody", "retained/a/b", "traces/00000000000000000000000000000000"]
    {
        fixture.problem(&format!("/api/v1/{path}"), 404);
    }
    for path in [
        "clients/%FF",
        "clients/a%00",
        "traces/1",
        "traces/0AF7651916CD43DD8448EB211C80319C",
        "sessions/%C3",
        "retained/%FF",
        "retained/a%00b",
        "retained/a/+",
        "retained/%23",
    ] {
        let problem = fixture.problem(&format!("/api/v1/{path}"), 400);
        assert!(problem["problems"][0]["place"].as_str().unwrap().starts_with("path parameter "), "{path}");
    }
    let levels = "/".repeat(200);
    fixture.problem(&format!("/api/v1/retained/{levels}"), 400);
}

#[test]
fn filters_reach_the_broker() {
    let fixture = running();
    let count = |query: &str| fixture.json(&format!("/api/v1/{query}"))["items"].as_array().unwrap().len();
    assert_eq!(count("clients?prefix=a"), 4);
    assert_eq!(count("clients?prefix=a%2F"), 1);
    assert_eq!(count("clients?prefix=a+"), 1);
    assert_eq!(count("clients?prefix="), NAMES.len());
    assert_eq!(count("clients?username=x"), 0);
    assert_eq!(count("clients?listener=default/18883"), NAMES.len());
    assert_eq!(count("sessions?connected=false"), 0);
    assert_eq!(count("sessions?connected=true&persistent=false"), NAMES.len());
    assert_eq!(count("subscriptions?clientId=a/b"), 1);
    assert_eq!(count("subscriptions?topic=demo/x"), NAMES.len());
    assert_eq!(count("subscriptions?topic=other"), 0);
    assert_eq!(count("subscriptions?filter=demo/%23"), NAMES.len());
    assert_eq!(count("retained?filter=+/+"), 5);
    assert_eq!(count("retained?filter=%2B/%2B"), 5);
    assert_eq!(count("retained?filter=a/b%20c?d"), 1);
    assert_eq!(count("traces?limit=1"), 1);
}

#[test]
fn wrong_parameters_are_all_named_with_what_would_be_right() {
    let fixture = running();
    let problem = fixture.problem("/api/v1/clients?limit=0&bogus=1&limit=9&prefix=%FF&limit=3&limit=4", 400);
    let flaw = |place: &str, text: &str, expected: &str| json!({ "place": place, "text": text, "expected": expected });
    let expected = json!([
        flaw("query parameter limit", "\"0\" is not", "a whole number from 1 to 1000"),
        flaw("query parameter bogus", "it is unknown", "one of after, limit, listener, prefix, username"),
        flaw("query parameter prefix", "it is not UTF-8", "UTF-8, percent-encoded"),
        flaw("query parameter limit", "it is given twice", "once"),
        flaw("query parameter limit", "it is given twice", "once"),
    ]);
    assert_eq!(problem["problems"], expected);
    for query in [
        "clients?limit=",
        "clients?limit=1001",
        "clients?limit=%2B5",
        "clients?limit=1.0",
        "clients?limit=-1",
        "clients?=",
        "clients?a",
        "sessions?connected=yes",
        "sessions?connected",
        "sessions?persistent=True",
        "subscriptions?topic=a/%23",
        "subscriptions?topic=",
        "subscriptions?topic=a%00",
        "retained?filter=a%23",
        "retained?filter=$share/g/a",
        "retained?filter=",
        "retained/demo/hello?payloadLimit=16777217",
        "listeners?limit=1",
        "configuration?x=1",
        "clients/a?x",
        "openapi.json?x=1",
        "traces?limit=0",
    ] {
        let problem = fixture.problem(&format!("/api/v1/{query}"), 400);
        assert_eq!(problem["problems"].as_array().unwrap().len(), 1, "{query}");
    }
    for path in ["/api/v1/listeners", "/health", "/"] {
        let problem = fixture.problem(&format!("{path}?x=1"), 400);
        assert_eq!(problem["problems"][0]["expected"], "no parameter");
    }
    // Who scrapes or probes may have parameters of its own.
    for path in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(fixture.get(&format!("{path}?x=1")).status, 200);
    }
}

#[test]
fn a_payload_is_given_as_base64_and_as_text() {
    let fixture = running();
    let whole = fixture.json("/api/v1/retained/demo/hello");
    let expected = json!({
        "topic": "demo/hello", "qos": 1, "payloadBytes": PAYLOAD.len(), "expiresAt": null,
        "payloadFormat": 1, "contentType": "text/plain", "correlationData": "/w==", "responseTopic": null, "userProperties": [{ "name": "a", "value": "\u{1}\"" }],
        "payload": "Z3LDvMOf", "payloadText": "grüß", "payloadTruncated": false,
    });
    assert_eq!(whole, expected);
    let cut = fixture.json("/api/v1/retained/demo/hello?payloadLimit=3");
    let part = |name: &str| cut[name].clone();
    assert_eq!(
        [part("payload"), part("payloadText"), part("payloadTruncated")],
        ["Z3LD".into(), "gr".into(), Value::Bool(true)]
    );
}

#[test]
fn listeners_traces_and_configuration_are_shown() {
    let fixture = running();
    let listeners = fixture.json("/api/v1/listeners");
    let tls = json!({ "mode": "Automatic", "notAfter": null });
    let first = json!({ "name": "default/18883", "address": "127.0.0.1:18883", "protocol": "Mqtt", "tls": tls,
        "authentication": "people", "authorization": null });
    assert_eq!((&listeners["items"][0], &listeners["items"][2]["tls"]), (&first, &Value::Null));
    let setting = json!({ "path": "Broker memoryProfile", "value": "Medium", "origin": "default", "note": null });
    assert_eq!(fixture.json("/api/v1/configuration"), json!({ "items": [setting] }));
    assert_eq!(fixture.json(&format!("/api/v1/traces/{TRACE}"))["spans"][0]["name"], "PUBLISH");
    assert!(fixture.get("/").body.contains("\n/api/v1/openapi.json "));
}

#[test]
fn before_the_broker_and_beside_a_stopped_one_the_api_says_so() {
    let fixture = starting(None);
    for path in ["/metrics", "/api/v1/clients", "/api/v1/retained/a", "/api/v1/configuration", "/api/v1/traces"] {
        fixture.problem(path, 503);
    }
    fixture.json("/api/v1/openapi.json");
    for (error, status) in [
        (ViewError::Late, 504),
        (ViewError::Stopped, 503),
        (ViewError::DiskFull, 507),
        (ViewError::Cursor, 404),
        (ViewError::Unreadable("checksum".to_owned()), 500),
    ] {
        let fixture = starting(None);
        fixture.run(Broker::failing(error));
        fixture.problem("/api/v1/sessions", status);
        fixture.delete("/api/v1/retained/a").problem(status);
    }
}
