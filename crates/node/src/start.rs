//! From the command line to a running role, and from whatever went wrong to one sentence and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use config::{Host, Request};
use identity::IdentityError;

use crate::arguments::{Arguments, Authz, AuthzErrand, BrokerFlags, Errand};
use crate::authz::{self, CannotSay, Decision};
use crate::data_dir::{DataDir, DataDirError};
use crate::logging::Logging;
use crate::passwd::{self, PasswdError};
use crate::reading::{Reading, Refused};
use crate::roles::{BrokerError, all_in_one};
use crate::salvage::{self, SalvageError};
use crate::signals::Signals;
use crate::sockets::BindErrors;
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
    Salvage(#[from] SalvageError),
    #[error(transparent)]
    Passwd(#[from] PasswdError),
    #[error(transparent)]
    Authz(#[from] CannotSay),
    #[error("cannot start a thread: {0}; raise this user's limits or free memory")]
    Thread(io::Error),
}

impl StartError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Request(_) | Self::Authz(_) => EXIT_BAD_REQUEST,
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
    all_in_one::run(all_in_one::Asked { reading, host, signature, plan, logging }, &signals)
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
