//! What a partition remembers of the lanes of frontends in other processes: what was applied, what was answered.

use std::collections::BTreeMap;

use crate::address::{Incarnation, Lane};
use crate::command::Numbered;
use crate::effects::Effects;
use crate::sabotage::{Guard, is_broken};
use crate::wire::{DecodeError, Reader, Write};

/// So many batches back it is known which were applied; a worker keeps fewer.
pub const BATCH_WINDOW: u64 = 4096;

/// Where a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneState {
    pub incarnation: Incarnation,
    /// The highest number of the batches that were applied.
    pub applied: u64,
    /// How many answers have been numbered.
    pub answered: u64,
    /// How many of them the worker has said that it has received.
    pub received: u64,
}

/// What a frontend process is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontendState {
    pub frontend: u16,
    pub incarnation: Incarnation,
    /// Declared gone: nothing that this incarnation says is heard any more.
    pub is_gone: bool,
}

/// What a batch is to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Of the incarnation that is known.
    Current,
    /// Of a newer one: whatever the frontend had is gone.
    Newer,
    /// Of an older one, or one that was declared gone.
    Past,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    frontends: BTreeMap<u16, FrontendState>,
    lanes: BTreeMap<Lane, Progress>,
}

/// Of the incarnation that is known of the frontend.
#[derive(Debug)]
struct Progress {
    applied: u64,
    answered: u64,
    received: u64,
    recent: Recent,
}

/// Which of the last [`BATCH_WINDOW`] numbers were applied: those that were not logged are missing, and may be asked
/// for after the leader that took them has gone.
#[derive(Debug)]
struct Recent(Box<[u64; RECENT_WORDS]>);

const RECENT_WORDS: usize = BATCH_WINDOW as usize / 64;

impl Lanes {
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(crate) fn sender(&self, lane: Lane, incarnation: Incarnation) -> Sender {
        match self.frontends.get(&lane.frontend) {
            Some(known) if known.incarnation > incarnation => Sender::Past,
            Some(known) if known.incarnation == incarnation && known.is_gone => Sender::Past,
            Some(known) if known.incarnation == incarnation => Sender::Current,
            _ => Sender::Newer,
        }
    }

    /// The frontend has begun anew.
    pub(crate) fn begin(&mut self, frontend: u16, incarnation: Incarnation) {
        self.forget(frontend);
        self.frontends.insert(frontend, FrontendState { frontend, incarnation, is_gone: false });
    }

    /// The frontend is gone; whether it had lanes.
    pub(crate) fn end(&mut self, frontend: u16) -> bool {
        let Some(known) = self.frontends.get_mut(&frontend) else { return false };
        known.is_gone = true;
        self.forget(frontend);
        true
    }

    fn forget(&mut self, frontend: u16) {
        self.lanes.retain(|lane, _| lane.frontend != frontend);
    }

    /// Notes a batch of the current incarnation; whether it is to be applied.
    pub(crate) fn take(&mut self, numbered: &Numbered) -> bool {
        let progress = self.lanes.entry(numbered.lane).or_insert_with(Progress::new);
        progress.received = progress.received.max(numbered.received.min(progress.answered));
        progress.take(numbered.number)
    }

    /// Whether a batch of the lane would be applied, if it is of the current incarnation.
    pub(crate) fn would_take(&self, lane: Lane, number: u64) -> bool {
        self.lanes.get(&lane).is_none_or(|progress| !progress.has_applied(number))
    }

    /// Numbers the replies of `out` from position `from` on that are for lanes.
    pub(crate) fn number(&mut self, from: usize, out: &mut Effects) {
        let Self { lanes, .. } = self;
        out.number(from, |to| {
            let progress = lanes.get_mut(&to.lane())?;
            progress.answered += 1;
            Some(progress.answered)
        });
    }

