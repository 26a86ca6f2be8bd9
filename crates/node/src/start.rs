//! From the command line to a running role, and from whatever went wrong to one sentence and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use config::{ClusterPlan, Host, Plan, Request};
use identity::IdentityError;

use crate::arguments::{
    Arguments, Authz, AuthzErrand, BackendFlags, BridgeFlags, BrokerFlags, DataflowErrand, DataflowErrands, Errand,
    FrontendFlags, HiddenFlags,
};
use crate::asking::AskError;
use crate::authz::{self, CannotSay, Decision};
use crate::certs::{self, CertsError};
use crate::cluster::MembershipError;
use crate::data_dir::{DataDir, DataDirError};
use crate::dataflows::Share;
use crate::dataflows::errand::{self, Verdict};
use crate::dev_cluster::{self, DevClusterError};
use crate::logging::Logging;
use crate::passwd::{self, PasswdError};
use crate::reading::{Reading, Refused};
use crate::roles::{BrokerError, PartitionsError, all_in_one, backend, bridge, frontend};
use crate::salvage::{self, SalvageError};
use crate::signals::Signals;
use crate::sockets::BindErrors;
use crate::sources::Signature;
use crate::{check, explain, host};

/// What was asked for cannot be; as clap's own.
const EXIT_BAD_REQUEST: u8 = 2;
/// What was asked for did not work.
const EXIT_FAILED: u8 = 1;
/// What was asked about is denied.
const EXIT_DENIED: u8 = 1;

