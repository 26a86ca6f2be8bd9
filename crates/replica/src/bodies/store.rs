//! Finds a body by its reference, wherever it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::collections::VecDeque;

use bytes::Bytes;
use partition::BodyRef;

use super::arrival::{Arrival, Arrived};
use super::block::Block;
use super::carried::{CarriedFile, EXTENSION};
use super::carry::{Carried, CarryJob, Planner};
use super::entry::Entry;
use super::error::BodyError;
use super::reread::Reread;
use crate::log::{Garbage, LogError, LogStore};

/// How much memory a [`BodyStore`] uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodySettings {
    /// Bytes of recent entries and, an eighth of it each, of entries and of carried blocks read back.
    pub cache_bytes: usize,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20 }
    }
}

/// Resolves the body references of one partition. Owned by the partition's thread.
#[derive(Debug)]
pub struct BodyStore {
    dir: PathBuf,
    /// Payloads of the latest entries, contiguous, ascending.
    recent: VecDeque<Entry>,
    /// Index of the first of them.
    recent_first: u64,
    recent_bytes: usize,
    recent_budget: usize,
    entries: Reread<u64, Entry>,
    blocks: Reread<(u64, u32), Block>,
    /// Ascending, not overlapping.
    files: Vec<Arc<CarriedFile>>,
    /// The entry of which a part was read last.
    last_part: Option<u64>,
    /// The body given out last: fan-out asks for the same one again and again.
    latest: Option<(BodyRef, Bytes)>,
}

/// What an entry costs in the cache beside its payload.
const ENTRY_OVERHEAD_BYTES: usize = 64;

/// A body smaller than this part of its entry may be read without the rest.
const PART_OF_ENTRY: u64 = 4;

