//! What goes wrong with a connection, in words to be counted by.

use std::collections::BTreeMap;
use std::io;

use mqtt::{ReasonCode, Violation};

/// Kinds of faults told apart; further ones are counted together.
const MAX_KINDS: usize = 64;

/// Why a connection failed or ended, or what it was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("connection refused by the broker: {}", words(*.0))]
    Refused(ReasonCode),
    #[error("disconnected by the broker: {}", words(*.0))]
    Disconnected(ReasonCode),
    #[error("connection closed by the broker")]
    Closed,
    #[error("connection closed by the broker before CONNACK")]
    ClosedBeforeAnswer,
    #[error("{while_doing}: {}", system(*.kind))]
    Io { while_doing: &'static str, kind: io::ErrorKind },
    #[error("no local port is left for another connection: give more addresses with --source")]
    NoPort,
    #[error("TLS: {}{}", .0, hint(.0))]
    Tls(String),
    #[error("WebSocket: {0}")]
    WebSocket(String),
    #[error("no answer to {0} in time")]
    Timeout(&'static str),
    #[error("malformed packet from the broker: {0}")]
    Malformed(Violation),
    #[error("unexpected packet from the broker: {0}")]
    Unexpected(&'static str),
    #[error("subscription refused: {}", words(*.0))]
    SubscriptionRefused(ReasonCode),
    #[error("publish refused: {}", words(*.0))]
    PublishRefused(ReasonCode),
    #[error("acknowledgement of nothing that was sent")]
    UnknownAcknowledgement,
    #[error("the broker's limit: {0}")]
    Limit(String),
}

impl Fault {
    pub(super) fn io(while_doing: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrNotAvailable => Self::NoPort,
            kind => Self::Io { while_doing, kind },
        }
    }
}

/// A reason code for a person: `quota exceeded (0x97)`.
pub(super) fn words(reason: ReasonCode) -> String {
    let mut text = String::new();
    for letter in format!("{reason:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    format!("{} ({:#04x})", text.replace("qo s", "QoS"), reason as u8)
}

/// What to do about it.
fn hint(tls: &str) -> &'static str {
    if tls.contains("UnknownIssuer") {
        "; name the CA that issued the broker's certificate with --cafile"
    } else if tls.contains("NotValidForName") || tls.contains("not valid for name") {
        "; connect to a name the certificate has, or accept another one with --insecure"
    } else {
        ""
    }
}

fn system(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::ConnectionReset => "connection reset by the broker".to_owned(),
        kind => kind.to_string(),
    }
}

/// How often each fault was met.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(BTreeMap<String, u64>);

impl Faults {
    pub(super) fn count(&mut self, fault: &Fault) {
        self.add_many(fault.to_string(), 1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (text, count) in &other.0 {
            self.add_many(text.clone(), *count);
        }
    }

    fn add_many(&mut self, text: String, count: u64) {
        let is_known = self.0.contains_key(&text);
        let text = if is_known || self.0.len() < MAX_KINDS { text } else { "other faults".to_owned() };
        *self.0.entry(text).or_default() += count;
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The most frequent first.
    pub(super) fn list(&self) -> Vec<(&str, u64)> {
        let mut list: Vec<(&str, u64)> = self.0.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_codes_are_words() {
        assert_eq!(words(ReasonCode::QuotaExceeded), "quota exceeded (0x97)");
        assert_eq!(words(ReasonCode::QoSNotSupported), "QoS not supported (0x9b)");
        assert_eq!(words(ReasonCode::NotAuthorized), "not authorized (0x87)");
    }

    #[test]
    fn faults_are_counted_by_their_words() {
        let mut faults = Faults::default();
        for _ in 0..3 {
            faults.count(&Fault::Refused(ReasonCode::ServerBusy));
        }
        faults.count(&Fault::Closed);
        let mut all = faults.clone();
        all.merge(&faults);
        assert_eq!(all.list()[0], ("connection refused by the broker: server busy (0x89)", 6));
        assert_eq!(all.total(), 8);
    }

    #[test]
    fn kinds_are_bounded() {
        let mut faults = Faults::default();
        for number in 0..1000 {
            faults.count(&Fault::Tls(number.to_string()));
        }
        assert_eq!(faults.total(), 1000);
        assert!(faults.list().len() <= MAX_KINDS + 1);
    }
}
