//! A process with clients, from its start to its end: the broker in one process, or a frontend of a cluster.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth::authentication::Counters;
use config::{ClusterPlan, ClusterRecord, Host, Plan};
use frontend::FarPartitions;
use identity::{Authority, Certificates};
use partition::SlotTable;

use super::admin_seat::AdminSeat;
use super::admin_source;
use super::broker::{Broker, Parts, Place};
use super::cluster_seat::ClusterSeat;
use super::doors::{self, Doors};
use super::follower::Follower;
use super::gate_seat::GateSeat;
use super::reach::{self, Reach};
use super::reload::{LOOK_EVERY, Reload};
use super::running::Running;
use super::shown::Shown;
use crate::admin::{AdminSettings, Health, Purpose, SourceSlot};
use crate::audit::{Action, Audit};
use crate::cluster::{Admission, Membership, fetch_listener_authority};
use crate::configuration::Configuration;
use crate::data_dir::DataDir;
use crate::dataflows::{self, Dataflows, LocalBroker, Share};
use crate::greeting::greeting;
use crate::logging::Logging;
use crate::reading::{Reading, Refused};
use crate::self_check::{SelfCheck, SelfCheckResults, Surroundings};
use crate::signals::{Signals, Wish};
use crate::sockets::{Socket, Wanted};
use crate::sources::{Signature, Watch};
use crate::start::{StartError, print};
use crate::traces::Collector;
use crate::watchdog::Watchdog;
use crate::{host, systemd};

/// From the first signal to the end of the process.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// What a process is started with.
pub(super) struct Asked {
    pub(super) reading: Reading,
    pub(super) host: Host,
    /// Of what is on disk, from which the plan was made.
    pub(super) signature: Signature,
    pub(super) plan: Plan,
    pub(super) logging: Logging,
    /// Which dataflows run here.
    pub(super) share: Share,
    /// Where partitions are, if not here.
    pub(super) cluster: Option<ClusterPlan>,
}

/// What the parts are started with.
struct Start<'a> {
    plan: Plan,
    share: Share,
    logging: Logging,
    cluster: Option<ClusterPlan>,
    health: &'a Health,
    source: &'a SourceSlot,
    signals: &'a Signals,
}

