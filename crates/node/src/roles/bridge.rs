//! Dataflows in a process of their own: which part starts when, and in which order they end.

use std::time::{Duration, Instant, SystemTime};

use config::{Host, Plan};

use super::admin_seat::AdminSeat;
use super::bridge_running::{BridgeRunning, Kept};
use super::follower::Follower;
use super::reload::{LOOK_EVERY, Reload};
use crate::admin::{AdminSettings, Health, Purpose, SourceSlot};
use crate::arguments::BridgeFlags;
use crate::audit::Action;
use crate::configuration::Configuration;
use crate::dataflows::Stopped;
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
    pub(crate) flags: BridgeFlags,
    pub(crate) reading: Reading,
    pub(crate) host: Host,
    /// Of what is on disk, from which the plan was made.
    pub(crate) signature: Signature,
    pub(crate) plan: Plan,
}

/// Starts everything, runs dataflows until a signal comes, and ends everything. Meanwhile it follows what is written down.
///
/// Start: the data directory, the admin endpoint, dataflows. Ready means: they have been started, whether they have
/// reached their servers or not. End: not ready, dataflows, admin endpoint.
pub(crate) fn run(asked: Asked) -> Result<(), StartError> {
    let Asked { flags, reading, host, signature, plan } = asked;
    let kept = Kept::of(&flags);
    let logging = Logging::start(kept.log_level(&plan));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting as a bridge");
    for notice in &plan.notices {
        tracing::warn!("{notice}");
    }
    host::raise_open_files_limit();
    host::use_small_pages();
    let signals = Signals::catch().map_err(StartError::Thread)?;
    let (health, configuration, source) = (Health::default(), Configuration::default(), SourceSlot::default());
    let seat = AdminSeat::new(AdminSettings {
        health: health.clone(),
        configuration: configuration.clone(),
        source: source.clone(),
        token: None,
        machine: host::name(),
    });
    let mut running = BridgeRunning::start(plan, kept, logging, seat)?;
    source.provide(running.admin_source());
    running.record(Action::Started { version: env!("CARGO_PKG_VERSION") });
    configuration.started(SystemTime::now());
    health.set_ready(Purpose::Bridge, running.is_running());
    print(&running.greeting());
    systemd::ready(&running.status(&configuration));
    let watchdog = Watchdog::start(running.progress()).map_err(StartError::Thread)?;

    let mut reload = Reload::new(reading, host, configuration, Watch::new(signature));
    let signal = loop {
        match signals.wait(LOOK_EVERY) {
            Some(Wish::End(signal)) => break signal,
            Some(Wish::Reload) => reload.now(&mut running),
            None => {
                reload.look(&mut running);
                running.look_at_authority();
            }
        }
    };

    tracing::info!(signal, "ending; a second signal ends at once");
    running.record(Action::Ended { signal: signal.to_string() });
    systemd::stopping();
    health.set_draining();
    if running.end(Instant::now() + DRAIN_DEADLINE) == Stopped::CutOff {
        let seconds = DRAIN_DEADLINE.as_secs();
        tracing::warn!("not every dataflow came to its end within {seconds} seconds; what was under way is sent again");
    }
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    tracing::info!("ended");
    Ok(())
}
