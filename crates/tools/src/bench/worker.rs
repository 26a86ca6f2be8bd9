//! One thread: its connections, and the pass over those that are ready.

use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bytes::BytesMut;
use mqtt::encode;

use super::clock;
use super::connection::{Connection, Past, Phase, Role};
use super::counts::Count;
use super::dialer::Dialer;
use super::fault::Fault;
use super::hello::connect;
use super::ledger::Ledger;
use super::outcome::Mark;
use super::poller::{Interest, Poller, Ready};
use super::process::Usage;
use super::settings::{Load, Reconnect, Settings};
use super::shared::{Doing, Live, Shared};
use super::transport::{Flushed, Scratch, Target, Transport};

/// How often connections are looked through for silence.
const SWEEP_NS: u64 = 250_000_000;

/// How often the progress line hears of this thread.
const LIVE_NS: u64 = 200_000_000;

/// Reads of what was left on a connection that broke.
const LAST_READS: u32 = 16;

/// A sleep while something of another thread is waited for that wakes nobody.
pub(super) const SHORT_WAIT_NS: u64 = 5_000_000;

/// What a worker belongs to.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) settings: Arc<Settings>,
    pub(super) target: Arc<Target>,
    pub(super) shared: Arc<Shared>,
    /// Its number among the threads.
    pub(super) me: usize,
}

/// Why a thread stops before its work is done; the run knows the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    Failed,
    Interrupted,
}

/// One thread's connections.
pub(super) struct Worker {
    pub(super) site: Site,
    pub(super) connections: Vec<Connection>,
    pub(super) ledger: Ledger,
    pub(super) dialer: Dialer,
    /// Connections that have come to what they are for, since this was last cleared.
    pub(super) settled: Vec<u32>,
    /// Connections that ended unasked or could not be made, since this was last cleared.
    pub(super) ended: Vec<(u32, Fault)>,
    pub(super) doing: Doing,
    poller: Poller,
    scratch: Scratch,
    dirty: Vec<u32>,
    sweep_at: u64,
    live_at: u64,
}

impl Worker {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new(site: Site, ledger: Ledger) -> io::Result<Self> {
        let poller = Poller::new(site.shared.wakers[site.me].clone())?;
        let clients = &site.settings.clients;
        let threads = site.settings.threads;
        let dialer = Dialer::new(clients.concurrency / threads as u32, clients.rate.map(|rate| rate / threads as f64));
        Ok(Self {
            connections: Vec::new(),
            ledger,
            dialer,
            settled: Vec::new(),
            ended: Vec::new(),
            doing: Doing::Connecting,
            poller,
            scratch: Scratch::new(),
            dirty: Vec::new(),
            sweep_at: 0,
            live_at: 0,
            site,
        })
    }

    /// Writes what there is to write, waits, and goes through what came.
    ///
    /// # Errors
    /// The run has failed, here or elsewhere.
    #[inline]
    pub(super) fn pass(&mut self, wait: u64) -> Result<(), Halt> {
        self.flush();
        let wait = match self.ledger.credit.has_ready() {
            true => 0,
            false => wait.min(self.dialer.wait(self.ledger.now)).min(SWEEP_NS),
        };
        let ready = match self.poller.wait(wait) {
            Ok(ready) => ready,
            Err(error) => {
                self.site.shared.fail(format!("wait for sockets: {error}"));
                return Err(Halt::Failed);
            }
        };
        self.ledger.now = clock::now();
        for at in 0..ready {
            // A time for each few connections, so that a long pass does not make messages look early.
            if at % 8 == 7 {
                self.ledger.now = clock::now();
            }
            if let Some(ready) = self.poller.ready(at) {
                self.socket_ready(ready);
            }
        }
        self.after_reading();
        if self.site.shared.failure().is_some() { Err(Halt::Failed) } else { Ok(()) }
    }

    fn after_reading(&mut self) {
        if !self.ledger.news.accepted.is_empty() || !self.ledger.news.subscribed.is_empty() {
            self.see_to_news();
        }
        if self.ledger.now >= self.sweep_at {
            self.sweep_at = self.ledger.now + SWEEP_NS;
            self.sweep();
        }
        while let Some((index, due)) = self.dialer.take(self.ledger.now) {
            self.dial(index, due);
        }
        self.tell();
    }

    #[inline]
    fn socket_ready(&mut self, ready: Ready) {
        let index = ready.index;
        let Some(connection) = self.connections.get_mut(index as usize) else { return };
        let Some(transport) = &connection.transport else { return };
        if connection.phase == Phase::Dialing {
            if let Err(fault) = transport.check_connected() {
                return self.end(index, fault);
            }
            if ready.to_write {
                connection.phase = Phase::Opening;
            }
        }
        if ready.to_write {
            self.touch(index);
        }
        if ready.to_read {
            self.read(index);
        }
    }

