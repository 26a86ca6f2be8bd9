//! Where internal certificates are in a data directory.

use std::path::{Path, PathBuf};

const FOLDER: &str = "internal";

/// The folder of the cluster's authority; there in the first backend alone.
pub(crate) fn authority(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join("authority")
}

/// The file of the certificate of a process, with its key and whom it trusts.
pub(crate) fn certificate(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join("certificate")
}