    pub(crate) fn lane(&self, lane: Lane) -> Option<LaneState> {
        let (progress, frontend) = (self.lanes.get(&lane)?, self.frontends.get(&lane.frontend)?);
        let Progress { applied, answered, received, .. } = *progress;
        Some(LaneState { incarnation: frontend.incarnation, applied, answered, received })
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = Lane> {
        self.lanes.keys().copied()
    }

    /// Ascending by number.
    pub(crate) fn frontends(&self) -> impl Iterator<Item = FrontendState> {
        self.frontends.values().copied()
    }

    pub(crate) fn frontend(&self, frontend: u16) -> Option<FrontendState> {
        self.frontends.get(&frontend).copied()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.varint(self.frontends.len() as u64);
        for known in self.frontends.values() {
            out.u16(known.frontend);
            out.u64(known.incarnation.0);
            out.bool(known.is_gone);
        }
        out.varint(self.lanes.len() as u64);
        for (lane, progress) in &self.lanes {
            out.lane(*lane);
            for number in [progress.applied, progress.answered, progress.received] {
                out.u64(number);
            }
            progress.recent.0.iter().for_each(|word| out.u64(*word));
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut all = Self::default();
        for _ in 0..r.varint()? {
            let frontend = r.u16()?;
            let known = FrontendState { frontend, incarnation: r.incarnation()?, is_gone: r.bool()? };
            all.frontends.insert(frontend, known);
        }
        for _ in 0..r.varint()? {
            let lane = r.lane()?;
            if all.frontends.get(&lane.frontend).is_none_or(|known| known.is_gone) {
                return Err(DecodeError::Inconsistent("a lane of no frontend"));
            }
            all.lanes.insert(lane, Progress::read(r)?);
        }
        Ok(all)
    }
}

impl Progress {
    fn new() -> Self {
        Self { applied: 0, answered: 0, received: 0, recent: Recent(Box::new([0; RECENT_WORDS])) }
    }

    fn has_applied(&self, number: u64) -> bool {
        let is_past = |behind| (behind >= BATCH_WINDOW || self.recent.has(number)) && !is_broken(Guard::LaneRepeats);
        number == 0 || self.applied.checked_sub(number).is_some_and(is_past)
    }

    fn take(&mut self, number: u64) -> bool {
        if self.has_applied(number) {
            return false;
        }
        if number > self.applied {
            self.recent.forget(self.applied, number);
            self.applied = number;
        }
        self.recent.add(number);
        true
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut progress =
            Self { applied: r.counter()?, answered: r.counter()?, received: r.counter()?, ..Self::new() };
        for word in progress.recent.0.iter_mut() {
            *word = r.u64()?;
        }
        Ok(progress)
    }
}

impl Recent {
    fn place(number: u64) -> (usize, u64) {
        let place = number % BATCH_WINDOW;
        ((place / 64) as usize, 1 << (place % 64))
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.0[word] & bit != 0
    }

    fn add(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.0[word] |= bit;
    }

    /// Of what has the places of the numbers behind `last` up to `number`.
    fn forget(&mut self, last: u64, number: u64) {
        if number - last >= BATCH_WINDOW {
            self.0.fill(0);
            return;
        }
        for number in last + 1..=number {
            let (word, bit) = Self::place(number);
            self.0[word] &= !bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_what_was_left_out_may_come_later() {
        let mut progress = Progress::new();
        for number in [1, 2, 5, 4, 64, 63, 65] {
            assert!(progress.take(number), "{number}");
            assert!(!progress.take(number), "{number} again");
        }
        assert!(!progress.take(0) && progress.take(3) && progress.take(62));
        assert_eq!(progress.applied, 65);
    }

    #[test]
    fn what_lies_a_window_back_counts_as_taken() {
        let mut progress = Progress::new();
        assert!(progress.take(1) && progress.take(3));
        assert!(progress.take(BATCH_WINDOW + 1));
        assert!(progress.take(2), "within the window still");
        assert!(!progress.take(1) && !progress.take(3));
        assert!(progress.take(BATCH_WINDOW + 3));
        assert!(!progress.take(2) && !progress.take(3), "behind it");
        assert!(progress.take(4) && progress.take(BATCH_WINDOW + 2));
        assert!(progress.take(10 * BATCH_WINDOW) && progress.take(9 * BATCH_WINDOW + 1));
        assert!(!progress.take(9 * BATCH_WINDOW));
    }

    #[test]
    fn numbers_far_apart_leave_nothing_of_those_before() {
        let mut progress = Progress::new();
        assert!(progress.take(7));
        assert!(progress.take(7 + BATCH_WINDOW));
        assert!(progress.take(6 + 2 * BATCH_WINDOW));
        for number in 7 + BATCH_WINDOW + 1..6 + 2 * BATCH_WINDOW {
            assert!(progress.take(number), "{number}");
        }
    }
}
