//! What the admin endpoint answers from, put together from the running parts.

use std::sync::Arc;

use auth::authentication::{Counted, Counters};
use backend::{Backend, BackendView};
use config::Plan;
use frontend::Totals;
use partition::PartitionId;

use super::broker::{Broker, Figures, PartitionFigures};
use super::cluster_seat::ClusterSeat;
use super::doors::Doors;
use super::shown::Shown;
use crate::admin::{
    AdminSource, BrokerFigures, BrokerSource, Cardinality, ClusterSource, GroupView, Lanes, LiveBroker, LiveClients,
    Part, Place, Pool,
};
use crate::audit::Recorder;
use crate::dataflows::DataflowsView;
use crate::host;
use crate::self_check::SelfCheckResults;
use crate::traces::Collector;

/// The parts besides broker and listeners.
pub(super) struct Rest {
    pub(super) self_check: SelfCheckResults,
    pub(super) shown: Shown,
    pub(super) traces: Collector,
    pub(super) audit: Recorder,
    pub(super) dataflows: DataflowsView,
    pub(super) authentication: Arc<Counters>,
    /// Starts of the process on its data directory before this one.
    pub(super) restarts: u64,
    /// Its place in a cluster, and what the partitions there hold.
    pub(super) cluster: Option<(ClusterSource, BackendView)>,
}

/// The parts of a backend besides its partitions.
pub(super) struct BackendRest {
    pub(super) shown: Shown,
    pub(super) audit: Recorder,
    /// Starts of the process on its data directory before this one.
    pub(super) restarts: u64,
    pub(super) cluster: ClusterSource,
}

/// At this share of a pool publishes are refused or slowed.
const PRESSURE_PERCENT: u64 = 75;

/// Of a process with clients.
pub(super) fn admin_source(broker: &Broker, doors: &Doors, plan: &Plan, rest: Rest) -> AdminSource {
    let Rest { self_check, shown, traces, audit, dataflows, authentication, restarts, cluster } = rest;
    let (frontend, backend) = broker.views();
    let figures = broker.figures();
    let (place, cardinality) = (place(plan), cardinality(plan));
    let part = if backend.is_some() { Part::Whole } else { Part::Frontend };
    let clients = LiveClients { frontend, traces: traces.store().clone() };
    let (cluster, elsewhere) = cluster.unzip();
    let view = LiveBroker { clients: Some(clients), partitions: backend.or(elsewhere) };
    let (listeners, recorder) = (shown.clone(), audit.clone());
    let broker = BrokerSource {
        part,
        view: Box::new(view),
        figures: Box::new(move || {
            let Figures { frontend, partitions } = figures();
            BrokerFigures {
                pools: vec![Pool {
                    name: "publish",
                    used_bytes: frontend.buffered_bytes,
                    bytes: frontend.back_pressure_bytes / PRESSURE_PERCENT * 100,
                }],
                totals: frontend.totals,
                categories: frontend.categories,
                authentication: authentication.read(),
                spans_dropped: traces.counts().dropped,
                ..of_partitions(
                    (place.clone(), cardinality),
                    (0..).zip(partitions.counters.iter().copied()),
                    &partitions,
                    restarts,
                )
            }
        }),
        self_check,
        listeners: Box::new(move || listeners.listeners()),
        certificates: Box::new(doors.certificates.status()),
    };
    AdminSource {
        broker: Some(broker),
        cluster,
        dataflows,
        audit,
        audited: Box::new(move || recorder.counted()),
        effective: Box::new(move || shown.values()),
    }
}

/// Of a backend.
pub(super) fn backend_source(
    (backend, view): (&Backend, BackendView),
    figures: impl Fn() -> PartitionFigures + Send + Sync + 'static,
    plan: &Plan,
    rest: BackendRest,
) -> AdminSource {
    let BackendRest { shown, audit, restarts, cluster } = rest;
    let (place, recorder) = (place(plan), audit.clone());
    let hosted: Vec<u16> = backend.hosted().iter().map(|partition| partition.0).collect();
    let cardinality = Cardinality { partitions: hosted.len() as u16, ..cardinality(plan) };
    let broker = BrokerSource {
        part: Part::Backend,
        view: Box::new(LiveBroker { clients: None, partitions: Some(view) }),
        figures: Box::new(move || {
            let figures = figures();
            let counters = hosted.iter().copied().zip(figures.counters.iter().copied());
            of_partitions((place.clone(), cardinality), counters, &figures, restarts)
        }),
        self_check: SelfCheckResults::default(),
        listeners: Box::new(Vec::new),
        certificates: Box::new(Vec::new),
    };
    AdminSource {
        broker: Some(broker),
        cluster: Some(cluster),
        dataflows: DataflowsView::default(),
        audit,
        audited: Box::new(move || recorder.counted()),
        effective: Box::new(move || shown.values()),
    }
}

/// The place of a frontend in its cluster, and what the partitions there hold; `None` where they are here.
pub(super) fn frontend_cluster(
    seat: &ClusterSeat,
    broker: &Broker,
    plan: &Plan,
) -> Option<(ClusterSource, BackendView)> {
    let lanes = Lanes::Frontend(broker.reach()?);
    Some((cluster(seat, plan, lanes), seat.membership.whole(plan.partitions.get())))
}

/// The place of a backend in its cluster.
pub(super) fn backend_cluster(seat: &ClusterSeat, backend: &Backend, plan: &Plan) -> ClusterSource {
    let (leads, members, hosted) = (backend.leads(), backend.members(), backend.hosted());
    let groups = move || {
        let (leads, mut members) = (leads(), members());
        let of = |partition: &PartitionId| GroupView {
            partition: *partition,
            leads: leads.contains(partition),
            members: members.iter().position(|(of, _)| of == partition).map(|place| members.swap_remove(place).1),
        };
        hosted.iter().map(of).collect()
    };
    cluster(seat, plan, Lanes::Backend { lanes: Box::new(backend.lanes()), groups: Box::new(groups) })
}

fn cluster(seat: &ClusterSeat, plan: &Plan, lanes: Lanes) -> ClusterSource {
    let encryption = plan.internal.encryption;
    ClusterSource { view: seat.membership.view(), encryption, voice: seat.voice(), lanes }
}

fn place(plan: &Plan) -> Place {
    Place { namespace: plan.namespace.clone(), host: host::name().unwrap_or_default() }
}

fn cardinality(plan: &Plan) -> Cardinality {
    Cardinality { frontend_workers: plan.workers.get(), partitions: plan.partitions.get() }
}

/// The figures that partitions have, and nothing of clients.
fn of_partitions(
    (place, cardinality): (Place, Cardinality),
    counters: impl Iterator<Item = (u16, partition::Counters)>,
    figures: &PartitionFigures,
    restarts: u64,
) -> BrokerFigures {
    BrokerFigures {
        place,
        cardinality,
        totals: Totals::default(),
        categories: Vec::new(),
        authentication: Counted::default(),
        partitions: counters.collect(),
        pools: Vec::new(),
        queue_disk_bytes: figures.queue_disk_bytes,
        is_disk_full: figures.is_disk_full,
        is_queue_disk_full: figures.is_queue_disk_full,
        restarts,
        spans_dropped: 0,
    }
}
