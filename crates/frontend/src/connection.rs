//! One client's network connection: its task, and the parts of it that others on the same worker touch.
//!
//! All of it lives on one worker thread. Three parts are borrowed separately and never across an await: `inbound` (what
//! the client has said), `outbound` (what it is owed; publishers append here) and `transport`. The connection's task
//! reads; the end of a turn writes ([`crate::worker::Worker::end_turn`]).

mod acknowledge;
mod answers;
mod authenticate;
mod connect;
mod deadlines;
mod end;
pub(crate) mod fullness;
mod grant;
mod publish;
mod reading;
mod release;
mod review;
mod session;
mod subscribe;
mod sys;
mod traced;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mqtt::{Frame, Packet, PacketType, Peer, ProtocolVersion, Split};
use partition::{Epoch, Owner, PartitionId};

use crate::entrance::Entrance;
use crate::fault::Fault;
use crate::outbound::{Outbound, Writer};
use crate::spans::Operation;
use crate::transport::Transport;
use crate::worker::Worker;
use sys::WatchedSys;

pub(crate) use end::End;
pub(crate) use grant::Grant;
pub(crate) use session::{Inbound, Phase, Session};

/// Seconds from accept to CONNACK.
pub(crate) const CONNECT_DEADLINE_S: u64 = 15;

/// Seconds for which a connection that the server has ended is still read from, see `poll_linger`.
const LINGER_S: u64 = 2;

/// Seconds that a client has for taking the last bytes before the connection is cut.
const CLOSE_DEADLINE_S: u64 = 5;

/// Reads in a row before other connections get their turn.
const READS_PER_POLL: usize = 4;

/// The longest SUBSCRIBE or UNSUBSCRIBE: decoded it takes many times as much.
const FILTERS_BYTES: usize = 1024 * 1024;

/// A client that leaves this many bytes untaken is not read from until it takes some.
const UNTAKEN_BYTES: usize = 1024 * 1024;

/// Whether the packet was used and the next may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    /// Used; what follows waits for an answer.
    Stop,
    /// Not used: to be looked at again when there is room.
    Again,
}

pub(crate) struct Connection {
    pub owner: Owner,
    /// Unspecified for a connection through memory.
    pub peer: SocketAddr,
    pub entrance: Arc<Entrance>,
    pub inbound: RefCell<Inbound>,
    pub outbound: RefCell<Outbound>,
    transport: RefCell<Transport>,
    waker: RefCell<Waker>,
    /// The outbox has something that the end of the turn is to write.
    dirty: Cell<bool>,
    /// The socket takes no more for now.
    blocked: Cell<bool>,
    /// Packets were read that may not be looked at yet.
    stalled: Cell<bool>,
    /// Second in which the client was last heard.
    last_heard: Cell<u64>,
    end: Cell<Option<End>>,
    /// Retained reads to go on with when the client has taken what it has: (partition, encoded command).
    reads: RefCell<Vec<(PartitionId, Box<[u8]>)>>,
    /// Where the partitions are in other processes: the filters that the broker's own values match.
    watched_sys: RefCell<Vec<WatchedSys>>,
    /// It may have subscriptions, or messages waiting, that the rules do not allow (any more): what it is given is looked
    /// at once more.
    is_guarded: Cell<bool>,
    /// Second in which the worker's wheel looks at the deadlines next.
    pub look_at: Cell<u64>,
    /// Second by which the connection is cut, once it is ending.
    cut_at: Cell<u64>,
    /// Goodbye is said at the transport's level.
    is_shut: Cell<bool>,
}

