//! The loop that keeps the server certificate valid while the process runs.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use std::{io, thread};

use crate::DevelopmentAuthority;
use crate::authority::Renewed;

/// How often the certificate is looked at; a fraction of the time between "due" and "ended".
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3600);

/// A running renewal loop: one thread that sleeps. Ends when stopped or dropped.
#[derive(Debug)]
pub struct Renewal {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    /// Takes the authority into a thread of its own, which looks after the certificate every six hours. A renewal that fails is
    /// logged and tried again at the next look; listeners go on with the certificate they have.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(authority: DevelopmentAuthority) -> io::Result<Self> {
        // Never sent on: the loop ends when the sender is gone.
        let (stop, stopped) = sync_channel(1);
        let thread =
            thread::Builder::new().name("renewal".to_owned()).spawn(move || run(authority, &stopped, LOOK_EVERY))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the loop and waits for it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("the certificate renewal loop had panicked");
        }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(mut authority: DevelopmentAuthority, stopped: &Receiver<()>, period: Duration) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(period) {
        match authority.renew_if_due(SystemTime::now()) {
            Ok(Renewed::NotDue) => {}
            Ok(Renewed::Yes) => tracing::info!("renewed the server certificate"),
            Err(error) => tracing::error!(
                %error,
                "could not renew the server certificate; the present one stays in use"
            ),
        }
    }
}
