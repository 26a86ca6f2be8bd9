//! A frontend worker: one thread, one current-thread runtime, the connections that were dealt to it.
//!
//! Work happens in turns. In a turn, the tasks of all connections that have something to read run; what they write goes
//! to outboxes, batches and peers' mailboxes in memory. Just before the thread would sleep, [`Worker::end_turn`] hands
//! all of it over: one write per connection, one batch per partition, one wake-up per worker.

mod partitions;
mod requests;
mod review;
mod search;
mod turn;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use auth::authentication::Gate;
use auth::{Denial, DenialSink};
use bytes::Bytes;
use link::mailbox;
use mqtt::Connect;
use partition::{Owner, SlotTable, Timestamp};
use slab::Slab;
use tokio::sync::Notify;

use crate::categories::{self, Categories, WorkerCategories};
use crate::connection::Connection;
use crate::counters::{CategoryCounters, Counters, Totals};
use crate::entrance::Entrance;
use crate::fault::Fault;
use crate::keep_alive::{Watched, Wheel};
use crate::lanes::{Far, Lanes};
use crate::listening::Listening;
use crate::outbox::Spares;
use crate::pool::Pool;
use crate::routing::{Remote, RouteCache};
use crate::settings::{FarLink, Limits, PartitionLink};
use crate::spans::{SpanSink, Tracer};
use crate::sys::Sys;
use crate::transport::Transport;
use partitions::{Abandoned, Batch};
pub(crate) use requests::Request;
pub(crate) use search::{Asked, Question};

/// One read takes at most this much; shared by all connections of a worker.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What a worker is sent by another one, or by those who run the frontend.
pub(crate) enum FromPeer {
    Deliver(Remote),
    /// A connection that was accepted elsewhere.
    Serve {
        stream: std::net::TcpStream,
        peer: SocketAddr,
        entrance: Arc<Entrance>,
    },
    Request(Box<Request>),
}

/// What all workers of a frontend share.
pub(crate) struct Shared {
    pub frontend: u16,
    pub gate: Gate,
    pub denials: Option<DenialSink>,
    pub slots: SlotTable,
    pub pool: Pool,
    pub sys: Sys,
    /// Those in this process: all, or none.
    pub partitions: Vec<PartitionLink>,
    /// Those in other processes, else.
    pub far: Option<Arc<Far>>,
    pub counters: Vec<Arc<Counters>>,
    pub categories: Categories,
    /// Of the broker's own connections through memory.
    pub internal: Arc<Entrance>,
    /// Of clients' connections through memory.
    pub inside: Arc<Entrance>,
    /// Bytes that wait in each worker.
    pub waiting: Vec<AtomicUsize>,
    pub peers: Vec<mailbox::Sender<FromPeer>>,
    pub client_ids: crate::client_ids::ClientIds,
}

impl Shared {
    /// All workers' counters, added up, and those of categories apart.
    pub fn totals(&self) -> (Totals, Vec<(Arc<str>, crate::counters::CategoryTotals)>) {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|worker| totals.add(worker));
        let categories = self.categories.read(&mut totals);
        // Those that are publishes are counted by category alone.
        totals.packets_sent += totals.publishes_sent;
        (totals, categories)
    }

    pub fn request(&self, worker: usize, request: Request) {
        if let Some(peer) = self.peers.get(worker) {
            peer.send_one(FromPeer::Request(Box::new(request)));
        }
    }
}

pub(crate) struct Worker {
    pub id: u16,
    pub shared: Arc<Shared>,
    pub counters: Arc<Counters>,
    pub read_buffer: RefCell<Box<[u8]>>,
    /// The long packet that is being handled, in a buffer of its own; else empty.
    pub gathered: RefCell<Bytes>,
    pub spares: RefCell<Spares>,
    pub dirty: RefCell<Vec<Rc<Connection>>>,
    pub routes: RouteCache,
    pub tracer: Tracer,
    /// The way to partitions in other processes; `None` if they are in this one.
    pub lanes: Option<Lanes>,
    /// Listeners; on the first worker only.
    pub listening: Listening,
    /// For CONNECTs from now on.
    limits: RefCell<Rc<Limits>>,
    own_categories: RefCell<WorkerCategories>,
    connections: RefCell<Slab<Rc<Connection>>>,
    generation: Cell<u32>,
    batches: Vec<Batch>,
    /// Of connections that have gone before their session was opened.
    abandoned: RefCell<HashMap<Owner, Abandoned, ahash::RandomState>>,
    to_peers: Vec<RefCell<Vec<FromPeer>>>,
    /// Waiting for room somewhere.
    paused: RefCell<Vec<Rc<Connection>>>,
    pausing: Notify,
    /// With publishes that a full disk refused.
    refused: RefCell<Vec<Rc<Connection>>>,
    wheel: RefCell<Wheel>,
    /// The frontend stops: who comes now is sent away.
    draining: Cell<bool>,
    started: Instant,
    started_at: SystemTime,
    now: Cell<Timestamp>,
    now_s: Cell<u64>,
    reads: Cell<u32>,
    /// Change of the memory that waits for clients in this turn.
    delta: Cell<i64>,
    waiting: Cell<i64>,
}

