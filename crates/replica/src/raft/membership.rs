//! Who belongs to a group, and who leads it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{ChangeMembers, Instant as _, Raft};

use super::error::RaftError;
use super::group::{Group, MemberId};
use super::machine::Machine;
use super::store::Shared;

/// A member that lacks so few entries has them before anybody notices that commands are not taken.
const CAUGHT_UP: u64 = 64;

/// Who has answered nothing for so long may be gone, or have begun anew: what it had says nothing then. There are some
/// heartbeats a second.
const HEARD: Duration = Duration::from_secs(2);

/// For each of the two steps of handing over.
const HAND_OVER: Duration = Duration::from_secs(3);

type Metrics = openraft::RaftMetrics<Group>;

/// Who belongs to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    pub voters: BTreeSet<MemberId>,
    /// The voters are about to change: `voters` are those of before and after, and of both there has to be a majority.
    pub is_joint: bool,
    /// They are told everything and do not count.
    pub learners: BTreeSet<MemberId>,
    /// How many entries those lack that have answered within two seconds, as the leader knows; on others it is empty.
    pub behind: BTreeMap<MemberId, u64>,
}

/// Changes who belongs to a group. Cheap to clone, used on any task.
#[derive(Clone)]
pub struct Membership {
    pub(super) member: MemberId,
    pub(super) raft: Raft<Group, Machine>,
    pub(super) store: Shared,
}

impl Membership {
    /// Has a new member follow and be told everything; ends when it has caught up.
    pub async fn add_learner(&self, member: MemberId) -> Result<(), RaftError> {
        self.raft.add_learner(member, (), true).await.map(drop).map_err(refused)
    }

    /// Makes exactly these the voters, through a joint configuration; who is not among them is a member no more. A
    /// leader does not remove itself: it hands over first.
    pub async fn set_voters(&self, voters: BTreeSet<MemberId>) -> Result<(), RaftError> {
        if !voters.contains(&self.member) {
            return Err(RaftError::Membership(format!("{} leads: it is to hand over first", self.member)));
        }
        self.raft.change_membership(voters, false).await.map(drop).map_err(refused)
    }

    /// Tells members that do not vote nothing more.
    pub async fn remove_learners(&self, members: BTreeSet<MemberId>) -> Result<(), RaftError> {
        let change = ChangeMembers::RemoveNodes(members);
        self.raft.change_membership(change, false).await.map(drop).map_err(refused)
    }

    /// How far this member's log goes.
    pub fn last_index(&self) -> u64 {
        self.raft.metrics().borrow_watched().last_log_index.unwrap_or(0)
    }

    /// Has another voter take the lead; ends when it has. Commands are taken until it has caught up, then no more.
    ///
    /// # Errors
    /// When it does not catch up or take over within a few seconds. It may still take over afterwards.
    pub async fn hand_over(&self, to: MemberId) -> Result<(), RaftError> {
        self.until(|metrics| behind(metrics, to).is_some_and(|entries| entries <= CAUGHT_UP))
            .await
            .ok_or_else(|| RaftError::Membership(format!("{to} has not caught up")))?;
        {
            let mut store = self.store.lock();
            store.yields = store.leads;
        }
        self.raft.trigger().transfer_leader(to).await.map_err(refused)?;
        self.until(|metrics| metrics.current_leader == Some(to))
            .await
            .ok_or_else(|| RaftError::Membership(format!("{to} has not taken the lead")))
    }

    /// Who belongs to the group, as far as this member knows.
    pub fn members(&self) -> Members {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let members = membership.nodes().map(|(member, ())| *member);
        let voters: BTreeSet<_> = membership.voter_ids().collect();
        let learners = members.filter(|member| !voters.contains(member)).collect();
        let others = metrics.replication.iter().flatten().map(|(member, _)| *member);
        let heard = others.filter(|member| is_heard(&metrics, *member));
        let behind = heard.filter_map(|member| Some((member, behind(&metrics, member)?))).collect();
        Members { learners, voters, behind, is_joint: membership.get_joint_config().len() > 1 }
    }

    async fn until(&self, mut is_so: impl FnMut(&Metrics) -> bool) -> Option<()> {
        let mut metrics = self.raft.metrics();
        let wait = async {
            loop {
                if is_so(&metrics.borrow_watched()) {
                    return Some(());
                }
                metrics.changed().await.ok()?;
            }
        };
        tokio::time::timeout(HAND_OVER, wait).await.ok()?
    }

    /// Writes a snapshot and gives the log before it back.
    pub async fn snapshot(&self) -> Result<(), RaftError> {
        self.raft.trigger().snapshot().await.map_err(refused)
    }
}

/// How many entries a member lacks; `None` when that is not known.
fn behind(metrics: &Metrics, member: MemberId) -> Option<u64> {
    let matching = metrics.replication.as_ref()?.get(&member)?.as_ref()?;
    Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matching.index))
}

fn is_heard(metrics: &Metrics, member: MemberId) -> bool {
    let answered = metrics.heartbeat.as_ref().and_then(|heartbeat| heartbeat.get(&member)?.as_ref());
    answered.is_some_and(|at| at.elapsed() < HEARD)
}

fn refused(error: impl std::fmt::Display) -> RaftError {
    RaftError::Membership(error.to_string())
}
