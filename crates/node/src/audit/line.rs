//! What a line of the log looks like.

use std::net::SocketAddr;
use std::time::SystemTime;

use auth::{Denial, Wanted};
use serde::Serialize;

use super::action::{Action, Asker};
use super::recorder::Entry;
use crate::moment::rfc3339_micros;

/// Longer texts are cut to so many bytes: a line has a bound, whatever a client calls itself.
pub(super) const LONGEST_TEXT: usize = 1024;
/// Longer lists are cut to so many texts.
const LONGEST_LIST: usize = 8;

/// One entry, field by field; what there is nothing to say about is left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: String,
    event: &'static str,
    /// What a denied client wanted to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    /// Who asked for an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// For what process a token is, or which was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// Appends the line of an entry, with its end.
pub(super) fn write(time: SystemTime, entry: &Entry, text: &mut String) {
    let line = match entry {
        Entry::Denied(denial) => denied(denial),
        Entry::Did(action) => did(action),
    };
    append(time, line, text);
}

/// Appends a line that says that others are missing.
pub(super) fn write_gap(time: SystemTime, missing: u64, why: &str, text: &mut String) {
    append(time, Line { event: "gap", missing: Some(missing), why: Some(why), ..Line::default() }, text);
}

fn append(time: SystemTime, line: Line<'_>, text: &mut String) {
    let line = Line { time: rfc3339_micros(time), ..line };
    // Texts and numbers only: it cannot fail.
    if let Ok(json) = serde_json::to_string(&line) {
        text.push_str(&json);
        text.push('\n');
    }
}

fn denied(denial: &Denial) -> Line<'_> {
    let line = Line {
        event: "denied",
        client: Some(denial.client_id.to_string()),
        username: denial.username.as_deref(),
        listener: Some(&denial.listener),
        peer: Some(denial.peer),
        why: Some(&denial.why),
        ..Line::default()
    };
    let at = |what, topic: &str| Line { what: Some(what), topic: Some(topic.to_owned()), ..Line::default() };
    let Line { what, topic, .. } = match &denial.wanted {
        Wanted::Authenticate(reason) => {
            let reason_code = Some(format!("{:#04x}", *reason as u8));
            return Line { what: Some("authenticate"), reason_code, ..line };
        }
        Wanted::Connect => return Line { what: Some("connect"), ..line },
        Wanted::Subscribe(filter) => return Line { what: Some("subscribe"), filter: Some(filter), ..line },
        Wanted::Publish(topic) => at("publish", topic),
        Wanted::Will(topic) => at("will", topic),
        Wanted::Receive(topic) => at("receive", topic),
    };
    Line { what, topic, ..line }
}

fn did(action: &Action) -> Line<'_> {
    let asked = |event, by: &Asker| Line { event, by: Some(by.to_string()), peer: by.peer(), ..Line::default() };
    match action {
        Action::Started { version } => Line { event: "started", version: Some(version), ..Line::default() },
        Action::Ended { signal } => Line { event: "ended", signal: Some(signal), ..Line::default() },
        Action::Silenced => Line { event: "silenced", ..Line::default() },
        Action::ConfigurationApplied { by, changes } => {
            Line { changes: listed(changes), ..asked("configurationApplied", by) }
        }
        Action::ConfigurationRefused { by, problems } => {
            Line { problems: listed(problems), ..asked("configurationRefused", by) }
        }
        Action::ClientDisconnected { by, client_id } => {
            Line { client: Some(cut(client_id.clone(), LONGEST_TEXT)), ..asked("clientDisconnected", by) }
        }
        Action::RetainedDeleted { by, topic } => {
            Line { topic: Some(cut(topic.clone(), LONGEST_TEXT)), ..asked("retainedDeleted", by) }
        }
        Action::InternalCertificateRotated { by } => asked("internalCertificateRotated", by),
        Action::InternalAuthorityRotated { by } => asked("internalAuthorityRotated", by),
        Action::JoinTokenMade { by, role } => Line { role: Some(role), ..asked("joinTokenMade", by) },
        Action::InternalMemberRemoved { by, role, name } => {
            Line { role: Some(role), name: Some(name), ..asked("internalMemberRemoved", by) }
        }
        Action::RequestRefused { by, request, why } => {
            Line { request: Some(request), why: Some(why), ..asked("requestRefused", by) }
        }
    }
}

fn listed(texts: &[String]) -> Vec<String> {
    let mut list: Vec<String> = texts.iter().take(LONGEST_LIST).map(|text| cut(text.clone(), LONGEST_TEXT)).collect();
    if texts.len() > LONGEST_LIST {
        list.push(format!("and {} more", texts.len() - LONGEST_LIST));
    }
    list
}

/// The text, or its beginning and a mark that it goes on.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}