    #[inline]
    fn read(&mut self, index: u32) {
        let version = self.site.settings.clients.version;
        let connection = &mut self.connections[index as usize];
        if let Err(fault) = connection.read(index, version, &mut self.scratch, &mut self.ledger) {
            return self.end(index, fault);
        }
        let has_more =
            connection.out.pending() > 0 || connection.transport.as_ref().is_some_and(Transport::wants_write);
        if has_more {
            self.touch(index);
        }
    }

    /// Something is to be written to `index`.
    #[inline]
    pub(super) fn touch(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(index);
        }
    }

    #[inline]
    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.connections[index as usize].dirty = false;
            if let Err(fault) = self.flush_one(index) {
                let fault = self.last_words(index).unwrap_or(fault);
                self.end(index, fault);
            }
        }
        // Ending a connection makes none dirty.
        self.dirty = dirty;
    }

    /// What the broker said before it closed, where it could not be written to any more.
    fn last_words(&mut self, index: u32) -> Option<Fault> {
        let version = self.site.settings.clients.version;
        let connection = &mut self.connections[index as usize];
        for _ in 0..LAST_READS {
            match connection.read(index, version, &mut self.scratch, &mut self.ledger) {
                Ok(()) => {}
                Err(fault @ (Fault::Disconnected(_) | Fault::Refused(_))) => return Some(fault),
                Err(_) => return None,
            }
        }
        None
    }

    #[inline]
    fn flush_one(&mut self, index: u32) -> Result<(), Fault> {
        let connection = &mut self.connections[index as usize];
        let Some(transport) = &mut connection.transport else { return Ok(()) };
        if connection.phase == Phase::Dialing {
            return Ok(());
        }
        let flushed = transport.flush(&mut connection.out)?;
        connection.times.written = self.ledger.now;
        let blocked = flushed == Flushed::Partly;
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let interest = if blocked { Interest::ReadAndWrite } else { Interest::Read };
            let changed = self.poller.change(transport.fd(), index, interest);
            changed.map_err(|error| Fault::io("watch a socket", &error))?;
        }
        if connection.throttled && !blocked {
            connection.throttled = false;
            if let Role::Publisher(publisher) = &connection.role {
                self.ledger.credit.wake(publisher.local);
            }
        }
        Ok(())
    }

    /// Puts connections on the list of those to be made.
    pub(super) fn queue(&mut self, range: Range<u32>) {
        self.dialer.start(clock::now());
        range.for_each(|index| self.dialer.queue(index));
    }

    fn dial(&mut self, index: u32, due: u64) {
        let source = self.source(index);
        let connection = &mut self.connections[index as usize];
        let now = clock::now();
        connection.times.due = due;
        connection.times.begun = now;
        connection.times.read = now;
        connection.phase = Phase::Dialing;
        connection.blocked = true;
        let outcome = Transport::dial(&self.site.target, source).and_then(|transport| {
            let added = self.poller.add(transport.fd(), index, Interest::ReadAndWrite);
            added.map_err(|error| Fault::io("watch a socket", &error))?;
            let mut bytes = BytesMut::new();
            encode::connect(&mut bytes, &connect(&self.site, connection))
                .map_err(|error| Fault::Limit(format!("CONNECT: {error}")))?;
            connection.out.bytes.extend_from_slice(&bytes);
            connection.transport = Some(transport);
            Ok(())
        });
        if let Err(fault) = outcome {
            self.end(index, fault);
        }
    }

    fn source(&self, index: u32) -> Option<IpAddr> {
        let sources = &self.site.settings.clients.sources;
        if sources.is_empty() { None } else { Some(sources[index as usize % sources.len()]) }
    }

    /// A connection is over, or could not be made.
    pub(super) fn end(&mut self, index: u32, fault: Fault) {
        let now = self.ledger.now;
        let connection = &mut self.connections[index as usize];
        let phase = connection.phase;
        connection.close();
        match phase {
            Phase::Closed | Phase::Leaving => return,
            Phase::Dialing | Phase::Opening => {
                self.dialer.done();
                self.ledger.counts[Count::ConnectFailures] += 1;
            }
            Phase::Subscribing | Phase::Open => self.ledger.counts[Count::Dropped] += 1,
        }
        self.ledger.fault(&fault);
        let may_return = self.site.settings.clients.reconnect == Reconnect::Always;
        if may_return && connection.past == Past::Known {
            self.dialer.queue_later(index, now, connection.attempts);
            connection.attempts += 1;
        } else if let Role::Publisher(publisher) = &mut connection.role {
            publisher.give_up();
        }
        self.ended.push((index, fault));
    }

    /// Says DISCONNECT; the broker closes, or `drop_all` does.
    pub(super) fn leave(&mut self, index: u32, farewell: &mqtt::Disconnect) {
        let version = self.site.settings.clients.version;
        let connection = &mut self.connections[index as usize];
        match connection.phase {
            Phase::Closed | Phase::Leaving => return,
            Phase::Dialing | Phase::Opening => {
                self.dialer.done();
                connection.close();
                return;
            }
            Phase::Subscribing | Phase::Open => {}
        }
        let mut bytes = BytesMut::new();
        encode::disconnect(&mut bytes, version, farewell);
        connection.out.bytes.extend_from_slice(&bytes);
        connection.phase = Phase::Leaving;
        self.touch(index);
    }

    /// Says DISCONNECT and closes at once: for connections on which nothing is on its way.
    pub(super) fn leave_at_once(&mut self, index: u32) {
        self.leave(index, &mqtt::Disconnect::default());
        // Whether it still goes out is the broker's loss alone.
        let _ = self.flush_one(index);
        self.connections[index as usize].close();
    }

    /// Closes what is still open.
    pub(super) fn drop_all(&mut self) {
        self.connections.iter_mut().for_each(Connection::close);
    }

    /// Looks for connections that are silent, and says something on those that must not be.
    fn sweep(&mut self) {
        let now = self.ledger.now;
        let timeout = clock::nanoseconds(self.site.settings.clients.timeout);
        for index in 0..self.connections.len() as u32 {
            let connection = &mut self.connections[index as usize];
            let times = connection.times;
            let late = match connection.phase {
                Phase::Closed | Phase::Leaving => None,
                Phase::Dialing | Phase::Opening => (now > times.begun + timeout).then_some("CONNECT"),
                Phase::Subscribing => (now > times.begun + 2 * timeout).then_some("SUBSCRIBE"),
                Phase::Open if times.pinged > times.read => (now > times.pinged + timeout).then_some("PINGREQ"),
                Phase::Open => {
                    if connection.keep_alive > 0 && now > times.written + connection.keep_alive / 4 * 3 {
                        connection.times.pinged = now;
                        connection.out.bytes.extend_from_slice(&[0xc0, 0]);
                        self.touch(index);
                    }
                    None
                }
            };
            if let Some(packet) = late {
                self.end(index, Fault::Timeout(packet));
            }
        }
    }

    /// Tells the other threads and the progress line.
    #[inline]
    fn tell(&mut self) {
        let counts = &self.ledger.counts;
        let tally = &self.site.shared.tallies[self.site.me];
        let refused = counts[Count::RefusedPublishes];
        tally.sent.store(counts[Count::Sent], Ordering::Relaxed);
        tally.refused.store(refused, Ordering::Relaxed);
        tally.answered.store(counts[Count::Acked] + refused, Ordering::Relaxed);
        tally.received.store(counts[Count::Received] - counts[Count::Repeated], Ordering::Relaxed);
        if self.ledger.now >= self.live_at {
            self.live_at = self.ledger.now + LIVE_NS;
            self.tell_live();
        }
    }

    pub(super) fn tell_live(&self) {
        let latencies = &self.ledger.latencies;
        let latency = match &self.site.settings.load {
            Load::Connect(_) => &latencies.connect,
            Load::Traffic(load) if load.subscribers == 0 => &latencies.acknowledgement,
            Load::Traffic(_) => &latencies.delivery,
        };
        let open = self.connections.iter().filter(|connection| connection.phase == Phase::Open).count();
        let live = Live {
            at: self.ledger.now,
            counts: self.ledger.counts,
            latency: latency.clone(),
            faults: self.ledger.faults.total(),
            connected: open as u64,
            doing: self.doing,
        };
        *self.site.shared.live[self.site.me].lock().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// Counts and costs as they stand; the first thread reads the broker's and the process's.
    pub(super) fn mark(&self) -> Mark {
        let is_first = self.site.me == 0;
        Mark {
            at: clock::now(),
            counts: self.ledger.counts,
            own: if is_first { clock::processor_time() } else { 0 },
            broker: if is_first { Usage::of(&self.site.settings.pids) } else { Usage::default() },
        }
    }

    /// Waits until all threads are here, going on with the connections meanwhile.
    ///
    /// # Errors
    /// The run has failed or was interrupted.
    pub(super) fn gate(&mut self, number: usize) -> Result<(), Halt> {
        self.site.shared.arrive();
        while !self.site.shared.is_open(number) {
            self.pass(SHORT_WAIT_NS)?;
            if self.site.shared.is_interrupted() {
                return Err(Halt::Interrupted);
            }
        }
        Ok(())
    }

    /// Makes the connections of `range` and waits until all have come to what they are for.
    ///
    /// # Errors
    /// One could not be made, or the run has failed or was interrupted.
    pub(super) fn bring_up(&mut self, range: Range<u32>) -> Result<(), Halt> {
        let total = range.len();
        self.settled.clear();
        self.ended.clear();
        self.queue(range);
        while self.settled.len() < total {
            self.pass(SHORT_WAIT_NS)?;
            if let Some((_, fault)) = self.ended.first() {
                self.site.shared.fail(format!("{} of {total} clients came up: {fault}", self.settled.len()));
                return Err(Halt::Failed);
            }
            if self.site.shared.is_interrupted() {
                return Err(Halt::Interrupted);
            }
        }
        Ok(())
    }
}
