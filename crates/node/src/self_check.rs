//! The self-check: the broker as its own client, along every route, at an interval.
//!
//! ```text
//!   SelfCheck (thread, schedule) -> Rounds -> Probe (one client a route) -> frontend::Door
//!                                      |  \-> Trail (what the broker's trace of an operation says)
//!                                      v
//!                                    Tally -> SelfCheckResults -> health, metrics
//! ```

mod checker;
mod probe;
mod report;
mod round;
mod routes;
mod tally;
mod trail;

pub(crate) use checker::SelfCheck;
#[cfg(test)]
pub(crate) use report::Latency;
pub(crate) use report::{Operation, RouteResult, SelfCheckReport, SelfCheckResults, Wildcard};
pub(crate) use round::Surroundings;

#[cfg(test)]
mod tests;
