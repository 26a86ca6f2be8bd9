//! The service manager's watchdog, fed only while every thread of the broker answers.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::systemd;

/// A running watchdog. Ends when stopped or dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Calls `progress` twice in each period that the service manager asks for, and passes it on when it is `Ok`. `None` where
    /// nobody watches.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start<P, E>(progress: P) -> io::Result<Option<Self>>
    where
        P: AsyncFn() -> Result<(), E> + Send + 'static,
        E: std::fmt::Display,
    {
        let Some(period) = sd_notify::watchdog_enabled() else {
            return Ok(None);
        };
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        // Never sent on: the loop ends when the sender is gone.
        let (stop, stopped) = sync_channel(1);
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            watch(period / 2, &stopped, || match runtime.block_on(progress()) {
                Ok(()) => systemd::alive(),
                Err(error) => tracing::error!(%error, "the broker makes no progress; the service manager may end it"),
            });
        })?;
        Ok(Some(Self { stop: Some(stop), thread: Some(thread) }))
    }

    /// Ends the watchdog and waits for its thread.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the watchdog had panicked");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end();
    }
}

/// Calls `look` every `period`, until the sender is gone.
fn watch(period: Duration, stopped: &Receiver<()>, look: impl Fn()) {
    loop {
        let begun = Instant::now();
        look();
        let left = period.saturating_sub(begun.elapsed());
        if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::watch;

    #[test]
    fn looks_again_and_again_until_the_sender_is_gone() {
        let (stop, stopped) = sync_channel::<()>(1);
        let (stop, looks) = (std::sync::Mutex::new(Some(stop)), AtomicU32::new(0));
        watch(Duration::from_millis(1), &stopped, || {
            if looks.fetch_add(1, Ordering::Relaxed) == 2 {
                stop.lock().unwrap().take();
            }
        });
        assert_eq!(looks.into_inner(), 3);
    }
}
