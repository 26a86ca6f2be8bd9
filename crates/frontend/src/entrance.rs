//! Where connections come in: what they know of the listener that accepted them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use auth::{Policy, Standing};

use crate::settings::{Framing, Protocol};

/// The name under which connections through memory are shown.
const INTERNAL: &str = "internal";

/// One listener, or memory; each of its connections refers to it.
pub(crate) struct Entrance {
    pub name: Arc<str>,
    pub protocol: Protocol,
    pub standing: Standing,
    policy: ArcSwap<Policy>,
    closed: AtomicBool,
}

impl Entrance {
    pub fn of_listener(name: Arc<str>, protocol: Protocol, policy: Arc<Policy>) -> Self {
        let policy = ArcSwap::new(policy);
        Self { name, protocol, standing: Standing::Client, policy, closed: AtomicBool::new(false) }
    }

    /// For the broker's own connections.
    pub fn internal() -> Self {
        Self::of_memory(Standing::Internal)
    }

    /// For clients in this process.
    pub fn inside() -> Self {
        Self::of_memory(Standing::Client)
    }

    fn of_memory(standing: Standing) -> Self {
        Self {
            name: INTERNAL.into(),
            protocol: Protocol { framing: Framing::Mqtt, tls: None },
            standing,
            policy: ArcSwap::from_pointee(Policy::open()),
            closed: AtomicBool::new(false),
        }
    }

    /// What guards it now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
    }

    /// Who comes in from now on is sent away, handshakes that are under way included.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether its connections come through memory, from no address.
    pub fn is_memory(&self) -> bool {
        *self.name == *INTERNAL
    }

    /// Whether its connections are the broker's own, which no figure of clients counts.
    pub fn is_internal(&self) -> bool {
        self.standing == Standing::Internal
    }
}
