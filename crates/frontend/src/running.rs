//! A running frontend: its worker threads, from start to drain.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Duration;

use link::mailbox;
use partition::{Answer, SlotTable};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::client_ids::ClientIds;
use crate::counters::{Counters, Totals};
use crate::listener;
use crate::pool::Pool;
use crate::settings::{Listener, Settings};
use crate::sys::Sys;
use crate::worker::{FromPeer, Shared, Worker};

/// How long clients have for taking their last bytes when the frontend stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// How often those who wait for room look again.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// Only one frontend in a process so far.
const FRONTEND: u16 = 0;

/// Why a frontend could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
}

/// Worker threads that serve clients until [`Frontend::stop`].
pub struct Frontend {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Frontend {
    /// Starts the workers, which accept from the listeners at once.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let mut listeners = settings.listeners;
        let workers = settings.answers.len();
        let (peers, mailboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| mailbox::channel()).unzip();
        let shared = Arc::new(Shared {
            frontend: FRONTEND,
            slots: SlotTable::even(settings.partitions.len() as u16),
            limits: settings.limits,
            policy: settings.policy,
            methods: settings.methods,
            pool: Pool::new(settings.back_pressure_bytes),
            sys: Sys::new(settings.sys),
            partitions: settings.partitions,
            counters: (0..workers).map(|_| Arc::new(Counters::default())).collect(),
            waiting: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            peers,
            client_ids: ClientIds::new()?,
        });
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        for (id, (answers, peers)) in settings.answers.into_iter().zip(mailboxes).enumerate() {
            let start = Start {
                id: id as u16,
                shared: Arc::clone(&shared),
                answers,
                peers,
                listeners: if id == 0 { std::mem::take(&mut listeners) } else { Vec::new() },
                stopped: stopped.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("worker-{id}"));
            threads.push(thread.spawn(move || start.run())?);
        }
        Ok(Self { stop, threads, shared })
    }

    /// Reads all workers' counters, added up, and the bytes of messages that wait for clients.
    pub fn totals(&self) -> impl Fn() -> (Totals, u64) + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || {
            let mut totals = Totals::default();
            shared.counters.iter().for_each(|worker| totals.add(worker));
            (totals, shared.pool.used_bytes())
        }
    }

    /// Stops listening, tells the clients (DISCONNECT 0x8B), closes their sessions and ends the workers. Takes up to
    /// [`DRAIN_DEADLINE`] and a little.
    pub fn stop(self) {
        self.stop.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

/// What a worker's thread begins with.
struct Start {
    id: u16,
    shared: Arc<Shared>,
    answers: mailbox::Receiver<Answer>,
    peers: mailbox::Receiver<FromPeer>,
    listeners: Vec<Listener>,
    stopped: watch::Receiver<bool>,
}

thread_local! {
    /// The worker of this thread, for the runtime's hook, which takes no state of its own.
    static WORKER: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

fn end_turn() {
    WORKER.with_borrow(|worker| {
        if let Some(worker) = worker {
            worker.end_turn();
        }
    });
}

impl Start {
    fn run(self) {
        // The hook runs when no task is ready, just before the thread would sleep: the end of a turn.
        let runtime =
            Builder::new_current_thread().enable_all().on_thread_park(end_turn).build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.serve());
                WORKER.take();
            }
            Err(error) => tracing::error!(%error, "cannot start a worker's runtime"),
        }
    }

    async fn serve(mut self) {
        let worker = Worker::new(self.id, self.shared);
        WORKER.set(Some(Rc::clone(&worker)));
        let turn = Rc::new(Cell::new(0));
        let accepting: Vec<_> = self
            .listeners
            .drain(..)
            .map(|Listener { socket, protocol }| {
                tokio::task::spawn_local(listener::accept(Rc::clone(&worker), socket, protocol, Rc::clone(&turn)))
            })
            .collect();
        let mut tasks = vec![
            tokio::task::spawn_local(take_answers(Rc::clone(&worker), self.answers)),
            tokio::task::spawn_local(take_from_peers(Rc::clone(&worker), self.peers)),
            tokio::task::spawn_local(tick(Rc::clone(&worker))),
        ];
        if self.id == 0 {
            tasks.push(tokio::task::spawn_local(crate::sys::publish(Rc::clone(&worker))));
        }
        // An error means that the frontend itself is gone.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
        for task in accepting {
            task.abort();
        }
        drain(&worker).await;
        for task in tasks {
            task.abort();
        }
        worker.end_turn();
    }
}

async fn take_answers(worker: Rc<Worker>, mut answers: mailbox::Receiver<Answer>) {
    let mut taken = Vec::new();
    loop {
        answers.receive(&mut taken).await;
        worker.look_at_the_clock();
        let count = taken.len();
        for answer in taken.drain(..) {
            worker.on_answer(answer);
        }
        if worker.has_paused() {
            worker.resume_paused();
        }
        if worker.count_messages(count) {
            // More may be there already, which would leave the other tasks no turn.
            yield_now().await;
        }
    }
}

async fn take_from_peers(worker: Rc<Worker>, mut peers: mailbox::Receiver<FromPeer>) {
    let mut taken = Vec::new();
    loop {
        peers.receive(&mut taken).await;
        worker.look_at_the_clock();
        let count = taken.len();
        for from_peer in taken.drain(..) {
            match from_peer {
                FromPeer::Deliver(remote) => worker.on_remote(remote),
                FromPeer::Serve { stream, peer, protocol } => listener::serve_std(&worker, stream, peer, &protocol),
            }
        }
        if worker.count_messages(count) {
            yield_now().await;
        }
    }
}

/// Once a second; and while somebody waits for room, looks for it more often.
async fn tick(worker: Rc<Worker>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Both are cancel safe.
            _ = seconds.tick() => worker.tick(),
            () = worker.somebody_waits() => {
                sleep(ROOM_PAUSE).await;
                worker.resume_paused();
            }
        }
    }
}

async fn drain(worker: &Rc<Worker>) {
    let deadline = Instant::now() + DRAIN_DEADLINE;
    worker.send_all_away();
    while worker.has_connections() && Instant::now() < deadline {
        sleep(ROOM_PAUSE).await;
    }
}
