//! A running hash over what a run decides: two runs with the same hash were the same run.

use std::fmt;
use std::time::Duration;

const PRIME: u64 = 0x0000_0100_0000_01b3;
const VARIABLE: &str = "CAUSEWAY_SIMULATION_TRACE";

#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    turns: u64,
    printed: Printed,
}

/// What goes to stderr as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Printed {
    Nothing,
    Notes,
    Turns,
}

impl Trace {
    pub(super) fn new() -> Self {
        let printed = match std::env::var(VARIABLE).as_deref() {
            Ok("1") => Printed::Notes,
            Ok("2") => Printed::Turns,
            _ => Printed::Nothing,
        };
        Self { hash: 0xcbf2_9ce4_8422_2325, turns: 0, printed }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    pub(super) fn turn(&mut self, thread: usize, now: Duration) {
        self.turns += 1;
        self.mix(thread as u64);
        self.mix(now.as_nanos() as u64);
        if self.printed == Printed::Turns {
            eprintln!("{:>14?} turn {} thread {thread}", now, self.turns);
        }
    }

    pub(super) fn note(&mut self, event: &str, now: Duration) {
        event.bytes().for_each(|byte| self.mix(u64::from(byte)));
        self.say(format_args!("{event}"), now);
    }

    /// Prints what explains the run and is not part of it.
    pub(super) fn say(&self, event: fmt::Arguments<'_>, now: Duration) {
        if self.printed >= Printed::Notes {
            eprintln!("{now:>14?} {event}");
        }
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(PRIME).rotate_left(23);
    }
}
