//! Opens what a previous run left: cuts a torn tail, refuses a corrupt log.
//!
//! A process that is killed leaves whole records and at most one that is cut short at the end of the last file. A
//! machine that stops leaves, beyond what was synced, anything: the device takes pages in any order. So
//!
//! - under the same boot only a last record cut short is a torn tail;
//! - after a start of the machine the tail begins with the first damaged record, unless something says that this
//!   record was on the device before: a later record (each tells what was synced when it was written), the mark of
//!   a clean stop, or the floor;
//! - all other damage is corruption.

use std::path::{Path, PathBuf};

use super::error::LogError;
use super::frame::{Damage, FILE_HEADER_BYTES};
use super::marks::{self, PreviousRun};
use super::scan::{Fault, Scanned, scan, survivors};
use super::segment::{Segment, list_segments};
use super::syncer::sync_directory;

/// What was cut off the end of a log at its opening: records that were never synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    pub file: PathBuf,
    /// Where in `file` the cut was made.
    pub offset: u64,
    /// First entry that is gone.
    pub index: u64,
    /// How much was cut, later files included.
    pub bytes: u64,
}

/// What [`LogStore::open`](super::LogStore::open) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// First entry from which the log can be replayed; `last + 1` when it holds none.
    pub first: u64,
    /// Last entry; 0 when there never was one.
    pub last: u64,
    pub torn: Option<TornTail>,
    /// The log was closed by [`LogStore::close`](super::LogStore::close).
    pub clean_stop: bool,
    /// The machine was started anew since the log was last open, or that cannot be ruled out.
    pub machine_restarted: bool,
}

/// Segments of a log that can be used, and what is known about them.
#[derive(Debug)]
pub(crate) struct Survey {
    pub segments: Vec<Segment>,
    pub floor: u64,
    /// Highest index known to be on the device.
    pub synced: u64,
    pub torn: Option<TornTail>,
    pub run: PreviousRun,
}

/// Reads the whole log in `dir` and cuts its torn tail, if any.
pub(crate) fn recover(dir: &Path) -> Result<Survey, LogError> {
    let floor = marks::read_floor(dir)?;
    let run = marks::read_run(dir);
    let files = list_segments(dir)?;
    let passed = pass(&files, floor)?;
    let (mut segments, mut synced) = (passed.segments, passed.synced.max(run.synced));
    let torn = match passed.fault {
        None => None,
        Some(fault) => {
            let later = &files[passed.files..];
            if !is_torn(&fault, later, floor, run, synced)? {
                return Err(fault.into());
            }
            Some(cut(dir, &fault, later, &mut segments)?)
        }
    };
    let last = segments.last().map_or(0, |s| s.next() - 1);
    synced = synced.min(last);
    Ok(Survey { segments, floor, synced, torn, run })
}

/// The sound beginning of a log.
pub(crate) struct Passed {
    pub segments: Vec<Segment>,
    pub fault: Option<Fault>,
    pub synced: u64,
    /// How many of the files were looked at; the fault is in the last of them.
    pub files: usize,
}

/// Reads the files of a log in order, up to the first fault.
pub(crate) fn pass(files: &[(u64, PathBuf)], floor: u64) -> Result<Passed, LogError> {
    let mut passed = Passed { segments: Vec::new(), fault: None, synced: 0, files: 0 };
    for (first, path) in files {
        if let Some(fault) = discontinuity(passed.segments.last(), *first, path, floor) {
            passed.fault = Some(fault);
            return Ok(passed);
        }
        let Scanned { segment, fault, synced } = scan(path, *first)?;
        passed.segments.extend(segment);
        passed.synced = passed.synced.max(synced);
        passed.files += 1;
        if fault.is_some() {
            passed.fault = fault;
            return Ok(passed);
        }
    }
    Ok(passed)
}

/// A gap is in order only below the floor, where segments are kept for the bodies in them.
fn discontinuity(before: Option<&Segment>, first: u64, path: &Path, floor: u64) -> Option<Fault> {
    let Some(before) = before else {
        let why = Damage::Missing;
        return (first > floor).then(|| Fault { file: path.to_owned(), offset: 0, index: floor, why });
    };
    let (offset, index) = (before.bytes(), before.next());
    if first < index {
        return Some(Fault { file: path.to_owned(), offset: 0, index: first, why: Damage::Index(first) });
    }
    let missing = first > index && first > floor;
    missing.then(|| Fault { file: before.path().to_owned(), offset, index, why: Damage::Missing })
}

fn is_torn(
    fault: &Fault,
    later: &[(u64, PathBuf)],
    floor: u64,
    run: PreviousRun,
    synced: u64,
) -> Result<bool, LogError> {
    let misplaced = fault.offset == 0 && matches!(fault.why, Damage::Index(_) | Damage::Missing);
    let foreign = matches!(fault.why, Damage::Version(_) | Damage::Kind);
    if misplaced || foreign || fault.index < floor || synced >= fault.index {
        return Ok(false);
    }
    if run.same_boot {
        return Ok(fault.is_cut() && later.is_empty());
    }
    let mut proof = survivors(&fault.file, fault.offset, fault.index)?.synced;
    for (_, path) in later {
        proof = proof.max(survivors(path, 0, fault.index)?.synced);
    }
    Ok(proof < fault.index)
}

/// Removes the fault and all that follows.
fn cut(dir: &Path, fault: &Fault, later: &[(u64, PathBuf)], segments: &mut [Segment]) -> Result<TornTail, LogError> {
    let mut bytes = 0;
    // From the end, so that a crash in between leaves a log that is cut the same way at the next start.
    for (_, path) in later.iter().rev() {
        bytes += remove(path)?;
    }
    if fault.offset < FILE_HEADER_BYTES as u64 {
        bytes += remove(&fault.file)?;
    } else if let Some(segment) = segments.last_mut() {
        let file = segment.file();
        let len = file.metadata().map_err(LogError::io("read", &fault.file))?.len();
        bytes += len - fault.offset;
        file.set_len(fault.offset)
            .and_then(|()| file.sync_data())
            .map_err(LogError::io("cut the torn tail off", &fault.file))?;
    }
    sync_directory(dir).map_err(LogError::io("sync", dir))?;
    Ok(TornTail { file: fault.file.clone(), offset: fault.offset, index: fault.index, bytes })
}

fn remove(path: &Path) -> Result<u64, LogError> {
    let bytes = path.metadata().map_err(LogError::io("read", path))?.len();
    std::fs::remove_file(path).map_err(LogError::io("remove", path))?;
    Ok(bytes)
}
