//! The data directory: one process at a time, what it remembers, and the small files the process leaves there.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use config::{ClusterRecord, ClusterRecordError};

const INSTALLATION_FILE: &str = "installation";
const CLUSTER_FILE: &str = "cluster.json";
const LISTENERS_FILE: &str = "listeners.json";
const LOCK_FILE: &str = "lock";
const STARTS_FILE: &str = "starts";
const AUDIT_FOLDER: &str = "audit";
const PARTITIONS_FOLDER: &str = "partitions";

/// Hexadecimal digits in the name of an installation.
const INSTALLATION_DIGITS: usize = 16;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    Owner,
    Others,
}

/// The data directory, held by this process until dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    #[error("cannot {tried} {}: {source}; make it accessible for the user that runs causeway, or choose another --data-dir", path.display())]
    Io { tried: &'static str, path: PathBuf, source: io::Error },
    #[error("another causeway uses the data directory {}; stop it, or choose another --data-dir", path.display())]
    InUse { path: PathBuf },
    #[error("{} {source}", path.display())]
    Record { path: PathBuf, source: ClusterRecordError },
    #[error(
        "{} is damaged: it has to be {INSTALLATION_DIGITS} hexadecimal digits; restore it, or delete it, which gives dataflows \
         new client identifiers, so that what waits for them in other brokers' sessions is lost",
        path.display()
    )]
    Installation { path: PathBuf },
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl DataDir {
    /// What the directory at `path` remembers, without taking or changing it; `None` for a new one.
    pub(crate) fn remembered(path: &Path) -> Result<Option<ClusterRecord>, DataDirError> {
        let path = path.join(CLUSTER_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        ClusterRecord::from_json(&text).map(Some).map_err(|source| DataDirError::Record { path, source })
    }

    /// Makes the directory if it is missing and takes it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        fs::create_dir_all(path).map_err(|e| io_error("make the data directory", path, e))?;
        // Absolute, for the commands that are printed.
        let path = fs::canonicalize(path).map_err(|e| io_error("read", path, e))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|e| io_error("write", &lock_path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { path }),
            Err(TryLockError::Error(e)) => return Err(io_error("lock", &lock_path, e)),
        }
        let data_dir = Self { path, _lock: lock };
        // What a process that was killed left there; its ports may be another's by now.
        data_dir.withdraw_listeners()?;
        Ok(data_dir)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where certificates and keys are.
    pub(crate) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// Where the audit log is.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path.join(AUDIT_FOLDER)
    }

    /// Where the broker keeps its state: a folder for each partition, called by its number.
    pub(crate) fn partitions(&self) -> PathBuf {
        self.path.join(PARTITIONS_FOLDER)
    }

    /// Remembers the record from now on, for a directory that has none.
    pub(crate) fn remember(&self, record: ClusterRecord) -> Result<(), DataDirError> {
        if Self::remembered(&self.path)? == Some(record) {
            return Ok(());
        }
        self.replace(CLUSTER_FILE, &record.to_json(), Readers::Others)
    }

    /// What tells this installation from all others, made up once. Client identifiers of dataflows begin with it.
    pub(crate) fn installation(&self) -> Result<String, DataDirError> {
        let path = self.path.join(INSTALLATION_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let name = text.trim_end();
                let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                match name.len() == INSTALLATION_DIGITS && name.bytes().all(is_digit) {
                    true => Ok(name.to_owned()),
                    false => Err(DataDirError::Installation { path }),
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; INSTALLATION_DIGITS / 2];
                getrandom::fill(&mut bytes)?;
                let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                // Who knows it knows client identifiers.
                self.replace(INSTALLATION_FILE, &format!("{name}\n"), Readers::Owner)?;
                Ok(name)
            }
            Err(source) => Err(io_error("read", &path, source)),
        }
    }

    /// Counts one start more and returns how many there were before. A count that cannot be understood begins anew.
    pub(crate) fn count_start(&self) -> Result<u64, DataDirError> {
        let path = self.path.join(STARTS_FILE);
        let before: u64 = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(io_error("read", &path, source)),
        };
        self.replace(STARTS_FILE, &format!("{}\n", before.saturating_add(1)), Readers::Others)?;
        Ok(before)
    }

    /// Tells other programs where this process listens: an object from each listener's name to its address.
    pub(crate) fn announce_listeners(&self, addresses: &BTreeMap<String, SocketAddr>) -> Result<(), DataDirError> {
        // Names are those of resources and flags, addresses numbers: nothing to escape.
        let fields: Vec<String> = addresses.iter().map(|(name, at)| format!("\"{name}\":\"{at}\"")).collect();
        self.replace(LISTENERS_FILE, &format!("{{{}}}\n", fields.join(",")), Readers::Others)
    }

    pub(crate) fn withdraw_listeners(&self) -> Result<(), DataDirError> {
        let path = self.path.join(LISTENERS_FILE);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path, e)),
            _ => Ok(()),
        }
    }

    /// Writes a secret for its owner to give to somebody; returns the file.
    pub(crate) fn hand_over(&self, name: &str, secret: &str) -> Result<PathBuf, DataDirError> {
        self.replace(name, secret, Readers::Owner)?;
        Ok(self.path.join(name))
    }

    /// Writes a file as a whole: readers, and a start after a crash, find the old text or the new one.
    fn replace(&self, name: &str, text: &str, readers: Readers) -> Result<(), DataDirError> {
        let path = self.path.join(name);
        let draft = self.path.join(format!("{name}.new"));
        let mode = match readers {
            Readers::Owner => 0o600,
            Readers::Others => 0o666,
        };
        let write = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| io_error("write", &path, e))
    }
}

