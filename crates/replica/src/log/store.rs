//! The log of one partition: append, read, replay, give space back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::error::LogError;
use super::frame::{FILE_HEADER_BYTES, MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RecordHeader};
use super::garbage::Garbage;
use super::marks;
use super::recovery::{Recovered, Survey, recover};
use super::scan::{Records, Step};
use super::segment::Segment;
use super::syncer::{Syncer, sync_directory};

/// How a log is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A segment is closed before it would grow beyond this many bytes (a single longer entry gets one of its own).
    /// Space is given back by the segment. From 4 KiB to 2 GiB.
    pub segment_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment_bytes: 32 << 20 }
    }
}

/// One partition's log on disk, owned by the partition's thread.
///
/// Memory: four bytes for each entry, and an open file for each segment.
#[derive(Debug)]
pub struct LogStore {
    dir: PathBuf,
    settings: LogSettings,
    /// Ascending; the last one is written to. Never empty. Below the floor there may be gaps between them.
    segments: Vec<Segment>,
    floor: u64,
    syncer: Syncer,
}

/// A segment's place in the log, in entries, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSpan {
    pub first: u64,
    /// Index after the last.
    pub end: u64,
    pub bytes: u64,
}

impl LogStore {
    /// Opens the log in `dir`, making the directory when there is none. Reads and checks every record.
    ///
    /// Cuts and reports a torn tail; any other damage is [`LogError::Corrupt`], and nothing is changed then.
    pub fn open(dir: &Path, settings: LogSettings) -> Result<(Self, Recovered), LogError> {
        std::fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
        let settings = LogSettings { segment_bytes: settings.segment_bytes.clamp(4 << 10, 2 << 30) };
        let Survey { segments, floor, synced, torn, run } = recover(dir)?;
        let found_nothing = segments.is_empty() && torn.is_none();
        let last = segments.last().map_or(0, |s| s.next() - 1);
        let syncer = Syncer::new(dir, last, synced);
        let mut store = Self { dir: dir.to_owned(), settings, segments, floor, syncer };
        for segment in store.segments.iter().filter(|s| s.next() > synced + 1) {
            store.syncer.found(segment.file());
        }
        match store.segments.last() {
            Some(segment) if segment.next() >= floor => store.syncer.started(&Arc::clone(segment.file())),
            _ => store.start_segment(floor)?,
        }
        store.syncer.appended(store.last());
        marks::write_run(dir, None)?;
        let recovered = Recovered {
            first: store.first(),
            last: store.last(),
            torn,
            clean_stop: run.clean || found_nothing,
            machine_restarted: !run.same_boot && !found_nothing,
        };
        Ok((store, recovered))
    }

