//! Carries live bodies over when the log is purged: decided on the partition's thread, copied on any.

use std::path::PathBuf;
use std::sync::Arc;

use partition::BodyRef;

use super::block::Block;
use super::carried::{CarriedFile, CarriedName, CarriedWriter};
use super::error::BodyError;
use crate::log::segment::Segment;
use crate::log::syncer::sync_directory;
use crate::log::{LogStore, Syncer};

/// A carried file is closed when it has this many bytes; a source is never split.
const OUTPUT_BYTES: u64 = 64 << 20;

/// Carried files below this size are merged with a neighbour that is copied anyway.
const SMALL_BYTES: u64 = 8 << 20;

/// So many small carried files in a row are merged even when nothing of them has died.
const SMALL_IN_A_ROW: usize = 8;

/// Where bodies are now.
#[derive(Clone, Debug)]
enum Source {
    Log(Segment),
    Carried(Arc<CarriedFile>),
}

/// Sources whose live bodies go to one new file.
#[derive(Debug)]
struct Group {
    name: CarriedName,
    sources: Vec<(Source, Vec<BodyRef>)>,
}

/// Copying to be done before a purge. [`CarryJob::run`] may be called on any thread.
#[derive(Debug)]
pub struct CarryJob {
    dir: PathBuf,
    upto: u64,
    syncer: Syncer,
    groups: Vec<Group>,
    dead: Vec<Source>,
}

/// What a [`CarryJob`] did, to be given to [`BodyStore::install`](super::BodyStore::install).
#[derive(Debug)]
#[must_use = "nothing is purged before it is installed"]
pub struct Carried {
    pub(crate) upto: u64,
    pub(crate) files: Vec<Arc<CarriedFile>>,
    /// First indexes of log segments that nothing refers to any more.
    pub(crate) dead_segments: Vec<u64>,
    /// Generations of carried files that nothing refers to any more.
    pub(crate) dead_files: Vec<u64>,
    /// The disk was full: what could be purged without copying is, the rest stays for another time.
    pub disk_full: Option<BodyError>,
}

impl CarryJob {
    /// Copies. On an error other than a full disk nothing may be installed, and nothing was changed.
    ///
    /// Syncs the log first: what is dead here must not come back to life after a power cut.
    pub fn run(self) -> Result<Carried, BodyError> {
        self.syncer.sync().map_err(BodyError::io("sync the log beside", &self.dir))?;
        let mut done = Carried {
            upto: self.upto,
            files: Vec::new(),
            dead_segments: Vec::new(),
            dead_files: Vec::new(),
            disk_full: None,
        };
        self.dead.iter().for_each(|source| done.add_dead(source));
        for group in &self.groups {
            match group.copy(&self.dir) {
                Ok(file) => {
                    done.files.push(Arc::new(file));
                    group.sources.iter().for_each(|(source, _)| done.add_dead(source));
                }
                Err(error) if error.is_disk_full() => {
                    done.disk_full = Some(error);
                    break;
                }
                Err(error) => {
                    for file in &done.files {
                        // Found again at the next start it would be recognised as not installed, or as the newer copy.
                        let _ = std::fs::remove_file(&file.path);
                    }
                    return Err(error);
                }
            }
        }
        sync_directory(&self.dir).map_err(BodyError::io("sync", &self.dir))?;
        Ok(done)
    }
}

impl Carried {
    fn add_dead(&mut self, source: &Source) {
        match source {
            Source::Log(segment) => self.dead_segments.push(segment.first()),
            Source::Carried(file) => self.dead_files.push(file.generation),
        }
    }
}

impl Group {
    fn copy(&self, dir: &std::path::Path) -> Result<CarriedFile, BodyError> {
        let mut writer = CarriedWriter::create(dir, self.name)?;
        for (source, live) in &self.sources {
            match source {
                Source::Log(segment) => copy_from_log(segment, live, &mut writer)?,
                Source::Carried(file) => copy_from_file(file, live, &mut writer)?,
            }
        }
        writer.finish()
    }
}

fn copy_from_log(segment: &Segment, live: &[BodyRef], writer: &mut CarriedWriter) -> Result<(), BodyError> {
    for of_entry in live.chunk_by(|a, b| a.index == b.index) {
        let missing = || BodyError::Missing { body: of_entry[0] };
        let payload = segment.read(of_entry[0].index)?.ok_or_else(missing)?;
        for body in of_entry {
            let start = body.offset as usize;
            let bytes = payload.get(start..start + body.len as usize);
            writer.push(*body, bytes.ok_or(BodyError::Missing { body: *body })?)?;
        }
    }
    Ok(())
}

