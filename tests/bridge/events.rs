//! `cloudEventAttributes`, attribute by attribute as in the tables of the endpoint's documentation.

use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Props, Publish, prop};

use crate::here::Here;

type Pairs<'a> = &'a [(&'a str, &'a str)];

const COMPLETE: &[(&str, &str)] = &[
    ("specversion", "1.0"),
    ("type", "ms.aio.telemetry"),
    ("source", "aio://mycluster/myoven"),
    ("id", "A234-1234-1234"),
    ("subject", "aio/myoven/telemetry/temperature"),
    ("time", "2018-04-05T17:31:00Z"),
    ("datacontenttype", "application/json"),
    ("dataschema", "sr://fabrikam-schemas/123123123234234234234234#1.0.0"),
];
const REQUIRED: &[(&str, &str)] =
    &[("specversion", "1.0"), ("type", "ms.aio.telemetry"), ("source", "aio://mycluster/myoven"), ("id", "A234")];

/// A dataflow to a server, whose endpoint is `remote`.
struct Events {
    server: ScriptedServer,
    here: Here,
}

impl Events {
    fn under(rule: &str) -> Self {
        let server = ScriptedServer::polite();
        let here = Here::up(&server, &format!("hopProperty: Disabled\n{rule}"));
        Events { server, here }
    }

    /// The user properties that a message with these comes out with.
    fn become_of(&self, users: Pairs, content_type: Option<&str>) -> Vec<(String, String)> {
        let before = self.server.published().len();
        let mut props = users.iter().fold(Props::new(), |props, (name, value)| props.user(name, value));
        if let Some(content_type) = content_type {
            props = props.str(prop::CONTENT_TYPE, content_type);
        }
        self.here.publish(Publish::new("in/x", "body").props(props));
        let message = self.server.publish(before);
        assert_eq!(message.props.text(prop::CONTENT_TYPE), content_type, "the content type itself stays");
        owned(&message.props.users())
    }
}

/// The complete event without one attribute.
fn without(missing: &str) -> Vec<(&'static str, &'static str)> {
    COMPLETE.iter().filter(|(name, _)| *name != missing).copied().collect()
}

fn owned(users: Pairs) -> Vec<(String, String)> {
    users.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

fn value<'a>(users: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = users.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = found.next();
    assert_eq!(found.next(), None, "{name} stands twice in {users:?}");
    first
}

const PROPAGATE: &str = "cloudEventAttributes: Propagate\n";
const CREATE: &str = "cloudEventAttributes: CreateOrRemap\n";

/// Both rules let it pass; `datacontenttype` is what the content type is, and `time` is not stamped anew.
#[test]
fn a_complete_event_passes() {
    for rule in [PROPAGATE, CREATE] {
        let events = Events::under(rule);
        assert_eq!(events.become_of(COMPLETE, None), owned(COMPLETE), "{rule}");
        assert_eq!(events.become_of(COMPLETE, Some("application/json")), owned(COMPLETE), "{rule}");
        let changed = events.become_of(COMPLETE, Some("text/plain"));
        let mut expected = owned(COMPLETE);
        expected[6].1 = "text/plain".into();
        assert_eq!(changed, expected, "{rule}");
    }
}

/// What is optional is not made for an event that is complete without it.
#[test]
fn an_event_with_what_is_required_passes() {
    for rule in [PROPAGATE, CREATE] {
        let events = Events::under(rule);
        assert_eq!(events.become_of(REQUIRED, None), owned(REQUIRED), "{rule}");
        let mut expected = owned(REQUIRED);
        expected.push(("datacontenttype".into(), "text/plain".into()));
        assert_eq!(events.become_of(REQUIRED, Some("text/plain")), expected, "{rule}");
    }
}

#[test]
fn propagate_leaves_an_incomplete_event_alone() {
    let events = Events::under(PROPAGATE);
    for (missing, _) in REQUIRED {
        let users = without(missing);
        assert_eq!(events.become_of(&users, Some("text/plain")), owned(&users), "without {missing}");
    }
    assert_eq!(events.become_of(&[], Some("text/plain")), []);
}

#[test]
fn create_makes_an_event_of_any_message() {
    let events = Events::under(CREATE);
    let users = events.become_of(&[("other", "1")], Some("application/json"));
    assert_eq!(users[0], ("other".to_string(), "1".to_string()), "what was there stays where it was");
    assert_eq!(value(&users, "specversion"), Some("1.0"));
    assert_eq!(value(&users, "type"), Some("ms.aio-dataflow.telemetry"));
    assert_eq!(value(&users, "source"), Some("aio://remote"));
    assert_eq!(value(&users, "subject"), Some("out/x"));
    assert_eq!(value(&users, "datacontenttype"), Some("application/json"));
    assert_eq!(value(&users, "dataschema"), None);
    assert_uuid(value(&users, "id").expect("an id"));
    let time = value(&users, "time").expect("a time");
    let time = time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339).expect("RFC 3339");
    let age = time::OffsetDateTime::now_utc() - time;
    assert!(age.abs() < time::Duration::minutes(2), "{time} is not now");
    let others = events.become_of(&[], None);
    assert_ne!(value(&others, "id"), value(&users, "id"));
    assert_eq!(value(&others, "datacontenttype"), None, "no content type is none");
}

/// What an incomplete event has is kept: only what is missing is made.
#[test]
fn create_completes_an_event() {
    let events = Events::under(CREATE);
    for (missing, _) in REQUIRED {
        let users = without(missing);
        let found = events.become_of(&users, Some("text/plain"));
        for (name, expected) in users.iter().filter(|(name, _)| *name != "datacontenttype") {
            assert_eq!(value(&found, name), Some(*expected), "without {missing}");
        }
        assert_eq!(value(&found, "datacontenttype"), Some("text/plain"));
        assert!(value(&found, missing).is_some(), "{missing} is not made");
    }
}

#[test]
fn unset_nothing_is_done() {
    let events = Events::under("");
    assert_eq!(events.become_of(COMPLETE, Some("text/plain")), owned(COMPLETE));
    assert_eq!(events.become_of(&[], Some("text/plain")), []);
}

fn assert_uuid(text: &str) {
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{text}");
    assert!(parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit())), "{text}");
    assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{text} is not random");
}
