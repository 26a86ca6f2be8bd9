//! The way of an errand: what waits to go, how many are gone, and how many may.

use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) struct Way {
    /// Numbers of messages that wait, in their order.
    waiting: BTreeSet<u64>,
    under_way: usize,
    window: usize,
    pace: Pace,
    /// Answers due until the pace is free again, while probing.
    probes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As many as the window allows.
    Free,
    /// None: the last was refused for now.
    Held,
    /// One at a time, until as many as there are probes are answered otherwise.
    Probing,
}

impl Way {
    pub fn new(window: u16) -> Self {
        let window = usize::from(window.max(1));
        Self { waiting: BTreeSet::new(), under_way: 0, window, pace: Pace::Free, probes: 0 }
    }

    pub fn under_way(&self) -> usize {
        self.under_way
    }

    pub fn add(&mut self, number: u64) {
        self.waiting.insert(number);
    }

    /// The next message, if one may go.
    pub fn take(&mut self) -> Option<u64> {
        let window = match self.pace {
            Pace::Free => self.window,
            Pace::Probing => 1,
            Pace::Held => 0,
        };
        if self.under_way >= window {
            return None;
        }
        let number = self.waiting.pop_first()?;
        self.under_way += 1;
        Some(number)
    }

    /// A message is back, whatever became of it.
    pub fn back(&mut self) {
        debug_assert!(self.under_way > 0, "none was under way");
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// A message got an answer that is not "not now".
    pub fn answered(&mut self) {
        if self.pace == Pace::Probing {
            self.probes = self.probes.saturating_sub(1);
            if self.probes == 0 {
                self.pace = Pace::Free;
            }
        }
    }

    pub fn hold(&mut self) {
        self.pace = Pace::Held;
    }

    pub fn is_held(&self) -> bool {
        self.pace == Pace::Held
    }

    /// Goes on with one, behind those that are still gone: what comes back of them is no answer to it, and some of them
    /// have to go again before what is behind them.
    pub fn retry(&mut self) {
        if self.pace == Pace::Held {
            self.pace = Pace::Probing;
            self.probes = self.probes.max(self.under_way + 1);
        }
    }

    /// One of those that were under way does harm: they go one at a time.
    pub fn doubt(&mut self) {
        self.probes = self.window;
        if self.pace == Pace::Free {
            self.pace = Pace::Probing;
        }
    }
}