impl BodyStore {
    /// Opens the carried files in `dir`, making it when there is none, and finishes a purge that was interrupted.
    pub fn open(dir: &Path, log: &mut LogStore, settings: BodySettings) -> Result<Self, BodyError> {
        std::fs::create_dir_all(dir).map_err(BodyError::io("create", dir))?;
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(BodyError::io("list", dir))? {
            let path = entry.map_err(BodyError::io("list", dir))?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some("tmp") => std::fs::remove_file(&path).map_err(BodyError::io("remove", &path))?,
                Some(EXTENSION) => files.push(Arc::new(CarriedFile::open(&path)?)),
                _ => {}
            }
        }
        let mut garbage = Garbage::default();
        let files = settle(files, log, &mut garbage);
        let covered = |index| files.iter().any(|file| file.contains(index));
        garbage.merge(log.retire(log.floor(), |segment| covered(segment.first))?);
        garbage.remove()?;
        Ok(Self {
            dir: dir.to_owned(),
            recent: VecDeque::new(),
            recent_first: 0,
            recent_bytes: 0,
            recent_budget: settings.cache_bytes / 4 * 3,
            entries: Reread::new(settings.cache_bytes / 8),
            blocks: Reread::new(settings.cache_bytes / 8),
            files,
            last_part: None,
            latest: None,
        })
    }

    /// Keeps the payload of an entry that was just appended or replayed, in the pieces it was appended in.
    ///
    /// The buffers are shared: what they hold beyond the payload is held too.
    pub fn appended(&mut self, index: u64, parts: &[Bytes]) {
        if index != self.recent_first + self.recent.len() as u64 {
            self.forget_recent();
            self.recent_first = index;
        }
        let entry = Entry::new(parts);
        self.recent_bytes += entry.len() + ENTRY_OVERHEAD_BYTES;
        self.recent.push_back(entry);
        while self.recent_bytes > self.recent_budget
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_first += 1;
            self.recent_bytes -= oldest.len() + ENTRY_OVERHEAD_BYTES;
        }
    }

    /// Drops what is kept of the entries from `index` on, which were truncated from the log.
    pub fn truncated_from(&mut self, index: u64) {
        self.latest = None;
        while self.recent_first + self.recent.len() as u64 > index
            && let Some(entry) = self.recent.pop_back()
        {
            self.recent_bytes -= entry.len() + ENTRY_OVERHEAD_BYTES;
        }
        self.entries.retain(|kept| *kept < index);
    }

    /// The bytes of a body. Costs a read from disk when it is neither recent nor read back lately.
    pub fn get(&mut self, log: &LogStore, body: BodyRef) -> Result<Bytes, BodyError> {
        if let Some((reference, bytes)) = &self.latest
            && *reference == body
        {
            return Ok(bytes.clone());
        }
        let found = match self.recent_entry(body.index) {
            Some(entry) => entry.body(body.offset, body.len),
            None if log.contains(body.index) => self.out_of_log(log, body)?,
            None => self.out_of_carried(body)?,
        };
        let bytes = found.ok_or(BodyError::Missing { body })?;
        self.latest = Some((body, bytes.clone()));
        Ok(bytes)
    }

    fn recent_entry(&self, index: u64) -> Option<&Entry> {
        self.recent.get(usize::try_from(index.checked_sub(self.recent_first)?).ok()?)
    }

    fn out_of_log(&mut self, log: &LogStore, body: BodyRef) -> Result<Option<Bytes>, BodyError> {
        if let Some(entry) = self.entries.lookup(body.index) {
            return Ok(entry.body(body.offset, body.len));
        }
        // A queue whose messages lie far apart reads only them; one that comes back to an entry reads it whole.
        let is_small_part = u64::from(body.len) < log.entry_bytes(body.index) / PART_OF_ENTRY;
        if is_small_part && self.last_part.replace(body.index) != Some(body.index) {
            return Ok(log.read_part(body.index, body.offset, body.len)?);
        }
        let entry = Entry::new(&[log.read(body.index)?]);
        let found = entry.body(body.offset, body.len);
        let weight = entry.len() + ENTRY_OVERHEAD_BYTES;
        self.entries.insert(body.index, entry, weight);
        Ok(found)
    }

    fn out_of_carried(&mut self, body: BodyRef) -> Result<Option<Bytes>, BodyError> {
        let after = self.files.partition_point(|file| file.first <= body.index);
        let Some(file) = after.checked_sub(1).and_then(|n| self.files.get(n)).filter(|f| f.contains(body.index)) else {
            return Ok(None);
        };
        let Some(number) = file.block_of(body) else { return Ok(None) };
        let key = (file.generation, number);
        if let Some(block) = self.blocks.lookup(key) {
            return Ok(block.body(body));
        }
        let block = file.read(number)?;
        let found = block.body(body);
        let weight = block.len() + ENTRY_OVERHEAD_BYTES;
        self.blocks.insert(key, block, weight);
        Ok(found)
    }

    /// Plans what must happen so that the log before `upto` can go: `live` are the references below `upto` that the
    /// state machine counts, ascending (repeats are allowed). `None` when there is nothing to do.
    ///
    /// Of the job one step is on this thread (this one and [`BodyStore::install`]), the copying may be on another;
    /// one job at a time. A reference that is not in `live` must not come back to life.
    pub fn plan_carry(&self, log: &LogStore, live: &[BodyRef], upto: u64) -> Option<CarryJob> {
        let generation = self.files.iter().map(|file| file.generation).max().unwrap_or(0) + 1;
        Planner::new(live, generation).plan(log, &self.files, upto, self.dir.clone())
    }

    /// Takes over what a job copied and purges the log. The snapshot that stands for the entries before `upto` must
    /// be on the device. The space comes back when the garbage is removed, on any thread.
    pub fn install(&mut self, log: &mut LogStore, done: Carried) -> Result<Garbage, LogError> {
        let dead_segment = |first| done.dead_segments.contains(&first);
        let mut garbage = log.retire(done.upto, |segment| dead_segment(segment.first))?;
        self.files.retain(|file| {
            let dead = done.dead_files.contains(&file.generation);
            if dead {
                garbage.add(&file.path, file.bytes, Some(Arc::clone(&file.file)));
            }
            !dead
        });
        self.blocks.retain(|(generation, _)| !done.dead_files.contains(generation));
        self.files.extend(done.files);
        self.files.sort_unstable_by_key(|file| file.first);
        debug_assert!(self.files.windows(2).all(|pair| pair[0].end <= pair[1].first));
        self.latest = None;
        Ok(garbage)
    }

    /// Begins to take bodies of entries before `end` from elsewhere.
    pub(crate) fn arrival(&self, end: u64) -> Result<Arrival, BodyError> {
        let generation = self.files.iter().map(|file| file.generation).max().unwrap_or(0) + 1;
        Arrival::begin(&self.dir, end, generation)
    }

    /// Takes what has arrived for all there is; the log no longer holds an entry that these are of.
    pub(crate) fn replace(&mut self, arrived: Arrived) -> Garbage {
        let mut garbage = Garbage::default();
        for file in self.files.drain(..) {
            garbage.add(&file.path, file.bytes, Some(Arc::clone(&file.file)));
        }
        self.files.push(Arc::new(arrived.file));
        self.truncated_from(0);
        self.blocks.retain(|_| false);
        garbage
    }

    /// Plans, copies, installs and removes in one go, on this thread. Returns the bytes given back.
    pub fn carry_over(&mut self, log: &mut LogStore, live: &[BodyRef], upto: u64) -> Result<u64, BodyError> {
        let Some(job) = self.plan_carry(log, live, upto) else { return Ok(0) };
        let mut done = job.run()?;
        let disk_full = done.disk_full.take();
        let freed = self.install(log, done)?.remove()?;
        disk_full.map_or(Ok(freed), Err)
    }

    /// Bytes of the carried files.
    pub fn disk_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Bytes held in memory: at most the budget, but for one entry and one block that alone are larger.
    pub fn cached_bytes(&self) -> usize {
        self.recent_bytes + self.entries.weight() + self.blocks.weight()
    }

    fn forget_recent(&mut self) {
        self.recent.clear();
        self.recent_bytes = 0;
    }
}

/// Of files left by an interrupted purge keeps those that count: not a copy of segments the log still needs for
/// replay, and not one that a newer copy replaced.
fn settle(mut files: Vec<Arc<CarriedFile>>, log: &LogStore, garbage: &mut Garbage) -> Vec<Arc<CarriedFile>> {
    let mut drop_if = |files: &mut Vec<Arc<CarriedFile>>, dead: &dyn Fn(&CarriedFile, &[Arc<CarriedFile>]) -> bool| {
        let all = files.clone();
        files.retain(|file| {
            let dead = dead(file, &all);
            if dead {
                garbage.add(&file.path, file.bytes, None);
            }
            !dead
        });
    };
    drop_if(&mut files, &|file, _| log.segments().any(|s| file.contains(s.first) && s.end > log.floor()));
    drop_if(&mut files, &|file, all| {
        all.iter().any(|other| other.generation > file.generation && other.first <= file.first && file.end <= other.end)
    });
    files.sort_unstable_by_key(|file| file.first);
    files
}
