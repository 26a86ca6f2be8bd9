//! What the admin API shows of the plan that runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use config::{EffectiveValue, Listener, Plan, Protocol, Tls};

use crate::admin::{Framing, ListenerStatus, TlsMode};

/// The listeners that are open and the values in effect; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    listeners: Vec<ListenerStatus>,
    values: Vec<EffectiveValue>,
}

impl Shown {
    /// Shows this plan from now on, with its listeners where they are bound.
    pub(super) fn show(&self, plan: &Plan, addresses: &BTreeMap<String, SocketAddr>) {
        let listeners = plan.listeners.iter().filter_map(|listener| {
            let address = *addresses.get(&listener.name)?;
            Some(status(listener, address))
        });
        *self.lock() = Inside { listeners: listeners.collect(), values: plan.values.clone() };
    }

    pub(super) fn listeners(&self) -> Vec<ListenerStatus> {
        self.lock().listeners.clone()
    }

    pub(super) fn values(&self) -> Vec<EffectiveValue> {
        self.lock().values.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // It is replaced as a whole, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn status(listener: &Listener, address: SocketAddr) -> ListenerStatus {
    ListenerStatus {
        name: listener.name.clone(),
        address,
        framing: match listener.protocol {
            Protocol::Mqtt => Framing::Mqtt,
            Protocol::WebSockets => Framing::WebSockets,
        },
        tls: match listener.tls {
            None => TlsMode::None,
            Some(Tls::Automatic(_)) => TlsMode::Automatic,
            Some(Tls::Manual(_)) => TlsMode::Manual,
        },
        authentication: listener.authentication.clone(),
        authorization: listener.authorization.clone(),
    }
}
