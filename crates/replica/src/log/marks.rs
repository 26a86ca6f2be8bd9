//! Two small files beside the segments: how far the log was purged, and how the last run ended.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::error::LogError;
use super::frame::{FileHeader, FileKind};
use super::syncer::sync_directory;

const FLOOR_FILE: &str = "floor";
const RUN_FILE: &str = "run";

/// Length of the mark without its end of line; whatever it says it is padded to this.
const RUN_BYTES: usize = 79;

/// Reads the index below which no entry is needed for replay; 1 when the log was never purged.
pub(crate) fn read_floor(dir: &Path) -> Result<u64, LogError> {
    let path = dir.join(FLOOR_FILE);
    let bytes = match std::fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(1),
        read => read.map_err(LogError::io("read", &path))?,
    };
    match FileHeader::decode(&bytes, FileKind::Floor) {
        Ok(header) => Ok(header.marks[0].max(1)),
        Err(why) => Err(LogError::Corrupt { file: path, offset: 0, index: 0, why }),
    }
}

/// Makes `floor` durable.
pub(crate) fn write_floor(dir: &Path, floor: u64) -> Result<(), LogError> {
    let header = FileHeader { kind: FileKind::Floor, marks: [floor, 0, 0, 0] };
    replace(dir, FLOOR_FILE, &header.encode()).map_err(LogError::io("write", &dir.join(FLOOR_FILE)))
}

/// What the run before this one left on record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PreviousRun {
    /// The machine has not been started anew since, so the page cache lost nothing.
    pub same_boot: bool,
    /// Last index that was on the device at a clean stop; 0 when it did not stop cleanly.
    pub synced: u64,
    pub clean: bool,
}

/// Reads the mark of the previous run. An unreadable mark says nothing, which is the careful answer.
pub(crate) fn read_run(dir: &Path) -> PreviousRun {
    let Ok(bytes) = std::fs::read(dir.join(RUN_FILE)) else { return PreviousRun::default() };
    // What follows the mark, which is written in place, was never part of it.
    let Ok(text) = std::str::from_utf8(bytes.get(..RUN_BYTES).unwrap_or(&bytes)) else { return PreviousRun::default() };
    let mut words = text.split_ascii_whitespace();
    let same_boot = match (words.next(), boot_id()) {
        (Some(then), Some(now)) => then == now,
        _ => false,
    };
    let synced = match (words.next(), words.next()) {
        (Some("synced"), Some(n)) => n.parse().ok(),
        _ => None,
    };
    PreviousRun { same_boot, synced: synced.unwrap_or(0), clean: synced.is_some() }
}

/// Marks the log as in use under this boot, or, with `synced`, as stopped cleanly with that index on the device.
///
/// Written in place: torn, it says nothing. The device gets it at once only where it takes something back.
pub(crate) fn write_run(dir: &Path, synced: Option<u64>) -> Result<(), LogError> {
    let before = read_run(dir);
    if synced.is_none() && before.same_boot && !before.clean {
        return Ok(());
    }
    let boot = boot_id().unwrap_or_else(|| "unknown".to_owned());
    let text = match synced {
        Some(index) => format!("{boot} synced {index}"),
        None => boot,
    };
    let text = format!("{text:<RUN_BYTES$}\n");
    let path = dir.join(RUN_FILE);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.write_all(text.as_bytes())?;
        if synced.is_some() || before.clean { file.sync_data() } else { Ok(()) }
    };
    write().map_err(LogError::io("write", &path))
}

fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// Replaces a file so that a crash leaves the old or the new contents.
pub(crate) fn replace(dir: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(contents)?;
    file.sync_data()?;
    std::fs::rename(&temporary, dir.join(name))?;
    sync_directory(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_mark_of_a_run_does_not_hide_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(RUN_FILE), [0xff; 200]).unwrap();
        assert_eq!(read_run(dir.path()), PreviousRun::default());
        write_run(dir.path(), Some(7)).unwrap();
        let run = read_run(dir.path());
        assert_eq!((run.synced, run.clean), (7, true));
    }
}
