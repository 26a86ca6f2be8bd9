//! Brings the logs to their device every 100 ms, beside the partitions' threads.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use replica::log::Syncer;

/// What a power cut may cost under `async` durability.
const INTERVAL: Duration = Duration::from_millis(100);

/// The logs that are brought to their device. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Syncers(Arc<Mutex<Vec<Syncer>>>);

impl Syncers {
    pub fn add(&self, syncer: Syncer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(syncer);
    }

    fn all(&self) -> Vec<Syncer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) struct SyncThread {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl SyncThread {
    pub fn start(syncers: Syncers) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let work = move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                for syncer in syncers.all() {
                    if let Err(error) = syncer.sync() {
                        // The log refuses all appends from here on, which stops its partition with a reason.
                        tracing::error!(%error, "a log could not be synced");
                        return;
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("sync".to_owned()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the sync thread has panicked");
        }
    }
}
