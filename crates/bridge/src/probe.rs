//! Trying an endpoint step by step, without moving data and without disturbing whoever runs.

mod walk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mqtt::ReasonCode;

use crate::credentials::Surroundings;
use crate::endpoint::{Address, Endpoint};
use crate::failure::{Mishap, Step};

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Probe {
    pub endpoint: Arc<Endpoint>,
    pub role: ProbeRole,
    /// The probe's own: the connection of whoever else has it at the server is closed.
    pub client_id: String,
}

/// What the endpoint is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeRole {
    /// The filters are subscribed to, shared ones in a group of the probe's own.
    Source {
        filters: Vec<String>,
    },
    Destination,
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    pub step: Step,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed {
        /// What was found, for reading.
        note: String,
        took: Duration,
    },
    Failed {
        /// What the server said, if it did.
        code: Option<ReasonCode>,
        /// In words; names no secret.
        text: String,
    },
    Skipped {
        why: String,
    },
}

/// Tries every step in its order, up to the first that fails; those behind it are skipped. Each has a deadline: 60 s for
/// the credential, 20 s for all layers below MQTT, 20 s each for CONNECT and SUBSCRIBE. The session at the server is
/// new, and ends with the connection. Messages that come meanwhile are dropped, unacknowledged.
pub async fn probe(probe: Probe, surroundings: &Surroundings) -> Vec<StepReport> {
    let mut reports = Reports { done: Vec::new(), since: Instant::now() };
    if let Err(mishap) = walk::walk(&probe, surroundings, &mut reports).await {
        let Mishap { step, code, text } = mishap;
        reports.done.push(StepReport { step, outcome: Outcome::Failed { code, text } });
    }
    reports.complete(&probe)
}

/// Reports as they come.
struct Reports {
    done: Vec<StepReport>,
    /// When the step began that comes next.
    since: Instant,
}

impl Reports {
    /// A step has passed; a second time is not reported.
    fn passed(&mut self, step: Step, note: impl Into<String>) {
        let now = Instant::now();
        let took = now - self.since;
        self.since = now;
        if !self.done.iter().any(|report| report.step == step) {
            self.done.push(StepReport { step, outcome: Outcome::Passed { note: note.into(), took } });
        }
    }

    /// Every step in its order: those that were not reached say why.
    fn complete(mut self, probe: &Probe) -> Vec<StepReport> {
        let last = match probe.role {
            ProbeRole::Source { .. } => Step::Subscribe,
            ProbeRole::Destination => Step::Publish,
        };
        let steps = [Step::Token, Step::Dns, Step::Tcp, Step::Tls, Step::WebSocket, Step::Connect, last];
        let mut reports: Vec<StepReport> = Vec::with_capacity(steps.len());
        for step in steps {
            let done =
                self.done.iter().position(|report| report.step == step).map(|index| self.done.swap_remove(index));
            reports.push(done.unwrap_or_else(|| {
                let failed = reports.iter().find(|report| matches!(report.outcome, Outcome::Failed { .. }));
                StepReport { step, outcome: Outcome::Skipped { why: why(step, &probe.endpoint.address, failed) } }
            }));
        }
        reports
    }
}

/// Why a step was not tried.
fn why(step: Step, address: &Address, failed: Option<&StepReport>) -> String {
    match (step, address) {
        (Step::Dns | Step::Tcp | Step::Tls | Step::WebSocket, Address::Memory(_)) => {
            "the server is in this process".to_owned()
        }
        (Step::Tls, Address::Remote(remote)) if remote.tls.is_none() => "the endpoint goes without TLS".to_owned(),
        (Step::WebSocket, Address::Remote(remote)) if remote.websocket.is_none() => {
            "the endpoint goes without WebSocket".to_owned()
        }
        (Step::Publish, _) if failed.is_none() => "a publish cannot be tried without moving data".to_owned(),
        _ => failed.map_or_else(|| "not tried".to_owned(), |report| format!("{} failed", report.step.name())),
    }
}