impl Connection {
    pub fn new(worker: &Worker, owner: Owner, peer: SocketAddr, entrance: Arc<Entrance>, transport: Transport) -> Self {
        let now_s = worker.now_s();
        Self {
            owner,
            peer,
            entrance,
            inbound: RefCell::new(Inbound::new(now_s, worker.limits())),
            outbound: RefCell::new(Outbound::new(worker.uncategorized())),
            transport: RefCell::new(transport),
            waker: RefCell::new(Waker::noop().clone()),
            dirty: Cell::new(false),
            blocked: Cell::new(false),
            stalled: Cell::new(false),
            last_heard: Cell::new(now_s),
            end: Cell::new(None),
            reads: RefCell::new(Vec::new()),
            watched_sys: RefCell::new(Vec::new()),
            is_guarded: Cell::new(false),
            look_at: Cell::new(u64::MAX),
            cut_at: Cell::new(u64::MAX),
            is_shut: Cell::new(false),
        }
    }

    /// The task: reads and handles what came, until the connection is over.
    pub fn poll(self: &Rc<Self>, worker: &Rc<Worker>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waker.borrow().will_wake(cx.waker()) {
            *self.waker.borrow_mut() = cx.waker().clone();
        }
        if self.blocked.get() {
            self.write(worker);
        }
        if self.end.get().is_none() {
            self.poll_read(worker, cx);
        }
        match self.end.get() {
            Some(end) => self.poll_end(worker, end, cx),
            None => Poll::Pending,
        }
    }

    /// Has the task look again.
    pub fn wake(&self) {
        self.waker.borrow().wake_by_ref();
    }

    /// What kept packets back may be over.
    pub fn resume(&self) {
        if self.stalled.get() {
            self.wake();
        }
    }

    pub fn is_ending(&self) -> bool {
        self.end.get().is_some()
    }

    /// The session, once it is open, and also when it is closed already.
    pub fn session(&self) -> Option<Rc<Session>> {
        self.outbound.borrow().session.clone()
    }

    fn epoch(&self) -> Option<Epoch> {
        self.outbound.borrow().session.as_ref().map(|session| session.epoch)
    }

    /// Handles the whole packets at the front of `data` and returns how many bytes they took.
    fn handle_all(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound, data: &[u8]) -> usize {
        if matches!(inbound.phase, Phase::AwaitConnect) {
            // Those that hold now are what CONNACK will promise.
            inbound.limits = worker.limits();
        }
        inbound.need = 0;
        let mut used = 0;
        while used < data.len() {
            let step = match mqtt::split(&data[used..], inbound.limits.packet_size) {
                Ok(Split::Whole { frame, len }) => self.handle(worker, inbound, frame).map(|flow| (flow, len)),
                Ok(Split::Partial { need }) => {
                    inbound.need = need;
                    break;
                }
                Err(violation) => {
                    inbound.look_for_version(&data[used..]);
                    Err(Fault::Packet(violation))
                }
            };
            match step {
                Ok((Flow::Next, len)) => used += len,
                Ok((Flow::Stop, len)) => {
                    self.stalled.set(true);
                    return used + len;
                }
                Ok((Flow::Again, _)) => {
                    self.stalled.set(true);
                    worker.pause(self);
                    return used;
                }
                Err(fault) => {
                    self.fail(worker, inbound, fault);
                    return data.len();
                }
            }
            if self.is_ending() {
                return data.len();
            }
        }
        used
    }

