//! Traced operations: a bounded store of their spans, fed by the frontend.

mod collector;
mod store;

pub(crate) use collector::Collector;
pub(crate) use store::{TraceCounts, TraceStore, TraceSummary};
