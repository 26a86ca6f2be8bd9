//! What the server says.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hyper::StatusCode;
use mqtt::ReasonCode;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Versions of the protocol that we speak, the best first.
pub(super) const SPOKEN: &[&str] = &["0.5.0"];

/// An answer, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accept {
        expires: Option<SystemTime>,
        attributes: BTreeMap<Box<str>, Box<str>>,
    },
    Deny {
        reason: ReasonCode,
        message: Option<String>,
    },
    /// Another version is wanted, and this is one we speak.
    Version(&'static str),
    /// The server cannot say at present.
    NotNow(String),
    /// The server does not speak the protocol, or not with us: somebody has to repair it.
    Wrong(String),
}

#[derive(Deserialize)]
struct Allowed {
    expiry: Option<String>,
    #[serde(default)]
    attributes: Option<BTreeMap<Box<str>, Box<str>>>,
}

#[derive(Deserialize)]
struct Denied {
    reason: Option<u8>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    supported_versions: Vec<String>,
}

/// Takes an answer apart. No body is shown: it may repeat what it was asked.
pub(super) fn read(status: StatusCode, body: &[u8]) -> Answer {
    match status {
        StatusCode::OK => allowed(body),
        StatusCode::FORBIDDEN => denied(body),
        StatusCode::UNPROCESSABLE_ENTITY => version(body),
        StatusCode::TOO_MANY_REQUESTS => Answer::NotNow(format!("it answers {status}")),
        status if status.is_server_error() => Answer::NotNow(format!("it answers {status}")),
        status => Answer::Wrong(format!("it answers {status}")),
    }
}

fn allowed(body: &[u8]) -> Answer {
    let Ok(allowed) = serde_json::from_slice::<Allowed>(body) else {
        return Answer::Wrong("it answers 200 without a readable body".to_owned());
    };
    let expires = match allowed.expiry.as_deref().map(|text| OffsetDateTime::parse(text, &Rfc3339)) {
        None => None,
        Some(Ok(expiry)) => Some(SystemTime::from(expiry)),
        Some(Err(_)) => return Answer::Wrong("it answers 200 with an expiry that is no RFC 3339 time".to_owned()),
    };
    Answer::Accept { expires, attributes: allowed.attributes.unwrap_or_default() }
}

fn denied(body: &[u8]) -> Answer {
    let denied = serde_json::from_slice(body).unwrap_or(Denied { reason: None, message: None });
    let reason = denied.reason.and_then(|code| ReasonCode::try_from(code).ok()).filter(|code| refuses_connect(*code));
    Answer::Deny { reason: reason.unwrap_or(ReasonCode::NotAuthorized), message: denied.message }
}

fn version(body: &[u8]) -> Answer {
    let versions = serde_json::from_slice::<Versions>(body).map(|listed| listed.supported_versions);
    let wanted = versions.unwrap_or_default();
    match SPOKEN.iter().find(|spoken| wanted.iter().any(|version| version == *spoken)) {
        Some(version) => Answer::Version(version),
        None => Answer::Wrong(format!("it answers 422 and speaks none of the versions {SPOKEN:?}")),
    }
}

/// Whether a CONNACK may refuse with this code (table 3-1 of MQTT 5).
fn refuses_connect(code: ReasonCode) -> bool {
    use ReasonCode::{
        BadAuthenticationMethod, Banned, ConnectionRateExceeded, PacketTooLarge, PayloadFormatInvalid, QoSNotSupported,
        QuotaExceeded, RetainNotSupported, ServerMoved, TopicNameInvalid, UnspecifiedError, UseAnotherServer,
    };
    (UnspecifiedError..=Banned).contains(&code)
        || matches!(
            code,
            BadAuthenticationMethod
                | TopicNameInvalid
                | PacketTooLarge
                | QuotaExceeded
                | PayloadFormatInvalid
                | RetainNotSupported
                | QoSNotSupported
                | UseAnotherServer
                | ServerMoved
                | ConnectionRateExceeded
        )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn of(status: u16, body: &str) -> Answer {
        read(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn two_hundred_needs_a_body() {
        let nothing = Answer::Accept { expires: None, attributes: BTreeMap::new() };
        assert_eq!(of(200, "{}"), nothing);
        assert_eq!(of(200, r#"{"expiry":null,"attributes":null,"more":1}"#), nothing);
        let expires = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let attributes = BTreeMap::from([("a".into(), "b".into())]);
        let full = r#"{"expiry":"2023-11-14T23:13:20+01:00","attributes":{"a":"b"}}"#;
        assert_eq!(of(200, full), Answer::Accept { expires, attributes });
        for body in ["", "[]", "null", "OK", r#"{"attributes":{"a":1}}"#, r#"{"expiry":"tomorrow"}"#, r#"{"expiry":5}"#]
        {
            assert!(matches!(of(200, body), Answer::Wrong(_)), "{body}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_reason_if_a_connack_may_have_it() {
        for (code, expected) in [
            (134, ReasonCode::BadUserNameOrPassword),
            (138, ReasonCode::Banned),
            (140, ReasonCode::BadAuthenticationMethod),
            (0, ReasonCode::NotAuthorized),
            (139, ReasonCode::NotAuthorized),
            (142, ReasonCode::NotAuthorized),
            (162, ReasonCode::NotAuthorized),
            (255, ReasonCode::NotAuthorized),
        ] {
            let body = format!(r#"{{"reason":{code},"message":"no"}}"#);
            assert_eq!(of(403, &body), Answer::Deny { reason: expected, message: Some("no".to_owned()) }, "{code}");
        }
        for body in ["", "no", r#"{"reason":1000}"#, "{}"] {
            assert_eq!(of(403, body), Answer::Deny { reason: ReasonCode::NotAuthorized, message: None }, "{body}");
        }
    }

    #[test]
    fn a_version_is_taken_from_the_list() {
        assert_eq!(of(422, r#"{"supportedVersions":["0.4.0","0.5.0"]}"#), Answer::Version("0.5.0"));
        for body in [r#"{"supportedVersions":["0.4.0"]}"#, r#"{"supportedVersions":[]}"#, "{}", ""] {
            assert!(matches!(of(422, body), Answer::Wrong(_)), "{body}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_not_a_refusal() {
        for status in [429, 500, 502, 503, 504, 599] {
            assert!(matches!(of(status, "{}"), Answer::NotNow(_)), "{status}");
        }
        for status in [201, 204, 301, 307, 400, 401, 404, 405, 415] {
            assert!(matches!(of(status, "{}"), Answer::Wrong(_)), "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_understood_or_wrong(status in 100u16..1000, body in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(StatusCode::from_u16(status).unwrap(), &body);
        }

        #[test]
        fn any_expiry_is_read_or_wrong(expiry in "[-+0-9TZ:.]{0,40}") {
            let _ = of(200, &format!(r#"{{"expiry":"{expiry}"}}"#));
        }
    }
}
