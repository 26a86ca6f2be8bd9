//! Query parameters: read by the schema that the document shows, every wrong one named.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use mqtt::check_topic_name;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::path::{A_TOPIC_FILTER, A_TOPIC_NAME, SUBSCRIPTION, TOPIC_FILTER, TOPIC_NAME, check_topic_filter};
use crate::admin::problem::{Flaw, Problem};

/// The parameters of a request, each given once at most, none unknown.
pub(super) struct Query<T>(pub(super) T);

/// No parameter at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A request that takes no parameter.
pub(super) type NoQuery = Query<Nothing>;

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned + JsonSchema>(query: &str) -> Result<T, Problem> {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>();
    let nothing = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    let (mut values, mut flaws) = (Map::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match parameter(pair, known) {
            Ok((name, _)) if values.contains_key(&name) => flaws.push(flaw(&name, "it is given twice", "once")),
            Ok((name, value)) => {
                values.insert(name, value);
            }
            Err(flaw) => flaws.push(flaw),
        }
    }
    if !flaws.is_empty() {
        return Err(refused(flaws));
    }
    // The walk above lets nothing through that the type refuses.
    serde_json::from_value(Value::Object(values))
        .map_err(|error| refused(vec![flaw("", &error.to_string(), "as the document at /api/v1/openapi.json says")]))
}

pub(super) fn refused(flaws: Vec<Flaw>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "the query has parameters that are wrong").with(flaws)
}

pub(super) fn flaw(name: &str, text: &str, expected: &str) -> Flaw {
    Flaw { place: format!("query parameter {name}"), text: text.to_owned(), expected: expected.to_owned() }
}

fn parameter(pair: &str, known: &Map<String, Value>) -> Result<(String, Value), Flaw> {
    let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
    let name = decoded(name).ok_or_else(|| flaw(name, "its name is not UTF-8", &names(known)))?;
    let schema = known.get(&name).ok_or_else(|| flaw(&name, "it is unknown", &names(known)))?;
    let is_filter = [TOPIC_FILTER, SUBSCRIPTION].contains(&format_of(schema));
    let text = if is_filter { with_wildcards(text) } else { text.to_owned() };
    let text = decoded(&text).ok_or_else(|| flaw(&name, "it is not UTF-8", "UTF-8, percent-encoded"))?;
    let value = value(&text, schema).map_err(|(text, expected)| flaw(&name, &text, &expected))?;
    Ok((name, value))
}

/// `+` is a space, as in forms. `None`: not UTF-8.
fn decoded(raw: &str) -> Option<String> {
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

/// A `+` that is a whole level of a filter is meant as one: nobody has a level that is one space.
fn with_wildcards(raw: &str) -> String {
    let slash = raw.replace("%2F", "/").replace("%2f", "/");
    let levels: Vec<&str> = slash.split('/').map(|level| if level == "+" { "%2B" } else { level }).collect();
    levels.join("/")
}

fn format_of(schema: &Value) -> &str {
    schema.get("format").and_then(Value::as_str).unwrap_or_default()
}

fn names(known: &Map<String, Value>) -> String {
    if known.is_empty() {
        return "no parameter".to_owned();
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    format!("one of {}", names.join(", "))
}

/// The value, or what is wrong and what would be right.
fn value(text: &str, schema: &Value) -> Result<Value, (String, String)> {
    match of_type(schema) {
        "integer" => whole_number(text, schema),
        "boolean" => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err((format!("{text:?} is neither"), "true or false".to_owned())),
        },
        _ => {
            if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
                return one_of(text, allowed);
            }
            let topic = match format_of(schema) {
                TOPIC_NAME => check_topic_name(text).map_err(|error| (error, A_TOPIC_NAME)),
                TOPIC_FILTER => check_topic_filter(text).map_err(|error| (error, A_TOPIC_FILTER)),
                _ => Ok(()),
            };
            topic.map_err(|(error, expected)| (error.to_string(), expected.to_owned()))?;
            Ok(Value::String(text.to_owned()))
        }
    }
}

fn one_of(text: &str, allowed: &[Value]) -> Result<Value, (String, String)> {
    let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
    match names.contains(&text) {
        true => Ok(Value::String(text.to_owned())),
        false => Err((format!("{text:?} is not"), format!("one of {}", names.join(", ")))),
    }
}

/// `integer`, `boolean` or `string`; what may be left out is also `null`.
pub(super) fn of_type(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or(""),
        _ => "",
    }
}

fn whole_number(text: &str, schema: &Value) -> Result<Value, (String, String)> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(u64::MAX));
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if digits && (least..=most).contains(&number) => Ok(number.into()),
        _ => Err((format!("{text:?} is not"), format!("a whole number from {least} to {most}"))),
    }
}
