//! What the world was like while the record was made: faults, and what they were allowed to cost.

use std::time::Duration;

/// After a fault is over, so long everything may still be on its way back: a frontend counts as gone after six seconds,
/// a group elects in one, what was stalled arrives. Measured generously: rules that ask for calm only lose cases by it.
pub const AFTERMATH: Duration = Duration::from_secs(8);

/// So long a backend goes on refusing when its disk is full no more.
const REFUSES: Duration = Duration::from_secs(1);

/// What a fault can do to what clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Processes that end, planned or not; connections between processes; disks; certificates.
    Other,
    /// The disk of a backend is full, which refuses publishes.
    FullDisk,
    /// A wall clock that jumps: deadlines of messages, sessions and wills come early or late.
    Clock,
}

#[derive(Clone, Debug)]
pub struct Disturbance {
    pub from: Duration,
    pub until: Duration,
    pub kind: Kind,
    pub text: String,
}

/// Whether the faults may have taken what was acknowledged: docs/operations.md, "What survives what".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Losses {
    #[default]
    None,
    /// A power cut of most holders with `durability: async`, or the loss of the only copy.
    Acknowledged,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    pub disturbances: Vec<Disturbance>,
    pub losses: Losses,
    /// What the backends say waits for sessions after the end of everything: a line for each that has something.
    pub waiting: Vec<String>,
    /// The moment from which nothing is disturbed any more, and every client is connected and reads.
    pub calm_from: Option<Duration>,
}

impl Circumstances {
    /// Whether no fault can be felt in between.
    pub fn is_calm(&self, from: Duration, until: Duration) -> bool {
        self.disturbances.iter().all(|fault| fault.until + AFTERMATH < from || fault.from > until)
    }

    /// Whether publishes may have been refused for a full disk in between.
    pub fn refuse_publishes(&self, from: Duration, until: Duration) -> bool {
        let mut full = self.disturbances.iter().filter(|fault| fault.kind == Kind::FullDisk);
        full.any(|fault| fault.from <= until && from <= fault.until + REFUSES)
    }

    /// Whether all wall clocks went as clocks do, the whole run.
    pub fn clocks_are_true(&self) -> bool {
        self.disturbances.iter().all(|fault| fault.kind != Kind::Clock)
    }
}