impl std::ops::Deref for Worker {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Worker {
    /// With `links` if the partitions are in other processes; within the worker's runtime.
    pub fn new(id: u16, shared: Arc<Shared>, links: Vec<FarLink>, limits: Limits, spans: Option<SpanSink>) -> Rc<Self> {
        let lanes = shared.far.as_ref().map(|far| Lanes::new(id, shared.frontend, far, links));
        let batches = (0..shared.slots.partitions()).map(|_| match lanes {
            None => Batch::default(),
            Some(_) => Batch::for_lane(),
        });
        let worker = Self {
            id,
            counters: Arc::clone(&shared.counters[usize::from(id)]),
            read_buffer: RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice()),
            gathered: RefCell::default(),
            spares: RefCell::default(),
            dirty: RefCell::default(),
            routes: RouteCache::default(),
            tracer: Tracer::new(id, spans),
            listening: Listening::default(),
            limits: RefCell::new(Rc::new(limits)),
            own_categories: RefCell::new(WorkerCategories::new(&shared.categories)),
            connections: RefCell::default(),
            generation: Cell::new(0),
            batches: batches.collect(),
            lanes,
            abandoned: RefCell::default(),
            to_peers: shared.peers.iter().map(|_| RefCell::default()).collect(),
            paused: RefCell::default(),
            pausing: Notify::new(),
            refused: RefCell::default(),
            wheel: RefCell::new(Wheel::new(0)),
            draining: Cell::new(false),
            started: Instant::now(),
            started_at: SystemTime::now(),
            now: Cell::new(Timestamp(0)),
            now_s: Cell::new(0),
            reads: Cell::new(0),
            delta: Cell::new(0),
            waiting: Cell::new(0),
            shared,
        };
        worker.look_at_the_clock();
        Rc::new(worker)
    }

    // Time.

    /// Milliseconds since the Unix epoch, as of the last read or answer.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Seconds since the worker began, by a clock that only goes forward.
    pub fn now_s(&self) -> u64 {
        self.now_s.get()
    }

    /// When second `at_s` of this worker was.
    pub fn time_of(&self, at_s: u64) -> SystemTime {
        self.started_at + Duration::from_secs(at_s)
    }