fn copy_from_file(file: &CarriedFile, live: &[BodyRef], writer: &mut CarriedWriter) -> Result<(), BodyError> {
    let mut current: Option<(u32, Block)> = None;
    for body in live {
        let missing = || BodyError::Missing { body: *body };
        let number = file.block_of(*body).ok_or_else(missing)?;
        let block = match current.take() {
            Some((n, block)) if n == number => block,
            _ => file.read(number)?,
        };
        writer.push(*body, &block.body(*body).ok_or_else(missing)?)?;
        current = Some((number, block));
    }
    Ok(())
}

/// Decides, for all that lies before `upto`, what stays, what is dead and what is copied.
pub(crate) struct Planner<'a> {
    /// Live references, ascending, possibly more than once each.
    pub live: &'a [BodyRef],
    pub generation: u64,
    groups: Vec<Group>,
    dead: Vec<Source>,
    run: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    source: Source,
    live: Vec<BodyRef>,
    bytes: u64,
    must: bool,
}

impl<'a> Planner<'a> {
    /// `generation` is that of the first new file.
    pub(crate) fn new(live: &'a [BodyRef], generation: u64) -> Self {
        debug_assert!(live.is_sorted(), "references come in ascending order");
        Self { live, generation, groups: Vec::new(), dead: Vec::new(), run: Vec::new() }
    }

    pub(crate) fn plan(
        mut self,
        log: &LogStore,
        files: &[Arc<CarriedFile>],
        upto: u64,
        dir: PathBuf,
    ) -> Option<CarryJob> {
        let files = files.iter().filter(|file| file.end <= upto);
        let mut sources: Vec<Source> = files.map(|file| Source::Carried(Arc::clone(file))).collect();
        sources.extend(log.sealed().iter().filter(|s| s.next() <= upto).map(|s| Source::Log(s.clone())));
        sources.sort_unstable_by_key(|source| source.span().0);
        for source in sources {
            self.judge(source);
        }
        self.end_run();
        let nothing = self.groups.is_empty() && self.dead.is_empty();
        let Self { groups, dead, .. } = self;
        (!nothing).then(|| CarryJob { dir, upto, syncer: log.syncer(), groups, dead })
    }

    fn judge(&mut self, source: Source) {
        let (first, end, bytes) = source.span();
        let from = self.live.partition_point(|body| body.index < first);
        let to = self.live.partition_point(|body| body.index < end);
        let live = &self.live[from..to];
        if live.is_empty() {
            return self.dead.push(source);
        }
        let distinct = live.chunk_by(|a, b| a == b).map(|same| u64::from(same[0].len));
        let must = distinct.sum::<u64>() * 2 < bytes;
        let small = matches!(source, Source::Carried(_)) && bytes < SMALL_BYTES;
        if !must && !small {
            return self.end_run();
        }
        let mut live = live.to_vec();
        live.dedup();
        self.run.push(Candidate { source, live, bytes, must });
    }

    /// What has been gathered has a neighbour that stays, or is the last.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.iter().any(|c| c.must) && run.len() < SMALL_IN_A_ROW {
            return;
        }
        let mut size = 0;
        let mut sources: Vec<(Source, Vec<BodyRef>)> = Vec::new();
        for candidate in run {
            size += candidate.live.iter().map(|body| u64::from(body.len)).sum::<u64>().min(candidate.bytes);
            sources.push((candidate.source, candidate.live));
            if size >= OUTPUT_BYTES {
                size = 0;
                self.end_group(std::mem::take(&mut sources));
            }
        }
        self.end_group(sources);
    }

    fn end_group(&mut self, sources: Vec<(Source, Vec<BodyRef>)>) {
        let (Some((from, _)), Some((to, _))) = (sources.first(), sources.last()) else { return };
        let name = CarriedName { first: from.span().0, end: to.span().1, generation: self.generation };
        self.generation += 1;
        self.groups.push(Group { name, sources });
    }
}

impl Source {
    /// First index, index after the last, bytes of its file.
    fn span(&self) -> (u64, u64, u64) {
        match self {
            Self::Log(segment) => (segment.first(), segment.next(), segment.bytes()),
            Self::Carried(file) => (file.first, file.end, file.bytes),
        }
    }
}
