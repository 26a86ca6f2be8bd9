//! The far end of the audit log: the thread that writes it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use config::Audit as Settings;

use super::journal::Journal;
use super::line;
use super::recorder::{Message, State};

/// Entries are written together while they come faster than the disk takes them, up to so many bytes and one line more: less
/// than the smallest file.
const BATCH_BYTES: usize = 16 * 1024;
/// After a failure, when nothing comes.
const RETRY_AFTER: Duration = Duration::from_secs(5);

const UNWRITABLE: &str = "the file could not be written";
const CROWDED_OUT: &str = "more came at once than may wait to be written";

/// What the thread should do besides writing what comes.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) settings: Mutex<Option<Settings>>,
    pub(super) is_ending: AtomicBool,
}

impl Wishes {
    pub(super) fn new(settings: Option<Settings>) -> Self {
        Self { settings: Mutex::new(settings), is_ending: AtomicBool::new(false) }
    }

    fn settings(&self) -> Option<Settings> {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what comes through the queue.
pub(super) struct Keeper {
    messages: Receiver<Message>,
    state: Arc<State>,
    wishes: Arc<Wishes>,
    settings: Option<Settings>,
    journal: Journal,
    /// Entries that could not be written and that the log does not yet say are missing.
    unwritten: u64,
    /// Entries that found no room, of which the log says that they are missing.
    told_crowded_out: u64,
}

/// Lines to be written together.
#[derive(Default)]
struct Batch {
    text: String,
    entries: u64,
}

impl Keeper {
    pub(super) fn new(folder: &Path, messages: Receiver<Message>, state: Arc<State>, wishes: Arc<Wishes>) -> Self {
        let settings = wishes.settings();
        let journal = Journal::new(folder, settings.unwrap_or(Settings { max_bytes: 0, files: 1 }));
        Self { messages, state, wishes, settings, journal, unwritten: 0, told_crowded_out: 0 }
    }

    /// Ends when it is to end and nothing waits, or when nobody can send any more.
    pub(super) fn run(mut self) {
        if let Some(settings) = self.settings {
            self.set(settings);
        }
        loop {
            let first = match self.next() {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let batch = self.gather(first);
            let is_all = batch.entries == 0;
            self.follow();
            self.write(batch);
            if is_all {
                self.fall_silent();
                if self.wishes.is_ending.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }

    fn next(&self) -> Result<Message, RecvTimeoutError> {
        let is_ending = self.wishes.is_ending.load(Ordering::Relaxed);
        if is_ending || self.wishes.settings() != self.settings {
            self.messages.recv_timeout(Duration::ZERO)
        } else if self.state.is_failing.load(Ordering::Relaxed) {
            self.messages.recv_timeout(RETRY_AFTER)
        } else {
            self.messages.recv().map_err(RecvTimeoutError::from)
        }
    }

    fn gather(&self, first: Option<Message>) -> Batch {
        let mut batch = Batch::default();
        let mut next = first;
        while let Some(message) = next {
            if let Message::Entry(time, entry) = message {
                if entry.is_refusal() {
                    self.state.refusals_waiting.fetch_sub(1, Ordering::Relaxed);
                }
                line::write(time, &entry, &mut batch.text);
                batch.entries += 1;
            }
            next = if batch.text.len() < BATCH_BYTES { self.messages.try_recv().ok() } else { None };
        }
        batch
    }

    fn write(&mut self, mut batch: Batch) {
        if self.settings.is_none() {
            return;
        }
        let (now, crowded_out) = (SystemTime::now(), self.state.crowded_out.load(Ordering::Relaxed));
        for (missing, why) in [(self.unwritten, UNWRITABLE), (crowded_out - self.told_crowded_out, CROWDED_OUT)] {
            if missing > 0 {
                line::write_gap(now, missing, why, &mut batch.text);
            }
        }
        if batch.text.is_empty() {
            return;
        }
        match self.journal.append(&batch.text) {
            Ok(()) => {
                self.state.written.fetch_add(batch.entries, Ordering::Relaxed);
                if self.state.is_failing.swap(false, Ordering::Relaxed) {
                    let missing = self.unwritten;
                    tracing::warn!(missing, "the audit log is written again; entries are missing in it");
                }
                (self.unwritten, self.told_crowded_out) = (0, crowded_out);
            }
            Err(error) => {
                self.state.unwritable.fetch_add(batch.entries, Ordering::Relaxed);
                self.unwritten += batch.entries;
                if !self.state.is_failing.swap(true, Ordering::Relaxed) {
                    let path = self.journal.path();
                    tracing::error!(
                        path = %path.display(),
                        %error,
                        "the audit log cannot be written; entries are lost, and counted, until it can"
                    );
                }
            }
        }
    }

    /// Takes up changed settings.
    fn follow(&mut self) {
        if let Some(wanted) = self.wishes.settings().filter(|wanted| self.settings != Some(*wanted)) {
            self.set(wanted);
        }
    }

    /// Closes the file, if there are to be no entries any more. What was sent until then must be written.
    fn fall_silent(&mut self) {
        if self.settings.is_some() && self.wishes.settings().is_none() {
            self.settings = None;
            self.journal.close();
            self.state.is_failing.store(false, Ordering::Relaxed);
        }
    }

    fn set(&mut self, settings: Settings) {
        self.settings = Some(settings);
        if let Err(error) = self.journal.set(settings) {
            tracing::warn!(%error, "old files of the audit log cannot be removed");
        }
    }
}
