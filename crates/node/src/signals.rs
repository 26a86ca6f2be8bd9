//! Being told from outside: SIGINT (Ctrl-C) and SIGTERM to end, SIGHUP to read the configuration again.

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{io, process, thread};

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals, from the moment this is made on.
#[derive(Debug)]
pub(crate) struct Signals(Arc<Told>);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Read the configuration again, now.
    Reload,
    /// End; by the signal of this name.
    End(&'static str),
}

#[derive(Debug, Default)]
struct Told {
    wishes: Mutex<Wishes>,
    any: Condvar,
}

/// What nobody has taken yet. A second wish of a kind adds nothing.
#[derive(Debug, Default)]
struct Wishes {
    reload: Option<()>,
    end: Option<&'static str>,
}

const SIGINT_EXIT: i32 = 128 + 2;
const SIGTERM_EXIT: i32 = 128 + 15;

impl Signals {
    /// Catches the signals in a thread of its own: the first to end can be waited for, a second ends the process at once.
    ///
    /// # Errors
    /// The system gives no thread or no signals.
    pub(crate) fn catch() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        let mut caught = {
            let _inside = runtime.enter();
            Caught {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                terminal: io::stderr().is_terminal(),
            }
        };
        let told = Arc::new(Told::default());
        let teller = Arc::clone(&told);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut ending = false;
                loop {
                    match caught.next().await {
                        Caller::Reload => teller.tell(Wish::Reload),
                        Caller::End { name, .. } if !ending => {
                            ending = true;
                            teller.tell(Wish::End(name));
                        }
                        Caller::End { exit, .. } => process::exit(exit),
                    }
                }
            });
        })?;
        Ok(Self(told))
    }

    /// Waits for a signal, `longest` at the most. That the process should end goes before anything else.
    pub(crate) fn wait(&self, longest: Duration) -> Option<Wish> {
        let none = |wishes: &mut Wishes| wishes.reload.is_none() && wishes.end.is_none();
        let wishes = self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut wishes, _) =
            self.0.any.wait_timeout_while(wishes, longest, none).unwrap_or_else(PoisonError::into_inner);
        let end = wishes.end.take().map(Wish::End);
        end.or_else(|| wishes.reload.take().map(|()| Wish::Reload))
    }
}

impl Told {
    fn tell(&self, wish: Wish) {
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        match wish {
            Wish::Reload => wishes.reload = Some(()),
            Wish::End(name) => wishes.end = Some(name),
        }
        self.any.notify_one();
    }
}

struct Caught {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Whether the process was started on a terminal.
    terminal: bool,
}

enum Caller {
    Reload,
    End { name: &'static str, exit: i32 },
}

impl Caught {
    /// All branches are cancel safe.
    async fn next(&mut self) -> Caller {
        tokio::select! {
            _ = self.interrupt.recv() => Caller::End { name: "SIGINT", exit: SIGINT_EXIT },
            _ = self.terminate.recv() => Caller::End { name: "SIGTERM", exit: SIGTERM_EXIT },
            // The system sends it too when the terminal of the process is closed, which then is none any more.
            _ = self.hangup.recv() => match self.terminal && !io::stderr().is_terminal() {
                true => Caller::End { name: "SIGHUP", exit: SIGTERM_EXIT },
                false => Caller::Reload,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Signals, Told, Wish};

    #[test]
    fn the_end_goes_before_a_reload_and_wishes_do_not_pile_up() {
        let told = Arc::new(Told::default());
        let signals = Signals(Arc::clone(&told));
        assert_eq!(signals.wait(Duration::ZERO), None);
        told.tell(Wish::Reload);
        told.tell(Wish::Reload);
        assert_eq!(signals.wait(Duration::ZERO), Some(Wish::Reload));
        assert_eq!(signals.wait(Duration::ZERO), None);
        told.tell(Wish::Reload);
        told.tell(Wish::End("SIGTERM"));
        assert_eq!(signals.wait(Duration::from_secs(5)), Some(Wish::End("SIGTERM")));
        assert_eq!(signals.wait(Duration::from_secs(5)), Some(Wish::Reload));
    }
}
