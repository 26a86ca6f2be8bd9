//! Why an errand about internal certificates is not done.

use std::io;
use std::path::PathBuf;

use identity::internal::InternalError;

use crate::asking::AskError;
use crate::data_dir::DataDirError;
use crate::reading::Refused;

/// One sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertsError {
    #[error(transparent)]
    Request(#[from] Refused),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Asking(#[from] AskError),
    #[error(transparent)]
    Internal(#[from] InternalError),
    #[error(
        "{} has no authority of internal certificates, which is in the data directory of the cluster's first backend; causeway \
         certs init makes one",
        path.display()
    )]
    NoAuthority { path: PathBuf },
    #[error("{} is held by a process that runs; give that one's --admin instead of --data-dir", path.display())]
    Running { path: PathBuf },
    #[error(
        "advanced.encryptInternalTraffic is Disabled: processes know each other by no certificate then; leave it out, or leave \
         out certs init"
    )]
    NotEncrypted,
    #[error(
        "a process renews its own certificate while it runs, and at its start; give --admin, or --ca for the authority"
    )]
    Resting,
    #[error("--join-token-file {}: cannot be read: {source}", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("--join-token-file {}: {source}; give a file that causeway certs token or certs init wrote", path.display())]
    Token { path: PathBuf, source: InternalError },
}
