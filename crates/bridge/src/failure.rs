//! What went wrong at which step of which side.

use std::time::SystemTime;

use client::{ConnectError, End, RequestFailed};
use mqtt::ReasonCode;
use mqtt::client::End as ProtocolEnd;

/// The steps from a name to a message that has arrived, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Getting what to show of who one is.
    Token,
    Dns,
    Tcp,
    Tls,
    WebSocket,
    /// CONNECT until CONNACK.
    Connect,
    Subscribe,
    /// The connection stood, and ended.
    Connection,
    /// AUTH on a connection that stands.
    Reauthenticate,
    Publish,
}

impl Step {
    /// As people are told; where the server answers, the packet that it answers with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
            Self::Connect => "CONNACK",
            Self::Subscribe => "SUBACK",
            Self::Connection => "connection",
            Self::Reauthenticate => "AUTH",
            Self::Publish => "PUBACK",
        }
    }
}

/// The last failure of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub step: Step,
    /// What the server said, if it did.
    pub code: Option<ReasonCode>,
    /// In words; names no secret.
    pub text: String,
    /// When this step began to fail, and has not worked since.
    pub since: SystemTime,
    /// When it failed last.
    pub last: SystemTime,
    /// How often it has failed since.
    pub times: u64,
}

/// A failure without its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mishap {
    pub step: Step,
    pub code: Option<ReasonCode>,
    pub text: String,
}

impl Mishap {
    pub fn new(step: Step, text: impl ToString) -> Self {
        Self { step, code: None, text: text.to_string() }
    }

    pub fn connecting(error: &ConnectError) -> Self {
        let (step, code) = match error {
            ConnectError::Resolve { .. } | ConnectError::TimedOut { what: "finding", .. } => (Step::Dns, None),
            ConnectError::Tls { .. }
            | ConnectError::ServerName(_)
            | ConnectError::TimedOut { what: "the TLS handshake with", .. } => (Step::Tls, None),
            ConnectError::WebSocket { .. } | ConnectError::TimedOut { what: "the WebSocket handshake with", .. } => {
                (Step::WebSocket, None)
            }
            ConnectError::Tcp { .. } | ConnectError::Bind { .. } | ConnectError::TimedOut { .. } => (Step::Tcp, None),
            ConnectError::Ended(end) => (Step::Connect, code(end)),
            _ => (Step::Connect, None),
        };
        Self { step, code, text: error.to_string() }
    }

    pub fn ended(end: &End) -> Self {
        Self { step: Step::Connection, code: code(end), text: end.to_string() }
    }

    pub fn request(step: Step, failed: &RequestFailed) -> Self {
        Self { step, code: failed.reason(), text: failed.to_string() }
    }

    /// The failure after `before`: what fails on goes on failing since then.
    pub fn after(self, before: Option<&Failure>, now: SystemTime) -> Failure {
        let Self { step, code, text } = self;
        let same = before.filter(|before| before.step == step);
        let since = same.map_or(now, |before| before.since);
        Failure { step, code, text, since, last: now, times: same.map_or(0, |before| before.times) + 1 }
    }
}

/// What a server said at the end of a connection.
fn code(end: &End) -> Option<ReasonCode> {
    match end {
        End::Protocol(ProtocolEnd::Refused { reason, .. }) => Some(*reason),
        End::Protocol(ProtocolEnd::ByServer(disconnect)) => Some(disconnect.reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    #[test]
    fn errors_belong_to_steps() {
        let broken = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let late = |what| ConnectError::TimedOut { what, address: "a".into(), seconds: 1 };
        let refused =
            ProtocolEnd::Refused { reason: ReasonCode::NotAuthorized, reason_string: None, server_reference: None };
        for (error, step, code) in [
            (ConnectError::Resolve { host: "a".into(), source: broken() }, Step::Dns, None),
            (late("finding"), Step::Dns, None),
            (ConnectError::Tcp { address: "a".into(), source: broken() }, Step::Tcp, None),
            (late("connecting to"), Step::Tcp, None),
            (ConnectError::Tls { address: "a".into(), source: broken() }, Step::Tls, None),
            (late("the TLS handshake with"), Step::Tls, None),
            (late("the WebSocket handshake with"), Step::WebSocket, None),
            (ConnectError::Ended(refused.into()), Step::Connect, Some(ReasonCode::NotAuthorized)),
        ] {
            let mishap = Mishap::connecting(&error);
            assert_eq!((mishap.step, mishap.code), (step, code), "{error}");
        }
    }

    #[test]
    fn a_failure_lasts_while_its_step_fails() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let first = Mishap::new(Step::Tcp, "no").after(None, at(1));
        let second = Mishap::new(Step::Tcp, "still no").after(Some(&first), at(5));
        assert_eq!((second.since, second.last, second.times), (at(1), at(5), 2));
        let other = Mishap::new(Step::Tls, "no").after(Some(&second), at(9));
        assert_eq!((other.since, other.times), (at(9), 1));
    }
}
