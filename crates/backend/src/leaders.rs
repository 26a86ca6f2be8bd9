//! Who leads which partition, as far as this process knows: its own replicas say so of theirs, other backends of what
//! they lead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use partition::PartitionId;

use crate::placement::Placement;

/// What is believed of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct Belief {
    /// The latest that somebody was heard of to lead in.
    term: u64,
    leader: Option<u16>,
    /// Who is to lead when this process does no more.
    heir: Option<u16>,
}

/// See the module. Shared by all threads of the process.
pub(crate) struct Leaders {
    us: u16,
    beliefs: Mutex<Vec<Belief>>,
    changes: AtomicU64,
}

impl Leaders {
    /// Until something is heard, whoever stands first in the placement.
    pub fn new(us: u16, placement: &Placement) -> Self {
        let first = |replicas: &Vec<u16>| Belief { leader: replicas.first().copied(), ..Belief::default() };
        let beliefs = placement.0.iter().map(first).collect();
        Self { us, beliefs: Mutex::new(beliefs), changes: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Belief>> {
        // Nothing panics while the lock is held.
        self.beliefs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn us(&self) -> u16 {
        self.us
    }

    pub fn of(&self, partition: PartitionId) -> Option<u16> {
        self.lock().get(usize::from(partition.0))?.leader
    }

    /// Goes up whenever a partition has another leader.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// What this process leads, with the terms.
    pub fn ours(&self) -> Vec<(PartitionId, u64)> {
        let beliefs = self.lock();
        let all = (0u16..).map(PartitionId).zip(beliefs.iter());
        all.filter(|(_, belief)| belief.leader == Some(self.us)).map(|(id, belief)| (id, belief.term)).collect()
    }

    /// Somebody leads a partition in a term; what is said of an earlier one is passed over.
    pub fn leads(&self, partition: PartitionId, leader: u16, term: u64) {
        self.update(partition, |belief| {
            if term >= belief.term {
                *belief = Belief { term, leader: Some(leader), heir: None };
            }
        });
    }

    /// A replica of this process follows; it may not know whom.
    pub fn follows(&self, partition: PartitionId, leader: Option<u16>) {
        self.update(partition, |belief| {
            if leader.is_some() || belief.leader == Some(self.us) {
                belief.leader = leader.or(belief.heir.take());
            }
        });
    }

    /// This process leads, and hands over.
    pub fn hands_over(&self, partition: PartitionId, heir: u16) {
        self.update(partition, |belief| belief.heir = Some(heir));
    }

    fn update(&self, partition: PartitionId, change: impl FnOnce(&mut Belief)) {
        let mut beliefs = self.lock();
        let Some(belief) = beliefs.get_mut(usize::from(partition.0)) else { return };
        let before = belief.leader;
        change(belief);
        if belief.leader != before {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(1);

    #[test]
    fn the_latest_word_counts() {
        let leaders = Leaders::new(2, &Placement(vec![vec![0], vec![1, 2]]));
        assert_eq!(leaders.of(P), Some(1));
        leaders.leads(P, 2, 5);
        assert_eq!((leaders.of(P), leaders.changes(), leaders.ours()), (Some(2), 1, vec![(P, 5)]));
        leaders.leads(P, 1, 4);
        assert_eq!(leaders.of(P), Some(2), "an earlier term");
        leaders.follows(P, None);
        assert_eq!(leaders.of(P), None);
        leaders.leads(P, 2, 5);
        leaders.hands_over(P, 0);
        leaders.follows(P, None);
        assert_eq!(leaders.of(P), Some(0));
        leaders.leads(P, 1, 6);
        leaders.follows(P, None);
        assert_eq!((leaders.of(P), leaders.of(PartitionId(9))), (Some(1), None));
    }
}
