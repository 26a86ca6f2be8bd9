//! How a link comes by its connections, changes over to them, and how they end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Driver, End, Held};
use crate::wire::frame::Integrity;
use crate::wire::handshake::{Arrival, HandshakeError, Welcomed, introduce};
use crate::wire::hello::{Hello, Outcome, Peer, SessionNumber, VERSION_NEWEST, VERSION_OLDEST};
use crate::wire::link::Phase;
use crate::wire::live::Live;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);

impl Driver {
    pub(super) fn begin_dial(&mut self) {
        let End::Dialing(connect) = &mut self.end else { return };
        self.attempt += 1;
        self.replacing_again = false;
        let connecting = connect.connect();
        let deadline = self.settings.deadlines.handshake;
        let mut hello = Hello {
            oldest: VERSION_OLDEST,
            newest: VERSION_NEWEST,
            peer: self.settings.us.clone(),
            link: self.settings.number,
            held: self.held.as_ref().map_or(0, |held| held.number),
            offered: self.attempt,
            attempt: self.attempt,
            integrity: Integrity::Trusted,
        };
        let expected = self.settings.expected();
        self.dial = Some(Box::pin(async move {
            let introduced = async {
                let connection = connecting.await.map_err(HandshakeError::Connect)?;
                hello.integrity = connection.integrity;
                introduce(connection, hello, &expected).await
            };
            timeout(deadline, introduced).await.map_err(|_| HandshakeError::Deadline(deadline))?
        }));
    }

    pub(super) fn on_dialed(&mut self, dialed: Result<Welcomed, HandshakeError>) {
        let Welcomed { welcome, connection, rest } = match dialed {
            Ok(welcomed) => welcomed,
            Err(error) => return self.dial_failed(&error.to_string()),
        };
        match welcome.outcome {
            Outcome::Begun => self.begin_session(welcome.peer, self.attempt),
            Outcome::Resumed if self.holds(&welcome.peer) => {}
            Outcome::Resumed => return self.dial_failed("the peer goes on with a session that this end does not know"),
        }
        self.proof = connection.proof.clone();
        self.change_over(Live::new(connection, rest, welcome.integrity), welcome.outcome);
    }

    /// Whether the session is with this very process.
    fn holds(&self, peer: &Peer) -> bool {
        self.held.as_ref().is_some_and(|held| *held.peer == *peer)
    }

    fn dial_failed(&mut self, trouble: &str) {
        tracing::debug!(trouble, "a link's connection was not made");
        self.set_retry();
        let phase = match (&self.live, &self.held) {
            (Some(_), _) => Phase::Up,
            (None, Some(_)) => Phase::Interrupted,
            (None, None) => Phase::Apart,
        };
        self.show(phase, Some(trouble));
    }

    fn set_retry(&mut self) {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(10)).min(LAST_RETRY);
        self.failures += 1;
        // Between half and all of it, so that many links of a peer that restarts do not come at once.
        let spread = (self.settings.us.incarnation.0 ^ self.attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        self.retry_at = Instant::now() + wait / 2 + wait / 2 * spread as u32 / 256;
    }

    pub(super) fn on_arrival(&mut self, arrival: Arrival) {
        let known = self.holds(arrival.peer());
        if known && arrival.hello.attempt <= self.attempt {
            tracing::debug!(attempt = arrival.hello.attempt, "a link's connection came too late");
            return;
        }
        self.attempt = arrival.hello.attempt;
        let same = self.held.as_ref().is_some_and(|held| held.number == arrival.hello.held);
        let outcome = if known && same { Outcome::Resumed } else { Outcome::Begun };
        let welcome = arrival.welcome(&self.settings.us, outcome);
        let integrity = arrival.integrity();
        if outcome == Outcome::Begun {
            self.begin_session(arrival.hello.peer.clone(), arrival.hello.offered);
        }
        self.proof = arrival.connection.proof.clone();
        let mut live = Live::new(arrival.connection, arrival.rest, integrity);
        live.say(&welcome);
        self.change_over(live, outcome);
    }

