//! One side of a dataflow: a session at a server, and the connections it lives through.
//!
//! ```text
//! Trying ─ accepted ─► Up ─► Leaving ─► Waiting ─ backoff ─► Trying
//!    └──────────── failed ─────────────────┘
//! ```

pub(crate) mod attempt;
mod event;
mod plan;
mod spoken;
mod up;

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use client::{Client, Over, Session};
use mqtt::client::{Overrun, Received, ServerLimits, Settings};
use mqtt::{Disconnect, ReasonCode};
use tokio::time::{Sleep, sleep};

use crate::backoff::{Backoff, chance};
use crate::counters::{SideCounters, one};
use crate::endpoint::Endpoint;
use crate::failure::Mishap;
use crate::status::{LinkState, LinkStatus};

use attempt::{Attempt, Tried};
use spoken::Spoken;
use up::{Happened, Up};

pub(crate) use event::{Ended, Event, SessionFound};
pub(crate) use plan::{Plan, Role};
pub(crate) use up::granted_all;

/// A connection that stood this long was none in vain: the next wait is the first again.
const STOOD: Duration = Duration::from_secs(10);
/// Publishes beside those of the window: dead letters.
const LETTERS_MAX: usize = 64;
/// From CONNECT to CONNACK.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a session whose connection is ended on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Resumed,
    Ended,
}

/// Whether messages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    Messages,
    Nothing,
}

pub(crate) struct Link {
    plan: Plan,
    state: State,
    /// While there is no connection and no try.
    session: Option<Session>,
    spoken: Spoken,
    /// What becomes of the session when the connection is over.
    unfinished: Unfinished,
    /// Whether a session was at the server before.
    history: History,
    backoff: Backoff,
    pub status: LinkStatus,
}

/// What is known of the session at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    /// Perhaps one of an earlier process.
    Unknown,
    Connected,
    /// With every filter granted.
    Subscribed,
}

/// What becomes of publishes that are not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfinished {
    /// They go on over the next connection.
    Kept,
    /// They fail, as never sent.
    Dropped,
}

enum State {
    Waiting(Pin<Box<Sleep>>),
    Trying(Attempt),
    Up(Box<Up>),
    Leaving(Leaving),
    Stopped,
}

/// A connection on its way to its end.
struct Leaving {
    over: Pin<Box<dyn Future<Output = Over> + Send>>,
    /// Why it is ended, if it is ended here.
    why: Option<Mishap>,
}

impl Link {
    pub fn new(plan: Plan) -> Self {
        let endpoint = &plan.endpoint;
        let status = LinkStatus::new(endpoint, plan.client_id.clone());
        let (session, spoken) = (session(endpoint), Spoken::new(endpoint.version));
        Self {
            plan,
            state: State::Waiting(Box::pin(sleep(Duration::ZERO))),
            session: Some(session),
            spoken,
            unfinished: Unfinished::Kept,
            history: History::Unknown,
            backoff: Backoff::default(),
            status,
        }
    }

    /// The next thing that happens. Cancel-safe: what is under way is kept in the link.
    pub async fn next(&mut self, take: Take) -> Event {
        loop {
            match &mut self.state {
                State::Waiting(sleep) => {
                    // Both branches are cancel-safe.
                    tokio::select! {
                        () = sleep.as_mut() => {}
                        // Perhaps the old one was why.
                        _ = self.plan.keeper.changed() => self.backoff.reset(),
                    }
                    self.try_now();
                }
                State::Trying(attempt) => {
                    let tried = attempt.await;
                    if let Some(event) = self.tried(tried) {
                        return event;
                    }
                }
                State::Up(up) => {
                    let happened = up.next(take, &mut self.plan.keeper).await;
                    if let Some(event) = self.happened(happened) {
                        return event;
                    }
                }
                State::Leaving(leaving) => {
                    let over = leaving.over.as_mut().await;
                    let why = leaving.why.take();
                    self.left(over, why);
                    return Event::Changed;
                }
                State::Stopped => std::future::pending().await,
            }
        }
    }

    /// A message that is there already.
    pub fn try_message(&mut self) -> Option<Received> {
        match &mut self.state {
            State::Up(up) => up.messages.try_next(),
            _ => None,
        }
    }

