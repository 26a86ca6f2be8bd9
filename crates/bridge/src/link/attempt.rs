//! One try to connect: what to show, the layers below MQTT, CONNECT.

use std::pin::Pin;
use std::sync::Arc;

use client::{Client, ConnectError, Connection, End, Failed, Options, Session};
use mqtt::client::End as ProtocolEnd;
use mqtt::{Connect, ProtocolVersion, ReasonCode};

use super::{Plan, Role};
use crate::credentials::{Keeper, Presented};
use crate::endpoint::{Address, Endpoint};
use crate::failure::{Mishap, Step};

/// Messages received and not taken; what is beyond stays in the socket.
const MESSAGE_BUFFER: usize = 64;

/// A try under way.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Tried> + Send>>;

/// What came of a try.
pub(super) enum Tried {
    Accepted { connection: Box<Connection>, presented: Presented, keeper: Keeper },
    Failed { mishap: Mishap, verdict: Verdict, session: Box<Session>, keeper: Keeper },
}

/// What a failed try says about the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server knows another version of the protocol.
    OtherVersion,
    /// The connection closed without a word, as some servers do that know only 3.1.1, and as any does that goes down.
    PerhapsOtherVersion,
    Nothing,
}

/// Begins a try.
pub(super) fn begin(plan: &Plan, version: ProtocolVersion, session: Session) -> Attempt {
    let endpoint = plan.endpoint.clone();
    let connect = connect(&endpoint, &plan.client_id, &plan.role, version);
    Box::pin(attempt(endpoint, connect, plan.keeper.clone(), session))
}

/// CONNECT, without what the credential adds.
pub(crate) fn connect(endpoint: &Endpoint, client_id: &str, role: &Role, version: ProtocolVersion) -> Connect {
    let receive_maximum = match role {
        Role::Source { .. } => endpoint.max_inflight.max(1).try_into().ok(),
        Role::Destination => None,
    };
    Connect {
        clean_start: false,
        keep_alive: endpoint.effective_keep_alive(),
        session_expiry: Some(endpoint.effective_session_expiry()),
        receive_maximum,
        ..Connect::new(version, client_id)
    }
}

async fn attempt(endpoint: Arc<Endpoint>, mut connect: Connect, mut keeper: Keeper, session: Session) -> Tried {
    let presented = match keeper.present().await {
        Ok(presented) => presented,
        Err(error) => {
            let mishap = Mishap::new(Step::Token, error);
            return Tried::Failed { mishap, verdict: Verdict::Nothing, session: Box::new(session), keeper };
        }
    };
    presented.fill(&mut connect);
    let options = Options { message_buffer: MESSAGE_BUFFER, ..Options::new(connect) };
    let connected = match &endpoint.address {
        Address::Remote(remote) => {
            let mut remote = remote.clone();
            remote.tls = remote.tls.map(|tls| presented.tls(&tls));
            Client::resume(&remote, &options, session).await
        }
        Address::Memory(door) => Client::over(door(), &options, session).await,
    };
    match connected {
        Ok(connection) => Tried::Accepted { connection: Box::new(connection), presented, keeper },
        Err(Failed { error, session }) => {
            if is_unwelcome(&error) {
                keeper.refused();
            }
            let (mishap, verdict) = (Mishap::connecting(&error), verdict(&error));
            Tried::Failed { mishap, verdict, session: Box::new(session), keeper }
        }
    }
}

/// Whether the server did not believe what was shown.
fn is_unwelcome(error: &ConnectError) -> bool {
    use ReasonCode as R;
    let ConnectError::Ended(End::Protocol(ProtocolEnd::Refused { reason, .. })) = error else { return false };
    matches!(reason, R::BadUserNameOrPassword | R::NotAuthorized | R::BadAuthenticationMethod)
}

/// A server that knows only 3.1.1 answers a CONNECT of version 5 with a return code in its own format.
pub(crate) fn verdict(error: &ConnectError) -> Verdict {
    let ConnectError::Ended(End::Protocol(end)) = error else { return Verdict::Nothing };
    match end {
        ProtocolEnd::Refused { reason: ReasonCode::UnsupportedProtocolVersion, .. } | ProtocolEnd::Breach(_) => {
            Verdict::OtherVersion
        }
        ProtocolEnd::Closed => Verdict::PerhapsOtherVersion,
        _ => Verdict::Nothing,
    }
}
