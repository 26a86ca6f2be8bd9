//! The life of a cluster to try out.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use config::{ClusterRole, Encryption, Host, InternalTraffic, LogLevel};
use identity::internal::AuthoritySettings;

use super::DevClusterError;
use super::fleet::Fleet;
use super::free_ports::look_free;
use super::greeting::greeting;
use super::layout::{CLUSTER, Layout, Member};
use crate::arguments::{Arguments, DevClusterFlags, Errand};
use crate::certs;
use crate::data_dir::DataDir;
use crate::host;
use crate::logging::Logging;
use crate::reading::Reading;
use crate::signals::{Signals, Wish};
use crate::start::{StartError, print};

/// How long the tokens of one start are good.
const TOKENS_LAST: Duration = Duration::from_secs(3600);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Starts the cluster, looks after it until a signal comes, and ends it.
pub(crate) fn run(flags: DevClusterFlags) -> Result<(), StartError> {
    // Before threads and processes, of which none outlives what is wrong here.
    let held = DataDir::open(&flags.data_dir)?;
    let layout = Layout::of(&flags, held.path())?;
    let internal = checked(&layout)?;
    look_free(layout.addresses())?;
    Logging::start(LogLevel::Info);
    let signals = Signals::catch().map_err(StartError::Thread)?;
    if internal.encryption == Encryption::Enabled {
        initiate(&layout, &internal)?;
    }
    let program = std::env::current_exe().map_err(DevClusterError::Program)?;
    let name = program.to_string_lossy().into_owned();
    tracing::info!(backends = flags.backends, frontends = flags.frontends, "starting a cluster");
    // The processes end with the thread that starts them, which is this one, the first of all.
    let mut fleet = Fleet::start(program, &layout, &signals)?;
    held.announce_listeners(&layout.addresses().collect())?;
    let ids = fleet.ids().collect::<BTreeMap<_, _>>();
    print(&greeting(&layout, internal.encryption, (&name, held.path()), &ids));
    tracing::info!("ready");
    let signal = loop {
        match signals.wait(LOOK_EVERY) {
            Some(Wish::End(signal)) => break signal,
            Some(Wish::Reload) => {
                tracing::warn!("what processes read is read by them; this one has nothing to read again")
            }
            None => fleet.look_after(),
        }
    };
    tracing::info!(signal, "ending; a second signal ends at once");
    held.withdraw_listeners()?;
    fleet.end();
    tracing::info!("ended");
    Ok(())
}

/// What the processes would say of their flags, before any is started: how they are to talk, or what is wrong.
pub(super) fn checked(layout: &Layout) -> Result<InternalTraffic, DevClusterError> {
    let mut internal = InternalTraffic::default();
    for member in &layout.members {
        let reading = reading(member)?;
        let host = Host { cores: host::cores(), remembered: DataDir::remembered(&reading.flags.data_dir())? };
        internal = reading.plan(&host).1?.internal;
    }
    Ok(internal)
}

fn reading(member: &Member) -> Result<Reading, DevClusterError> {
    let line = [OsStr::new("causeway")].into_iter().chain(member.arguments.iter().map(AsRef::as_ref));
    match Arguments::try_parse_from(line).map_err(DevClusterError::Flags)?.errand {
        Some(Errand::Frontend(flags)) => Ok(flags.reading()),
        Some(Errand::Backend(flags)) => Ok(flags.reading()),
        _ => Err(DevClusterError::Flags(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand))),
    }
}

/// Makes the authority and the tokens where the first backend will find them.
fn initiate(layout: &Layout, internal: &InternalTraffic) -> Result<(), DevClusterError> {
    let Some(first) = layout.of_role(ClusterRole::Backend).next() else { return Ok(()) };
    let data_dir = open(&first.data_dir)?;
    let roles = [ClusterRole::Frontend, ClusterRole::Backend];
    let leaves = AuthoritySettings::for_leaves(&certs::settings::of(&internal.certificates));
    certs::initiate(&data_dir, (CLUSTER, leaves), &roles, TOKENS_LAST)?;
    Ok(())
}

fn open(path: &Path) -> Result<DataDir, DevClusterError> {
    Ok(DataDir::open(path)?)
}