    /// Appends entry `index`, which must be `last() + 1`; its payload is the concatenation of `parts`.
    ///
    /// When it returns the entry is in the file (any crash of the process keeps it), not yet on the device. On any
    /// error nothing of the entry remains; after one with [`LogError::is_disk_full`] the same call may be made again.
    pub fn append(&mut self, index: u64, parts: &[&[u8]]) -> Result<(), LogError> {
        self.check_device()?;
        if index != self.next() {
            return Err(LogError::OutOfOrder { index, last: self.last() });
        }
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let len = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_PAYLOAD_BYTES);
        let Some(len) = len else {
            return Err(LogError::TooLong { bytes, limit: MAX_PAYLOAD_BYTES });
        };
        let grown = self.active().bytes() + RECORD_HEADER_BYTES as u64 + bytes;
        if grown > self.settings.segment_bytes && !self.active().is_empty() {
            self.start_segment(index)?;
        }
        let mut hasher = crc32fast::Hasher::new();
        parts.iter().for_each(|part| hasher.update(part));
        let header = RecordHeader { payload_crc: hasher.finalize(), len, index, synced: self.syncer.synced() };
        self.active_mut().append(&header, parts)?;
        self.syncer.appended(index);
        Ok(())
    }

    /// A handle to bring the log to its device from another thread.
    pub fn syncer(&self) -> Syncer {
        self.syncer.clone()
    }

    /// Reads one entry's payload and checks it.
    pub fn read(&self, index: u64) -> Result<Bytes, LogError> {
        let missing = LogError::Missing { index, first: self.first(), last: self.last() };
        match self.segment_of(index) {
            Some(segment) => segment.read(index)?.ok_or(missing),
            None => Err(missing),
        }
    }

    /// Reads a part of one entry's payload. Every record was checked when it was written or when the log was opened;
    /// here only [`LogStore::read`] checks it again.
    pub fn read_part(&self, index: u64, offset: u32, len: u32) -> Result<Option<Bytes>, LogError> {
        match self.segment_of(index) {
            Some(segment) => segment.read_part(index, offset, len),
            None => Ok(None),
        }
    }

    /// Bytes of entry `index`'s payload; 0 when it is not there.
    pub fn entry_bytes(&self, index: u64) -> u64 {
        let span = self.segment_of(index).and_then(|segment| segment.span(index));
        span.map_or(0, |(start, end)| (end - start).saturating_sub(RECORD_HEADER_BYTES as u64))
    }

    /// Whether entry `index` can be read; below `first()` some may, kept for the bodies in them.
    pub fn contains(&self, index: u64) -> bool {
        self.segment_of(index).is_some()
    }

    /// Hands every entry from `from` on to `visit`, in order, checked; stops at its first error.
    pub fn replay<E: From<LogError>>(
        &self,
        from: u64,
        mut visit: impl FnMut(u64, Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        if from < self.first() {
            return Err(LogError::Missing { index: from, first: self.first(), last: self.last() }.into());
        }
        for segment in self.segments.iter().filter(|s| s.next() > from) {
            let mut index = from.max(segment.first());
            let Some((start, _)) = segment.span(index) else { continue };
            let read = |e| LogError::io("read", segment.path())(e);
            let mut records = Records::new(segment.file(), start, segment.salt()).map_err(read)?;
            while index < segment.next() {
                let offset = records.position;
                match records.payload(index).map_err(read)? {
                    Step::Sound(payload) => visit(index, Bytes::from(payload))?,
                    Step::Damaged(why) => return Err(segment.corrupt(offset, index, why).into()),
                    Step::End => return Err(segment.corrupt(offset, index, super::frame::Damage::RecordCut).into()),
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// Declares that no entry below `index` is needed any more and removes the segments that hold only such ones.
    ///
    /// Returns the bytes given back. What stands for the removed entries, a snapshot, must be durable before.
    pub fn purge_to(&mut self, index: u64) -> Result<u64, LogError> {
        self.retire(index, |_| true)?.remove()
    }

    /// As [`LogStore::purge_to`], but removes only those segments below `index` that `dead` agrees to: the others
    /// stay for the bodies in them. The files go when the returned garbage is removed, on any thread.
    pub(crate) fn retire(&mut self, index: u64, dead: impl Fn(SegmentSpan) -> bool) -> Result<Garbage, LogError> {
        let index = index.min(self.next()).max(self.floor);
        let sealed = self.segments.len() - 1;
        let doomed = |(n, s): (usize, &Segment)| n < sealed && s.next() <= index && dead(span_of(s));
        if !self.segments.iter().enumerate().any(doomed) {
            return Ok(Garbage::default());
        }
        if index > self.floor {
            marks::write_floor(&self.dir, index)?;
            self.floor = index;
        }
        let mut garbage = Garbage::default();
        let mut kept = Vec::with_capacity(self.segments.len());
        for (n, segment) in std::mem::take(&mut self.segments).into_iter().enumerate() {
            if doomed((n, &segment)) {
                self.syncer.forget(segment.file());
                garbage.add(segment.path(), segment.bytes(), Some(Arc::clone(segment.file())));
            } else {
                kept.push(segment);
            }
        }
        self.segments = kept;
        Ok(garbage)
    }

    /// Removes the entries from `index` on, durably. None of them may have been purged.
    pub fn truncate_from(&mut self, index: u64) -> Result<(), LogError> {
        self.check_device()?;
        if index < self.first().max(self.floor) || index > self.next() {
            return Err(LogError::Missing { index, first: self.first(), last: self.last() });
        }
        let syncer = self.syncer.clone();
        syncer.cutting(index - 1, || self.cut(index))?;
        syncer.resumed(self.active().file());
        Ok(())
    }

    fn cut(&mut self, index: u64) -> Result<(), LogError> {
        // From the end, so that a crash in between leaves a shorter log and no gap.
        while let [.., before, last] = &self.segments[..]
            && last.first() >= index
            && before.next() == last.first()
        {
            std::fs::remove_file(last.path()).map_err(LogError::io("remove", last.path()))?;
            self.segments.pop();
        }
        let active = self.active_mut();
        active.truncate(index)?;
        active.file().sync_data().map_err(LogError::io("sync", active.path()))?;
        sync_directory(&self.dir).map_err(LogError::io("sync", &self.dir))
    }

    /// Lets the log go on at `next`, beyond its end: a snapshot stands for all before.
    ///
    /// Segments before it stay for the bodies in them, until they are purged.
    pub fn skip_to(&mut self, next: u64) -> Result<(), LogError> {
        if next <= self.next() {
            return Err(LogError::OutOfOrder { index: next, last: self.last() });
        }
        self.syncer.sync().map_err(LogError::io("sync", &self.dir))?;
        marks::write_floor(&self.dir, next)?;
        self.floor = next;
        self.start_segment(next)?;
        self.syncer.appended(next - 1);
        Ok(())
    }

    /// First entry from which the log can be replayed; `last() + 1` when it holds none.
    pub fn first(&self) -> u64 {
        let mut first = self.next();
        for segment in self.segments.iter().rev() {
            if segment.next() != first {
                break;
            }
            first = segment.first();
        }
        first
    }

    /// Last entry; 0 when there never was one.
    pub fn last(&self) -> u64 {
        self.next() - 1
    }

    /// Bytes of the log's files.
    pub fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// The log's segments, ascending; the last one is still written to.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = SegmentSpan> + ExactSizeIterator {
        self.segments.iter().map(span_of)
    }

    /// Syncs the log and marks the clean stop.
    pub fn close(self) -> Result<(), LogError> {
        self.mark_clean_stop()
    }

    /// As [`LogStore::close`], for an owner that cannot give the log away; nothing may be appended after it.
    pub(crate) fn mark_clean_stop(&self) -> Result<(), LogError> {
        let synced = self.syncer.sync().map_err(LogError::io("sync", &self.dir))?;
        marks::write_run(&self.dir, Some(synced))
    }

    pub(crate) fn segment_of(&self, index: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|s| s.first() <= index);
        self.segments.get(after.checked_sub(1)?).filter(|s| s.contains(index))
    }

    /// Entries below this index are not needed for replay.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Segments no longer written to.
    pub(crate) fn sealed(&self) -> &[Segment] {
        &self.segments[..self.segments.len() - 1]
    }

    fn start_segment(&mut self, first: u64) -> Result<(), LogError> {
        let segment = Segment::create(&self.dir, first, self.syncer.synced())?;
        self.syncer.started(segment.file());
        self.segments.push(segment);
        Ok(())
    }

    fn check_device(&self) -> Result<(), LogError> {
        match self.syncer.failure() {
            None => Ok(()),
            Some(why) => Err(LogError::SyncFailed { dir: self.dir.clone(), why: why.to_owned() }),
        }
    }

    fn next(&self) -> u64 {
        self.active().next()
    }

    fn active(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment")
    }

    fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has at least one segment")
    }
}

fn span_of(segment: &Segment) -> SegmentSpan {
    debug_assert!(segment.bytes() >= FILE_HEADER_BYTES as u64);
    SegmentSpan { first: segment.first(), end: segment.next(), bytes: segment.bytes() }
}
