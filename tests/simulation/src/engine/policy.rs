//! How a seed schedules: how often a thread is interrupted, and who goes next.

use std::time::Duration;

use super::random::Stream;
use super::thread::{Thread, ThreadId};

/// One of so many system calls interrupts the thread.
const CALLS_AN_INTERRUPTION: [u64; 4] = [1, 2, 6, 24];
/// One of so many allocations and looks at a clock interrupts; 0: none does.
const SPOTS_AN_INTERRUPTION: [u64; 4] = [0, 512, 64, 12];
/// One of so many interruptions takes the processor away for a while, as a busy machine does; 0: none does.
const INTERRUPTIONS_A_STALL: [u64; 3] = [0, 4096, 256];
const LONGEST_STALL: Duration = Duration::from_millis(5);
/// A ranked thread that was chosen gets another rank one time in so many.
const TURNS_A_RANK: u64 = 64;
/// Even with ranks, one turn in so many is anybody's, so that nobody waits for ever.
const TURNS_A_LOT: u64 = 16;

#[derive(Debug)]
pub(super) struct Policy {
    order: Order,
    calls: u64,
    spots: u64,
    interruptions: u64,
}

#[derive(Debug)]
enum Order {
    /// Any of the ready threads.
    Lot,
    /// The ready thread with the highest rank, which changes at times: some threads are slow for long.
    Ranks,
}

/// What a call at which a thread could be interrupted does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    None,
    Turn,
    Stall(Duration),
}

impl Policy {
    pub(super) fn draw(random: &mut Stream) -> Self {
        let order = if random.chance(1, 2) { Order::Lot } else { Order::Ranks };
        let mut of = |choices: &[u64]| choices[random.below(choices.len() as u64) as usize];
        Self {
            order,
            calls: of(&CALLS_AN_INTERRUPTION),
            spots: of(&SPOTS_AN_INTERRUPTION),
            interruptions: of(&INTERRUPTIONS_A_STALL),
        }
    }

    pub(super) fn at_call(&self, random: &mut Stream) -> Interruption {
        if !random.chance(1, self.calls) {
            return Interruption::None;
        }
        if self.interruptions > 0 && random.chance(1, self.interruptions) {
            return Interruption::Stall(random.duration(Duration::ZERO, LONGEST_STALL));
        }
        Interruption::Turn
    }

    /// How many spots are passed before [`Self::at_spot`].
    pub(super) fn spots(&self, random: &mut Stream) -> u64 {
        match self.spots {
            0 => u64::MAX,
            spots => random.below(2 * spots),
        }
    }

    pub(super) fn at_spot(&self) -> Interruption {
        if self.spots > 0 { Interruption::Turn } else { Interruption::None }
    }

    /// Where in `ready`, which is not empty, the next thread is.
    pub(super) fn choose(&self, ready: &[ThreadId], threads: &mut [Thread], random: &mut Stream) -> usize {
        let lot = random.below(ready.len() as u64) as usize;
        if matches!(self.order, Order::Lot) || random.chance(1, TURNS_A_LOT) {
            return lot;
        }
        let highest = (0..ready.len()).max_by_key(|at| threads[ready[*at].0].rank).unwrap_or(lot);
        if random.chance(1, TURNS_A_RANK) {
            threads[ready[highest].0].rank = random.number();
        }
        highest
    }
}
