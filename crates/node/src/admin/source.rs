//! What the endpoint answers from: handed over piece by piece while the process starts, asked at each request.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use config::{EffectiveValue, SecretText};
use identity::CertificateStatus;

use super::Health;
use super::cluster::ClusterSource;
use super::figures::BrokerFigures;
use super::part::Part;
use super::view::BrokerView;
use crate::audit::{AuditCounted, Recorder};
use crate::configuration::Configuration;
use crate::dataflows::DataflowsView;
use crate::self_check::SelfCheckResults;

/// What the endpoint is started with; clones share everything but the token.
#[derive(Clone, Default)]
pub(crate) struct AdminSettings {
    pub(crate) health: Health,
    pub(crate) configuration: Configuration,
    pub(crate) source: SourceSlot,
    /// With one, every path but `/health/live` and `/health/ready` asks for it.
    pub(crate) token: Option<SecretText>,
    /// The machine's name: a `Host` that requests may name without a token, beside IP addresses and `localhost`.
    pub(crate) machine: Option<String>,
}

/// Asks for something; runs on the admin thread and must not block.
pub(crate) type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

/// What runs in this process, as the endpoint sees it.
pub(crate) struct AdminSource {
    /// The broker; `None` where this process is a bridge and nothing else.
    pub(crate) broker: Option<BrokerSource>,
    /// Its place among other processes; `None` where it is alone.
    pub(crate) cluster: Option<ClusterSource>,
    /// What crosses between brokers.
    pub(crate) dataflows: DataflowsView,
    /// Takes down what is done, and refused, here.
    pub(crate) audit: Recorder,
    /// What became of what was taken down, here and elsewhere.
    pub(crate) audited: Ask<AuditCounted>,
    /// Effective values with their origin; no secrets.
    pub(crate) effective: Ask<Vec<EffectiveValue>>,
}

/// The running broker as the endpoint sees it.
pub(crate) struct BrokerSource {
    /// What of it is here.
    pub(crate) part: Part,
    /// Clients, sessions, subscriptions, retained messages.
    pub(crate) view: Box<dyn BrokerView>,
    /// The figures behind the metrics.
    pub(crate) figures: Ask<BrokerFigures>,
    pub(crate) self_check: SelfCheckResults,
    /// The listeners that are open now.
    pub(crate) listeners: Ask<Vec<ListenerStatus>>,
    /// The certificates that listeners show now.
    pub(crate) certificates: Ask<Vec<CertificateStatus>>,
}

/// A place for the [`AdminSource`], empty until the process runs. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SourceSlot(Arc<OnceLock<AdminSource>>);

impl SourceSlot {
    /// Has everything answered from `source` from now on. The first one stays.
    pub(crate) fn provide(&self, source: AdminSource) {
        let first = self.0.set(source).is_ok();
        debug_assert!(first, "what runs is provided once");
    }

    /// `None` before the process runs.
    pub(super) fn source(&self) -> Option<&AdminSource> {
        self.0.get()
    }
}

/// An open listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerStatus {
    /// As in the configuration: `default/18883`.
    pub(crate) name: String,
    /// Where it is bound, port known.
    pub(crate) address: SocketAddr,
    pub(crate) framing: Framing,
    pub(crate) tls: TlsMode,
    /// The BrokerAuthentication that says who is let in.
    pub(crate) authentication: Option<String>,
    /// The BrokerAuthorization that says what they may do.
    pub(crate) authorization: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Mqtt,
    WebSockets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    None,
    /// The certificate is our own issuer's.
    Automatic,
    /// The certificate is brought in a Secret.
    Manual,
}
