//! A running frontend: its worker threads, from start to drain, and what can be changed meanwhile.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use auth::Policy;
use link::mailbox;
use partition::{Answer, SlotTable};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::categories::Categories;
use crate::client_ids::ClientIds;
use crate::counters::{CategoryTotals, Counters, Totals};
use crate::door::Door;
use crate::entrance::Entrance;
use crate::lanes::{self, Far, Reach};
use crate::listener;
use crate::listening::ListenError;
use crate::pool::Pool;
use crate::settings::{Limits, Listener, Settings};
use crate::spans::SpanSink;
use crate::sys::Sys;
use crate::view::FrontendView;
use crate::ways::{Way, Ways};
use crate::worker::{FromPeer, Request, Shared, Worker};

/// How long clients have for taking their last bytes when the frontend stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// How often those who wait for room look again.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// How long a listener may take to be added or removed.
pub(crate) const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

/// Why a frontend could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
    #[error(transparent)]
    Listener(#[from] ListenError),
}

/// The frontend's figures at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Of all clients.
    pub totals: Totals,
    /// The same of the clients of each category, those that are counted apart; ordered by name.
    pub categories: Vec<(Arc<str>, CategoryTotals)>,
    /// Bytes of messages that wait for clients.
    pub buffered_bytes: u64,
    /// Bytes of them from which on publishes are refused or slowed.
    pub back_pressure_bytes: u64,
}

/// Worker threads that serve clients until [`Frontend::stop`].
pub struct Frontend {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Frontend {
    /// Starts the workers, which accept from the listeners at once.
    ///
    /// # Errors
    /// The system gives no threads, a socket cannot be used, or two listeners have one name.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let Ways { frontend, workers: ways, near, far, counters } = Ways::of(settings.partitions);
        let partitions = far.as_ref().map_or(near.len(), |far| far.replicas.len());
        let workers = ways.len();
        let (peers, mailboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| mailbox::channel()).unzip();
        let shared = Arc::new(Shared {
            frontend,
            slots: SlotTable::even(partitions as u16),
            gate: settings.gate,
            denials: settings.denials,
            pool: Pool::new(settings.back_pressure_bytes),
            sys: Sys::new(settings.sys, counters),
            partitions: near,
            far,
            counters: (0..workers).map(|_| Arc::new(Counters::default())).collect(),
            categories: Categories::default(),
            internal: Arc::new(Entrance::internal()),
            inside: Arc::new(Entrance::inside()),
            waiting: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            peers,
            client_ids: ClientIds::new()?,
        });
        let (stop, stopped) = watch::channel(false);
        let mut frontend = Self { stop, threads: Vec::new(), shared };
        for (id, (way, peers)) in ways.into_iter().zip(mailboxes).enumerate() {
            let start = Start {
                id: id as u16,
                shared: Arc::clone(&frontend.shared),
                limits: settings.limits.clone(),
                spans: settings.spans.clone(),
                way,
                peers,
                stopped: stopped.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("worker-{id}"));
            frontend.threads.push(thread.spawn(move || start.run())?);
        }
        for listener in settings.listeners {
            if let Err(error) = frontend.listen(listener) {
                frontend.stop();
                return Err(error.into());
            }
        }
        Ok(frontend)
    }

    /// Accepts from one more socket.
    ///
    /// # Errors
    /// There is a listener of this name, the socket cannot be used, or no answer within five seconds.
    pub fn listen(&self, listener: Listener) -> Result<(), ListenError> {
        let (waiter, answer) = sync_channel(1);
        self.shared.request(0, Request::Listen(listener, waiter));
        answer.recv_timeout(REQUEST_DEADLINE).unwrap_or_else(|error| Err(unanswered(error)))
    }

    /// Stops accepting from a listener, whose socket is closed when this returns, and ends the connections that came by
    /// it: DISCONNECT 0x98 where their version has one, wills published.
    ///
    /// # Errors
    /// There is no listener of this name, or no answer within five seconds.
    pub fn unlisten(&self, name: &str) -> Result<(), ListenError> {
        let (waiter, answer) = sync_channel(1);
        self.shared.request(0, Request::Unlisten(name.into(), waiter));
        answer.recv_timeout(REQUEST_DEADLINE).unwrap_or_else(|error| Err(unanswered(error)))
    }

    /// Sets the bounds for CONNECTs from now on; who is connected keeps those of its own CONNECT.
    ///
    /// Returns when all workers go by them, after five seconds at the latest: a worker that is that late will when it gets
    /// to it.
    pub fn set_limits(&self, limits: &Limits) {
        let workers = self.shared.peers.len();
        let (waiter, known) = sync_channel(workers);
        self.request_all(|| Request::SetLimits(limits.clone(), waiter.clone()));
        wait_for_all(workers, &known, "limits");
    }

    /// Has listeners guarded by other policies, for CONNECTs and re-authentications from now on, and for the clients that
    /// are connected: what they may do is looked at anew. A connection ends (DISCONNECT 0x87) only if its CONNECT would be
    /// refused now, as far as that can be said without the client's secrets; else subscriptions that are not allowed any
    /// more end, and publishes are decided by the new rules.
    ///
    /// Returns when all workers go by the policies, after five seconds at the latest: a worker that is that late will when
    /// it gets to it.
    pub fn set_policies(&self, policies: Vec<(Arc<str>, Arc<Policy>)>) {
        let workers = self.shared.peers.len();
        let (waiter, known) = sync_channel(workers);
        self.shared.request(0, Request::SetPolicies(policies, waiter));
        wait_for_all(workers, &known, "policies");
    }

