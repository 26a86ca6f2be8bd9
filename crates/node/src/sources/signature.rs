//! Whether files are the same as before, without reading them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::Problem;

use super::found::{Found, Sources};

/// Which files there are and in which state. Equal signatures mean that nothing was written in between, as far as the file
/// system's clock tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    files: Vec<(PathBuf, Result<State, io::ErrorKind>)>,
    problems: Vec<Problem>,
}

/// Of the file that a path leads to, through links: another file in its place has another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Sources {
    /// The present state of all files behind the paths.
    pub(crate) fn signature(&self) -> Signature {
        Signature::of(self.find())
    }
}

impl Signature {
    fn of(found: Found) -> Self {
        let Found { texts, broker_config, objects, problems } = found;
        let entries = objects.into_iter().flat_map(|object| {
            // The folder itself too: an object without keys is one.
            let keys = object.entries.into_iter().map(|(_, path)| path);
            std::iter::once(object.path).chain(keys)
        });
        let paths = texts.into_iter().chain(broker_config).chain(entries);
        let files = paths.map(|path| {
            let state = State::of(&path);
            (path, state)
        });
        Self { files: files.collect(), problems }
    }
}

impl State {
    fn of(path: &Path) -> Result<Self, io::ErrorKind> {
        let there = fs::metadata(path).map_err(|error| error.kind())?;
        Ok(Self::from_metadata(&there))
    }

    fn from_metadata(there: &Metadata) -> Self {
        Self {
            device: there.dev(),
            inode: there.ino(),
            size: there.size(),
            modified: (there.mtime(), there.mtime_nsec()),
            changed: (there.ctime(), there.ctime_nsec()),
        }
    }
}
