//! Reading and writing one file of the certificate folder whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::{IdentityError, pem};

/// A file of this size or more is not one of ours and is not read into memory.
const MAX_FILE_BYTES: u64 = 1 << 20;
pub(crate) const KEY_MODE: u32 = 0o600;
pub(crate) const CERTIFICATE_MODE: u32 = 0o644;

/// A certificate and its key, by where they lie.
#[derive(Debug, Clone)]
pub(crate) struct PairPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// What to do when the pair is damaged and there is no copy.
    pub(crate) remedy: &'static str,
}

impl PairPaths {
    /// The text of the key, or `None` where there is no such file. Warns of a key that others may read.
    pub(crate) fn read_key(&self) -> Result<Option<Zeroizing<Vec<u8>>>, IdentityError> {
        read_secret(&self.key)
    }

    /// The certificate, or `None` where there is no such file.
    pub(crate) fn read_certificate(&self) -> Result<Option<CertificateDer<'static>>, IdentityError> {
        let Some(text) = read(&self.certificate)? else {
            return Ok(None);
        };
        let corrupt = |e: rustls_pki_types::pem::Error| self.corrupt_certificate(pem::described(&e));
        CertificateDer::from_pem_slice(&text).map(Some).map_err(corrupt)
    }

    pub(crate) fn corrupt_key(&self, reason: String) -> IdentityError {
        let (path, remedy) = (self.key.clone(), self.remedy);
        IdentityError::Corrupt { path, expected: "a private key", reason, remedy }
    }

    pub(crate) fn corrupt_certificate(&self, reason: String) -> IdentityError {
        let (path, remedy) = (self.certificate.clone(), self.remedy);
        IdentityError::Corrupt { path, expected: "a certificate", reason, remedy }
    }
}

/// Makes the folder; others may not look into it.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), IdentityError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unwritable(path))
}

/// Opens a file that is only there to be locked.
pub(crate) fn open_lock(path: &Path) -> Result<File, IdentityError> {
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(KEY_MODE).open(path);
    open.map_err(unwritable(path))
}

/// Makes the folder; others may look into it, but not at keys.
pub(crate) fn create_folder(path: &Path) -> Result<(), IdentityError> {
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(unwritable(path))
}

/// The bytes of the file, or `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let unreadable = |source| IdentityError::Unreadable { path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
        Ok(found) if !found.is_file() => {
            return Err(unreadable(io::Error::other("it is not a file")));
        }
        Ok(found) if found.len() > MAX_FILE_BYTES => {
            return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
        }
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(unreadable)
}

/// The same of a file that is its owner's alone. Warns where others may read it.
pub(crate) fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, IdentityError> {
    let found = read(path)?.map(Zeroizing::new);
    if found.is_some() {
        warn_if_exposed(path);
    }
    Ok(found)
}

fn warn_if_exposed(path: &Path) {
    let exposed = fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    if exposed {
        tracing::warn!(
            path = %path.display(),
            "other users of this machine may read a private key; run chmod 600 on it"
        );
    }
}

/// Replaces the file as a whole: after a crash it holds the old text or the new one.
pub(crate) fn replace(path: &Path, text: &[u8], mode: u32) -> Result<(), IdentityError> {
    write_draft(path, text, mode)?;
    adopt_draft(path)?;
    sync_folder_of(path)
}

/// Where the next text of the file lies until it takes the file's place.
pub(crate) fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Writes the next text of the file beside it, down to the disk.
pub(crate) fn write_draft(path: &Path, text: &[u8], mode: u32) -> Result<(), IdentityError> {
    let draft = draft_of(path);
    // A draft left by a crash may have another mode; a new file gets ours from its first byte on.
    remove(&draft)?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text)?;
        file.sync_all()
    };
    write().map_err(unwritable(path))
}

/// Puts the draft in the file's place.
pub(crate) fn adopt_draft(path: &Path) -> Result<(), IdentityError> {
    fs::rename(draft_of(path), path).map_err(unwritable(path))
}

/// Removes the file where there is one.
pub(crate) fn remove(path: &Path) -> Result<(), IdentityError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(unwritable(path)),
    }
}

/// Makes what was renamed in the file's folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), IdentityError> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable(folder))
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    |source| IdentityError::Unwritable { path, source }
}