/// How a start ends.
enum Started {
    Running(Box<Running>),
    /// Told to end before that, by the signal of this name.
    Ended(&'static str),
}

/// Starts everything, serves until a signal comes, and ends everything. Meanwhile it follows what is written down.
///
/// Start: sockets (so that a port in use is known first), admin endpoint, the place in a cluster, certificates, broker, self-check.
/// Ready means: each of them runs and `listeners.json` is written; then dataflows begin. End: not ready, self-check, dataflows, broker,
/// certificate renewal, admin endpoint.
pub(super) fn run(asked: Asked, signals: &Signals) -> Result<(), StartError> {
    let Asked { reading, host, signature, plan, logging, share, cluster } = asked;
    let health = Health::default();
    let configuration = Configuration::default();
    let source = SourceSlot::default();
    let seat = AdminSeat::new(AdminSettings {
        health: health.clone(),
        configuration: configuration.clone(),
        source: source.clone(),
        token: None,
        machine: host::name(),
    });
    let host = Host { remembered: Some(ClusterRecord { partitions: plan.partitions }), ..host };
    let problems = dataflows::problems(&plan, &share);
    if !problems.is_empty() {
        return Err(StartError::Request(Refused(problems)));
    }
    let purpose = if cluster.is_some() { Purpose::Frontend } else { Purpose::Broker };
    let parts = Start { plan, share, logging, cluster, health: &health, source: &source, signals };
    let mut running = match start(parts, seat)? {
        Started::Running(running) => *running,
        Started::Ended(signal) => {
            tracing::info!(signal, "ended before it began");
            return Ok(());
        }
    };

    running.audit.record(Action::Started { version: env!("CARGO_PKG_VERSION") });
    configuration.started(SystemTime::now());
    health.set_ready(purpose, running.broker.is_serving());
    running.announce()?;
    print(&greeting(running.plan(), &running.doors.addresses(), &running.doors.certificates.ca_certificate()));
    log_reach(&running);
    systemd::ready(&running.status(&configuration));
    begin_dataflows(&mut running);
    let watchdog = Watchdog::start(running.broker.progress()).map_err(StartError::Thread)?;

    let mut reload = Reload::new(reading, host, configuration, Watch::new(signature));
    let signal = loop {
        match signals.wait(LOOK_EVERY) {
            Some(Wish::End(signal)) => break signal,
            Some(Wish::Reload) => reload.now(&mut running),
            None => reload.look(&mut running),
        }
        running.look_at_cluster();
    };

    tracing::info!(signal, "ending; a second signal ends at once");
    running.audit.record(Action::Ended { signal: signal.to_string() });
    systemd::stopping();
    health.set_draining();
    running.end(Instant::now() + DRAIN_DEADLINE).log(DRAIN_DEADLINE);
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    tracing::info!("ended");
    Ok(())
}

fn start(parts: Start<'_>, seat: AdminSeat) -> Result<Started, StartError> {
    let Start { plan, share, logging, cluster, health, source, signals } = parts;
    let mut seat = seat;
    let data_dir = DataDir::open(&plan.data_dir)?;
    let sockets = Socket::bind_all(&Wanted::of(&plan))?;
    data_dir.remember(ClusterRecord { partitions: plan.partitions })?;
    let restarts = data_dir.count_start()?;

    doors::open_admin(&mut seat, &sockets, &plan).map_err(StartError::Thread)?;
    let state_dir = data_dir.partitions();
    let (cluster, place) =
        match cluster.map(|cluster| join(&cluster, &plan, &data_dir, (health, signals))).transpose()? {
            None => (None, Place::Here(&state_dir)),
            Some(Joined::Member(seat, far)) => (Some(*seat), Place::Elsewhere(far)),
            Some(Joined::Ended(signal)) => return Ok(Started::Ended(signal)),
        };

    let authority = Authority::open(&data_dir.tls(), SystemTime::now())?;
    let certificates = Certificates::start(authority).map_err(StartError::Thread)?;
    let counters = Arc::<Counters>::default();
    let doors = Doors::new(&plan, sockets, certificates, seat, Arc::clone(&counters))
        .map_err(|problems| StartError::Request(Refused(problems)))?;

    let traces = Collector::default();
    let spans = traces.set(plan.traces.as_ref()).map_err(StartError::Thread)?;
    let listeners = plan.listeners.iter().map(|listener| doors.frontend_listener(listener));
    let listeners = listeners.collect::<Result<_, _>>().map_err(StartError::Thread)?;
    let gate = GateSeat::start(&plan, &counters).map_err(StartError::Thread)?;
    let audit = Audit::open(&data_dir.audit(), plan.audit).map_err(StartError::Thread)?;
    let parts = Parts { plan: &plan, partitions: place, listeners, spans, gate: gate.gate(), denials: audit.sink() };
    let broker = Broker::start(parts)?;

    let local = LocalBroker::inside(broker.client_door(), doors.certificates.ca_pem());
    let dataflows = Dataflows::new(data_dir.installation()?, local, share);
    let results = SelfCheckResults::default();
    let shown = Shown::default();
    source.provide(admin_source::admin_source(
        &broker,
        &doors,
        &plan,
        admin_source::Rest {
            self_check: results.clone(),
            shown: shown.clone(),
            traces: traces.clone(),
            audit: audit.recorder(),
            authentication: counters,
            restarts,
            dataflows: dataflows.view(),
            cluster: cluster.as_ref().and_then(|seat| admin_source::frontend_cluster(seat, &broker, &plan)),
        },
    ));
    let surroundings = Surroundings {
        door: broker.door(),
        slots: SlotTable::even(plan.partitions.get()),
        traces: traces.clone(),
        ordinal: plan.cluster.as_ref().map(|cluster| cluster.us.ordinal),
    };
    let self_tracing = plan.traces.and_then(|traces| traces.self_tracing);
    let self_check =
        SelfCheck::start(plan.self_check, self_tracing, surroundings, results).map_err(StartError::Thread)?;
    let running =
        Running { plan, broker, dataflows, doors, gate, audit, logging, traces, self_check, shown, data_dir, cluster };
    Ok(Started::Running(Box::new(running)))
}

/// How a frontend comes by its place in its cluster.
enum Joined {
    Member(Box<ClusterSeat>, FarPartitions),
    /// Told to end before that, by the signal of this name.
    Ended(&'static str),
}

fn join(
    cluster: &ClusterPlan,
    plan: &Plan,
    data_dir: &DataDir,
    (health, signals): (&Health, &Signals),
) -> Result<Joined, StartError> {
    let tell = |what: &str| health.set_waiting(what);
    match Membership::take((cluster, &plan.internal), data_dir, signals, tell)? {
        Admission::Member(membership) => {
            if let Some(signal) = fetch_listener_authority(&membership, &data_dir.tls(), signals, tell)? {
                return Ok(Joined::Ended(signal));
            }
            let (seat, far) = ClusterSeat::of_frontend(*membership, plan).map_err(StartError::Thread)?;
            Ok(Joined::Member(Box::new(seat), far))
        }
        Admission::Ended(signal) => Ok(Joined::Ended(signal)),
    }
}

/// Has the dataflows of the plan run. The broker serves with or without them.
fn begin_dataflows(running: &mut Running) {
    let problems = match running.dataflows.ready(running.plan()) {
        Ok(roster) => {
            if roster.runs() > 0 {
                tracing::info!(instances = roster.runs(), "dataflows begin");
            }
            running.run(roster).into_iter().collect()
        }
        Err(problems) => problems,
    };
    for problem in problems {
        tracing::error!(%problem, "dataflows do not run");
    }
}

/// Says who can reach the broker.
fn log_reach(running: &Running) {
    let addresses = running.doors.addresses().into_iter();
    let reaches = addresses.map(|(name, address)| reach::log_listening(running.plan(), &name, address));
    // Every listener is told of.
    if reaches.filter(|reach| *reach == Reach::Network).count() == 0 {
        tracing::info!("ready, on loopback only: no other machine can connect");
    }
}
