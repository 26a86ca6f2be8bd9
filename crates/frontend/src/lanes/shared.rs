//! What all workers of a frontend know of the partitions in other processes, and what is seen of it from outside.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use partition::{Counters, Incarnation, PartitionId};

/// Figures that are older than this are not those of now.
const FIGURES_LAST: Duration = Duration::from_secs(5);

/// How the partitions are reached at one moment.
#[derive(Clone, Debug)]
pub struct Reach {
    /// By number.
    pub partitions: Vec<PartitionReach>,
    /// Incarnations begun. With each but the first all clients were disconnected, since a partition had forgotten this
    /// frontend, or what it had for it.
    pub incarnations: u64,
}

/// How one partition is reached by all workers.
#[derive(Clone, Debug)]
pub struct PartitionReach {
    pub partition: PartitionId,
    /// The backend that leads it, if every worker's lane to it is open, and the backend is reached.
    pub leader: Option<u16>,
    /// Lanes that are open, at a backend that is reached: one for each worker.
    pub open_lanes: usize,
    /// Bytes of commands that are not known to be taken.
    pub unconfirmed_bytes: u64,
    /// Times that lanes were opened.
    pub openings: u64,
    /// Batches sent again to a leader.
    pub batches_repeated: u64,
}

/// Of one lane, written by its worker.
#[derive(Default)]
struct Seen {
    /// Number of the leader and one; 0 while the lane is not open, or the leader not reached.
    leader: AtomicU32,
    unconfirmed_bytes: AtomicU64,
    openings: AtomicU64,
    batches_repeated: AtomicU64,
}

/// See the module.
pub(crate) struct Far {
    incarnation: AtomicU64,
    incarnations: AtomicU64,
    pub replicas: Vec<Vec<u16>>,
    /// By worker and partition.
    seen: Vec<Box<[Seen]>>,
    /// By partition.
    figures: Mutex<Vec<Option<(Instant, Counters)>>>,
    /// Workers whose clients are gone and whose commands are taken.
    flushed: AtomicUsize,
}

impl Far {
    pub fn new(incarnation: Incarnation, replicas: Vec<Vec<u16>>, workers: usize) -> Self {
        let seen = || replicas.iter().map(|_| Seen::default()).collect();
        Self {
            incarnation: AtomicU64::new(incarnation.0),
            incarnations: AtomicU64::new(1),
            seen: (0..workers).map(|_| seen()).collect(),
            figures: Mutex::new(vec![None; replicas.len()]),
            flushed: AtomicUsize::new(0),
            replicas,
        }
    }

    /// What the process speaks in.
    pub fn incarnation(&self) -> Incarnation {
        Incarnation(self.incarnation.load(Ordering::Acquire))
    }

    /// Ends the incarnation `lost`, if it is the present one still; `known` is the newest that a partition knows. True:
    /// the workers are to be told.
    pub fn begin_anew(&self, lost: Incarnation, known: Incarnation) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let next = now.max(lost.0 + 1).max(known.0.saturating_add(1));
        let begun = self.incarnation.compare_exchange(lost.0, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.incarnations.fetch_add(u64::from(begun), Ordering::Relaxed);
        begun
    }

    pub fn show(&self, worker: u16, partition: usize, lane: &super::lane::Lane, now: u64) {
        let Some(seen) = self.seen.get(usize::from(worker)).and_then(|seen| seen.get(partition)) else { return };
        seen.leader.store(lane.reached(now).map_or(0, |leader| u32::from(leader) + 1), Ordering::Relaxed);
        seen.unconfirmed_bytes.store(lane.bytes() as u64, Ordering::Relaxed);
        seen.openings.store(lane.openings, Ordering::Relaxed);
        seen.batches_repeated.store(lane.repeated, Ordering::Relaxed);
    }

    pub fn reach(&self) -> Reach {
        let partitions = (0..self.replicas.len()).map(|partition| self.reach_of(partition)).collect();
        Reach { partitions, incarnations: self.incarnations.load(Ordering::Relaxed) }
    }

