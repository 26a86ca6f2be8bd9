//! What is to be known about the broker's condition, and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;

/// What the broker can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum Status {
    /// For everything.
    Available,
    /// Clients are served, but something needs attention.
    Degraded,
    /// Not yet known: it is starting.
    Unknown,
    /// Clients are not served, or not all.
    Unavailable,
}

impl Status {
    /// As `/health` writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
            Self::Unavailable => "Unavailable",
        }
    }
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum ReasonCode {
    BrokerStarting,
    BrokerDraining,
    BrokerPartitionFailed,
    PartitionUnreached,
    BridgeFailed,
    BrokerProbeFailed,
    DiskFull,
    DiskBufferFull,
    ConfigurationRejected,
    CertificateExpired,
    CertificateExpiring,
    CertificateRenewalFailed,
    AuditLogFailed,
    DataflowNotAvailable,
    InternalCertificateExpired,
    InternalCertificateRenewalFailed,
    PeerUnreached,
    CopiesMissing,
    InternalTrafficNotEncrypted,
    RestartPending,
}

/// Something that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) status: Status,
    pub(super) reason: ReasonCode,
    pub(super) message: String,
    pub(super) problems: Vec<String>,
}

/// All that holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The worst of the conditions'.
    pub(super) status: Status,
    /// When `status` was first seen.
    pub(super) since: SystemTime,
    pub(super) looked: SystemTime,
    /// With the moment each was first seen; the worst first.
    pub(super) conditions: Vec<(Condition, SystemTime)>,
}

/// Remembers since when conditions hold.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    status: Option<(Status, SystemTime)>,
    reasons: BTreeMap<ReasonCode, SystemTime>,
}

impl History {
    /// Takes in what holds `now`.
    pub(super) fn look(&self, mut conditions: Vec<Condition>, now: SystemTime) -> Standing {
        conditions.sort_by(|a, b| b.status.cmp(&a.status).then(a.reason.cmp(&b.reason)));
        let status = conditions.first().map_or(Status::Available, |worst| worst.status);
        // What is written below is whole at each step, whoever panicked.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match seen.status {
            Some((before, since)) if before == status => since,
            _ => now,
        };
        seen.status = Some((status, since));
        seen.reasons.retain(|reason, _| conditions.iter().any(|condition| condition.reason == *reason));
        let mut dated = |condition: Condition| {
            let since = *seen.reasons.entry(condition.reason).or_insert(now);
            (condition, since)
        };
        Standing { status, since, looked: now, conditions: conditions.into_iter().map(&mut dated).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Condition, History, ReasonCode, Status};

    fn condition(status: Status, reason: ReasonCode) -> Condition {
        Condition { status, reason, message: String::new(), problems: Vec::new() }
    }

    #[test]
    fn the_worst_comes_first_and_each_keeps_its_beginning() {
        let (history, start) = (History::default(), SystemTime::UNIX_EPOCH);
        let at = |seconds| start + Duration::from_secs(seconds);
        let pending = condition(Status::Available, ReasonCode::RestartPending);
        let rejected = condition(Status::Degraded, ReasonCode::ConfigurationRejected);
        let stopped = condition(Status::Unavailable, ReasonCode::BrokerPartitionFailed);

        let standing = history.look(vec![pending.clone()], at(1));
        assert_eq!((standing.status, standing.since), (Status::Available, at(1)));
        let standing = history.look(vec![pending.clone(), rejected.clone()], at(2));
        assert_eq!((standing.status, standing.since), (Status::Degraded, at(2)));
        assert_eq!(standing.conditions, [(rejected.clone(), at(2)), (pending.clone(), at(1))]);
        let standing = history.look(vec![rejected.clone(), stopped.clone()], at(3));
        assert_eq!(standing.conditions, [(stopped, at(3)), (rejected.clone(), at(2))]);
        history.look(Vec::new(), at(4));
        let standing = history.look(vec![rejected.clone()], at(5));
        assert_eq!((standing.since, standing.looked), (at(5), at(5)));
        assert_eq!(standing.conditions, [(rejected, at(5))]);
    }
}
