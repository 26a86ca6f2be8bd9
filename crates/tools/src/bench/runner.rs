//! Starts the threads, tells how it goes, and gathers what they found out.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::connects::Connects;
use super::outcome::Outcome;
use super::process::Memory;
use super::progress::Progress;
use super::settings::{Load, Settings};
use super::shared::Shared;
use super::traffic::Traffic;
use super::transport::Target;
use super::worker::Site;

/// How often memory is looked at and the progress line is written.
const TICK: Duration = Duration::from_millis(250);

/// Descriptors beside those of the connections.
const OTHER_DESCRIPTORS: u64 = 32;

/// Timers as exact as the kernel has them; by default it may be late by 50 µs.
const TIMER_SLACK_NS: std::num::NonZeroU64 = std::num::NonZeroU64::MIN;

/// Everything there is to say about a run.
pub(super) struct Findings {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) memory: MemorySeen,
    /// Why it could not be done.
    pub(super) failure: Option<String>,
    pub(super) was_interrupted: bool,
}

/// The broker's memory over the run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MemorySeen {
    pub(super) before: Option<Memory>,
    pub(super) peak: Option<Memory>,
    pub(super) after: Option<Memory>,
}

/// Why it could not even begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum RunError {
    #[error("{needed} connections need more descriptors than the {limit} allowed here: raise `ulimit -n`")]
    Descriptors { needed: u64, limit: u64 },
    #[error("--pid {0}: there is no such process")]
    NoProcess(u32),
    #[error("{doing}: {reason}")]
    System { doing: &'static str, reason: io::Error },
}

/// Runs it to its end; Ctrl-C ends it early, a second one at once.
///
/// # Errors
/// What it needs of the system is not to be had.
pub(super) fn run(settings: Arc<Settings>, target: Arc<Target>, progress: Progress) -> Result<Findings, RunError> {
    if let Some(pid) = settings.pids.iter().find(|pid| !super::process::exists(**pid)) {
        return Err(RunError::NoProcess(*pid));
    }
    raise_descriptors(connections(&settings))?;
    let failed = |doing| move |reason| RunError::System { doing, reason };
    let publishers = match &settings.load {
        Load::Traffic(load) => load.publishers,
        Load::Connect(_) => 0,
    };
    let shared = Arc::new(Shared::new(settings.threads, publishers).map_err(failed("make wakers"))?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed("make a runtime"))?;
    // Each thread says once that it is done.
    let (done, is_done) = mpsc::channel(settings.threads);
    let memory = MemorySeen { before: Memory::of(&settings.pids), ..MemorySeen::default() };
    let mut watch = Watch { settings: settings.clone(), shared: shared.clone(), progress, memory };
    let mut threads = Vec::new();
    for me in 0..settings.threads {
        let site = Site { settings: settings.clone(), target: target.clone(), shared: shared.clone(), me };
        threads.push(start(site, done.clone()).map_err(failed("start a thread"))?);
    }
    drop(done);
    runtime.block_on(watch.until(is_done)).map_err(failed("wait for signals"))?;
    let mut outcomes = Vec::new();
    for thread in threads {
        match thread.join() {
            Ok(Ok(outcome)) => outcomes.push(outcome),
            Ok(Err(error)) => shared.fail(format!("watch sockets: {error}")),
            Err(_) => shared.fail("a thread of the bench panicked".to_owned()),
        }
    }
    Ok(Findings {
        outcomes,
        memory: MemorySeen { after: Memory::of(&settings.pids), ..watch.memory },
        failure: shared.failure().map(str::to_owned),
        was_interrupted: shared.is_interrupted(),
    })
}

fn connections(settings: &Settings) -> u64 {
    match &settings.load {
        Load::Connect(load) => u64::from(load.connections),
        Load::Traffic(load) => u64::from(load.publishers) + u64::from(load.subscribers),
    }
}

fn raise_descriptors(connections: u64) -> Result<(), RunError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Without it what follows says what is missing.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let needed = connections + OTHER_DESCRIPTORS;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(RunError::Descriptors { needed: connections, limit }),
        _ => Ok(()),
    }
}

/// Fails the run when its thread panics, so that the others do not wait for it.
struct PanicGuard(Arc<Shared>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a thread of the bench panicked".to_owned());
        }
    }
}

fn start(site: Site, done: mpsc::Sender<()>) -> io::Result<JoinHandle<io::Result<Outcome>>> {
    let name = format!("bench-{}", site.me);
    std::thread::Builder::new().name(name).spawn(move || {
        let _guard = PanicGuard(site.shared.clone());
        // Coarser timers make a rate less even, no more.
        let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS));
        let shared = site.shared.clone();
        let outcome = match &site.settings.load {
            Load::Connect(load) => Connects::new(site.clone(), load.clone()).map(Connects::run),
            Load::Traffic(load) => Traffic::new(site.clone(), load.clone()).map(Traffic::run),
        };
        if let Err(error) = &outcome {
            shared.fail(format!("watch sockets: {error}"));
        }
        // The receiver is gone only when the process is about to end.
        let _ = done.blocking_send(());
        outcome
    })
}

/// What the main thread does meanwhile.
struct Watch {
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    progress: Progress,
    memory: MemorySeen,
}

impl Watch {
    async fn until(&mut self, mut is_done: mpsc::Receiver<()>) -> io::Result<()> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Cancel-safe: each branch only waits, and what is not taken waits for the next turn.
            tokio::select! {
                finished = is_done.recv() => if finished.is_none() { break },
                () = either(&mut interrupts, &mut terminations) => self.end_early(),
                _ = tick.tick() => self.look(),
            }
        }
        self.progress.clear();
        Ok(())
    }

    fn look(&mut self) {
        let now = Memory::of(&self.settings.pids);
        self.memory.peak = self.memory.peak.max(now);
        self.progress.show(&self.shared);
    }

    /// The first time it ends in order; the second time the user means it.
    fn end_early(&mut self) {
        if self.shared.is_interrupted() {
            self.progress.clear();
            std::process::exit(130);
        }
        self.shared.interrupt();
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
