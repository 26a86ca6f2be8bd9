//! The OpenAPI document against the endpoint it describes.

use serde_json::Value;

use super::fixture::running;

fn document() -> Value {
    running().json("/api/v1/openapi.json")
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_operation_is_whole() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = Vec::new();
    for (method, path, operation) in operations(&document) {
        let text = |name: &str| operation[name].as_str().unwrap().to_owned();
        assert!(!text("operationId").is_empty() && text("summary").ends_with('.'), "{method} {path}");
        ids.push(text("operationId"));
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        let named = path.matches('{').count();
        let parameters = operation["parameters"].as_array().unwrap();
        assert_eq!(parameters.iter().filter(|parameter| parameter["in"] == "path").count(), named, "{method} {path}");
        for parameter in parameters {
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{method} {path}: {parameter}");
            let kind = parameter["schema"]["type"].as_str().unwrap();
            assert!(["string", "integer", "boolean"].contains(&kind), "{method} {path}: {parameter}");
            let bounded = parameter["schema"]["minimum"].is_u64() && parameter["schema"]["maximum"].is_u64();
            assert!(kind != "integer" || bounded, "{method} {path}: {parameter}");
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (29, 29));
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_is_answered_and_with_what_the_document_has() {
    let (fixture, document) = (running(), document());
    for (method, path, operation) in operations(&document) {
        let concrete = path.replace("{clientId}", "nobody").replace("{topic}", "no/body");
        let concrete = concrete.replace("{traceId}", &"0".repeat(32)).replace("{dataflow}", "none");
        let concrete = concrete.replace("{endpoint}", "none");
        for query in ["", "?bogus=1"] {
            let answer = fixture.ask(&method.to_uppercase(), &format!("{concrete}{query}"), "Host: localhost\r\n");
            let described = &operation["responses"][answer.status.to_string()];
            let content_type = answer.header("content-type").unwrap();
            assert!(described["content"][content_type].is_object(), "{method} {path}{query}: {answer:?}");
        }
        if !path.starts_with("/health/") {
            let answer = fixture.ask(&method.to_uppercase(), &concrete, "Host: evil.example\r\n");
            assert!(answer.status == 421 && operation["responses"]["421"].is_object(), "{method} {path}");
        }
    }
}

#[test]
fn a_null_is_only_where_a_field_may_have_none() {
    let document = document();
    let client = &document["components"]["schemas"]["Client"];
    assert_eq!(client["properties"]["username"]["type"], serde_json::json!(["string", "null"]));
    let required = client["required"].as_array().unwrap();
    assert!(required.contains(&"clientId".into()), "{client}");
}
