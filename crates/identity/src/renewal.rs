//! The thread that renews automatic certificates before they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use std::{io, thread};

use crate::IdentityError;
use crate::certificate::written;
use crate::certificates::Desk;
use crate::leaf::Leaf;
use crate::registry::Due;
use crate::server_tls::Configurations;

/// How long a clock that was set forward, or a machine that slept, may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Between two looks at the least, whatever the settings.
const REST: Duration = Duration::from_millis(100);

/// A running renewal loop. Ends when stopped or dropped.
#[derive(Debug)]
pub(crate) struct Renewal {
    desk: Arc<Desk>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    pub(crate) fn start(desk: Arc<Desk>) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = {
            let (desk, stopped) = (desk.clone(), stopped.clone());
            thread::Builder::new().name("renewal".to_owned()).spawn(move || run(&desk, &stopped))?
        };
        Ok(Self { desk, stopped, thread: Some(thread) })
    }

    pub(crate) fn stop(mut self) {
        self.end();
    }

    pub(crate) fn end(&mut self) {
        {
            // Under the lock: the loop either sees it before it sleeps, or sleeps already and is woken.
            let _registry = self.desk.registry();
            self.stopped.store(true, Ordering::Release);
        }
        self.desk.changed.notify_all();
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

fn run(desk: &Desk, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Acquire) {
        let due = look(desk, SystemTime::now());
        for due in due {
            if stopped.load(Ordering::Acquire) {
                return;
            }
            renew(desk, &due, SystemTime::now());
        }
        let registry = desk.registry();
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let idle = registry.idle(&desk.authority, SystemTime::now()).unwrap_or(LOOK_EVERY);
        // Why it ended makes no difference: everything is looked at anew.
        drop(desk.changed.wait_timeout(registry, idle.clamp(REST, LOOK_EVERY)));
    }
}

/// What is to be renewed now; speaks of what nobody renews.
pub(crate) fn look(desk: &Desk, now: SystemTime) -> Vec<Due> {
    let mut registry = desk.registry();
    registry.remind(&desk.authority, now);
    registry.due(&desk.authority, now)
}

/// Makes, stores and publishes a new certificate, unless the listener was given another one meanwhile.
pub(crate) fn renew(desk: &Desk, due: &Due, now: SystemTime) {
    let made = make(desk, due, now);
    let mut registry = desk.registry();
    if !registry.is_current(due) {
        return;
    }
    let stored = made.and_then(|(leaf, configurations)| {
        desk.store(&due.settings, &leaf)?;
        Ok((leaf, configurations))
    });
    let listener = due.listener.as_str();
    match stored {
        Ok((leaf, configurations)) => {
            let end = written(leaf.not_after);
            registry.renewed(due, leaf, configurations);
            tracing::info!(listener, end, "renewed a certificate");
        }
        Err(error) => {
            let (end, retry_seconds) = (written(due.leaf.not_after), registry.failed(listener, now).as_secs());
            tracing::warn!(listener, %error, end, retry_seconds, "could not renew a certificate; the present one stays in use");
        }
    }
    desk.announce(&registry);
}

fn make(desk: &Desk, due: &Due, now: SystemTime) -> Result<(Leaf, Configurations), IdentityError> {
    let leaf = due.settings.renew(&desk.authority, &due.leaf, now)?;
    let configurations = Configurations::new(desk.authority.provider(), due.terms.clone(), leaf.certified())?;
    Ok((leaf, configurations))
}
