//! What the admin endpoint answers from, put together from the running parts.

use std::sync::Arc;

use auth::authentication::Counters;
use config::Plan;

use super::broker::{Broker, Figures};
use super::doors::Doors;
use super::shown::Shown;
use crate::admin::{AdminSource, BrokerFigures, Cardinality, LiveBroker, Place, Pool};
use crate::audit::Recorder;
use crate::host;
use crate::self_check::SelfCheckResults;
use crate::traces::Collector;

/// The parts besides broker and listeners.
pub(super) struct Rest {
    pub(super) self_check: SelfCheckResults,
    pub(super) shown: Shown,
    pub(super) traces: Collector,
    pub(super) audit: Recorder,
    pub(super) authentication: Arc<Counters>,
    /// Starts of the process on its data directory before this one.
    pub(super) restarts: u64,
}

/// At this share of a pool publishes are refused or slowed.
const PRESSURE_PERCENT: u64 = 75;

pub(super) fn admin_source(broker: &Broker, doors: &Doors, plan: &Plan, rest: Rest) -> AdminSource {
    let Rest { self_check, shown, traces, audit, authentication, restarts } = rest;
    let (frontend, backend) = broker.views();
    let figures = broker.figures();
    let place = Place { namespace: plan.namespace.clone(), host: host::name().unwrap_or_default() };
    let cardinality = Cardinality { frontend_workers: plan.workers.get(), partitions: plan.partitions.get() };
    let view = LiveBroker { frontend, backend, traces: traces.store().clone() };
    let (listeners, recorder) = (shown.clone(), audit.clone());
    AdminSource {
        view: Box::new(view),
        figures: Box::new(move || {
            let Figures { frontend, partitions, queue_disk_bytes, is_disk_full, is_queue_disk_full } = figures();
            BrokerFigures {
                place: place.clone(),
                cardinality,
                pools: vec![Pool {
                    name: "publish",
                    used_bytes: frontend.buffered_bytes,
                    bytes: frontend.back_pressure_bytes / PRESSURE_PERCENT * 100,
                }],
                totals: frontend.totals,
                categories: frontend.categories,
                authentication: authentication.read(),
                audit: recorder.counted(),
                partitions,
                queue_disk_bytes,
                is_disk_full,
                is_queue_disk_full,
                restarts,
                spans_dropped: traces.counts().dropped,
            }
        }),
        self_check,
        audit,
        listeners: Box::new(move || listeners.listeners()),
        certificates: Box::new(doors.certificates.status()),
        effective: Box::new(move || shown.values()),
    }
}