    /// Sets how many bytes of messages may wait for clients before publishes that would add to them are refused or slowed.
    pub fn set_back_pressure(&self, bytes: u64) {
        self.shared.pool.set_pressure_from(bytes);
    }

    /// Sets how often `$SYS` is published: at once, then in this interval. `None` ends it, and forgets the values.
    pub fn set_sys_interval(&self, interval: Option<Duration>) {
        self.shared.sys.set_interval(interval);
    }

    /// Sets where spans go; `None` records no more.
    pub fn set_spans(&self, sink: Option<SpanSink>) {
        self.request_all(|| Request::SetSpans(sink.clone()));
    }

    fn request_all(&self, request: impl Fn() -> Request) {
        (0..self.shared.peers.len()).for_each(|worker| self.shared.request(worker, request()));
    }

    /// For the broker's own clients.
    pub fn door(&self) -> Door {
        self.door_to(&self.shared.internal)
    }

    /// For clients in this process that are nobody's but the user's: dataflows.
    pub fn client_door(&self) -> Door {
        self.door_to(&self.shared.inside)
    }

    fn door_to(&self, entrance: &Arc<Entrance>) -> Door {
        Door { shared: Arc::clone(&self.shared), entrance: Arc::clone(entrance), stopped: self.stop.subscribe() }
    }

    /// For questions about clients.
    pub fn view(&self) -> FrontendView {
        FrontendView { shared: Arc::clone(&self.shared), stopped: self.stop.subscribe() }
    }

    /// Reads all workers' counters, added up.
    pub fn totals(&self) -> impl Fn() -> Reading + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || {
            let (totals, categories) = shared.totals();
            let (buffered_bytes, back_pressure_bytes) = (shared.pool.used_bytes(), shared.pool.pressure_from());
            Reading { totals, categories, buffered_bytes, back_pressure_bytes }
        }
    }

    /// How partitions in other processes are reached; `None` if they are in this one.
    pub fn reach(&self) -> Option<impl Fn() -> Reach + Send + Sync + use<>> {
        self.shared.far.clone().map(|far| move || far.reach())
    }

    /// What backends in other processes tell of the partitions, by number: `None` where nothing was heard for five seconds.
    /// Empty if the partitions are in this process.
    pub fn figures(&self) -> impl Fn() -> Vec<Option<partition::Counters>> + Send + Sync + use<> {
        let far = self.shared.far.clone();
        move || far.as_deref().map(Far::figures).unwrap_or_default()
    }

    /// Stops listening, tells the clients (DISCONNECT 0x8B), closes their sessions and ends the workers. Takes up to
    /// [`DRAIN_DEADLINE`] and a little; with partitions in other processes, until the links to them have ended: up to
    /// their own deadline longer.
    pub fn stop(self) {
        self.stop.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

fn wait_for_all(workers: usize, known: &std::sync::mpsc::Receiver<()>, what: &str) {
    let deadline = std::time::Instant::now() + REQUEST_DEADLINE;
    for _ in 0..workers {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if known.recv_timeout(left).is_err() {
            tracing::warn!(what, "a worker has not taken what is new within {} s", REQUEST_DEADLINE.as_secs());
            return;
        }
    }
}

fn unanswered(error: RecvTimeoutError) -> ListenError {
    match error {
        RecvTimeoutError::Timeout => ListenError::Unanswered,
        RecvTimeoutError::Disconnected => ListenError::Stopping,
    }
}

/// What a worker's thread begins with.
struct Start {
    id: u16,
    shared: Arc<Shared>,
    limits: Limits,
    spans: Option<SpanSink>,
    way: Way,
    peers: mailbox::Receiver<FromPeer>,
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
        let (answers, links) = match self.way {
            Way::Near(answers) => (Some(answers), Vec::new()),
            Way::Far(links) => (None, links),
        };
        let worker = Worker::new(self.id, self.shared, links, self.limits, self.spans);
        WORKER.set(Some(Rc::clone(&worker)));
        let mut tasks = vec![
            match answers {
                Some(answers) => tokio::task::spawn_local(take_answers(Rc::clone(&worker), answers)),
                None => tokio::task::spawn_local(lanes::work(Rc::clone(&worker))),
            },
            tokio::task::spawn_local(take_from_peers(Rc::clone(&worker), self.peers)),
            tokio::task::spawn_local(tick(Rc::clone(&worker))),
        ];
        if self.id == 0 {
            tasks.push(tokio::task::spawn_local(crate::sys::publish(Rc::clone(&worker))));
        }
        // An error means that the frontend itself is gone.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
        worker.listening.stop();
        let deadline = Instant::now() + DRAIN_DEADLINE;
        drain(&worker, deadline).await;
        worker.end_turn();
        lanes::drain(&worker, deadline).await;
        for task in tasks {
            task.abort();
        }
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
                FromPeer::Serve { stream, peer, entrance } => listener::serve_std(&worker, stream, peer, &entrance),
                FromPeer::Request(request) => worker.on_request(*request),
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

async fn drain(worker: &Rc<Worker>, deadline: Instant) {
    worker.send_all_away();
    while worker.has_connections() && Instant::now() < deadline {
        sleep(ROOM_PAUSE).await;
    }
}