/// Why the process did not become what it was asked to be. Each display is a sentence per thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Request(#[from] Refused),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Bind(#[from] BindErrors),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Salvage(#[from] SalvageError),
    #[error(transparent)]
    Passwd(#[from] PasswdError),
    #[error(transparent)]
    Authz(#[from] CannotSay),
    #[error(transparent)]
    Asking(#[from] AskError),
    #[error(transparent)]
    Test(#[from] errand::CannotTest),
    #[error(transparent)]
    Certs(#[from] CertsError),
    #[error(transparent)]
    DevCluster(#[from] DevClusterError),
    #[error("cannot end with the process {parent}, which is to have started this one: {source}")]
    Parent { parent: u32, source: io::Error },
    #[error("this process is in no cluster; give --name and --backends")]
    NoCluster,
    #[error("cannot start a thread: {0}; raise this user's limits or free memory")]
    Thread(io::Error),
}

impl StartError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Request(_) | Self::Authz(_) | Self::Test(_) => EXIT_BAD_REQUEST,
            Self::Certs(CertsError::Request(_)) => EXIT_BAD_REQUEST,
            Self::DevCluster(DevClusterError::Request(_) | DevClusterError::BasePort { .. }) => EXIT_BAD_REQUEST,
            _ => EXIT_FAILED,
        }
    }
}

/// The whole life of the process.
pub(crate) fn run() -> ExitCode {
    let Arguments { errand, broker } = Arguments::parse();
    let done = match errand {
        Some(Errand::Publish(asked)) => return tools::publish::run(*asked),
        Some(Errand::Subscribe(asked)) => return tools::subscribe::run(*asked),
        Some(Errand::Request(asked)) => return tools::request::run(*asked),
        Some(Errand::Bench(asked)) => return tools::bench::run(*asked),
        Some(Errand::Check(asked)) => check::run(asked).map(said).map_err(StartError::from),
        Some(Errand::Explain(asked)) => explain(asked.broker).map(said),
        Some(Errand::Passwd(asked)) => passwd::run(asked).map(said).map_err(StartError::from),
        Some(Errand::Authz(asked)) => authz(asked),
        Some(Errand::Bridge(asked)) => bridge(*asked).map(|()| ExitCode::SUCCESS),
        Some(Errand::Frontend(asked)) => frontend(*asked).map(|()| ExitCode::SUCCESS),
        Some(Errand::Backend(asked)) => backend(*asked).map(|()| ExitCode::SUCCESS),
        Some(Errand::Certs(asked)) => certs::run(asked).map(said).map_err(StartError::from),
        Some(Errand::DevCluster(asked)) => dev_cluster::run(*asked).map(|()| ExitCode::SUCCESS),
        Some(Errand::Dataflow(asked)) => dataflow(asked),
        Some(Errand::Salvage(asked)) => {
            let data_dir = Request { data_dir: asked.data_dir, ..Request::default() }.data_dir();
            salvage::run(&data_dir, asked.partition).map(said).map_err(StartError::from)
        }
        None => start(broker).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            for line in error.to_string().lines() {
                // Nobody can be told that stderr is closed.
                let _ = writeln!(io::stderr(), "causeway: {line}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn start(flags: BrokerFlags) -> Result<(), StartError> {
    let share = if flags.no_dataflows { Share::None } else { Share::All };
    let reading = flags.reading();
    let host = this_host(&reading)?;
    let (signature, plan) = reading.plan(&host);
    let plan = plan?;
    let logging = Logging::start(plan.log_level);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    for notice in &plan.notices {
        tracing::warn!("{notice}");
    }
    host::raise_open_files_limit();
    host::use_small_pages();
    let signals = Signals::catch().map_err(StartError::Thread)?;
    all_in_one::run(all_in_one::Asked { reading, host, signature, plan, logging, share }, &signals)
}

fn frontend(flags: FrontendFlags) -> Result<(), StartError> {
    end_with_parent(&flags.cluster.hidden)?;
    let (member, signals) = member(flags.reading())?;
    let Member { reading, host, signature, plan, cluster, logging } = member;
    frontend::run(frontend::Asked { reading, host, signature, plan, cluster, logging }, &signals)
}

fn backend(flags: BackendFlags) -> Result<(), StartError> {
    end_with_parent(&flags.cluster.hidden)?;
    let (member, signals) = member(flags.reading())?;
    let Member { reading, host, signature, plan, cluster, logging } = member;
    backend::run(backend::Asked { reading, host, signature, plan, cluster, logging }, &signals)
}

/// What a process of a cluster is started with.
struct Member {
    reading: Reading,
    host: Host,
    signature: Signature,
    plan: Plan,
    cluster: ClusterPlan,
    logging: Logging,
}

/// What frontends and backends do before they are one or the other.
fn member(reading: Reading) -> Result<(Member, Signals), StartError> {
    let host = this_host(&reading)?;
    let (signature, plan) = reading.plan(&host);
    let plan = plan?;
    // A plan made with the flags of a cluster has one.
    let cluster = plan.cluster.clone().ok_or(StartError::NoCluster)?;
    let logging = Logging::start(plan.log_level);
    let (cluster_name, name, version) = (&cluster.name, &cluster.us.name, env!("CARGO_PKG_VERSION"));
    tracing::info!(version, cluster = %cluster_name, role = %cluster.us.role, %name, "starting");
    for notice in &plan.notices {
        tracing::warn!("{notice}");
    }
    host::raise_open_files_limit();
    host::use_small_pages();
    let signals = Signals::catch().map_err(StartError::Thread)?;
    Ok((Member { reading, host, signature, plan, cluster, logging }, signals))
}

/// Has this process end with the one that started it, if that asked for it.
fn end_with_parent(hidden: &HiddenFlags) -> Result<(), StartError> {
    match hidden.parent {
        Some(parent) => host::end_with_parent(parent).map_err(|source| StartError::Parent { parent, source }),
        None => Ok(()),
    }
}

fn bridge(flags: BridgeFlags) -> Result<(), StartError> {
    let reading = flags.reading();
    let host = Host { cores: host::cores(), remembered: None };
    let (signature, plan) = reading.plan(&host);
    bridge::run(bridge::Asked { flags, reading, host, signature, plan: plan? })
}

fn dataflow(asked: DataflowErrands) -> Result<ExitCode, StartError> {
    match asked.errand {
        DataflowErrand::List(asked) => Ok(said(errand::list(&asked)?)),
        DataflowErrand::Show(asked) => Ok(said(errand::show(&asked)?)),
        DataflowErrand::Test(asked) => {
            let reading = asked.reading();
            let host = Host { cores: host::cores(), remembered: None };
            let plan = reading.plan(&host).1?;
            let (verdict, text) = errand::test(&asked, &plan)?;
            print(&text);
            Ok(match verdict {
                Verdict::Passed => ExitCode::SUCCESS,
                Verdict::Failed => ExitCode::from(EXIT_FAILED),
                Verdict::NotTried => ExitCode::from(EXIT_BAD_REQUEST),
            })
        }
    }
}

fn authz(asked: Authz) -> Result<ExitCode, StartError> {
    let AuthzErrand::Explain(asked) = asked.errand;
    let (decision, text) = authz::explain(asked)?;
    print(&text);
    Ok(match decision {
        Decision::Allowed => ExitCode::SUCCESS,
        Decision::Denied => ExitCode::from(EXIT_DENIED),
    })
}

/// The end of an errand that went well.
fn said(text: String) -> ExitCode {
    print(&text);
    ExitCode::SUCCESS
}

fn explain(flags: BrokerFlags) -> Result<String, StartError> {
    let reading = flags.reading();
    let plan = reading.plan(&this_host(&reading)?).1?;
    Ok(explain::text(&plan))
}

fn this_host(reading: &Reading) -> Result<Host, DataDirError> {
    Ok(Host { cores: host::cores(), remembered: DataDir::remembered(&reading.flags.data_dir())? })
}

/// Writes to stdout at once. That nobody reads it is no reason to end.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
