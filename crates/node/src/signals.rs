//! Being told to end: SIGINT (Ctrl-C) and SIGTERM.

use std::sync::mpsc::{Receiver, sync_channel};
use std::{io, process, thread};

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals, from the moment this is made on.
#[derive(Debug)]
pub(crate) struct Signals {
    first: Receiver<&'static str>,
}

const SIGINT_EXIT: i32 = 128 + 2;
const SIGTERM_EXIT: i32 = 128 + 15;

impl Signals {
    /// Catches the signals in a thread of its own: the first can be waited for, a second ends the process at once.
    ///
    /// # Errors
    /// The system gives no thread or no signals.
    pub(crate) fn catch() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        // One place: only the first signal is sent.
        let (sender, first) = sync_channel(1);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut signals = (interrupt, terminate);
                let (name, _) = next(&mut signals).await;
                // Nobody waits any more: the process is ending anyway.
                let _ = sender.send(name);
                let (_, exit) = next(&mut signals).await;
                process::exit(exit);
            });
        })?;
        Ok(Self { first })
    }

    /// Waits for the first signal and returns its name.
    pub(crate) fn wait(&self) -> &'static str {
        self.first.recv().unwrap_or("no more signals")
    }
}

/// Both branches are cancel safe.
async fn next((interrupt, terminate): &mut (Signal, Signal)) -> (&'static str, i32) {
    tokio::select! {
        _ = interrupt.recv() => ("SIGINT", SIGINT_EXIT),
        _ = terminate.recv() => ("SIGTERM", SIGTERM_EXIT),
    }
}
