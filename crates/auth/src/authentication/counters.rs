//! What authentication did, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::judgement::MethodKind;

/// Counted since the start, over all listeners and all changes of settings.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: [AtomicU64; MethodKind::ALL.len()],
    denied: AtomicU64,
    unavailable: AtomicU64,
    limited: AtomicU64,
    busy: AtomicU64,
    asked: [AtomicU64; MethodKind::ALL.len()],
    unanswered: [AtomicU64; MethodKind::ALL.len()],
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Accepted clients and re-authentications, by the method that accepted.
    pub accepted: Vec<(MethodKind, u64)>,
    /// Refused for their credentials, or for want of any.
    pub denied: u64,
    /// Refused because it could not be found out.
    pub unavailable: u64,
    /// Refused unseen, because their address failed too often.
    pub limited: u64,
    /// Refused unseen, because too many were being judged.
    pub busy: u64,
    /// Requests to servers that know more, by method.
    pub asked: Vec<(MethodKind, u64)>,
    /// Those of them that brought no usable answer.
    pub unanswered: Vec<(MethodKind, u64)>,
}

impl Counters {
    /// Reads all of them.
    pub fn read(&self) -> Counted {
        let each = |counters: &[AtomicU64]| {
            let values = counters.iter().map(|counter| counter.load(Ordering::Relaxed));
            MethodKind::ALL.into_iter().zip(values).collect()
        };
        Counted {
            accepted: each(&self.accepted),
            denied: self.denied.load(Ordering::Relaxed),
            unavailable: self.unavailable.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            asked: each(&self.asked),
            unanswered: each(&self.unanswered),
        }
    }

    pub(crate) fn accepted(&self, by: MethodKind) {
        one_more(&self.accepted[by as usize]);
    }

    pub(crate) fn denied(&self) {
        one_more(&self.denied);
    }

    pub(crate) fn unavailable(&self) {
        one_more(&self.unavailable);
    }

    pub(crate) fn limited(&self) {
        one_more(&self.limited);
    }

    pub(crate) fn busy(&self) {
        one_more(&self.busy);
    }

    pub(crate) fn asked(&self, by: MethodKind) {
        one_more(&self.asked[by as usize]);
    }

    pub(crate) fn unanswered(&self, by: MethodKind) {
        one_more(&self.unanswered[by as usize]);
    }
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
