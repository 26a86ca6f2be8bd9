//! The place of this process among others, as the endpoint sees it.

use std::time::SystemTime;

use config::Encryption;
use frontend::Reach;

use super::condition::{Condition, ReasonCode, Status};
use super::copies::{self, GroupView};
use super::source::Ask;
use crate::cluster::{ClusterReport, ClusterView, KeeperVoice};
use crate::moment::rfc3339;

/// What a member of a cluster shows.
pub(crate) struct ClusterSource {
    pub(crate) view: ClusterView,
    pub(crate) encryption: Encryption,
    /// Who rotates certificates; `None` where there are none.
    pub(crate) voice: Option<KeeperVoice>,
    pub(crate) lanes: Lanes,
}

/// How the lanes of this process stand, at its end of them, and where they lead to.
pub(crate) enum Lanes {
    Frontend(Ask<Reach>),
    Backend { lanes: Ask<Vec<backend::LanesView>>, groups: Ask<Vec<GroupView>> },
}

impl ClusterSource {
    pub(super) fn report(&self) -> ClusterReport {
        self.view.report()
    }

    /// What is wrong `now`.
    pub(super) fn conditions(&self, now: SystemTime) -> Vec<Condition> {
        let report = self.report();
        let all =
            [self.unencrypted(), ended(&report, now), failing(&report), unreached(&report), self.lacking(&report)];
        all.into_iter().flatten().collect()
    }

    /// Partitions that no backend leads, as far as this frontend sees.
    pub(super) fn unled(&self) -> Vec<String> {
        let Lanes::Frontend(reach) = &self.lanes else { return Vec::new() };
        let unled = reach().partitions.into_iter().filter(|partition| partition.leader.is_none());
        unled.map(|partition| format!("partition {}", partition.partition)).collect()
    }

    fn lacking(&self, report: &ClusterReport) -> Option<Condition> {
        let Lanes::Backend { groups, .. } = &self.lanes else { return None };
        copies::condition(&groups(), &self.view.plan, &report.links)
    }

    fn unencrypted(&self) -> Option<Condition> {
        (self.encryption == Encryption::Disabled).then(|| Condition {
            status: Status::Available,
            reason: ReasonCode::InternalTrafficNotEncrypted,
            message: "encryptInternalTraffic is Disabled: whoever reaches the network between processes reads messages"
                .to_owned(),
            problems: Vec::new(),
        })
    }
}

fn ended(report: &ClusterReport, now: SystemTime) -> Option<Condition> {
    let certificate = report.certificate.as_ref()?;
    (certificate.not_after <= now).then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::InternalCertificateExpired,
        message: format!(
            "the internal certificate ended at {}, and no peer lets this process in",
            rfc3339(certificate.not_after)
        ),
        problems: certificate.last_failure.iter().cloned().collect(),
    })
}

fn failing(report: &ClusterReport) -> Option<Condition> {
    let certificate = report.certificate.as_ref()?;
    let failure = certificate.last_failure.clone()?;
    Some(Condition {
        status: Status::Degraded,
        reason: ReasonCode::InternalCertificateRenewalFailed,
        message: format!(
            "the internal certificate could not be renewed, which is tried again; it ends at {}",
            rfc3339(certificate.not_after)
        ),
        problems: vec![failure],
    })
}

/// Frontends come and go; backends are to be there.
fn unreached(report: &ClusterReport) -> Option<Condition> {
    let backends = report.links.iter().filter(|peer| peer.role == "backend" && peer.up < peer.links);
    let problems: Vec<String> = backends
        .map(|peer| format!("{}: {}", peer.peer, peer.trouble.as_deref().unwrap_or("not connected yet")))
        .collect();
    (!problems.is_empty()).then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::PeerUnreached,
        message: "a backend is not reached".to_owned(),
        problems,
    })
}
