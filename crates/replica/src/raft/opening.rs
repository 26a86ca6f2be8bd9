//! What a member finds in its directory, and whether it may go on with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::sync::Arc;

use partition::{Effects, Partition};

use super::ballot::{Ballot, io_error};
use super::contents::{Contents, take_apart};
use super::error::RaftError;
use super::flight::Flight;
use super::group::{Durability, Entry, LogId, MemberId, Membership, Payload, Vote, log_id, term_of};
use super::record::{self, Record};
use super::settings::{MemberSettings, Origin};
use super::store::Store;
use super::window::Window;
use crate::admission::Admission;
use crate::bodies::BodyStore;
use crate::due::Due;
use crate::log::{LogError, LogStore, Recovered};
use crate::outgoing::Outgoing;
use crate::snapshot::Snapshots;
use crate::undelivered::Undelivered;

impl Store {
    /// Opens what `settings.dir` holds, or begins a member there as `settings.origin` says.
    pub fn open(settings: &MemberSettings) -> Result<Self, RaftError> {
        let dir = &settings.dir;
        std::fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let found = Ballot::read(dir)?;
        let (mut log, recovered) = LogStore::open(&dir.join("log"), settings.log.clone())?;
        let snapshots = Snapshots::open(&dir.join("snapshots"))?;
        let newest = newest(settings, &snapshots, &log)?;
        tell_torn(settings, &recovered);
        let covered = newest.as_ref().map_or(log_id(0, 0), |contents| contents.id);
        let mut ballot = match found {
            Some(ballot) => known(settings, &recovered, ballot, log.last().max(covered.index))?,
            None => begin(settings, &mut log, covered)?,
        };
        align(&mut log, covered)?;
        let bodies = BodyStore::open(&dir.join("bodies"), &mut log, settings.bodies.clone())?;
        let last = last_id(&log, covered)?;
        if ballot.committed().is_some_and(|committed| committed.index > last.index) {
            ballot.save_committed(Some(last)).map_err(io_error("write", dir))?;
        }
        let membership = newest.as_ref().map(|contents| contents.membership.clone()).unwrap_or_default();
        let snapshot = newest.as_ref().map(|contents| (contents.id, contents.membership.clone()));
        let due = Due::new(
            settings.compact_after_bytes,
            newest.as_ref().map_or(0, |contents| contents.bytes),
            log.disk_bytes(),
        );
        let empty = || Partition::new(settings.partition, settings.slots.clone());
        Ok(Self {
            member: settings.member,
            partition: newest.map_or_else(empty, |contents| contents.partition),
            log,
            bodies,
            snapshots: Arc::new(snapshots),
            ballot,
            base: covered,
            last,
            applied: covered,
            membership,
            snapshot,
            carried: None,
            is_building: false,
            packing: 0,
            due,
            admission: Admission::open(dir, settings.reserve_bytes).map_err(io_error("use", dir))?,
            is_closing: false,
            leads: None,
            spell: 0,
            yields: None,
            flight: Flight::default(),
            awaited: None,
            undelivered: Undelivered::default(),
            out: Outgoing::default(),
            waiting: VecDeque::new(),
            window: Window::default(),
            effects: Effects::new(),
        })
    }
}

fn tell_torn(settings: &MemberSettings, recovered: &Recovered) {
    if let Some(torn) = &recovered.torn {
        tracing::warn!(
            member = %settings.member,
            file = %torn.file.display(),
            offset = torn.offset,
            bytes = torn.bytes,
            "the log ended in the middle of an entry, which was cut: it was never acknowledged"
        );
    }
}

/// A member that was there before: `last` is the end of what it holds.
fn known(settings: &MemberSettings, recovered: &Recovered, ballot: Ballot, last: u64) -> Result<Ballot, RaftError> {
    if ballot.member() != settings.member {
        let (found, wanted) = (ballot.member(), settings.member);
        return Err(RaftError::AnotherMember { dir: settings.dir.clone(), found, wanted });
    }
    match (forgotten(settings, recovered, &ballot, last), &settings.origin) {
        (None, _) => Ok(ballot),
        (Some(why), Origin::Resumes) => {
            tracing::warn!(member = %settings.member, why, "a member goes on with what it has");
            Ok(ballot)
        }
        (Some(why), _) => Err(RaftError::Forgotten { member: settings.member, why }),
    }
}

/// A member that was never there.
fn begin(settings: &MemberSettings, log: &mut LogStore, covered: LogId) -> Result<Ballot, RaftError> {
    let dir = &settings.dir;
    match &settings.origin {
        Origin::Known | Origin::Resumes => Err(RaftError::NoMember { dir: dir.clone() }),
        Origin::Joins if log.last() > 0 || covered.index > 0 => Err(RaftError::NotEmpty { dir: dir.clone() }),
        Origin::Joins => Ballot::create(dir, settings.member, None),
        Origin::Founds { with } => found_group(settings, with, log, covered),
    }
}

