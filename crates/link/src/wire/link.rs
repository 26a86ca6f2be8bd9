//! What the other threads of a process hold of a link: queues into it, and its state to look at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::counters::Counters;
use super::destination::Destination;
use super::driver::{Connect, Driver, End};
use super::gate::Gate;
use super::handshake::{Arrival, Expected};
use super::hello::{Peer, Proof, Refusal};
use super::outbox::{Outbox, Report};
use super::questions::{ANSWERS, Answer, Answers, AskFailed, Asked, QUESTIONS, Questions, RESERVED_STREAMS};
use super::session::{MAX_MESSAGE_BYTES, Session, StreamId};
use crate::inbox::{Closed, Room};

/// How long a link waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For a connection to be made and both ends to have said who they are.
    pub handshake: Duration,
    /// Between two signs of life, and between two reports of what has been received.
    pub heartbeat: Duration,
    /// Without a sign of life, after which a connection is given up.
    pub silence: Duration,
    /// Without a connection, after which the session is given up.
    pub session: Duration,
    /// For what waits to be received when the link is stopped.
    pub drain: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            heartbeat: Duration::from_millis(250),
            silence: Duration::from_millis(1500),
            session: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }
}

/// What a link is made with.
#[derive(Clone)]
pub struct Settings {
    /// What this process says about itself. A peer of another cluster is refused.
    pub us: Peer,
    /// The role that the peer must have.
    pub peer_role: Box<str>,
    /// The name that the peer must have, if it is known.
    pub peer_name: Option<Box<str>>,
    /// Which of several links between the two processes; both use the same number.
    pub number: u32,
    pub deadlines: Deadlines,
    /// Answers the peer's questions; without it they are refused.
    pub answer: Option<Arc<dyn Answer>>,
}

impl Settings {
    pub(super) fn expected(&self) -> Expected {
        Expected { role: self.peer_role.clone(), name: self.peer_name.clone() }
    }
}

/// Whether messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There has been no session, or it was given up.
    Apart,
    Up,
    /// The session waits for its next connection.
    Interrupted,
    Stopped,
}

/// How a link stands. It is the latest only: compare `session` to learn of a restart.
#[derive(Clone, Debug)]
pub struct Status {
    pub phase: Phase,
    /// Counts the sessions; another number means that the peer knows nothing of what was sent before.
    pub session: u64,
    /// Who the peer of the session is.
    pub peer: Option<Arc<Peer>>,
    /// What its word rested on at the last handshake.
    pub proof: Proof,
    /// Why the last connection or attempt ended.
    pub trouble: Option<Arc<str>>,
}

pub(super) struct State {
    pub session: Session,
    /// Counts the sessions; zero before the first and while there is none.
    pub number: u64,
    pub new_destinations: Vec<(StreamId, Box<dyn Destination>)>,
}

pub(super) struct Shared {
    /// The task's, held while it puts frames together and takes them apart. Senders do without.
    state: Mutex<State>,
    pub outbox: Outbox,
    expected: Expected,
    questions: Arc<Questions>,
    pub status: watch::Sender<Status>,
    pub stopping: AtomicBool,
    pub renewing: AtomicBool,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // What may panic while the lock is held is a broken invariant of the session, which ends the link's task too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections handed to an accepting link and not yet looked at.
const ARRIVALS: usize = 2;

/// A link, for any thread; cheap to clone. Its work is done by the [`Driver`] made with it.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    arrivals: Option<mpsc::Sender<Arrival>>,
}

impl Link {
    /// Makes a link of which this end makes the connections.
    pub fn dialing(settings: Settings, connect: Box<dyn Connect>) -> (Self, Driver) {
        let shared = shared(&settings);
        let link = Self { shared, arrivals: None };
        let driver = link.driver(settings, End::Dialing(connect));
        (link, driver)
    }

    /// Makes a link whose connections are handed to [`Link::attach`].
    pub fn accepting(settings: Settings) -> (Self, Driver) {
        let shared = shared(&settings);
        let (arrivals, arrived) = mpsc::channel(ARRIVALS);
        let link = Self { shared, arrivals: None };
        let driver = link.driver(settings, End::Accepting(arrived));
        (Self { arrivals: Some(arrivals), ..link }, driver)
    }

    fn driver(&self, settings: Settings, end: End) -> Driver {
        // Without the arrivals, so that a driver does not keep its own link alive.
        let asked = Asked::new(self.clone(), settings.answer.clone());
        let mut driver = Driver::new(Arc::clone(&self.shared), settings, end);
        driver.open(QUESTIONS, Box::new(asked));
        driver.open(ANSWERS, Box::new(Answers(Arc::clone(&self.shared.questions))));
        driver
    }

    /// Asks the peer something of up to [`super::MAX_QUESTION_BYTES`], and waits for its answer, first for a session if
    /// there is none. An interruption of the connection is not noticed. What the peer does on a question should be
    /// the same however often it is asked: after an error it may have been answered.
    pub async fn ask(&self, question: Bytes, deadline: Duration) -> Result<Bytes, AskFailed> {
        self.shared.questions.ask(self, question, deadline).await
    }

