//! The task of a link: makes or takes connections, moves bytes between them and the session, and delivers.
//!
//! One task for the whole life of a link, so that what an old connection brought is delivered before a new one is read.

mod connections;
mod delivery;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::destination::Destination;
use super::frame::Integrity;
use super::handshake::{Arrival, HandshakeError, Welcomed};
use super::hello::{Peer, Proof, SessionNumber};
use super::link::{Phase, Settings, Shared};
use super::live::{Live, Moved};
use super::questions::{LONGEST_BYTES, QUESTION_WINDOW};
use super::session::StreamId;

/// How long the last bytes of a stopped link may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a link speaks over: TCP, TLS, memory.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// How long a connection may be used, from its beginning: its certificates end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifetime {
    /// When the next connection is to be made beside it.
    pub renew_after: Option<Duration>,
    /// When it ends, replaced or not.
    pub ends_after: Option<Duration>,
}

/// A connection that a link may use. It has set TCP_NODELAY.
pub struct Connection {
    pub io: Box<dyn Io>,
    /// What this end asks for; frames are checksummed if one end does.
    pub integrity: Integrity,
    pub lifetime: Lifetime,
    /// What the TLS handshake has shown of the peer. What it says of itself must be the same.
    pub proof: Proof,
}

/// A connection being made.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Connection>> + Send>>;

/// Makes connections to one peer, with the newest certificate at each. The link sets the deadline.
pub trait Connect: Send {
    fn connect(&mut self) -> Connecting;
}

type Dial = Pin<Box<dyn Future<Output = Result<Welcomed, HandshakeError>> + Send>>;

/// How a link comes by its connections.
pub(super) enum End {
    Dialing(Box<dyn Connect>),
    Accepting(mpsc::Receiver<Arrival>),
}

/// The session that this end remembers.
struct Held {
    peer: Arc<Peer>,
    number: SessionNumber,
}

enum Event {
    Moved(io::Result<Moved>),
    Woken,
    DialDue,
    Dialed(Box<Result<Welcomed, HandshakeError>>),
    /// `None`: no handle of the link is left.
    Arrived(Option<Box<Arrival>>),
    Beat,
    LookForRoom,
}

