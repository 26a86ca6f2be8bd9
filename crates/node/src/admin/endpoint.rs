//! What every request is answered from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use axum::http::StatusCode;
use config::SecretText;

use super::access::{Access, Refusal, Request, Shown};
use super::certificates::Certificates;
use super::condition::{Condition, ReasonCode, Standing, Status};
use super::dataflows;
use super::health::Health;
use super::problem::Problem;
use super::source::{AdminSettings, AdminSource, BrokerSource};
use super::view::ViewError;
use crate::audit::{Action, Asker, AuditCounted};
use crate::configuration::ConfigurationReport;

/// Shared by all requests; clones are the same.
#[derive(Clone)]
pub(super) struct Endpoint(Arc<Inside>);

struct Inside {
    settings: AdminSettings,
    access: Access,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl Endpoint {
    pub(super) fn new(settings: AdminSettings) -> Self {
        let access = Access::new(settings.token.clone(), settings.machine.as_deref());
        Self(Arc::new(Inside { settings, access, refused: Default::default() }))
    }

    pub(super) fn set_token(&self, token: Option<SecretText>) {
        self.0.access.set_token(token);
    }

    /// Checks who asks, from where, and counts and records refusals.
    pub(super) fn check(&self, request: &Request<'_>, peer: SocketAddr) -> Result<Asker, Problem> {
        let by = |shown| match shown {
            Shown::Token => Asker::Token(peer),
            Shown::Nothing => Asker::Anybody(peer),
        };
        self.0.access.check(request).map(by).map_err(|(shown, refusal)| {
            self.0.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
            let request = format!("{} {}", request.method, request.uri.path());
            self.record(Action::RequestRefused { by: by(shown), request, why: refusal.name() });
            refusal.problem()
        })
    }

    /// Takes down what is done here. Before the process runs there is nothing to do, and nothing is recorded.
    pub(super) fn record(&self, action: Action) {
        if let Some(source) = self.0.settings.source.source() {
            source.audit.record(action);
        }
    }

    /// Requests refused so far, by their reason.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL.into_iter().map(|refusal| {
            let count = self.0.refused[refusal as usize].load(Ordering::Relaxed);
            (refusal.name(), count)
        })
    }

    /// The running broker.
    ///
    /// # Errors
    /// It does not run yet, or there is none in this process.
    pub(super) fn broker(&self) -> Result<&BrokerSource, Problem> {
        self.running()?.broker.as_ref().ok_or_else(Problem::no_broker)
    }

    /// What runs here.
    ///
    /// # Errors
    /// It does not run yet.
    pub(super) fn running(&self) -> Result<&AdminSource, Problem> {
        self.0.settings.source.source().ok_or_else(Problem::not_running)
    }

    pub(super) fn health(&self) -> &Health {
        &self.0.settings.health
    }

    pub(super) fn configuration(&self) -> ConfigurationReport {
        self.0.settings.configuration.report()
    }

    /// Looks at everything that makes up the broker's condition.
    pub(super) fn look(&self) -> Standing {
        let now = SystemTime::now();
        let mut conditions: Vec<_> = self.health().stage_condition().into_iter().collect();
        conditions.extend(configuration_conditions(&self.configuration()));
        if let Some(source) = self.0.settings.source.source() {
            if let Some(broker) = &source.broker {
                conditions.extend(broker_conditions(broker, self.health().certificates(), now));
            }
            if let Some(cluster) = &source.cluster {
                conditions.extend(cluster.conditions(now));
            }
            conditions.extend(audit_condition((source.audited)()));
            conditions.extend(dataflows::condition(&source.dataflows.dataflows()));
        }
        self.name_unled(&mut conditions);
        self.health().history().look(conditions, now)
    }

    /// Says which partitions are not reached, where that is what is wrong.
    fn name_unled(&self, conditions: &mut [Condition]) {
        let Some(cluster) = self.0.settings.source.source().and_then(|source| source.cluster.as_ref()) else { return };
        for condition in conditions.iter_mut().filter(|condition| condition.reason == ReasonCode::PartitionUnreached) {
            condition.problems = cluster.unled();
        }
    }
}

fn configuration_conditions(report: &ConfigurationReport) -> impl Iterator<Item = Condition> {
    let rejected = (!report.problems.is_empty()).then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::ConfigurationRejected,
        message: "the configuration as it is written was refused; the one before stays in effect".to_owned(),
        problems: report.problems.clone(),
    });
    let pending = (!report.restart_pending.is_empty()).then(|| Condition {
        status: Status::Available,
        reason: ReasonCode::RestartPending,
        message: "changes wait for the next start of the process".to_owned(),
        problems: report.restart_pending.clone(),
    });
    rejected.into_iter().chain(pending)
}

fn broker_conditions(source: &BrokerSource, certificates: &Certificates, now: SystemTime) -> Vec<Condition> {
    let (listeners, statuses) = ((source.listeners)(), (source.certificates)());
    let mut conditions = certificates.conditions(&listeners, &statuses, now);
    let failures = source.self_check.report().failures;
    if let Some(first) = failures.first() {
        conditions.push(Condition {
            status: Status::Degraded,
            reason: ReasonCode::BrokerProbeFailed,
            message: first.clone(),
            problems: failures,
        });
    }
    let figures = (source.figures)();
    if figures.is_disk_full {
        conditions.push(Condition {
            status: Status::Degraded,
            reason: ReasonCode::DiskFull,
            message: "publishes that need the disk are refused: free space where --data-dir is".to_owned(),
            problems: Vec::new(),
        });
    }
    if figures.is_queue_disk_full {
        conditions.push(Condition {
            status: Status::Degraded,
            reason: ReasonCode::DiskBufferFull,
            message: "publishes that would be queued are refused: the queues hold diskBackedMessageBuffer.maxSize"
                .to_owned(),
            problems: Vec::new(),
        });
    }
    conditions
}

fn audit_condition(counted: AuditCounted) -> Option<Condition> {
    counted.is_failing.then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::AuditLogFailed,
        message: "the audit log cannot be written and entries are lost: the log says why".to_owned(),
        problems: Vec::new(),
    })
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        let status = match error {
            ViewError::Late => StatusCode::GATEWAY_TIMEOUT,
            ViewError::Stopped | ViewError::Unreached(_) => StatusCode::SERVICE_UNAVAILABLE,
            ViewError::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            ViewError::Cursor => {
                let text = "there is no such place in this list";
                return Self::not_found(text).at("query parameter after", text, "what the page before gave as next");
            }
            ViewError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ViewError::Elsewhere(_) => StatusCode::NOT_FOUND,
        };
        Self::new(status, error.to_string())
    }
}