fn io_error(tried: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { tried, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use config::{Cardinality, ClusterRecord};

    use super::{DataDir, DataDirError};

    fn record(partitions: u16) -> ClusterRecord {
        ClusterRecord { partitions: Cardinality::new(partitions).unwrap() }
    }

    #[test]
    fn is_made_taken_once_and_remembers() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        assert_eq!(DataDir::remembered(&path).unwrap(), None);
        let first = DataDir::open(&path).unwrap();
        first.remember(record(3)).unwrap();
        let second = DataDir::open(&path).unwrap_err();
        assert!(matches!(second, DataDirError::InUse { .. }), "{second}");
        drop(first);
        assert_eq!(DataDir::remembered(&path).unwrap(), Some(record(3)));
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn starts_are_counted_over_processes() {
        let parent = tempfile::tempdir().unwrap();
        for before in 0..3 {
            assert_eq!(DataDir::open(parent.path()).unwrap().count_start().unwrap(), before);
        }
        fs::write(parent.path().join("starts"), "many").unwrap();
        assert_eq!(DataDir::open(parent.path()).unwrap().count_start().unwrap(), 0);
        assert_eq!(DataDir::open(parent.path()).unwrap().count_start().unwrap(), 1);
    }

    #[test]
    fn an_installation_has_one_name_that_nobody_else_has_or_reads() {
        let (parent, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = DataDir::open(parent.path()).unwrap().installation().unwrap();
        assert_eq!(name.len(), 16);
        assert_eq!(DataDir::open(parent.path()).unwrap().installation().unwrap(), name);
        assert_ne!(DataDir::open(other.path()).unwrap().installation().unwrap(), name);
        let path = parent.path().join("installation");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for damaged in ["", "abc", "0123456789ABCDEF", "0123456789abcdef0", "0123456789abcde/"] {
            fs::write(&path, damaged).unwrap();
            let error = DataDir::open(parent.path()).unwrap().installation().unwrap_err();
            assert!(matches!(error, DataDirError::Installation { .. }), "{damaged}: {error}");
        }
    }

    #[test]
    fn a_stale_announcement_is_withdrawn() {
        let parent = tempfile::tempdir().unwrap();
        let announced = parent.path().join("listeners.json");
        fs::write(&announced, "{}").unwrap();
        let data_dir = DataDir::open(parent.path()).unwrap();
        assert!(!announced.exists());
        let at = |address: &str| address.parse().unwrap();
        let addresses = [("mqtt", at("127.0.0.1:1883")), ("default/18883", at("[::]:18883"))];
        data_dir.announce_listeners(&addresses.map(|(name, at)| (name.to_owned(), at)).into()).unwrap();
        let text = fs::read_to_string(&announced).unwrap();
        assert_eq!(text, "{\"default/18883\":\"[::]:18883\",\"mqtt\":\"127.0.0.1:1883\"}\n");
        data_dir.withdraw_listeners().unwrap();
        assert!(!announced.exists());
    }

    #[test]
    fn a_bad_record_or_path_is_refused_by_name() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("cluster.json"), "{").unwrap();
        let sentence = DataDir::remembered(parent.path()).unwrap_err().to_string();
        assert!(sentence.contains("cluster.json is not a cluster record"), "{sentence}");
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let sentence = DataDir::open(&file).unwrap_err().to_string();
        assert!(sentence.contains("choose another --data-dir"), "{sentence}");
    }
}