    /// Hands over a connection whose peer was found to be who it says it is. It replaces the present one. If it is not
    /// wanted it comes back with what to say: see [`Arrival::refuse`].
    pub fn attach(&self, arrival: Arrival) -> Result<(), Box<(Arrival, Refusal)>> {
        let Some(arrivals) = &self.arrivals else {
            return Err(Box::new((arrival, Refusal::Other("this end makes the connections".into()))));
        };
        if let Err(refusal) = self.shared.expected.check(arrival.peer()) {
            return Err(Box::new((arrival, refusal)));
        }
        arrivals.try_send(arrival).map_err(|back| match back {
            TrySendError::Full(arrival) => Box::new((arrival, Refusal::Other("other connections wait".into()))),
            TrySendError::Closed(arrival) => Box::new((arrival, Refusal::Other("the link has stopped".into()))),
        })
    }

    /// Receives on `stream` from now on, in this session and all later ones. The peer may send `window` bytes (and
    /// [`super::MESSAGE_COST_BYTES`] for each message) beyond what the destination had room for. A later destination of
    /// a stream takes the place of the earlier one, with its window; a stream that was closed stays so for the session.
    /// Streams from [`RESERVED_STREAMS`] on are the link's own.
    pub fn receive(&self, stream: StreamId, window: u64, destination: Box<dyn Destination>) {
        debug_assert!(stream < RESERVED_STREAMS, "stream {stream} is the link's own");
        let mut state = self.shared.lock();
        state.session.open(stream, window, MAX_MESSAGE_BYTES);
        state.new_destinations.push((stream, destination));
        drop(state);
        self.shared.outbox.call();
    }

    /// The sending end of `stream` in the present session; `None` while there is no session.
    pub fn sender(&self, stream: StreamId) -> Option<Sender> {
        let gate = {
            let mut state = self.shared.lock();
            (state.number != 0).then(|| state.session.gate(stream))?
        };
        Some(Sender { shared: Arc::clone(&self.shared), gate, stream })
    }

    /// Follows the link's state.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    pub fn counters(&self) -> Counters {
        let mut counters = self.shared.lock().session.counters;
        counters.waiting_bytes += self.shared.outbox.bytes();
        counters
    }

    /// Has the connection replaced by a new one, with a new handshake, while messages go on.
    pub fn renew(&self) {
        self.shared.renewing.store(true, Ordering::Release);
        self.shared.outbox.call();
    }

    /// Ends the link once the peer has received what waits, or the deadline for it has passed; at once at the accepting
    /// end if there is no connection.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.outbox.call();
    }
}

fn shared(settings: &Settings) -> Arc<Shared> {
    let status = Status { phase: Phase::Apart, session: 0, peer: None, proof: Proof::Word, trouble: None };
    Arc::new(Shared {
        state: Mutex::new(State { session: Session::new(), number: 0, new_destinations: Vec::new() }),
        outbox: Outbox::default(),
        expected: settings.expected(),
        questions: Arc::default(),
        status: watch::Sender::new(status),
        stopping: AtomicBool::new(false),
        renewing: AtomicBool::new(false),
    })
}

/// The sending end of a stream in one session; for any thread, cheap to clone.
///
/// Used as [`crate::inbox::Sender`] is: a sender that is told [`Room::Full`] takes no new work for the stream until
/// there is room, and what it had already accepted is still taken. While a connection is interrupted there is as much room
/// as the peer had granted.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
    /// Of one session: closed with it.
    gate: Arc<Gate>,
    stream: StreamId,
}

impl Sender {
    /// Hands over a message. An error says that the session is over, the peer has closed the stream, or the message is
    /// longer than [`super::MAX_MESSAGE_BYTES`].
    pub fn send(&self, message: Bytes) -> Result<Room, Closed> {
        self.hand_over(message, Report::Seldom)
    }

    /// The same, and has the peer report as soon as its destination has taken the message: see
    /// [`Sender::on_acknowledged`]. The report is a small frame for each turn of the link's task that has such messages.
    pub fn send_reported(&self, message: Bytes) -> Result<Room, Closed> {
        self.hand_over(message, Report::AtOnce)
    }

    fn hand_over(&self, message: Bytes, report: Report) -> Result<Room, Closed> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(Closed);
        }
        // An empty one is none.
        if !message.is_empty() {
            self.shared.outbox.push(&self.gate, self.stream, message, report)?;
        }
        Ok(self.gate.room())
    }

    /// How far what was handed over goes, by this sender and all others of the stream in this session: each message takes
    /// its length and [`super::MESSAGE_COST_BYTES`].
    pub fn position(&self) -> u64 {
        self.gate.position()
    }

    /// How far of that the peer's destination has taken whole messages, as far as it has said. It stays when the session
    /// is over.
    pub fn acknowledged(&self) -> u64 {
        self.gate.progress.acknowledged()
    }

    /// Has `call` called when something has been taken of what goes up to a message of [`Sender::send_reported`], and when
    /// the stream or the session is over: by the link's task, so it must not wait. The first one that is set for the stream
    /// in the session stays.
    pub fn on_acknowledged(&self, call: Arc<dyn Fn() + Send + Sync>) {
        self.gate.progress.call(call);
    }

    /// Whether the receiver has granted more room than is taken. Free when the session is over, so that nobody waits
    /// for it.
    pub fn room(&self) -> Room {
        self.gate.room()
    }
}
