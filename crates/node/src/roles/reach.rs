//! Who can reach a listener, and what he may read on the way: for the log.

use std::net::SocketAddr;

use config::{Listener, Plan};

/// Who can connect to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    ThisMachine,
    Network,
}

impl Reach {
    fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical().is_loopback() {
            true => Self::ThisMachine,
            false => Self::Network,
        }
    }
}

/// Tells that a listener of `plan`, or the admin endpoint, is open, and to whom.
pub(super) fn log_listening(plan: &Plan, name: &str, address: SocketAddr) -> Reach {
    tracing::info!(listener = name, %address, "listening");
    // Where the admin endpoint is open to the network, it asks for a token.
    if let Some(listener) = plan.listeners.iter().find(|listener| listener.name == name) {
        log_dangers(listener, address);
    }
    Reach::of(address)
}

/// Warns of what anybody in the network can do with a listener.
pub(super) fn log_dangers(listener: &Listener, address: SocketAddr) {
    let Listener { name, tls, authentication, .. } = listener;
    if Reach::of(address) == Reach::ThisMachine {
        return;
    }
    if authentication.is_none() {
        tracing::warn!(
            listener = name,
            %address,
            "open to the network without authentication: whoever reaches this address may read and write everything"
        );
    } else if tls.is_none() {
        tracing::warn!(
            listener = name,
            %address,
            "open to the network without TLS: passwords, tokens and messages can be read on the way"
        );
    }
}
