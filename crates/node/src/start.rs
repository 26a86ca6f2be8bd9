//! From the command line to a running role, and from whatever went wrong to one sentence and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use config::{Host, Plan, Problems, Request};
use identity::IdentityError;

use crate::arguments::{Arguments, Errand};
use crate::data_dir::{DataDir, DataDirError};
use crate::roles::{BrokerError, all_in_one};
use crate::salvage::{self, SalvageError};
use crate::signals::Signals;
use crate::sockets::BindErrors;
use crate::{host, logging};

/// What was asked for cannot be; as clap's own.
const EXIT_BAD_REQUEST: u8 = 2;
/// What was asked for did not work.
const EXIT_FAILED: u8 = 1;

/// Why the process did not become what it was asked to be. Each display is a sentence per thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Request(#[from] Problems),
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
    #[error("cannot start a thread: {0}; raise this user's limits or free memory")]
    Thread(io::Error),
}

impl StartError {
    pub(crate) fn thread(source: io::Error) -> Self {
        Self::Thread(source)
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Request(_) => EXIT_BAD_REQUEST,
            _ => EXIT_FAILED,
        }
    }
}

/// The whole life of the process.
pub(crate) fn run() -> ExitCode {
    let mut arguments = Arguments::parse();
    let done = match arguments.errand.take() {
        Some(Errand::Salvage(asked)) => {
            let data_dir = Request { data_dir: asked.data_dir, ..Request::default() }.data_dir();
            salvage::run(&data_dir, asked.partition).map(|report| print(&report)).map_err(StartError::from)
        }
        None => start(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                // Nobody can be told that stderr is closed.
                let _ = writeln!(io::stderr(), "causeway: {line}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn start(arguments: Arguments) -> Result<(), StartError> {
    let request = arguments.request();
    let host = Host { cores: host::cores(), remembered: DataDir::remembered(&request.data_dir())? };
    let plan = Plan::check(&request, &host)?;
    logging::start(plan.log_level);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    for notice in &plan.notices {
        tracing::warn!("{notice}");
    }
    host::raise_open_files_limit();
    host::use_small_pages();
    let signals = Signals::catch().map_err(StartError::Thread)?;
    all_in_one::run(&plan, &signals)
}

/// Writes to stdout at once. That nobody reads it is no reason to end.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
