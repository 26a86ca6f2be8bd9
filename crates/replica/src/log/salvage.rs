//! The way out of a corrupt log: keeps what precedes the damage, moves the rest aside.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::LogError;
use super::frame::{Damage, FILE_HEADER_BYTES};
use super::marks;
use super::recovery::pass;
use super::scan::{Fault, survivors};
use super::segment::list_segments;
use super::syncer::sync_directory;

/// What [`salvage`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the damaged files were put; `None` when the log was sound.
    pub moved_to: Option<PathBuf>,
    /// Last entry that is kept; 0 when none is.
    pub last: u64,
    /// Each damage found: file, byte, entry, reason.
    pub damage: Vec<(PathBuf, u64, u64, Damage)>,
    /// Sound entries that follow the damage and are given up with it.
    pub entries_lost: u64,
}

/// Makes the corrupt log in `dir` usable again: entries before the damage stay; the damaged file, whole, and the
/// later ones go to `corrupt-<seconds since 1970>/` beside them.
///
/// A damaged segment that is kept only for the bodies in it is moved aside alone. The directory must not be in use.
pub fn salvage(dir: &Path) -> Result<Salvaged, LogError> {
    let mut done = Salvaged::default();
    loop {
        let floor = match marks::read_floor(dir) {
            Err(LogError::Corrupt { file, offset, index, why }) if !matches!(why, Damage::Version(_)) => {
                let aside = aside(dir, &mut done)?;
                done.damage.push((file.clone(), offset, index, why));
                move_into(&aside, &file)?;
                restore_floor(dir)?
            }
            read => read?,
        };
        let files = list_segments(dir)?;
        let passed = pass(&files, floor)?;
        let Some(fault) = passed.fault else {
            done.last = passed.segments.last().map_or(0, |s| s.next() - 1);
            sync_directory(dir).map_err(LogError::io("sync", dir))?;
            return Ok(done);
        };
        drop(passed.segments);
        if matches!(fault.why, Damage::Version(_)) {
            return Err(fault.into());
        }
        let aside = aside(dir, &mut done)?;
        let at = files.iter().position(|(_, path)| *path == fault.file).unwrap_or(0);
        let only_bodies = files.get(at + 1).is_some_and(|(next, _)| *next <= floor);
        done.damage.push((fault.file.clone(), fault.offset, fault.index, fault.why));
        for (_, path) in files[at..].iter().take(if only_bodies { 1 } else { usize::MAX }) {
            done.entries_lost += survivors(path, fault_start(&fault, path), fault.index)?.entries;
        }
        for (_, path) in files[at + 1..].iter().rev().filter(|_| !only_bodies) {
            move_into(&aside, path)?;
        }
        if only_bodies || fault.offset < FILE_HEADER_BYTES as u64 {
            move_into(&aside, &fault.file)?;
        } else {
            copy_then_cut(&aside, &fault)?;
        }
        // What the last clean stop had synced may be gone now.
        marks::write_run(dir, None)?;
    }
}

/// Writes the lowest floor that the segments allow: the first entry that is followed by all others.
fn restore_floor(dir: &Path) -> Result<u64, LogError> {
    let passed = pass(&list_segments(dir)?, u64::MAX)?;
    let mut floor = passed.segments.last().map_or(1, |s| s.next());
    for segment in passed.segments.iter().rev() {
        if segment.next() != floor {
            break;
        }
        floor = segment.first();
    }
    marks::write_floor(dir, floor)?;
    Ok(floor)
}

fn aside(dir: &Path, done: &mut Salvaged) -> Result<PathBuf, LogError> {
    if let Some(path) = &done.moved_to {
        return Ok(path.clone());
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let mut path = dir.join(format!("corrupt-{seconds}"));
    let mut n = 1;
    while path.exists() {
        n += 1;
        path = dir.join(format!("corrupt-{seconds}-{n}"));
    }
    std::fs::create_dir(&path).map_err(LogError::io("create", &path))?;
    done.moved_to = Some(path.clone());
    Ok(path)
}

fn fault_start(fault: &Fault, path: &Path) -> u64 {
    if fault.file == path { fault.offset } else { 0 }
}

fn move_into(aside: &Path, path: &Path) -> Result<(), LogError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    std::fs::rename(path, aside.join(name)).map_err(LogError::io("move", path))
}

fn copy_then_cut(aside: &Path, fault: &Fault) -> Result<(), LogError> {
    let Some(name) = fault.file.file_name() else { return Ok(()) };
    let copy = aside.join(name);
    std::fs::copy(&fault.file, &copy)
        .and_then(|_| File::open(&copy)?.sync_all())
        .map_err(LogError::io("copy to", &copy))?;
    sync_directory(aside).map_err(LogError::io("sync", aside))?;
    OpenOptions::new()
        .write(true)
        .open(&fault.file)
        .and_then(|file| file.set_len(fault.offset).and_then(|()| file.sync_data()))
        .map_err(LogError::io("cut", &fault.file))
}