    /// Whom to ask while a connection stands.
    pub fn client(&self) -> Option<(&Client, &ServerLimits)> {
        match &self.state {
            State::Up(up) => Some((&up.client, &up.limits)),
            _ => None,
        }
    }

    /// Ends the connection because the server does not answer; a new one follows.
    pub fn give_up(&mut self, why: Mishap) -> Event {
        self.end(Some(why))
    }

    /// Publishes that are not complete on the connection that is ending fail, instead of going on over the next.
    pub fn drop_unfinished(&mut self) {
        if matches!(self.state, State::Leaving(_)) {
            self.unfinished = Unfinished::Dropped;
        }
    }

    /// Ends the connection in order, for good.
    pub async fn stop(&mut self, farewell: Farewell) {
        let session_expiry = (farewell == Farewell::Ended).then_some(0);
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Up(up) => drop(up.over(Disconnect { session_expiry, ..Disconnect::default() }).await),
            State::Leaving(leaving) => drop(leaving.over.await),
            State::Waiting(_) | State::Trying(_) | State::Stopped => {}
        }
        self.status.state = LinkState::Stopped;
    }

    /// Something came of the connection: if it ends, it was none in vain.
    pub fn worked(&mut self) {
        self.backoff.reset();
    }

    /// Brings the status up to date with what changes without an event.
    pub fn look(&mut self) {
        self.status.credential_failure = self.plan.keeper.status().failure;
    }

    fn counters(&self) -> &SideCounters {
        match self.plan.role {
            Role::Source { .. } => &self.plan.counters.source,
            Role::Destination => &self.plan.counters.destination,
        }
    }

    fn try_now(&mut self) {
        let Some(session) = self.session.take() else {
            debug_assert!(false, "a session is with its link, its try or its connection");
            self.state = State::Stopped;
            return;
        };
        self.state = State::Trying(attempt::begin(&self.plan, self.spoken.version(), session));
        self.status.state = LinkState::Connecting;
    }

    fn tried(&mut self, tried: Tried) -> Option<Event> {
        match tried {
            Tried::Accepted { connection, presented, keeper } => {
                self.plan.keeper = keeper;
                self.spoken.accepted();
                let found = if connection.accepted.session_present { SessionFound::Yes } else { SessionFound::No };
                one(&self.counters().connections);
                if found == SessionFound::No && self.history != History::Unknown {
                    one(&self.counters().sessions_lost);
                    self.status.session_lost = Some(SystemTime::now());
                    tracing::warn!(
                        endpoint = self.plan.endpoint.name,
                        client_id = self.plan.client_id,
                        "the server has forgotten the session"
                    );
                }
                self.status.credential_expires = presented.expires();
                self.status.version = Some(self.spoken.version());
                self.up(*connection, found);
                Some(Event::Up(found))
            }
            Tried::Failed { mishap, verdict, session, keeper } => {
                self.plan.keeper = keeper;
                self.session = Some(*session);
                let needs_5 = self.plan.endpoint.credentials.authentication_method().is_some();
                if !needs_5 && self.spoken.falls_back(verdict) {
                    self.try_now();
                    return None;
                }
                self.failed(mishap);
                Some(Event::Changed)
            }
        }
    }

    fn up(&mut self, connection: client::Connection, found: SessionFound) {
        let now = SystemTime::now();
        let mut up = Up::new(connection);
        let known = found == SessionFound::Yes && self.history == History::Subscribed;
        match &self.plan.role {
            Role::Source { filters, forget } if !known => {
                self.status.state = LinkState::Connecting;
                up.subscribe(filters, forget, &self.plan.endpoint);
            }
            Role::Source { .. } | Role::Destination => {
                self.status.state = LinkState::Up { since: now };
                self.status.failure = None;
            }
        }
        if self.history == History::Unknown || found == SessionFound::No {
            self.history = History::Connected;
        }
        self.state = State::Up(Box::new(up));
    }

    fn happened(&mut self, happened: Happened) -> Option<Event> {
        match happened {
            Happened::Message(received) => Some(Event::Message(received)),
            Happened::Subscribed(Ok(())) => {
                self.history = History::Subscribed;
                self.status.state = LinkState::Up { since: SystemTime::now() };
                self.status.failure = None;
                Some(Event::Changed)
            }
            Happened::Subscribed(Err(mishap)) => Some(self.end(Some(mishap))),
            Happened::Presented(presented) => {
                if let State::Up(up) = &mut self.state
                    && up.reauthenticate(&presented)
                {
                    self.status.credential_expires = presented.expires();
                    return Some(Event::Changed);
                }
                // Not a failure: the new connection follows at once.
                self.backoff.reset();
                Some(self.end(None))
            }
            Happened::Reauthenticated(Ok(())) => {
                self.status.failure = None;
                Some(Event::Changed)
            }
            Happened::Reauthenticated(Err(mishap)) if mishap.code == Some(ReasonCode::ContinueAuthentication) => {
                self.reauthenticate_later(mishap);
                Some(Event::Changed)
            }
            Happened::Reauthenticated(Err(mishap)) => {
                self.plan.keeper.refused();
                Some(self.end(Some(mishap)))
            }
            Happened::Over => Some(self.end(None)),
        }
    }

    /// The server has a trouble of its own: what was shown before holds on.
    fn reauthenticate_later(&mut self, mishap: Mishap) {
        self.status.failure = Some(mishap.after(self.status.failure.as_ref(), SystemTime::now()));
        let pause = self.backoff.wait(chance());
        if let (State::Up(up), Some(presented)) = (&mut self.state, self.plan.keeper.current()) {
            up.reauthenticate_again(presented, pause);
        }
    }

    /// Ends the connection, if it stands still.
    fn end(&mut self, why: Option<Mishap>) -> Event {
        match std::mem::replace(&mut self.state, State::Stopped) {
            State::Up(up) => {
                if up.since.elapsed() >= STOOD {
                    self.backoff.reset();
                }
                self.status.state = LinkState::Connecting;
                let ended = up.ended(self.spoken.version());
                let over = Box::pin(up.over(Disconnect::default()));
                self.state = State::Leaving(Leaving { over, why });
                Event::Down(ended)
            }
            other => {
                self.state = other;
                Event::Changed
            }
        }
    }

    fn left(&mut self, over: Over, why: Option<Mishap>) {
        self.session = match std::mem::replace(&mut self.unfinished, Unfinished::Kept) {
            Unfinished::Kept => Some(over.session),
            Unfinished::Dropped => Some(session(&self.plan.endpoint)),
        };
        match (why, &over.end) {
            (Some(why), _) => self.failed(why),
            (None, client::End::Protocol(mqtt::client::End::ByClient)) => self.wait(Duration::ZERO),
            (None, end) => self.failed(Mishap::ended(end)),
        }
    }

    fn failed(&mut self, mishap: Mishap) {
        self.counters().failures.count(&mishap);
        let failure = mishap.after(self.status.failure.as_ref(), SystemTime::now());
        if failure.times == 1 {
            tracing::warn!(
                endpoint = self.plan.endpoint.name,
                client_id = self.plan.client_id,
                step = failure.step.name(),
                reason = failure.text,
                "dataflow is cut off; trying on"
            );
        }
        self.status.failure = Some(failure);
        self.look();
        let wait = self.backoff.wait(chance());
        self.wait(wait);
    }

    fn wait(&mut self, wait: Duration) {
        self.spoken.anew();
        self.status.state = LinkState::Waiting { until: SystemTime::now() + wait };
        self.state = State::Waiting(Box::pin(sleep(wait)));
    }
}

/// A session with nothing unfinished.
fn session(endpoint: &Endpoint) -> Session {
    let window = endpoint.max_inflight.max(1);
    Session::new(Settings {
        queue_messages: usize::from(window) + LETTERS_MAX,
        // As many messages as that, whatever their size.
        queue_bytes: usize::MAX,
        in_flight: window.try_into().unwrap_or(std::num::NonZeroU16::MIN),
        connect_timeout: CONNECT_PATIENCE,
        // Unread when there is no room.
        overrun: Overrun::Tolerated,
        ..Settings::default()
    })
}
