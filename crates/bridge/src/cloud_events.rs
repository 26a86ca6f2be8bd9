//! CloudEvents attributes, carried as user properties.

use std::time::SystemTime;

use mqtt::client::MessageProperties;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::endpoint::CloudEvents;

/// Without all of these it is no event.
const REQUIRED: [&str; 4] = ["specversion", "type", "source", "id"];
const CONTENT_TYPE: &str = "datacontenttype";

/// What chance and clock add to an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    pub now: SystemTime,
    /// Random bytes.
    pub id: [u8; 16],
}

impl Occasion {
    /// The clock's time, and chance.
    pub fn now() -> Self {
        let mut id = [0; 16];
        // Without chance, identifiers repeat; messages go on.
        getrandom::fill(&mut id).ok();
        Self { now: SystemTime::now(), id }
    }
}

/// What the attributes of an event are made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The name of the destination endpoint.
    pub target: &'a str,
    /// The output topic.
    pub topic: &'a str,
}

/// Applies the endpoint's rule. An event that is complete keeps what it has, with `datacontenttype` as the content type
/// is; `time` is never stamped anew. One that is not is left alone by `Propagate`, and completed by `CreateOrRemap`.
pub(crate) fn apply(rule: CloudEvents, properties: &mut MessageProperties, origin: Origin<'_>, occasion: &Occasion) {
    let complete = REQUIRED.iter().all(|name| has(properties, name));
    match (complete, rule) {
        (false, CloudEvents::Propagate) => return,
        (false, CloudEvents::CreateOrRemap) => create(properties, origin, occasion),
        (true, _) => {}
    }
    if let Some(content_type) = properties.content_type.clone() {
        put(properties, CONTENT_TYPE, content_type);
    }
}

fn create(properties: &mut MessageProperties, origin: Origin<'_>, occasion: &Occasion) {
    let made = [
        ("specversion", "1.0".to_owned()),
        ("type", "ms.aio-dataflow.telemetry".to_owned()),
        ("source", format!("aio://{}", origin.target)),
        ("id", uuid(occasion.id)),
        ("subject", origin.topic.to_owned()),
        ("time", rfc3339(occasion.now)),
    ];
    for (name, value) in made {
        if !has(properties, name) {
            properties.user.push((name.to_owned(), value));
        }
    }
}

fn has(properties: &MessageProperties, name: &str) -> bool {
    properties.user.iter().any(|(key, _)| key == name)
}

/// Sets a property in its place, or at the end.
fn put(properties: &mut MessageProperties, name: &str, value: String) {
    match properties.user.iter_mut().find(|(key, _)| key == name) {
        Some((_, old)) => *old = value,
        None => properties.user.push((name.to_owned(), value)),
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    // Only years beyond 9999 cannot be written.
    at.format(&Rfc3339).unwrap_or_else(|_| at.unix_timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ORIGIN: Origin<'_> = Origin { target: "grid", topic: "out/topic" };

    fn occasion() -> Occasion {
        Occasion { now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), id: [0xff; 16] }
    }

    fn event(user: &[(&str, &str)], content_type: Option<&str>) -> MessageProperties {
        let user = user.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        MessageProperties { content_type: content_type.map(str::to_owned), user, ..MessageProperties::default() }
    }

    fn applied(rule: CloudEvents, user: &[(&str, &str)], content_type: Option<&str>) -> Vec<(String, String)> {
        let mut properties = event(user, content_type);
        apply(rule, &mut properties, ORIGIN, &occasion());
        properties.user
    }

    fn pairs(user: &[(&str, &str)]) -> Vec<(String, String)> {
        event(user, None).user
    }

    const COMPLETE: [(&str, &str); 7] = [
        ("specversion", "1.0"),
        ("x", "y"),
        ("type", "t"),
        ("source", "s"),
        ("id", "7"),
        ("time", "2020-01-01T00:00:00Z"),
        ("dataschema", "d"),
    ];

    #[test]
    fn a_complete_event_passes_under_both_rules() {
        for rule in [CloudEvents::Propagate, CloudEvents::CreateOrRemap] {
            assert_eq!(applied(rule, &COMPLETE, None), pairs(&COMPLETE));
            let mut expected = pairs(&COMPLETE);
            expected.push(("datacontenttype".into(), "text/plain".into()));
            assert_eq!(applied(rule, &COMPLETE, Some("text/plain")), expected);
        }
    }

    #[test]
    fn the_content_type_replaces_what_the_event_said() {
        let mut user = COMPLETE.to_vec();
        user.insert(1, ("datacontenttype", "old"));
        let got = applied(CloudEvents::Propagate, &user, Some("new"));
        assert_eq!(got[1], ("datacontenttype".to_owned(), "new".to_owned()));
        assert_eq!(got.len(), user.len());
    }

    #[test]
    fn an_incomplete_event_is_left_alone_by_propagate() {
        for missing in REQUIRED {
            let user: Vec<_> = COMPLETE.into_iter().filter(|(name, _)| *name != missing).collect();
            assert_eq!(applied(CloudEvents::Propagate, &user, Some("text/plain")), pairs(&user), "{missing}");
        }
    }

    #[test]
    fn what_an_event_lacks_is_made() {
        let got = applied(CloudEvents::CreateOrRemap, &[("a", "b"), ("type", "mine")], Some("application/json"));
        let expected = pairs(&[
            ("a", "b"),
            ("type", "mine"),
            ("specversion", "1.0"),
            ("source", "aio://grid"),
            ("id", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
            ("subject", "out/topic"),
            ("time", "2023-11-14T22:13:20Z"),
            ("datacontenttype", "application/json"),
        ]);
        assert_eq!(got, expected);
    }

    #[test]
    fn a_time_that_is_there_is_kept() {
        let got = applied(CloudEvents::CreateOrRemap, &[("time", "then"), ("subject", "that")], None);
        assert_eq!(got[..2], pairs(&[("time", "then"), ("subject", "that")])[..]);
        assert_eq!(got.len(), 6);
    }
}