fn newest(settings: &MemberSettings, snapshots: &Snapshots, log: &LogStore) -> Result<Option<Contents>, RaftError> {
    let loaded = snapshots.load(log.first())?;
    for rejected in &loaded.rejected {
        let (member, snapshot) = (settings.member, rejected.path.display());
        tracing::warn!(%member, %snapshot, "a damaged snapshot was passed over");
    }
    let Some(mut reader) = loaded.snapshot else { return Ok(None) };
    let (index, mut bytes) = (reader.index(), Vec::new());
    let read = reader.read_to_end(&mut bytes);
    read.map_err(|source| RaftError::Restore { index, why: source.to_string() })?;
    take_apart(index, &bytes).map(Some)
}

/// Whether the disk may hold less than this member has promised.
fn forgotten(settings: &MemberSettings, recovered: &Recovered, ballot: &Ballot, last: u64) -> Option<&'static str> {
    let went_down = recovered.machine_restarted && !recovered.clean_stop;
    match settings.durability {
        Durability::Async if went_down => {
            return Some("the machine went down, and the end of the log was not on its device");
        }
        // What others had committed may be noted before it was on this device, which had not promised it.
        Durability::Fsync if went_down && last > 0 => return None,
        _ => {}
    }
    let is_short = ballot.committed().is_some_and(|committed| committed.index > last);
    is_short.then_some("its log ends before what was committed")
}

/// Makes what is there, nothing or what solo has left, the log of a group of this member and `others`.
fn found_group(
    settings: &MemberSettings,
    others: &BTreeSet<MemberId>,
    log: &mut LogStore,
    covered: LogId,
) -> Result<Ballot, RaftError> {
    if log.last() < covered.index {
        log.skip_to(covered.index + 1)?;
    }
    let last = last_id(log, covered)?;
    // After a crash between this and the ballot the entry is found again.
    let is_begun = term_of(&last) > 0;
    if !is_begun {
        let voters: BTreeSet<_> = others.iter().copied().chain([settings.member]).collect();
        let nodes: BTreeMap<_, _> = voters.iter().map(|voter| (*voter, ())).collect();
        let first = Membership::new(vec![voters], nodes);
        let first = first.map_err(|error| RaftError::Membership(error.to_string()))?;
        let entry = Entry { log_id: log_id(1, last.index + 1), payload: Payload::Membership(first) };
        log.append(entry.log_id.index, &Record::of(&entry).parts())?;
    }
    log.syncer().sync_log()?;
    let mut ballot = Ballot::create(&settings.dir, settings.member, Some(Vote::new_committed(1, settings.member)))?;
    if !is_begun {
        // What solo had; the first entry of the group is for its voters to commit.
        ballot.save_committed(Some(last)).map_err(io_error("write", &settings.dir))?;
    }
    Ok(ballot)
}

/// Whether the log holds that very entry, and so everything up to it.
pub(super) fn holds(log: &LogStore, id: LogId) -> Result<bool, RaftError> {
    Ok(log.last() >= id.index && term_at(log, id.index)?.is_none_or(|term| term == term_of(&id)))
}

/// Lets the log go on behind `covered`, for which a snapshot from another member stands, throwing away what
/// contradicts it.
pub(super) fn align(log: &mut LogStore, covered: LogId) -> Result<(), RaftError> {
    if holds(log, covered)? {
        return Ok(());
    }
    if log.last() >= covered.index {
        let from = log.first().max(log.floor());
        log.truncate_from(from)?;
    }
    if log.last() < covered.index {
        log.skip_to(covered.index + 1)?;
    }
    remove_segments(log, covered.index + 1)
}

fn remove_segments(log: &mut LogStore, next: u64) -> Result<(), RaftError> {
    log.retire(next, |_| true)?.remove()?;
    Ok(())
}

/// `None` when the entry is not in the log.
fn term_at(log: &LogStore, index: u64) -> Result<Option<u64>, RaftError> {
    match log.read(index) {
        Ok(record) => record::term(&record).map(Some).map_err(|why| RaftError::Record { index, why }),
        Err(LogError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn last_id(log: &LogStore, covered: LogId) -> Result<LogId, RaftError> {
    let last = log.last();
    if last <= covered.index {
        return Ok(covered);
    }
    let record = log.read(last)?;
    let term = record::term(&record).map_err(|why| RaftError::Record { index: last, why })?;
    Ok(log_id(term, last))
}
