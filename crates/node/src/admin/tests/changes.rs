//! Clients disconnected, retained messages deleted.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::broker::{NAMES, TOPICS};
use super::fixture::running;

#[test]
fn a_client_is_disconnected_once() {
    let fixture = running();
    for name in NAMES {
        let path = format!("/api/v1/clients/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let answer = fixture.delete(&path);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{name:?}");
        fixture.delete(&path).problem(404);
    }
    assert_eq!(fixture.json("/api/v1/clients")["items"], serde_json::json!([]));
}

#[test]
fn a_retained_message_is_deleted_once() {
    let fixture = running();
    for topic in TOPICS {
        let path = format!("/api/v1/retained/{}", utf8_percent_encode(topic, NON_ALPHANUMERIC));
        assert_eq!(fixture.delete(&path).status, 204, "{topic}");
        fixture.delete(&path).problem(404);
    }
    assert_eq!(fixture.json("/api/v1/retained")["items"], serde_json::json!([]));
}

#[test]
fn only_single_things_are_deleted_and_without_parameters() {
    let fixture = running();
    fixture.delete("/api/v1/clients").problem(405);
    fixture.delete("/api/v1/sessions/a").problem(405);
    fixture.delete("/api/v1/clients/a?force=true").problem(400);
    fixture.json("/api/v1/clients/a");
}
