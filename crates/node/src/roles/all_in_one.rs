//! Everything in one process: which part starts when, and in which order they end.

use std::time::{Duration, Instant, SystemTime};

use config::{ClusterRecord, Plan};
use identity::{DevelopmentAuthority, Renewal, ServerNames};

use super::broker::{Broker, Drained, Parts};
use crate::admin::{Admin, Health, MetricsSource};
use crate::data_dir::DataDir;
use crate::greeting::greeting;
use crate::host;
use crate::signals::Signals;
use crate::sockets::{Addresses, Sockets};
use crate::start::{StartError, print};

/// From the first signal to the end of the process.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Starts everything, serves until a signal comes, and ends everything.
///
/// Start: sockets (so that a port in use is known first), certificates, admin endpoint, broker. Ready means: each of them
/// runs and `listeners.json` is written. End: not ready, broker, certificate renewal, admin endpoint.
pub(crate) fn run(plan: &Plan, signals: &Signals) -> Result<(), StartError> {
    let data_dir = DataDir::open(&plan.data_dir)?;
    let mut sockets = Sockets::bind(&plan.listeners)?;
    let addresses = sockets.addresses();
    let record = ClusterRecord { partitions: plan.partitions };
    data_dir.remember(record)?;

    let authority = DevelopmentAuthority::open(&data_dir.tls(), names(&addresses), SystemTime::now())?;
    let (tls, ca_certificate) = (authority.server_tls(), authority.ca_certificate());
    let renewal = Renewal::start(authority).map_err(StartError::thread)?;

    let (health, metrics) = (Health::default(), MetricsSource::default());
    let admin = match sockets.admin.take() {
        Some(socket) => {
            let admin = Admin::start(socket, health.clone(), metrics.clone());
            Some(admin.map_err(StartError::thread)?)
        }
        None => None,
    };
    let broker = Broker::start(Parts { plan, state_dir: &data_dir.partitions(), sockets, tls })?;
    metrics.provide(broker.metrics());

    health.set_ready(broker.is_running());
    data_dir.announce_listeners(&addresses.to_json())?;
    print(&greeting(&addresses, &ca_certificate));
    log_reach(&addresses);

    let signal = signals.wait();
    tracing::info!(signal, "ending; a second signal ends at once");
    health.set_draining();
    let deadline = Instant::now() + DRAIN_DEADLINE;
    if broker.drain(deadline) == Drained::CutOff {
        let seconds = DRAIN_DEADLINE.as_secs();
        tracing::warn!("not everything came to its end within {seconds} seconds and was cut off");
    }
    renewal.stop();
    if let Some(admin) = admin {
        admin.stop();
    }
    data_dir.withdraw_listeners()?;
    tracing::info!("ended");
    Ok(())
}

/// What clients may call this server.
fn names(addresses: &Addresses) -> ServerNames {
    let names = ServerNames::local(host::name().as_deref());
    match addresses.mqtts {
        Some(address) => names.and_address(address.ip()),
        None => names,
    }
}

/// Says who can reach the broker.
fn log_reach(addresses: &Addresses) {
    let mut open = false;
    for (listener, address) in addresses.named() {
        tracing::info!(listener, %address, "listening");
        if !address.ip().is_loopback() {
            open = true;
            tracing::warn!(
                listener,
                %address,
                "open to the network without authentication: whoever reaches this address may read and write everything"
            );
        }
    }
    if !open {
        tracing::info!("ready, on loopback only: no other machine can connect");
    }
}