    fn handle(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound, frame: Frame<'_>) -> Result<Flow, Fault> {
        tracing::trace!(peer = %self.peer, packet = ?frame.kind, bytes = frame.body.len(), "received");
        match inbound.phase {
            Phase::AwaitConnect => return self.on_first_packet(worker, inbound, frame),
            Phase::Authenticating(_) | Phase::Opening(_) => return Ok(Flow::Again),
            Phase::Open => {}
        }
        if matches!(frame.kind, PacketType::Subscribe | PacketType::Unsubscribe) && frame.body.len() > FILTERS_BYTES {
            return Err(Fault::TooManyFilters);
        }
        let version = inbound.version;
        let packet = mqtt::decode(frame, version, Peer::Client)?;
        worker.counters.packets_received.add(1);
        match packet {
            Packet::Publish(publish) => self.on_publish(worker, inbound, publish),
            Packet::PubAck(ack) => self.on_acknowledgement(worker, mqtt::AckKind::PubAck, ack),
            Packet::PubRec(ack) => self.on_acknowledgement(worker, mqtt::AckKind::PubRec, ack),
            Packet::PubComp(ack) => self.on_acknowledgement(worker, mqtt::AckKind::PubComp, ack),
            Packet::PubRel(ack) => self.on_release(worker, inbound, ack),
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.iter().map(|(filter, _)| filter.as_str());
                inbound.trace_request(worker, frame.body, (Operation::Subscribe, subscribe.id), filters);
                self.on_subscribe(worker, inbound, subscribe)
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.filters.iter().map(String::as_str);
                inbound.trace_request(worker, frame.body, (Operation::Unsubscribe, unsubscribe.id), filters);
                self.on_unsubscribe(worker, inbound, unsubscribe)
            }
            Packet::PingReq => Ok(self.on_ping(worker)),
            Packet::Disconnect(disconnect) => self.on_disconnect(worker, inbound, disconnect),
            Packet::Auth(auth) => self.on_re_authentication(worker, inbound, auth),
            Packet::Connect(_) => Err(Fault::SecondConnect),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => Err(Fault::FromServer),
        }
    }

    /// MQTT-3.12.4-1.
    fn on_ping(self: &Rc<Self>, worker: &Rc<Worker>) -> Flow {
        self.with_writer(worker, |outbound, writer| {
            mqtt::encode::pingresp(outbound.outbox.buffer(writer.spares));
            writer.counters.packets_sent.add(1);
        });
        Flow::Next
    }

    /// Lets `write` append to the outbox, to be written at the end of the turn.
    pub fn with_writer<R>(
        self: &Rc<Self>,
        worker: &Worker,
        write: impl FnOnce(&mut Outbound, &mut Writer<'_>) -> R,
    ) -> R {
        let mut spares = worker.spares.borrow_mut();
        let mut writer =
            Writer { spares: &mut spares, counters: &worker.counters, tracer: &worker.tracer, now: worker.now() };
        let result = write(&mut self.outbound.borrow_mut(), &mut writer);
        self.mark_dirty(worker);
        result
    }

    pub fn mark_dirty(self: &Rc<Self>, worker: &Worker) {
        if !self.dirty.replace(true) {
            worker.dirty.borrow_mut().push(Rc::clone(self));
        }
    }

    /// Writes what the outbox holds; called at the end of a turn, and by the task when the socket takes bytes again.
    pub fn write(self: &Rc<Self>, worker: &Worker) {
        self.dirty.set(false);
        let mut outbound = self.outbound.borrow_mut();
        let before = outbound.outbox.len();
        let waker = self.waker.borrow();
        let mut cx = Context::from_waker(&waker);
        let drained = self.transport.borrow_mut().poll_drain(&mut cx, &mut outbound.outbox);
        let taken = before - outbound.outbox.len();
        worker.counters.bytes_sent.add(taken as u64);
        if taken > 0 && before > UNTAKEN_BYTES {
            // It is not read from meanwhile, but it is there.
            self.last_heard.set(worker.now_s());
        }
        let was_blocked = self.blocked.get();
        match drained {
            Poll::Ready(Ok(())) => {
                outbound.outbox.release(&mut worker.spares.borrow_mut());
                self.blocked.set(false);
                if was_blocked || before > UNTAKEN_BYTES {
                    // Reading may have been held back by what was not taken.
                    waker.wake_by_ref();
                }
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(peer = %self.peer, %error, "connection lost");
                self.blocked.set(false);
                if self.end.get().is_none() {
                    self.end.set(Some(End::Lost));
                } else {
                    self.cut_at.set(0);
                }
                waker.wake_by_ref();
            }
            Poll::Pending => self.blocked.set(true),
        }
        worker.account(outbound.account());
        let walk_on = !self.blocked.get() && outbound.nothing_waits() && !self.is_ending();
        drop(outbound);
        if walk_on {
            self.read_more_retained(worker);
        }
    }

    pub fn version(&self) -> ProtocolVersion {
        self.outbound.borrow().version
    }
}
