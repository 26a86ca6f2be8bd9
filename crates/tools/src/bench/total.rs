//! What all threads found out together.

use super::counts::{Count, Counts};
use super::coverage::Coverage;
use super::fault::Faults;
use super::ledger::Latencies;
use super::outcome::{Outcome, Stretch};

/// Sums over all threads.
pub(super) struct Total {
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    pub(super) latencies: Latencies,
    pub(super) unanswered: u64,
    pub(super) missing: u64,
    pub(super) left_behind: u64,
    /// By part, one of each thread.
    pub(super) stretches: Vec<Vec<Stretch>>,
}

impl Total {
    pub(super) fn of(outcomes: Vec<Outcome>) -> Self {
        let mut total = Self {
            counts: Counts::default(),
            faults: Faults::default(),
            latencies: Latencies::new(),
            unanswered: 0,
            missing: 0,
            left_behind: 0,
            stretches: Vec::new(),
        };
        let mut coverage: Option<Coverage> = None;
        for outcome in outcomes {
            total.counts.add(&outcome.counts);
            total.faults.merge(&outcome.faults);
            total.latencies.merge(&outcome.latencies);
            total.unanswered += outcome.unanswered;
            total.missing += outcome.missing;
            total.left_behind += outcome.left_behind;
            for stretch in outcome.stretches {
                match total.stretches.iter_mut().find(|part| part[0].part == stretch.part) {
                    Some(part) => part.push(stretch),
                    None => total.stretches.push(vec![stretch]),
                }
            }
            match (&mut coverage, outcome.coverage) {
                // Members on several threads that had one message both saw it for the first time there.
                (Some(all), Some(one)) => total.counts[Count::Repeated] += all.merge(&one),
                (all, one) => *all = one,
            }
        }
        total
    }
}