    pub fn look_at_the_clock(&self) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now.set(Timestamp(since_epoch.as_millis() as u64));
    }

    /// Called once a second: closes who is late, gives those another try who wait for something.
    pub fn tick(self: &Rc<Self>) {
        self.look_at_the_clock();
        self.now_s.set(self.started.elapsed().as_secs());
        let mut due = Vec::new();
        self.wheel.borrow_mut().turn(self.now_s(), &mut due);
        for watched in due {
            let owner = Owner { worker: self.id, ..self.owner(watched.slot, watched.generation) };
            // Those that were to be looked at earlier by another entry have one for later.
            if let Some(connection) = self.connection(owner).filter(|c| c.look_at.get() <= self.now_s()) {
                connection.look_at.set(u64::MAX);
                let next = connection.check_deadlines(self);
                self.watch(&connection, next);
            }
        }
        for connection in self.refused.take() {
            connection.retry_refused(self);
        }
    }

    /// Has the connection's deadlines looked at in that second, or before.
    pub fn watch(&self, connection: &Connection, at_s: u64) {
        if at_s < connection.look_at.get() {
            let Owner { slot, generation, .. } = connection.owner;
            connection.look_at.set(self.wheel.borrow_mut().watch(Watched { slot, generation }, at_s));
        }
    }

    // Connections.

    fn owner(&self, slot: u32, generation: u32) -> Owner {
        Owner { frontend: self.frontend, worker: self.id, slot, generation }
    }

    pub fn admit(self: &Rc<Self>, peer: SocketAddr, entrance: Arc<Entrance>, transport: Transport) -> Rc<Connection> {
        let connection = self.enter(peer, entrance, transport);
        if self.draining.get() {
            connection.kick(self, Fault::ShuttingDown);
        } else if connection.entrance.is_closed() {
            connection.kick(self, Fault::Administrative);
        }
        connection
    }

    fn enter(&self, peer: SocketAddr, entrance: Arc<Entrance>, transport: Transport) -> Rc<Connection> {
        let mut connections = self.connections.borrow_mut();
        let entry = connections.vacant_entry();
        let generation = self.generation.get().wrapping_add(1);
        self.generation.set(generation);
        let owner = self.owner(entry.key() as u32, generation);
        let connection = Rc::new(Connection::new(self, owner, peer, entrance, transport));
        entry.insert(Rc::clone(&connection));
        if !connection.entrance.is_internal() {
            self.counters.connections.add(1);
        }
        self.watch(&connection, self.now_s() + crate::connection::CONNECT_DEADLINE_S);
        connection
    }

    pub fn connection(&self, owner: Owner) -> Option<Rc<Connection>> {
        let connections = self.connections.borrow();
        connections.get(owner.slot as usize).filter(|c| c.owner == owner).cloned()
    }

    /// The connection is over; nothing finds it any more.
    pub fn forget(&self, connection: &Rc<Connection>) {
        let mut connections = self.connections.borrow_mut();
        if connections.get(connection.owner.slot as usize).is_some_and(|c| Rc::ptr_eq(c, connection)) {
            connections.remove(connection.owner.slot as usize);
            if !connection.entrance.is_internal() {
                self.counters.connections.subtract(1);
            }
        }
        drop(connections);
        let mut outbound = connection.outbound.borrow_mut();
        outbound.discard();
        self.account(outbound.account());
    }

    /// Sends all clients away, and those whose handshake is not done yet as soon as it is.
    pub fn send_all_away(self: &Rc<Self>) {
        self.draining.set(true);
        self.send_away(Fault::ShuttingDown, |_| true);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub fn send_away(self: &Rc<Self>, fault: Fault, whom: impl Fn(&Connection) -> bool) {
        for connection in self.connections_that(whom) {
            connection.kick(self, fault);
        }
    }

    pub fn connections_that(&self, whom: impl Fn(&Connection) -> bool) -> Vec<Rc<Connection>> {
        let connections = self.connections.borrow();
        connections.iter().filter(|(_, c)| whom(c)).map(|(_, c)| Rc::clone(c)).collect()
    }

    pub fn has_connections(&self) -> bool {
        !self.connections.borrow().is_empty()
    }

    // Bounds.

    pub fn assign_client_id(&self) -> String {
        self.client_ids.next()
    }

    /// What holds for a CONNECT that comes now.
    pub fn limits(&self) -> Rc<Limits> {
        Rc::clone(&self.limits.borrow())
    }

    /// Where a client's doings are counted until its CONNECT says otherwise.
    pub fn uncategorized(&self) -> Arc<CategoryCounters> {
        Arc::clone(&self.own_categories.borrow().uncategorized)
    }

    pub fn category(&self, connect: &Connect) -> Arc<CategoryCounters> {
        self.own_categories.borrow_mut().counters(&self.shared.categories, categories::category_of(connect))
    }

    /// Adds to what this worker's clients have waiting.
    pub fn account(&self, delta: i64) {
        self.delta.set(self.delta.get() + delta);
    }

    pub fn peer_is_busy(&self, worker: u16) -> bool {
        self.shared.waiting.get(usize::from(worker)).is_some_and(|bytes| bytes.load(Ordering::Relaxed) > 0)
    }

    // Who may do what.

    /// A client does not get what it wanted.
    pub fn report(&self, denial: Denial) {
        if let Some(denials) = &self.denials {
            denials(denial);
        }
    }

    // Other workers.

    pub fn send_to_worker(&self, remote: Remote) {
        let worker = usize::from(remote.owner.worker);
        if let Some(pending) = self.to_peers.get(worker) {
            pending.borrow_mut().push(FromPeer::Deliver(remote));
        }
    }

    pub fn on_remote(self: &Rc<Self>, remote: Remote) {
        let direct = partition::Direct {
            qos: remote.qos,
            retain: remote.retain,
            subscription_ids: remote.subscription_ids,
            share: remote.share,
            body: partition::BodyRef { index: 0, offset: 0, len: 0 },
        };
        match self.connection(remote.owner) {
            Some(connection) => connection.on_direct(self, &direct, &remote.body),
            None => self.redeliver(direct.share.as_ref(), direct.qos, &remote.body, None),
        }
    }
}
