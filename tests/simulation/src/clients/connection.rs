//! One connection of a client: CONNECT, then deeds and answers until it ends.

mod arrivals;
mod deeds;
mod opening;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) use arrivals::received;

use mqtt::{AckKind, PacketId, ProtocolVersion, ReasonCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::actor::{Phase, Stage};
use super::habits::Habits;
use super::memory::Memory;
use super::notebook::Notebook;
use super::wire::Wire;
use crate::oracle::{Answer, Closed, ConnectionNumber, Version, What};

/// For CONNACK, and for PINGRESP: who waits longer goes and tries another frontend.
const PATIENCE: Duration = Duration::from_secs(12);

/// Between two PINGREQ, and the longest that a client does not look at what it is to do.
const PINGS: Duration = Duration::from_secs(4);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The transport is closed, or to be closed since the server has said the last word.
    Gone(Closed),
    /// DISCONNECT is on its way.
    Left,
    /// The client wants it closed without a word.
    Dropped,
    /// The client connects again meanwhile.
    TakenOver,
}

/// An acknowledgement that the client owes.
#[derive(Clone, Copy, Debug)]
struct Owed {
    how: Answer,
    id: PacketId,
}

/// SUBSCRIBE or UNSUBSCRIBE that waits for its answer.
#[derive(Clone, Debug)]
enum Request {
    Subscribe(String),
    Unsubscribe(String),
}

/// See the module.
pub(super) struct Connection<'a, S> {
    wire: Wire<S>,
    stage: &'a Stage,
    notebook: &'a Notebook,
    habits: &'a mut Habits,
    memory: &'a mut Memory,
    number: ConnectionNumber,
    /// Server's Receive Maximum.
    window: usize,
    owed: VecDeque<Owed>,
    requests: BTreeMap<PacketId, Request>,
    awake_at: Instant,
    next_deed: Instant,
    next_ping: Instant,
    /// Since when PINGRESP is waited for.
    pinged: Option<Instant>,
    told: Option<ReasonCode>,
}

impl<'a, S: AsyncRead + AsyncWrite> Connection<'a, S> {
    pub fn new(
        stream: S,
        (stage, notebook): (&'a Stage, &'a Notebook),
        habits: &'a mut Habits,
        memory: &'a mut Memory,
    ) -> Self {
        let version = match habits.version {
            Version::V311 => ProtocolVersion::V3_1_1,
            Version::V5 => ProtocolVersion::V5,
        };
        let now = Instant::now();
        memory.requests.clear();
        Self {
            wire: Wire::new(stream, version),
            stage,
            notebook,
            habits,
            memory,
            number: notebook.connection(),
            window: usize::from(u16::MAX),
            owed: VecDeque::new(),
            requests: BTreeMap::new(),
            awake_at: now,
            next_deed: now,
            next_ping: now + PINGS,
            pinged: None,
            told: None,
        }
    }

    pub fn into_parts(self) -> (ConnectionNumber, Wire<S>) {
        (self.number, self.wire)
    }

    fn add(&self, what: What) {
        self.notebook.add(self.habits.client, self.number, what);
    }

    /// From CONNECT to the end.
    pub async fn serve(&mut self, frontend: u16) -> End {
        if let Err(end) = self.open(frontend).await {
            return end;
        }
        self.schedule();
        loop {
            if let Err(breach) = self.take_packets() {
                self.add(What::Breach(breach));
                return End::Dropped;
            }
            if let Some(reason) = self.told {
                return End::Gone(Closed::Told(reason));
            }
            if let Some(end) = self.act() {
                return end;
            }
            let until = self.until();
            tokio::select! {
                biased;
                exchanged = self.wire.exchange() => {
                    if let Err(how) = exchanged {
                        return self.gone(how);
                    }
                }
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// The transport has ended; perhaps the server has said why, just before.
    fn gone(&mut self, how: Closed) -> End {
        match self.take_packets() {
            Err(breach) => {
                self.add(What::Breach(breach));
                End::Gone(how)
            }
            Ok(()) => End::Gone(self.told.map_or(how, Closed::Told)),
        }
    }

    fn until(&self) -> Instant {
        let deed = match self.stage.phase() {
            Phase::Load if !self.habits.deeds.is_empty() => Some(self.next_deed),
            _ => None,
        };
        let answer = (!self.owed.is_empty() && self.is_dozing()).then_some(self.awake_at);
        let timers = [Some(self.next_ping), deed, answer];
        timers.into_iter().flatten().min().unwrap_or(self.next_ping)
    }

    fn is_dozing(&self) -> bool {
        self.stage.phase() == Phase::Load && Instant::now() < self.awake_at
    }

    fn schedule(&mut self) {
        let pace = self.habits.pace;
        self.next_deed = Instant::now() + self.habits.dice.duration(pace / 5..=pace * 2);
    }

    /// Does what is due.
    fn act(&mut self) -> Option<End> {
        let now = Instant::now();
        self.answer();
        if self.pinged.is_some_and(|since| now >= since + PATIENCE) {
            return Some(End::Dropped);
        }
        if now >= self.next_ping {
            self.next_ping = now + PINGS;
            if self.pinged.is_none() {
                self.pinged = Some(now);
                mqtt::encode::pingreq(&mut self.wire.output);
            }
        }
        if self.stage.phase() == Phase::Load && now >= self.next_deed {
            self.schedule();
            return self.deed();
        }
        None
    }

    /// Sends the acknowledgements that are owed, in order.
    fn answer(&mut self) {
        if self.is_dozing() {
            return;
        }
        while let Some(Owed { how, id }) = self.owed.pop_front() {
            let kind = match how {
                Answer::PubAck => AckKind::PubAck,
                Answer::PubRec => AckKind::PubRec,
                Answer::PubComp => AckKind::PubComp,
            };
            mqtt::encode::ack(&mut self.wire.output, self.wire.version, kind, id, ReasonCode::Success);
            self.add(What::Answer { how, id: id.get() });
        }
    }
}
