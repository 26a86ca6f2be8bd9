//! What one thread has to say at the end.

use super::counts::Counts;
use super::coverage::Coverage;
use super::fault::Faults;
use super::ledger::Latencies;
use super::process::Usage;

/// How things stood at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Monotonic nanoseconds.
    pub(super) at: u64,
    pub(super) counts: Counts,
    /// Processor time of this process, read by the first thread.
    pub(super) own: u64,
    /// That of the broker, read by the first thread.
    pub(super) broker: Usage,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Making connections, or making and ending them.
    Connecting,
    /// Holding them.
    Holding,
    /// Messages from publishers to subscribers, warm-up left out.
    Measuring,
    /// Messages for sessions that are away.
    Queueing,
    /// These sessions come back for them.
    Draining,
    /// Retained messages are published.
    Storing,
    /// Subscribers come for them.
    Flooding,
}

/// What happened in one part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) part: Part,
    pub(super) from: Mark,
    pub(super) until: Mark,
}

/// Everything one thread found out.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    pub(super) latencies: Latencies,
    pub(super) coverage: Option<Coverage>,
    pub(super) stretches: Vec<Stretch>,
    /// Publishes that the broker has not answered.
    pub(super) unanswered: u64,
    /// With publishers elsewhere: messages between two that came which did not.
    pub(super) missing: u64,
    /// Sessions and retained messages that may be left at the broker.
    pub(super) left_behind: u64,
}