    fn reach_of(&self, partition: usize) -> PartitionReach {
        let lanes = || self.seen.iter().map(|seen| &seen[partition]);
        let sum = |of: fn(&Seen) -> &AtomicU64| lanes().map(|seen| of(seen).load(Ordering::Relaxed)).sum();
        let leaders: Vec<u32> = lanes().map(|seen| seen.leader.load(Ordering::Relaxed)).collect();
        let agreed = leaders.first().filter(|first| **first != 0 && leaders.iter().all(|leader| leader == *first));
        PartitionReach {
            partition: PartitionId(partition as u16),
            leader: agreed.map(|leader| (leader - 1) as u16),
            open_lanes: leaders.iter().filter(|leader| **leader != 0).count(),
            unconfirmed_bytes: sum(|seen| &seen.unconfirmed_bytes),
            openings: sum(|seen| &seen.openings),
            batches_repeated: sum(|seen| &seen.batches_repeated),
        }
    }

    /// A backend has told a partition's figures.
    pub fn tell(&self, partition: PartitionId, counters: Counters) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = figures.get_mut(usize::from(partition.0)) {
            *figures = Some((Instant::now(), counters));
        }
    }

    /// By partition; `None` for those of which nothing was heard lately.
    pub fn figures(&self) -> Vec<Option<Counters>> {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |(at, counters): &(Instant, Counters)| (at.elapsed() < FIGURES_LAST).then_some(*counters);
        figures.iter().map(|figures| figures.as_ref().and_then(lately)).collect()
    }

    /// The figures of all partitions, added up.
    pub fn counters(&self) -> Counters {
        let mut all = Counters::default();
        self.figures().iter().flatten().for_each(|counters| all.add(counters));
        all
    }

    /// One more worker has nothing left to say.
    pub fn flushed(&self) {
        self.flushed.fetch_add(1, Ordering::AcqRel);
    }

    pub fn all_are_flushed(&self) -> bool {
        self.flushed.load(Ordering::Acquire) >= self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::lane::{Lane, Outlet};

    fn far(workers: usize) -> Far {
        Far::new(Incarnation(1000), vec![vec![0], vec![1]], workers)
    }

    #[test]
    fn an_incarnation_ends_once_and_the_next_is_above_all_that_are_known() {
        let far = far(2);
        assert!(far.begin_anew(Incarnation(1000), Incarnation(1000)));
        let second = far.incarnation();
        assert!(second.0 > 1_700_000_000_000, "a time");
        assert!(!far.begin_anew(Incarnation(1000), Incarnation(1000)), "another worker was first");
        // The clock was set back since.
        let known = Incarnation(second.0 + 1_000_000_000);
        assert!(far.begin_anew(second, known));
        assert_eq!(far.incarnation(), Incarnation(known.0 + 1));
        assert_eq!(far.reach().incarnations, 3);
    }

    #[test]
    fn a_leader_is_reached_when_every_worker_has_its_lane_open_there() {
        let far = far(2);
        let mut out = Outlet::default();
        for worker in 0..2 {
            assert_eq!(far.reach().partitions[1].leader, None);
            let mut lane = Lane::new(partition::Lane { frontend: 0, worker }, &[1], Incarnation(1000));
            lane.look(0, |_| true, &mut out);
            lane.on_message(1, partition::lane::ToWorker::Opened { applied: 0 }, 1, 0, &mut out);
            far.show(worker, 1, &lane, 0);
            assert_eq!(far.reach().partitions[1].open_lanes, usize::from(worker) + 1);
        }
        let reach = far.reach();
        assert_eq!((reach.partitions[0].leader, reach.partitions[1].leader), (None, Some(1)));
        assert_eq!(reach.partitions[1].openings, 2);
    }

    #[test]
    fn a_leader_whose_link_is_away_is_not_reached_after_a_second() {
        let far = far(1);
        let mut out = Outlet::default();
        let mut lane = Lane::new(partition::Lane { frontend: 0, worker: 0 }, &[1], Incarnation(1000));
        lane.look(0, |_| true, &mut out);
        lane.on_message(1, partition::lane::ToWorker::Opened { applied: 0 }, 1, 0, &mut out);
        for (now, is_up, leader) in [
            (0, true, Some(1)),
            (10, false, Some(1)),
            (900, false, Some(1)),
            (1010, false, None),
            (1020, true, Some(1)),
        ] {
            lane.look(now, |_| is_up, &mut out);
            far.show(0, 1, &lane, now);
            assert_eq!(far.reach().partitions[1].leader, leader, "at {now}");
        }
    }

    #[test]
    fn figures_of_all_partitions_are_added_up() {
        let far = far(1);
        assert_eq!(far.counters(), Counters::default());
        for partition in [0, 1, 7] {
            far.tell(PartitionId(partition), Counters { sessions: 3, ..Counters::default() });
        }
        assert_eq!((far.counters().sessions, far.figures().len()), (6, 2));
    }
}
