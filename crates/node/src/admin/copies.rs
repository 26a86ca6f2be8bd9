//! The copies of partitions, as a backend that holds some of them sees their groups.

use std::collections::BTreeSet;

use backend::{MemberId, Members};
use config::ClusterPlan;
use partition::PartitionId;

use super::condition::{Condition, ReasonCode, Status};
use crate::cluster::LinkFigures;

/// A copy that lacks no more entries than this has what is under way.
const CAUGHT_UP: u64 = 64;

/// How a partition of this process stands.
pub(crate) struct GroupView {
    pub(crate) partition: PartitionId,
    pub(crate) leads: bool,
    /// `None` where it is held alone, or its group is not there yet.
    pub(crate) members: Option<Members>,
}

impl GroupView {
    /// Copies that are not there, not reached or behind, as their leader knows; `None` on others.
    pub(super) fn missing(&self, plan: &ClusterPlan, links: &[LinkFigures]) -> Option<u16> {
        let members = self.members.as_ref().filter(|_| self.leads)?;
        let is_whole = |voter: &&MemberId| {
            let is_caught_up = || members.behind.get(voter).is_some_and(|behind| *behind <= CAUGHT_UP);
            voter.process == u32::from(plan.us.ordinal) || is_caught_up() && is_reached(plan, links, voter.process)
        };
        // Whoever has begun anew in a process takes the place of who was there, of whom nothing is known any more.
        let all = || members.voters.iter().chain(&members.learners);
        let is_newest = |voter: &&MemberId| !all().any(|o| o.process == voter.process && o.life > voter.life);
        let newest = members.voters.iter().filter(is_newest).filter(is_whole);
        let whole: BTreeSet<u32> = newest.map(|voter| voter.process).collect();
        let whole = u16::try_from(whole.len()).unwrap_or(u16::MAX);
        Some(plan.redundancy_factor.saturating_sub(whole))
    }
}

fn is_reached(plan: &ClusterPlan, links: &[LinkFigures], process: u32) -> bool {
    let Some(backend) = usize::try_from(process).ok().and_then(|number| plan.backends.get(number)) else {
        return false;
    };
    links.iter().any(|link| link.role == "backend" && *link.peer == *backend.name && link.up > 0)
}

/// What the leader of a partition misses; others do not know.
pub(super) fn condition(groups: &[GroupView], plan: &ClusterPlan, links: &[LinkFigures]) -> Option<Condition> {
    let lacking = groups.iter().filter_map(|group| {
        let missing = group.missing(plan, links).filter(|missing| *missing > 0)?;
        Some(format!("partition {}: {missing} of {} copies", group.partition, plan.redundancy_factor))
    });
    let problems: Vec<String> = lacking.collect();
    (!problems.is_empty()).then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::CopiesMissing,
        message: "copies of partitions that this backend leads are missing or behind".to_owned(),
        problems,
    })
}

#[cfg(test)]
mod tests {
    use backend::{MemberId, Members};
    use config::{BackendAddress, ClusterMember, ClusterPlan, ClusterRole};
    use partition::PartitionId;

    use super::{GroupView, condition};
    use crate::cluster::LinkFigures;

    fn plan() -> ClusterPlan {
        let backend = |n: u16| BackendAddress { name: format!("backend-{n}"), host: "::1".to_owned(), port: 7883 };
        ClusterPlan {
            name: "plant".to_owned(),
            us: ClusterMember { role: ClusterRole::Backend, name: "backend-0".to_owned(), ordinal: 0 },
            internal: None,
            backends: (0..3).map(backend).collect(),
            redundancy_factor: 3,
            join_token_file: None,
        }
    }

    fn links(up: [u64; 2]) -> Vec<LinkFigures> {
        let link = |(n, up)| LinkFigures { links: 1, up, ..LinkFigures::new("backend", &format!("backend-{n}")) };
        (1..).zip(up).map(link).collect()
    }

    fn group(behind: &[(u32, u32, u64)]) -> GroupView {
        let id = |process, life| MemberId { process, life };
        let behind: std::collections::BTreeMap<_, _> =
            behind.iter().map(|(process, life, entries)| (id(*process, *life), *entries)).collect();
        let voters = behind.keys().copied().chain([id(0, 1)]).collect();
        GroupView {
            partition: PartitionId(7),
            leads: true,
            members: Some(Members { voters, behind, ..Members::default() }),
        }
    }

    #[test]
    fn a_copy_counts_that_is_reached_and_has_caught_up() {
        let missing = |behind: &[_], up| group(behind).missing(&plan(), &links(up));
        assert_eq!(missing(&[(1, 1, 0), (2, 1, 64)], [1, 1]), Some(0));
        assert_eq!(missing(&[(1, 1, 0), (2, 1, 65)], [1, 1]), Some(1));
        assert_eq!(missing(&[(1, 1, 0), (2, 1, 0)], [1, 0]), Some(1));
        assert_eq!(missing(&[(1, 1, 0)], [1, 1]), Some(1));
        assert_eq!(missing(&[(1, 1, 0), (1, 2, 0)], [1, 1]), Some(1), "two lives of one process");
        assert_eq!(missing(&[(1, 1, 0), (9, 1, 0)], [1, 1]), Some(1), "nobody's name");
        assert_eq!(missing(&[], [0, 0]), Some(2));
    }

    #[test]
    fn who_is_being_replaced_does_not_count() {
        let mut group = group(&[(1, 1, 0), (2, 1, 0)]);
        group.members.as_mut().unwrap().learners.insert(MemberId { process: 2, life: 2 });
        assert_eq!(group.missing(&plan(), &links([1, 1])), Some(1));
    }

    #[test]
    fn only_who_leads_tells() {
        let (plan, links) = (plan(), links([1, 1]));
        let follower = GroupView { leads: false, ..group(&[]) };
        let alone = GroupView { members: None, ..group(&[]) };
        assert_eq!(condition(&[follower, alone, group(&[(1, 1, 0), (2, 1, 0)])], &plan, &links), None);
        let told = condition(&[group(&[(1, 1, 0)])], &plan, &links).unwrap();
        assert_eq!(told.problems, ["partition 7: 1 of 3 copies"]);
    }
}
