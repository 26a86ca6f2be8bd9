//! The running audit log.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use auth::DenialSink;
use config::Audit as Settings;

use super::action::Action;
use super::keeper::{Keeper, Wishes};
use super::recorder::{Recorder, queue};

/// What waits at the end has this long to be written.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// The audit log, written by a thread of its own. Ends when stopped or dropped.
pub(crate) struct Audit {
    recorder: Recorder,
    wishes: Arc<Wishes>,
    /// Says nothing; its other end is gone when the thread is done.
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    /// Writes to `folder/audit.jsonl` from now on; with no settings, nothing until there are some. A folder or file that
    /// cannot be written is told in the log of the process, counted, and tried again; nothing else fails for it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn open(folder: &Path, settings: Option<Settings>) -> io::Result<Self> {
        let (recorder, messages) = queue();
        recorder.state().is_on.store(settings.is_some(), Ordering::Relaxed);
        let wishes = Arc::new(Wishes::new(settings));
        let keeper = Keeper::new(folder, messages, Arc::clone(recorder.state()), Arc::clone(&wishes));
        let (lives, done) = sync_channel::<()>(1);
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || {
            keeper.run();
            drop(lives);
        })?;
        Ok(Self { recorder, wishes, done, thread: Some(thread) })
    }

    /// Where denials go. Stays good while settings change.
    pub(crate) fn sink(&self) -> DenialSink {
        let recorder = self.recorder.clone();
        Arc::new(move |denial| recorder.deny(denial))
    }

    /// Records an action.
    pub(crate) fn record(&self, action: Action) {
        self.recorder.record(action);
    }

    /// What others record with, and what they may know of it.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Keeps to these settings from now on; with none, nothing more is recorded. Does not wait.
    pub(crate) fn set(&self, settings: Option<Settings>) {
        let is_on = &self.recorder.state().is_on;
        if settings.is_none() && is_on.load(Ordering::Relaxed) {
            self.recorder.record(Action::Silenced);
        }
        *self.wishes.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        // After the settings: whoever finds an entry finds them, too.
        is_on.store(settings.is_some(), Ordering::Release);
        self.recorder.wake();
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.recorder.state().is_on.store(false, Ordering::Relaxed);
        self.wishes.is_ending.store(true, Ordering::Relaxed);
        self.recorder.wake();
        if self.done.recv_timeout(END_DEADLINE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the audit log takes too long to be written; its last entries may be missing");
        } else if thread.join().is_err() {
            tracing::error!("the audit log had panicked");
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.end();
    }
}
