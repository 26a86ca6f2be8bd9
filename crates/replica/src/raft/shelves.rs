//! The log as openraft asks for it: `RaftLogStorage` over the store.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};

use super::error::RaftError;
use super::group::{Durability, Entry, Group, LogId, Vote, log_id};
use super::machine::FULL;
use super::store::Shared;
use crate::log::{Syncer, is_disk_full};

/// Bytes of entries that are read at once for a member that is behind; one entry may be larger.
const READ_BYTES: usize = 4 << 20;

/// Handle to a member's log.
#[derive(Clone)]
pub(super) struct Shelves {
    store: Shared,
    flushing: Flushing,
}

/// How an entry that is in the file becomes one that is held.
#[derive(Clone)]
enum Flushing {
    /// It is.
    Written,
    /// When the log's thread has synced it; it syncs once for all that wait.
    Synced(Sender<IOFlushed<Group>>),
}

impl Shelves {
    /// The thread ends with the last handle.
    pub fn new(store: Shared, durability: Durability) -> io::Result<(Self, Option<JoinHandle<()>>)> {
        if durability == Durability::Async {
            return Ok((Self { store, flushing: Flushing::Written }, None));
        }
        // Not bounded by itself: openraft has a bounded number of appends under way.
        let (sender, waiting) = channel();
        let syncer = store.lock().log.syncer();
        let thread = std::thread::Builder::new().name("log sync".to_owned()).spawn(move || flush(&syncer, &waiting))?;
        Ok((Self { store, flushing: Flushing::Synced(sender) }, Some(thread)))
    }
}

impl Shelves {
    /// False when the disk is full.
    fn append_one(&self, entry: &Entry) -> Result<bool, io::Error> {
        let mut store = self.store.lock();
        match store.append(entry) {
            Err(RaftError::Log(error)) if error.is_disk_full() && !store.is_closing => Ok(false),
            appended => Ok(appended.map(|()| true)?),
        }
    }

    /// False when the disk is full, even without the reserve.
    fn save_vote_once(&self, vote: &Vote) -> Result<bool, io::Error> {
        let mut store = self.store.lock();
        match store.ballot.save_vote(*vote) {
            Err(error) if is_disk_full(&error) && !store.is_closing => {
                store.admission.close(&error);
                Ok(store.ballot.save_vote(*vote).is_ok())
            }
            saved => saved.map(|()| true),
        }
    }
}

fn flush(syncer: &Syncer, waiting: &Receiver<IOFlushed<Group>>) {
    while let Ok(first) = waiting.recv() {
        let all: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let result = syncer.sync();
        for callback in all {
            callback.io_completed(match &result {
                Ok(_) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
    }
}

impl RaftLogReader<Group> for Shelves {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        read(&self.store, range, usize::MAX)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.store.lock().ballot.vote())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        read(&self.store, start..end, READ_BYTES)
    }
}

fn read(store: &Shared, range: impl RangeBounds<u64>, bytes: usize) -> io::Result<Vec<Entry>> {
    let store = store.lock();
    let from = match range.start_bound() {
        Bound::Included(at) => *at,
        Bound::Excluded(at) => at + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(at) => at + 1,
        Bound::Excluded(at) => *at,
        Bound::Unbounded => u64::MAX,
    };
    let (mut entries, mut read) = (Vec::new(), 0);
    for index in from.max(store.base.index + 1)..end.min(store.last.index + 1) {
        let entry = store.entry(index)?;
        entries.push(entry);
        read += store.log.entry_bytes(index) as usize;
        if read >= bytes {
            break;
        }
    }
    Ok(entries)
}

impl RaftLogStorage<Group> for Shelves {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Group>, io::Error> {
        let store = self.store.lock();
        Ok(LogState { last_purged_log_id: Some(store.base), last_log_id: Some(store.last) })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        while !self.save_vote_once(vote)? {
            tokio::time::sleep(FULL).await;
        }
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        match self.store.lock().ballot.save_committed(committed) {
            // It is of use only at a start.
            Err(error) if is_disk_full(&error) => Ok(()),
            saved => saved,
        }
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.store.lock().ballot.committed())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Group>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        for entry in entries {
            while !self.append_one(&entry)? {
                // Nothing is acknowledged meanwhile; a leader without a word for long is one no more.
                tokio::time::sleep(FULL).await;
            }
        }
        self.store.moved();
        match &self.flushing {
            Flushing::Written => callback.io_completed(Ok(())),
            Flushing::Synced(thread) => {
                let gone = |_| io::Error::other("the thread that syncs the log has ended");
                thread.send(callback).map_err(gone)?;
            }
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        Ok(self.store.lock().truncate_after(last.unwrap_or(log_id(0, 0)))?)
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let mut store = self.store.lock();
        store.base = store.base.max(upto);
        store.last = store.last.max(upto);
        if store.carried.as_ref().is_some_and(|carried| carried.upto <= upto.index + 1) {
            store.purge()?;
        }
        Ok(())
    }
}
