//! How a tool fails: a sentence and an exit code, the codes as mosquitto's tools have them.

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
        ConnectError::Tcp { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused => {
            "; is a broker running there? Another one is named with -h and -p"
        }
        ConnectError::Tls { source, .. } => {
            let text = source.to_string();
            if text.contains("UnknownIssuer") {
                "; name the CA that issued the broker's certificate with --cafile"
            } else if text.contains("not valid for name") || text.contains("NotValidForName") {
                "; connect to a name the certificate has, or accept another one with --insecure"
            } else if text.contains("CertificateRequired") || text.contains("certificate required") {
                "; the broker wants a client certificate: --cert and --key"
            } else if text.contains("corrupt message") || text.contains("InvalidMessage") || text.contains("eof") {
                "; does this port speak TLS?"
            } else {
                ""
            }
        }
        ConnectError::Ended(End::Protocol(mqtt::client::End::Closed) | End::Transport(_)) => {
            "; does this port speak MQTT of this version, with or without TLS?"
        }
        ConnectError::WebSocket { .. } => "; does this port speak WebSocket, and on this path?",
        _ => "",
    }
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