/// Does a link's work, in a task of the caller's choice.
pub struct Driver {
    shared: Arc<Shared>,
    settings: Settings,
    end: End,
    destinations: BTreeMap<StreamId, Box<dyn Destination>>,
    without_room: BTreeSet<StreamId>,
    look_at: Instant,
    live: Option<Live>,
    held: Option<Held>,
    /// Of the last connection.
    proof: Proof,
    /// Sessions begun so far, for the handles.
    sessions: u64,
    /// Numbers the sessions offered and the connections made; or the last one that the peer has made.
    attempt: u64,
    dial: Option<Dial>,
    failures: u32,
    retry_at: Instant,
    replacing: bool,
    /// Another connection was asked for while one was being made: that one may be by the certificate of before.
    replacing_again: bool,
    apart_since: Instant,
    drain_by: Option<Instant>,
    /// Received and not yet delivered; empty between two events.
    messages: Vec<(StreamId, Bytes)>,
    /// Taken out of the outbox; empty between two events.
    taken: Vec<(StreamId, Bytes)>,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, settings: Settings, end: End) -> Self {
        let now = Instant::now();
        Self {
            shared,
            settings,
            end,
            destinations: BTreeMap::new(),
            without_room: BTreeSet::new(),
            look_at: now,
            live: None,
            held: None,
            proof: Proof::Word,
            sessions: 0,
            attempt: 0,
            dial: None,
            failures: 0,
            retry_at: now,
            replacing: false,
            replacing_again: false,
            apart_since: now,
            drain_by: None,
            messages: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Receives questions or answers on `stream` from the beginning.
    pub(super) fn open(&mut self, stream: StreamId, destination: Box<dyn Destination>) {
        self.shared.lock().session.open(stream, QUESTION_WINDOW, LONGEST_BYTES);
        self.destinations.insert(stream, destination);
    }

    /// Runs until [`super::Link::stop`] is called, or every handle of an accepting link is gone.
    pub async fn run(mut self) {
        let mut beat = interval(self.settings.deadlines.heartbeat);
        // After a pause of this process, one beat: the peer was not silent, nobody listened.
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = self.wait(&mut beat).await;
            let goes_on = self.on_event(event);
            self.fill();
            if !goes_on || self.is_drained() {
                break;
            }
        }
        self.stop().await;
    }

    /// Cancel safe, as all its branches are: bytes are moved or not, a dial and the arrivals stay where they are.
    async fn wait(&mut self, beat: &mut Interval) -> Event {
        let awaits_connection = self.live.is_none() || self.replacing || !is_dialing(&self.end);
        tokio::select! {
            // What comes seldom comes first, so that a connection that is always busy holds up nothing.
            biased;
            _ = beat.tick() => Event::Beat,
            event = next_connection(&mut self.end, &mut self.dial, self.retry_at), if awaits_connection => event,
            () = look_due(self.look_at, &self.without_room) => Event::LookForRoom,
            event = poll_fn(|context| poll_work(&mut self.live, &self.shared, context)) => event,
        }
    }

    /// Returns whether the link goes on.
    fn on_event(&mut self, event: Event) -> bool {
        match event {
            Event::Moved(Ok(Moved::Read)) => self.take_read(),
            Event::Moved(Ok(Moved::Written)) => {}
            Event::Moved(Ok(Moved::Ended)) => self.interrupt("the peer has ended the connection"),
            Event::Moved(Err(error)) => self.interrupt(&error.to_string()),
            Event::Woken => self.look_at_wishes(),
            Event::DialDue => self.begin_dial(),
            Event::Dialed(dialed) => self.on_dialed(*dialed),
            Event::Arrived(Some(arrival)) => self.on_arrival(*arrival),
            Event::Arrived(None) => return false,
            Event::Beat => self.on_beat(),
            Event::LookForRoom => self.look_for_room(),
        }
        true
    }

    fn fill(&mut self) {
        if self.live.as_ref().is_some_and(Live::is_writing) {
            return;
        }
        self.shared.outbox.take(&mut self.taken);
        let mut state = self.shared.lock();
        state.session.send(self.taken.drain(..));
        if let Some(live) = &mut self.live {
            live.fill(&mut state.session);
        }
    }

    fn look_at_wishes(&mut self) {
        if self.shared.renewing.swap(false, Ordering::AcqRel) {
            self.replace();
        }
        if self.shared.stopping.load(Ordering::Acquire) && self.drain_by.is_none() {
            self.drain_by = Some(Instant::now() + self.settings.deadlines.drain);
            self.shared.lock().session.tell_all();
        }
    }

    /// Has the next connection made beside this one; the accepting end can only ask for it.
    fn replace(&mut self) {
        match &self.end {
            End::Dialing(_) => self.redial(),
            End::Accepting(_) => self.shared.lock().session.ask_to_renew(),
        }
    }

    fn redial(&mut self) {
        self.replacing = true;
        self.replacing_again = self.dial.is_some();
    }

    fn is_drained(&self) -> bool {
        let Some(drain_by) = self.drain_by else { return false };
        // Only the other end can make a connection, and one that has died does not.
        if self.live.is_none() && !is_dialing(&self.end) {
            return true;
        }
        let writing = self.live.as_ref().is_some_and(Live::is_writing);
        let waits = || self.shared.lock().session.counters.waiting_bytes != 0 || !self.shared.outbox.is_empty();
        Instant::now() >= drain_by || !(writing || waits())
    }

    async fn stop(mut self) {
        self.end_session();
        if let Some(live) = self.live.take() {
            // The peer notices by itself if it cannot be told.
            let _ = timeout(FAREWELL, live.end()).await;
        }
        self.show(Phase::Stopped, None);
    }
}

fn is_dialing(end: &End) -> bool {
    matches!(end, End::Dialing(_))
}

/// The connection first: what it brings is older than what waits for it.
fn poll_work(live: &mut Option<Live>, shared: &Shared, context: &mut Context<'_>) -> Poll<Event> {
    let mut writing = false;
    if let Some(live) = live {
        if let Poll::Ready(moved) = live.poll(context) {
            return Poll::Ready(Event::Moved(moved));
        }
        writing = live.is_writing();
    }
    if writing { Poll::Pending } else { shared.outbox.poll(context).map(|()| Event::Woken) }
}

async fn look_due(at: Instant, without_room: &BTreeSet<StreamId>) {
    if without_room.is_empty() {
        return std::future::pending().await;
    }
    sleep_until(at).await;
}

async fn next_connection(end: &mut End, dial: &mut Option<Dial>, retry_at: Instant) -> Event {
    if let End::Accepting(arrivals) = end {
        return Event::Arrived(arrivals.recv().await.map(Box::new));
    }
    let Some(under_way) = dial else {
        sleep_until(retry_at).await;
        return Event::DialDue;
    };
    let dialed = under_way.await;
    *dial = None;
    Event::Dialed(Box::new(dialed))
}
