//! How a tool fails: a sentence and an exit code, the codes as mosquitto's tools have them.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use client::{ConnectError, End, RequestFailed};
use mqtt::{ProtocolVersion, ReasonCode};

use crate::console::Console;

/// Anything that has no code of its own, a wrong command line included.
const GENERAL: u8 = 1;
/// Time is up.
const TIMED_OUT: u8 = 27;
/// Ended by Ctrl-C before the work was done.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub text: String,
    pub code: u8,
}

impl Failure {
    /// The command line asks for something that cannot be.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::general(text)
    }

    pub fn general(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: GENERAL }
    }

    pub fn timed_out() -> Self {
        Self { text: "Timed out".to_owned(), code: TIMED_OUT }
    }

    pub fn interrupted(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: INTERRUPTED }
    }

    /// A connection that did not come about; refused by the server, its reason code is the exit code.
    pub fn connect(error: &ConnectError, target: &str, version: ProtocolVersion) -> Self {
        let ConnectError::Ended(End::Protocol(mqtt::client::End::Refused { reason, .. })) = error else {
            return Self::general(format!("{target}: {error}{}", hint(error)));
        };
        let code = if version.is_v5() { *reason as u8 } else { reason.v3_connack() };
        Self { text: format!("{target}: {error}{}", advice(*reason)), code }
    }

    /// A connection that ended without having been told to.
    pub fn ended(end: &End, target: &str) -> Self {
        match end {
            End::Protocol(mqtt::client::End::ByServer(packet)) => {
                Self { text: format!("{target}: {end}{}", advice(packet.reason)), code: packet.reason as u8 }
            }
            _ => Self::general(format!("{target}: {end}")),
        }
    }

    /// Something the server did not do; its reason code is the exit code.
    pub fn request(error: &RequestFailed, what: &str) -> Self {
        let code = error.reason().map_or(GENERAL, |reason| reason as u8);
        Self { text: format!("{what}: {error}"), code }
    }

    /// Says it, and ends with its code.
    pub fn tell(&self, console: Console) -> ExitCode {
        match self.code {
            TIMED_OUT | INTERRUPTED => console.note(&self.text),
            _ => console.error(&self.text),
        }
        ExitCode::from(self.code)
    }
}

/// What to do about a connection that did not come about.
fn hint(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Tcp { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
            "; is a broker running there? Another one is named with -h and -p"
        }
        ConnectError::Tls { source, .. } => tls_hint(source),
        // With TLS 1.3 a client learns only after the handshake that its certificate is missed.
        ConnectError::Ended(End::Transport(source)) if source.kind() == ErrorKind::InvalidData => tls_hint(source),
        ConnectError::Ended(
            End::Protocol(mqtt::client::End::Closed | mqtt::client::End::Breach(_)) | End::Transport(_),
        ) => "; does this port speak MQTT of this version, and without TLS or WebSocket?",
        ConnectError::WebSocket { .. } => "; does this port speak WebSocket, and on this path?",
        _ => "",
    }
}

/// What to do about a failed TLS handshake.
fn tls_hint(source: &io::Error) -> &'static str {
    let hints = [
        ("UnknownIssuer", "; name the CA that issued the broker's certificate with --cafile"),
        ("BadSignature", "; name the CA that issued the broker's certificate with --cafile"),
        ("not valid for name", "; connect to a name the certificate has, or accept another one with --insecure"),
        ("CertificateRequired", "; the broker wants a client certificate: --cert and --key"),
        ("HandshakeFailure", "; the broker may want a client certificate (--cert and --key), or another --tls-version"),
        ("corrupt message", "; does this port speak TLS?"),
        ("eof", "; does this port speak TLS?"),
    ];
    let text = source.to_string();
    hints.iter().find(|(part, _)| text.contains(part)).map_or("", |(_, hint)| hint)
}

/// What to do about the server's refusal.
fn advice(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::BadUserNameOrPassword => "; user name and password are given with -u and --password-file",
        ReasonCode::NotAuthorized => "; is this client allowed to? -u, --cert or --token-file say who it is",
        ReasonCode::UnsupportedProtocolVersion => "; another version is chosen with -V 311 or -V 5",
        ReasonCode::ClientIdentifierNotValid => "; another identifier is chosen with -i",
        ReasonCode::BadAuthenticationMethod => "; another method is chosen with --auth-method",
        ReasonCode::SessionTakenOver => "; another client came with the same identifier: choose another with -i",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(version: ProtocolVersion) -> Failure {
        let reason = ReasonCode::NotAuthorized;
        let end = mqtt::client::End::Refused { reason, reason_string: Some("no".to_owned()), server_reference: None };
        Failure::connect(&ConnectError::Ended(End::Protocol(end)), "mqtt://host:1", version)
    }

    #[test]
    fn a_refusal_ends_with_the_reason_code_of_its_version() {
        let failure = refused(ProtocolVersion::V5);
        assert_eq!((failure.code, refused(ProtocolVersion::V3_1_1).code), (0x87, 5));
        assert!(failure.text.starts_with("mqtt://host:1: the server refused the connection: NotAuthorized (no); is"));
    }

    #[test]
    fn failures_say_what_would_help() {
        let tls = |text: &str| {
            let error = ConnectError::Tls { address: "host:1".to_owned(), source: io::Error::other(text.to_owned()) };
            Failure::connect(&error, "mqtts://host:1", ProtocolVersion::V5).text
        };
        assert!(tls("invalid peer certificate: UnknownIssuer").ends_with("with --cafile"));
        assert!(tls("received fatal alert: CertificateRequired").ends_with("--cert and --key"));
        assert!(tls("something new").ends_with("something new"));
        let required = io::Error::new(ErrorKind::InvalidData, "received fatal alert: CertificateRequired");
        let error = ConnectError::Ended(End::Transport(required));
        assert!(Failure::connect(&error, "mqtts://host:1", ProtocolVersion::V5).text.ends_with("--cert and --key"));
        let source = ErrorKind::ConnectionRefused.into();
        let error = ConnectError::Tcp { address: "host:1".to_owned(), source };
        let failure = Failure::connect(&error, "mqtt://host:1", ProtocolVersion::V5);
        assert!(failure.text.contains("is a broker running there?") && failure.code == GENERAL);
    }
}
