//! `%j` and `%J`: a message as a JSON object on one line, with the names mosquitto_sub gives its members.

use std::io::{self, Write};

use serde_json::Value;

use super::{Sample, strftime};

/// What becomes of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadAs {
    /// A string; what is not UTF-8 is replaced.
    Text,
    /// The JSON it is; a payload that is none prints as `null`.
    Json,
}

pub(super) fn print(out: &mut impl Write, sample: &Sample<'_>, payload: PayloadAs) -> io::Result<()> {
    let received = sample.received;
    let micros = sample.time.timestamp_subsec_micros().min(999_999);
    let time = format!("{}.{micros:06}Z{}", strftime(sample.time, "%Y-%m-%dT%H:%M:%S"), strftime(sample.time, "%z"));
    write!(out, r#"{{"tst":{},"topic":{}"#, string(&time), string(&received.topic))?;
    let (qos, retain) = (received.qos as u8, u8::from(received.retain));
    write!(out, r#","qos":{qos},"retain":{retain},"payloadlen":{}"#, received.payload.len())?;
    if let Some(id) = received.packet_id {
        write!(out, r#","mid":{id}"#)?;
    }
    let properties = properties(sample);
    if !properties.is_empty() {
        write!(out, r#","properties":{{{}}}"#, properties.join(","))?;
    }
    match payload {
        PayloadAs::Text => {
            write!(out, r#","payload":{}}}"#, string(&String::from_utf8_lossy(&received.payload)))
        }
        PayloadAs::Json => write!(out, r#","payload":{}}}"#, compact(&received.payload)),
    }
}

/// The members of `properties` that there are.
fn properties(sample: &Sample<'_>) -> Vec<String> {
    let (received, properties) = (sample.received, &sample.properties);
    let mut members = Vec::new();
    let mut member = |name: &str, value: Option<String>| {
        members.extend(value.map(|value| format!("{}:{value}", string(name))));
    };
    let ids = received.subscription_ids.iter().map(u32::to_string).collect::<Vec<_>>();
    member(
        "subscription-identifier",
        match ids.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("[{}]", several.join(","))),
        },
    );
    let user = properties.user.iter().map(|(name, value)| format!("{}:{}", string(name), string(value)));
    let user = user.collect::<Vec<_>>();
    member("user-properties", (!user.is_empty()).then(|| format!("{{{}}}", user.join(","))));
    member("content-type", properties.content_type.as_deref().map(string));
    member("response-topic", properties.response_topic.as_deref().map(string));
    let correlation = properties.correlation_data.as_ref();
    member("correlation-data", correlation.map(|bytes| string(&String::from_utf8_lossy(bytes))));
    member("payload-format-indicator", properties.payload_format.map(|format| (format as u8).to_string()));
    member("message-expiry-interval", received.expiry.map(|seconds| seconds.to_string()));
    member("topic-alias", received.alias.map(|alias| alias.to_string()));
    members
}

fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// JSON without the white space between its parts, its members in their order; `null` for anything else.
fn compact(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return "null".to_owned() };
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return "null".to_owned();
    }
    let (mut within, mut escaped) = (false, false);
    let keep = |character: &char| {
        let kept = within || !character.is_ascii_whitespace();
        match (character, escaped) {
            (_, true) => escaped = false,
            ('\\', false) => escaped = within,
            ('"', false) => within = !within,
            _ => {}
        }
        kept
    };
    text.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_loses_its_white_space_and_nothing_else() {
        let text = " {\n \"b\" : [ 1 , \"a \\\" b\\\\\" , null ] ,\t\"a\": \"\\u0041 \" } ";
        assert_eq!(compact(text.as_bytes()), r#"{"b":[1,"a \" b\\",null],"a":"\u0041 "}"#);
        assert_eq!(compact(b"{\"a\":1"), "null");
        assert_eq!(compact(b"\xff"), "null");
        assert_eq!(compact(b""), "null");
    }
}