    /// The session is another one for both ends.
    fn begin_session(&mut self, peer: Peer, number: SessionNumber) {
        self.sessions += 1;
        tracing::info!(peer = %peer.name, role = %peer.role, software = %peer.software, "a link's session begins");
        self.end_session();
        self.held = Some(Held { peer: Arc::new(peer), number });
        let new = std::mem::take(&mut self.shared.lock().new_destinations);
        self.destinations.extend(new);
        self.without_room.clear();
        // Before anybody can send in the new session.
        self.destinations.values_mut().for_each(|destination| destination.begin());
        {
            let mut state = self.shared.lock();
            state.session.counters.sessions += 1;
            state.number = self.sessions;
        }
        self.destinations.values_mut().for_each(|destination| destination.begun());
    }

    /// Closes all senders and gives up what they have handed over.
    pub(super) fn end_session(&mut self) {
        {
            let mut state = self.shared.lock();
            state.number = 0;
            state.session.begin_anew();
        }
        // The gates are closed: this is the last of them.
        self.shared.outbox.take(&mut self.taken);
        self.shared.lock().session.counters.messages_given_up += self.taken.drain(..).len() as u64;
        self.call();
    }

    /// From now on the session is on this connection; what the one before still had is sent again.
    fn change_over(&mut self, live: Live, outcome: Outcome) {
        if outcome == Outcome::Resumed {
            let replaces = self.live.is_some();
            tracing::info!(peer = self.held.as_ref().map(|held| &*held.peer.name), replaces, "a link goes on");
        }
        self.replacing = std::mem::take(&mut self.replacing_again);
        self.shared.lock().session.connect(live.integrity());
        self.live = Some(live);
        self.show(Phase::Up, None);
        // What came with the handshake.
        self.take_read();
    }

    /// The connection is over, the session waits for the next one.
    pub(super) fn interrupt(&mut self, trouble: &str) {
        if self.live.take().is_none() {
            return;
        }
        self.shared.lock().session.disconnect();
        self.replacing = false;
        self.apart_since = Instant::now();
        if self.dial.is_some() {
            // The accepting end lets go of the connection when it welcomes the next one.
            tracing::debug!(trouble, "a link's connection has ended while the next one is made");
            return;
        }
        tracing::warn!(peer = self.held.as_ref().map(|held| &*held.peer.name), trouble, "a link is interrupted");
        self.set_retry();
        self.show(Phase::Interrupted, Some(trouble));
    }

    pub(super) fn on_beat(&mut self) {
        self.look_at_wishes();
        let Some(live) = &mut self.live else { return self.look_at_session() };
        let silence =
            self.settings.deadlines.silence.as_millis() / self.settings.deadlines.heartbeat.as_millis().max(1);
        if live.beat() > u32::try_from(silence).unwrap_or(u32::MAX) {
            return self.interrupt("the peer has given no sign of life");
        }
        if live.has_ended() {
            return self.interrupt("the connection's lifetime has ended before it was replaced");
        }
        let renews = live.is_renewal_due();
        {
            let mut state = self.shared.lock();
            if state.session.is_up() {
                self.failures = 0;
            }
            state.session.tell_all();
            if !live.has_written() {
                state.session.beat();
            }
        }
        if renews {
            self.replace();
        }
    }

    /// Gives the session up if it has been without a connection for too long.
    fn look_at_session(&mut self) {
        // While a dial is on its way, the peer may have been told that there is a session.
        if self.dial.is_some() || self.apart_since.elapsed() < self.settings.deadlines.session {
            return;
        }
        if self.held.take().is_none() {
            return;
        }
        self.end_session();
        self.show(Phase::Apart, Some("the session was given up: no connection"));
    }

    pub(super) fn show(&self, phase: Phase, trouble: Option<&str>) {
        self.shared.status.send_modify(|status| {
            status.phase = phase;
            status.session = self.sessions;
            status.peer = self.held.as_ref().map(|held| Arc::clone(&held.peer));
            status.proof = self.proof.clone();
            status.trouble = trouble.map(Arc::from);
        });
    }
}
