//! Partitions in a process of their own: which part starts when, and in which order they end.

use std::time::{Duration, Instant, SystemTime};

use config::{ClusterPlan, ClusterRecord, Host, Plan};

use super::admin_seat::AdminSeat;
use super::backend_running::{BackendRunning, Start, Started};
use super::follower::Follower;
use super::reload::{LOOK_EVERY, Reload};
use crate::admin::{AdminSettings, Health, Purpose, SourceSlot};
use crate::audit::Action;
use crate::configuration::Configuration;
use crate::logging::Logging;
use crate::reading::Reading;
use crate::signals::{Signals, Wish};
use crate::sources::{Signature, Watch};
use crate::start::{StartError, print};
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
    pub(crate) cluster: ClusterPlan,
    pub(crate) logging: Logging,
}

/// Starts everything, serves frontends until a signal comes, and ends everything. Meanwhile it follows what is written down.
///
/// Start: sockets, admin endpoint, the place in the cluster, partitions, links. Ready means: the state of its partitions is complete,
/// and frontends are let in. End: not ready, the internal port, partitions (which sync their logs), links, admin endpoint.
pub(crate) fn run(asked: Asked, signals: &Signals) -> Result<(), StartError> {
    let Asked { reading, host, signature, plan, cluster, logging } = asked;
    let (health, configuration, source) = (Health::default(), Configuration::default(), SourceSlot::default());
    let seat = AdminSeat::new(AdminSettings {
        health: health.clone(),
        configuration: configuration.clone(),
        source: source.clone(),
        token: None,
        machine: host::name(),
    });
    let host = Host { remembered: Some(ClusterRecord { partitions: plan.partitions }), ..host };
    let start = Start { plan, cluster, logging, seat, cores: host.cores, health: &health, signals };
    let mut running = match BackendRunning::start(start)? {
        Started::Running(running) => *running,
        Started::Ended(signal) => {
            tracing::info!(signal, "ended before it began");
            return Ok(());
        }
    };
    source.provide(running.admin_source());
    running.record(Action::Started { version: env!("CARGO_PKG_VERSION") });
    configuration.started(SystemTime::now());
    health.set_ready(Purpose::Backend, running.is_running());
    print(&running.greeting());
    systemd::ready(&running.status(&configuration));
    let watchdog = Watchdog::start(running.progress()).map_err(StartError::Thread)?;

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
    running.record(Action::Ended { signal: signal.to_string() });
    systemd::stopping();
    health.set_draining();
    running.end(Instant::now() + DRAIN_DEADLINE).log(DRAIN_DEADLINE);
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    tracing::info!("ended");
    Ok(())
}
