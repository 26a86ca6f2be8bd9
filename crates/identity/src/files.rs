//! The certificate folder: where each file is, and reading and writing one whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::IdentityError;

/// A file of this size or more is not one of ours and is not read into memory.
const MAX_FILE_BYTES: u64 = 1 << 20;
const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;

/// A certificate and its key, by where they lie.
#[derive(Debug, Clone)]
pub(crate) struct PairPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// What to do when the pair is damaged and there is no copy.
    pub(crate) remedy: &'static str,
}

/// The folder's two pairs.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) authority: PairPaths,
    pub(crate) server: PairPaths,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            authority: PairPaths {
                certificate: path.join("ca.crt"),
                key: path.join("ca.key"),
                remedy: "delete ca.crt and ca.key to get a new authority (clients then need the new ca.crt)",
            },
            server: PairPaths {
                certificate: path.join("server.crt"),
                key: path.join("server.key"),
                remedy: "delete server.crt and server.key, and new ones are made at the next start",
            },
        }
    }

    /// Makes the folder, readable by its owner only where it is new.
    pub(crate) fn create(&self) -> Result<(), IdentityError> {
        use std::os::unix::fs::DirBuilderExt;
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.path);
        made.map_err(|source| IdentityError::Unwritable { path: self.path.clone(), source })
    }
}

impl PairPaths {
    /// The key, or `None` where there is no such file. Warns of a key that others may read.
    pub(crate) fn read_key(&self) -> Result<Option<KeyPair>, IdentityError> {
        let Some(text) = read(&self.key)? else {
            return Ok(None);
        };
        warn_if_exposed(&self.key);
        let corrupt = |reason: String| IdentityError::Corrupt {
            path: self.key.clone(),
            expected: "a private key",
            reason,
            remedy: self.remedy,
        };
        let text = String::from_utf8(text).map_err(|e| corrupt(e.to_string()))?;
        KeyPair::from_pem(&text).map(Some).map_err(|e| corrupt(e.to_string()))
    }

    /// The certificate, or `None` where there is no such file.
    pub(crate) fn read_certificate(&self) -> Result<Option<CertificateDer<'static>>, IdentityError> {
        let Some(text) = read(&self.certificate)? else {
            return Ok(None);
        };
        CertificateDer::from_pem_slice(&text).map(Some).map_err(|e| IdentityError::Corrupt {
            path: self.certificate.clone(),
            expected: "a certificate",
            reason: e.to_string(),
            remedy: self.remedy,
        })
    }

    pub(crate) fn write_key(&self, key: &KeyPair) -> Result<(), IdentityError> {
        write(&self.key, key.serialize_pem().as_bytes(), KEY_MODE)
    }

    pub(crate) fn write_certificate(&self, pem: &str) -> Result<(), IdentityError> {
        write(&self.certificate, pem.as_bytes(), CERTIFICATE_MODE)
    }

    pub(crate) fn remove_certificate(&self) -> Result<(), IdentityError> {
        match fs::remove_file(&self.certificate) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| IdentityError::Unwritable { path: self.certificate.clone(), source }),
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
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
fn write(path: &Path, text: &[u8], mode: u32) -> Result<(), IdentityError> {
    replace(path, text, mode).map_err(|source| IdentityError::Unwritable { path: path.to_owned(), source })
}

fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // A draft left by a crash may have another mode; a new file gets ours from its first byte on.
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
