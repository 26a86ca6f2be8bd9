//! Why there is no cluster to try out.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::certs::CertsError;
use crate::data_dir::DataDirError;
use crate::reading::Refused;

/// One sentence that says what to do, and perhaps the end of a log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevClusterError {
    #[error(transparent)]
    Request(#[from] Refused),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Certs(#[from] CertsError),
    #[error("--base-port {base}: give 1 to {most}, so that all other ports are below 65536, or 0 for any free ports")]
    BasePort { base: u16, most: u16 },
    #[error("there are not {wanted} free ports on 127.0.0.1; give --base-port")]
    NoPorts { wanted: usize },
    #[error("cannot listen on {address} ({name}): {trouble}; choose others with --base-port PORT, 0 for any free ones")]
    Taken { name: String, address: SocketAddr, trouble: String },
    #[error("cannot tell which program this is: {0}")]
    Program(io::Error),
    #[error("a process of the cluster would not understand its own flags: {0}")]
    Flags(clap::Error),
    #[error("cannot write {}: {source}; choose another --data-dir", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error("cannot start {name}: {source}")]
    Start { name: String, source: io::Error },
    #[error("cannot look after {name}: {source}")]
    Watch { name: String, source: io::Error },
    #[error("{name} ended before it was ready ({status}); {} ends with:\n{tail}", log.display())]
    Ended { name: String, status: ExitStatus, log: PathBuf, tail: String },
    #[error("{name} was not ready within {seconds} seconds; {} ends with:\n{tail}", log.display())]
    NotReady { name: String, seconds: u64, log: PathBuf, tail: String },
    #[error("told to end ({0}) before the cluster was ready")]
    Told(&'static str),
}
