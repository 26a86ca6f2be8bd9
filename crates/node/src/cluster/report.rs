//! How this process stands in its cluster, for health, metrics and the API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use config::ClusterPlan;
use identity::internal::{AuthorityStatus, CredentialsStatus, MemberStatus};

use super::denial::Denials;
use super::desk::Desk;
use super::figures::LinkFigures;
use super::links::Links;
use super::protection::Protection;

/// All of it at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ClusterReport {
    /// `None` where links are not encrypted.
    pub(crate) certificate: Option<CredentialsStatus>,
    /// Where the authority is in this process.
    pub(crate) authority: Option<AuthorityStatus>,
    /// To whom that authority issued.
    pub(crate) members: Vec<MemberStatus>,
    pub(crate) links: Vec<LinkFigures>,
    /// Peers that were not let in at the internal port, by the reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

/// Where a report comes from; for any thread, does not block.
#[derive(Clone)]
pub(crate) struct ClusterView {
    pub(crate) plan: ClusterPlan,
    pub(crate) protection: Protection,
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) links: Links,
    pub(crate) denials: Arc<Denials>,
}

impl ClusterView {
    pub(crate) fn report(&self) -> ClusterReport {
        let now = SystemTime::now();
        ClusterReport {
            certificate: self.protection.credentials().map(|credentials| credentials.status(now)),
            authority: self.desk.as_ref().map(|desk| desk.authority().status()),
            members: self.desk.as_ref().map(|desk| desk.authority().members()).unwrap_or_default(),
            links: self.links.figures(),
            refused: self.denials.counts(),
        }
    }
}
