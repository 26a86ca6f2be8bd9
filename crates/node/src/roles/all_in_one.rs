//! Everything in one process: which part starts when, and in which order they end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth::authentication::Counters;
use config::{ClusterRecord, Host, Plan};
use identity::{Authority, Certificates};
use partition::SlotTable;

use super::admin_seat::AdminSeat;
use super::admin_source;
use super::broker::{Broker, Drained, Parts};
use super::doors::Doors;
use super::gate_seat::GateSeat;
use super::reach::{self, Reach};
use super::reload::{LOOK_EVERY, Reload};
use super::running::Running;
use super::shown::Shown;
use crate::admin::{AdminSettings, Health, SourceSlot};
use crate::audit::{Action, Audit};
use crate::configuration::Configuration;
use crate::data_dir::DataDir;
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
pub(crate) struct Asked {
    pub(crate) reading: Reading,
    pub(crate) host: Host,
    /// Of what is on disk, from which the plan was made.
    pub(crate) signature: Signature,
    pub(crate) plan: Plan,
    pub(crate) logging: Logging,
}

/// Starts everything, serves until a signal comes, and ends everything. Meanwhile it follows what is written down.
///
/// Start: sockets (so that a port in use is known first), certificates, admin endpoint, broker, self-check. Ready means: each of
/// them runs and `listeners.json` is written. End: not ready, self-check, broker, certificate renewal, admin endpoint.
pub(crate) fn run(asked: Asked, signals: &Signals) -> Result<(), StartError> {
    let Asked { reading, host, signature, plan, logging } = asked;
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
    let mut running = start(plan, logging, seat, &source)?;

    running.audit.record(Action::Started { version: env!("CARGO_PKG_VERSION") });
    configuration.started(SystemTime::now());
    health.set_ready(running.broker.is_running());
    running.announce()?;
    print(&greeting(running.plan(), &running.doors.addresses(), &running.doors.certificates.ca_certificate()));
    log_reach(&running);
    systemd::ready(&running.status(&configuration));
    let watchdog = Watchdog::start(running.broker.progress()).map_err(StartError::Thread)?;

    let mut reload = Reload::new(reading, host, configuration, Watch::new(signature));
    let signal = loop {
        match signals.wait(LOOK_EVERY) {
            Some(Wish::End(signal)) => break signal,
            Some(Wish::Reload) => reload.now(&mut running),
            None => reload.look(&mut running),
        }
    };

    tracing::info!(signal, "ending; a second signal ends at once");
    running.audit.record(Action::Ended { signal: signal.to_string() });
    systemd::stopping();
    health.set_draining();
    if running.end(Instant::now() + DRAIN_DEADLINE) == Drained::CutOff {
        let seconds = DRAIN_DEADLINE.as_secs();
        tracing::warn!("not everything came to its end within {seconds} seconds and was cut off");
    }
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    tracing::info!("ended");
    Ok(())
}

fn start(plan: Plan, logging: Logging, seat: AdminSeat, source: &SourceSlot) -> Result<Running, StartError> {
    let data_dir = DataDir::open(&plan.data_dir)?;
    let sockets = Socket::bind_all(&Wanted::of(&plan))?;
    data_dir.remember(ClusterRecord { partitions: plan.partitions })?;
    let restarts = data_dir.count_start()?;

    let authority = Authority::open(&data_dir.tls(), SystemTime::now())?;
    let certificates = Certificates::start(authority).map_err(StartError::Thread)?;
    let counters = Arc::<Counters>::default();
    let mut doors = Doors::new(&plan, sockets, certificates, seat, Arc::clone(&counters))
        .map_err(|problems| StartError::Request(Refused(problems)))?;
    doors.open_admin(&plan).map_err(StartError::Thread)?;

    let traces = Collector::default();
    let spans = traces.set(plan.traces.as_ref()).map_err(StartError::Thread)?;
    let listeners = plan.listeners.iter().map(|listener| doors.frontend_listener(listener));
    let listeners = listeners.collect::<Result<_, _>>().map_err(StartError::Thread)?;
    let gate = GateSeat::start(&plan, &counters).map_err(StartError::Thread)?;
    let (audit, state_dir) =
        (Audit::open(&data_dir.audit(), plan.audit).map_err(StartError::Thread)?, data_dir.partitions());
    let parts =
        Parts { plan: &plan, state_dir: &state_dir, listeners, spans, gate: gate.gate(), denials: audit.sink() };
    let broker = Broker::start(parts)?;

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
        },
    ));
    let surroundings =
        Surroundings { door: broker.door(), slots: SlotTable::even(plan.partitions.get()), traces: traces.clone() };
    let self_tracing = plan.traces.and_then(|traces| traces.self_tracing);
    let self_check =
        SelfCheck::start(plan.self_check, self_tracing, surroundings, results).map_err(StartError::Thread)?;
    Ok(Running { plan, broker, doors, gate, audit, logging, traces, self_check, shown, data_dir })
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
