//! The snapshots of one partition: written, listed, the newest sound one chosen, older ones removed.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::segment::list_numbered;

use super::reader::SnapshotReader;
use super::writer::SnapshotWriter;

const EXTENSION: &str = "snap";

/// One partition's directory of snapshots.
#[derive(Debug)]
pub struct Snapshots {
    dir: PathBuf,
}

/// A snapshot's log index and the length of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The last log entry whose effects it holds.
    pub index: u64,
    pub bytes: u64,
    pub path: PathBuf,
}

/// What to start from.
#[derive(Debug)]
pub struct Loaded {
    /// `None`: no snapshot; replay the log from entry 1.
    pub snapshot: Option<SnapshotReader>,
    /// Newer snapshots that are damaged; to be reported.
    pub rejected: Vec<Rejected>,
}

/// A damaged snapshot.
#[derive(Debug)]
pub struct Rejected {
    pub path: PathBuf,
    pub why: io::Error,
}

/// Why no snapshot can be written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    #[error(
        "no usable snapshot: the log begins at entry {log_first}, {}; put the data directory back from a copy \
         (docs/decisions/0001-log-engine.md, \"A corrupt log\")",
        found(newest, rejected)
    )]
    NothingToStartFrom { log_first: u64, newest: Option<u64>, rejected: Vec<Rejected> },
}

fn found(newest: &Option<u64>, rejected: &[Rejected]) -> String {
    let mut text = match newest {
        Some(index) => format!("the newest sound snapshot ends at entry {index}"),
        None => "there is no sound snapshot".to_owned(),
    };
    for Rejected { path, why } in rejected {
        text += &format!("; {} is damaged: {why}", path.display());
    }
    text
}

impl SnapshotError {
    /// Whether the disk, or the quota, is full: earlier snapshots are as they were.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if crate::log::is_disk_full(source))
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl Snapshots {
    /// Opens the directory, making it when there is none; removes what an interrupted write left.
    pub fn open(dir: &Path) -> Result<Self, SnapshotError> {
        std::fs::create_dir_all(dir).map_err(SnapshotError::io("create", dir))?;
        for entry in std::fs::read_dir(dir).map_err(SnapshotError::io("list", dir))? {
            let path = entry.map_err(SnapshotError::io("list", dir))?.path();
            if path.extension().is_some_and(|e| e == "tmp") {
                std::fs::remove_file(&path).map_err(SnapshotError::io("remove", &path))?;
            }
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Begins the snapshot of the state after entry `index`.
    pub fn writer(&self, index: u64) -> Result<SnapshotWriter, SnapshotError> {
        let path = self.path(index);
        SnapshotWriter::create(&self.dir, path.clone(), index).map_err(SnapshotError::io("create", &path))
    }

    /// Writes the snapshot of the state after entry `index`; it is on the device when this returns.
    pub fn write(&self, index: u64, contents: &[u8]) -> Result<(), SnapshotError> {
        let path = self.path(index);
        let mut writer = self.writer(index)?;
        io::Write::write_all(&mut writer, contents)
            .and_then(|()| writer.finish())
            .map_err(SnapshotError::io("write", &path))
    }

    /// The snapshots by index, ascending; whether they are sound is not looked at.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let files = list_numbered(&self.dir, EXTENSION).map_err(SnapshotError::io("list", &self.dir))?;
        let info = |(index, path): (u64, PathBuf)| {
            let bytes = path.metadata().map_err(SnapshotError::io("read", &path))?.len();
            Ok(SnapshotInfo { index, bytes, path })
        };
        files.into_iter().map(info).collect()
    }

    /// Chooses what to start from: the newest sound snapshot, provided that the log, which begins at `log_first`,
    /// goes on from it without a gap. Reads each candidate whole.
    pub fn load(&self, log_first: u64) -> Result<Loaded, SnapshotError> {
        let mut rejected = Vec::new();
        for info in self.list()?.into_iter().rev() {
            let reader = match open_sound(&info) {
                Ok(reader) => reader,
                Err(why) if is_damage(&why) => {
                    rejected.push(Rejected { path: info.path, why });
                    continue;
                }
                Err(source) => return Err(SnapshotError::io("read", &info.path)(source)),
            };
            if log_first > info.index + 1 {
                return Err(SnapshotError::NothingToStartFrom { log_first, newest: Some(info.index), rejected });
            }
            return Ok(Loaded { snapshot: Some(reader), rejected });
        }
        if log_first > 1 {
            return Err(SnapshotError::NothingToStartFrom { log_first, newest: None, rejected });
        }
        Ok(Loaded { snapshot: None, rejected })
    }

    /// Removes the snapshots before `index`; returns the bytes given back.
    pub fn remove_before(&self, index: u64) -> Result<u64, SnapshotError> {
        let mut freed = 0;
        for info in self.list()?.into_iter().filter(|info| info.index < index) {
            std::fs::remove_file(&info.path).map_err(SnapshotError::io("remove", &info.path))?;
            freed += info.bytes;
        }
        Ok(freed)
    }

    fn path(&self, index: u64) -> PathBuf {
        self.dir.join(format!("{index:020}.{EXTENSION}"))
    }
}

fn open_sound(info: &SnapshotInfo) -> io::Result<SnapshotReader> {
    let reader = SnapshotReader::open(&info.path)?;
    if reader.index() != info.index {
        let why = crate::log::Damage::Index(reader.index());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    reader.verify()?;
    SnapshotReader::open(&info.path)
}

fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
