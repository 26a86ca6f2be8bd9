//! The machine of a session: streams in, streams out, positions and room. No clock, no I/O.
//!
//! A caller queues with [`Session::send`], takes frames with [`Session::fill`], feeds what was read to
//! [`Session::read`], and says when a connection begins ([`Session::connect`]) and has ended
//! ([`Session::disconnect`]). On each connection both ends first tell all their positions, then `Ready`; messages
//! follow once the other's `Ready` is there.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::counters::Counters;
use super::frame::{self, DATA_OVERHEAD_BYTES, Frame, Integrity, MAX_PIECE_BYTES, Part, Violation};
use super::gate::Gate;
use super::incoming::{Arrived, Brought, Incoming};
use super::outgoing::Outgoing;
use super::output::Output;
use super::progress::Call;

/// Names a stream in one direction between two processes; what it means is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The longest message: a batch of commands that ends with the largest packet of MQTT. It may go this far, and not
/// further, beyond the room that was granted.
pub const MAX_MESSAGE_BYTES: usize = 272 * 1024 * 1024;

/// Room that a message takes beside its bytes, so that many small ones are bounded too.
pub const MESSAGE_COST_BYTES: u64 = 64;

/// Streams in one direction.
const MAX_STREAMS: usize = 65_536;

/// What one stream may send before the next has its turn.
const QUANTUM_BYTES: usize = MAX_PIECE_BYTES + DATA_OVERHEAD_BYTES;

/// The least that [`Session::fill`] must be allowed, to get anywhere.
pub const LEAST_FILL_BYTES: usize = QUANTUM_BYTES + 4096;

/// Bytes of the longest frame that is not a piece of a message.
const SMALL_FRAME_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No connection.
    Down,
    /// The peer has not told all its positions yet.
    Telling,
    Up,
}

pub struct Session {
    stage: Stage,
    integrity: Integrity,
    outgoing: BTreeMap<StreamId, Outgoing>,
    /// Who is to be called, once nothing is locked.
    calls: Vec<Call>,
    incoming: BTreeMap<StreamId, Incoming>,
    /// Streams with something to send, in the order of their turns.
    turns: VecDeque<StreamId>,
    /// Streams whose position is to be told.
    to_tell: BTreeSet<StreamId>,
    ready_due: bool,
    heartbeat_due: bool,
    renew_due: bool,
    renew_asked: bool,
    pub counters: Counters,
}

impl Session {
    pub fn new() -> Self {
        Self {
            stage: Stage::Down,
            integrity: Integrity::Trusted,
            outgoing: BTreeMap::new(),
            calls: Vec::new(),
            incoming: BTreeMap::new(),
            turns: VecDeque::new(),
            to_tell: BTreeSet::new(),
            ready_due: false,
            heartbeat_due: false,
            renew_due: false,
            renew_asked: false,
            counters: Counters::default(),
        }
    }

    /// Receives messages of up to `longest` bytes on `stream` from now on, with `window` bytes of room. A second call
    /// changes nothing.
    pub fn open(&mut self, stream: StreamId, window: u64, longest: usize) {
        if let Entry::Vacant(entry) = self.incoming.entry(stream) {
            entry.insert(Incoming::new(window.max(1), longest));
            self.to_tell.insert(stream);
        }
    }

    /// What the senders of `stream` look at.
    pub fn gate(&mut self, stream: StreamId) -> Arc<Gate> {
        Arc::clone(self.outgoing.entry(stream).or_default().gate())
    }

    /// Takes those who wait to hear how far a stream has come.
    pub fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// Queues messages of 1 to [`MAX_MESSAGE_BYTES`] bytes, each stream's in their order. What a closed stream's receiver
    /// will not take is given up.
    pub fn send(&mut self, messages: impl IntoIterator<Item = (StreamId, Bytes)>) {
        let mut messages = messages.into_iter().peekable();
        while let Some((stream, message)) = messages.next() {
            let outgoing = self.outgoing.entry(stream).or_default();
            let mut next = Some(message);
            while let Some(message) = next {
                if outgoing.is_closed() {
                    self.counters.messages_given_up += 1;
                } else {
                    self.counters.waiting_bytes += message.len() as u64;
                    outgoing.push(message);
                }
                next = messages.next_if(|(other, _)| *other == stream).map(|(_, message)| message);
            }
            list(&mut self.turns, stream, outgoing);
        }
    }

    /// A connection begins: everything is told anew.
    pub fn connect(&mut self, integrity: Integrity) {
        self.stage = Stage::Telling;
        self.integrity = integrity;
        self.to_tell.extend(self.incoming.keys());
        self.ready_due = true;
        self.heartbeat_due = false;
        self.renew_due = false;
        self.renew_asked = false;
        self.counters.connections += 1;
    }

    pub fn disconnect(&mut self) {
        self.stage = Stage::Down;
    }

    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// The peer does not know this session: streams begin anew, what waits is given up.
    pub fn begin_anew(&mut self) {
        for outgoing in self.outgoing.values() {
            outgoing.gate().close();
            self.calls.extend(outgoing.gate().progress.end());
        }
        self.counters.messages_given_up += self.outgoing.values().map(Outgoing::waiting_messages).sum::<u64>();
        self.counters.waiting_bytes = 0;
        self.outgoing.clear();
        self.turns.clear();
        self.incoming.values_mut().for_each(Incoming::anew);
        self.stage = Stage::Down;
    }

    pub fn beat(&mut self) {
        self.heartbeat_due = true;
    }

    /// Has the peer asked to replace the connection.
    pub fn ask_to_renew(&mut self) {
        self.renew_due = true;
    }

    /// Whether the peer has asked to replace this connection; once.
    pub fn take_renew_asked(&mut self) -> bool {
        std::mem::take(&mut self.renew_asked)
    }

    /// The destination of `stream` has room again.
    pub fn grant(&mut self, stream: StreamId) {
        if let Some(incoming) = self.incoming.get_mut(&stream) {
            incoming.grant();
            if incoming.is_worth_telling() {
                self.to_tell.insert(stream);
            }
        }
    }

    /// The destination of `stream` is gone.
    pub fn close(&mut self, stream: StreamId) {
        if let Some(incoming) = self.incoming.get_mut(&stream) {
            incoming.closed = true;
            self.to_tell.insert(stream);
        }
    }

    /// Has every position told that has changed, so that the peer can let go of what it keeps.
    pub fn tell_all(&mut self) {
        let untold = self.incoming.iter().filter(|(_, incoming)| incoming.is_untold());
        self.to_tell.extend(untold.map(|(stream, _)| *stream));
    }

    /// Bytes of messages that have begun to arrive.
    #[cfg(test)]
    pub fn unfinished_bytes(&self) -> usize {
        self.incoming.values().map(Incoming::unfinished_bytes).sum()
    }

    /// Appends frames to `out` until it has `upto` bytes (at least [`LEAST_FILL_BYTES`]) or nothing more is to be sent.
    pub fn fill(&mut self, upto: usize, out: &mut Output) {
        if self.stage == Stage::Down {
            return;
        }
        let before = out.len();
        self.fill_control(upto, out);
        if self.stage == Stage::Up {
            self.fill_messages(upto, out);
        }
        self.counters.bytes_sent += (out.len() - before) as u64;
    }

    fn fill_control(&mut self, upto: usize, out: &mut Output) {
        while out.len() + SMALL_FRAME_BYTES <= upto
            && let Some(stream) = self.to_tell.pop_first()
        {
            let Some(incoming) = self.incoming.get_mut(&stream) else { continue };
            if incoming.closed {
                Frame::Closed { stream }.encode(self.integrity, out.tail());
            } else {
                let (received, limit) = incoming.tell();
                Frame::Window { stream, received, limit }.encode(self.integrity, out.tail());
            }
        }
        // Behind the last position: it says that all are told.
        if self.ready_due && self.to_tell.is_empty() {
            self.ready_due = false;
            Frame::Ready.encode(self.integrity, out.tail());
        }
        if std::mem::take(&mut self.renew_due) {
            Frame::Renew.encode(self.integrity, out.tail());
        }
        if std::mem::take(&mut self.heartbeat_due) && out.is_empty() {
            Frame::Heartbeat.encode(self.integrity, out.tail());
        }
    }

    fn fill_messages(&mut self, upto: usize, out: &mut Output) {
        while let Some(stream) = self.turns.pop_front() {
            let Some(outgoing) = self.outgoing.get_mut(&stream) else { continue };
            outgoing.listed = false;
            let before = out.len();
            let (finished, again) = outgoing.fill(stream, self.integrity, upto.min(before + QUANTUM_BYTES), out);
            self.counters.messages_sent += finished;
            self.counters.frames_resent += again;
            let stuck = out.len() == before;
            let listed = list(&mut self.turns, stream, outgoing);
            if stuck && listed {
                // No space for its next piece: it is the first next time.
                self.turns.rotate_right(1);
                return;
            }
        }
    }

    /// Takes all whole frames off `bytes` and appends the messages they finish to `messages`. An error ends the
    /// connection, not the session.
    pub fn read(&mut self, bytes: &mut BytesMut, messages: &mut Vec<(StreamId, Bytes)>) -> Result<(), Violation> {
        let mut arrived = Arrived::default();
        let mut taken = 0;
        let read = loop {
            let rest = &bytes[taken..];
            let body = match frame::delimit(rest) {
                Ok(Some(body)) => body,
                Ok(None) => break Ok(()),
                Err(violation) => break Err(violation),
            };
            let end = body.end;
            arrived.to_come = rest.len() - end;
            let content = frame::verify(&rest[body.clone()], self.integrity).and_then(frame::decode);
            match content.and_then(|frame| self.on_frame(frame, &body, &mut arrived, messages)) {
                Ok(None) => taken += end,
                Ok(Some((stream, piece))) => {
                    // Where it lies: copying it would cost more than what it keeps.
                    bytes.advance(taken + piece.start);
                    messages.push((stream, bytes.split_to(piece.len()).freeze()));
                    self.counters.bytes_received += (taken + piece.end) as u64;
                    taken = end - piece.end;
                }
                Err(violation) => break Err(violation),
            }
        };
        bytes.advance(taken);
        self.counters.bytes_received += taken as u64;
        read
    }

    /// Returns which part of the bytes is a message, if it is to be taken from there; `body` is that of the frame.
    fn on_frame(
        &mut self,
        frame: Frame<'_>,
        body: &Range<usize>,
        arrived: &mut Arrived,
        messages: &mut Vec<(StreamId, Bytes)>,
    ) -> Result<Option<(StreamId, Range<usize>)>, Violation> {
        match frame {
            Frame::Data { stream, number, part, piece } => match self.on_data(stream, number, part, piece, arrived)? {
                Some(Brought::Message(message)) => messages.push((stream, message)),
                Some(Brought::Whole) => return Ok(Some((stream, frame::piece_of(body, piece)))),
                Some(Brought::Piece | Brought::Duplicate) | None => {}
            },
            Frame::Window { stream, received, limit } => self.on_window(stream, received, limit)?,
            Frame::Ready => self.on_ready()?,
            Frame::Heartbeat => {}
            Frame::Closed { stream } => self.on_closed(stream)?,
            Frame::Renew => self.renew_asked = true,
            Frame::Report { stream } => {
                // With what this read brings, once it is delivered.
                if self.incoming.contains_key(&stream) {
                    self.to_tell.insert(stream);
                }
            }
        }
        Ok(None)
    }

    fn on_data(
        &mut self,
        stream: StreamId,
        number: u64,
        part: Part,
        piece: &[u8],
        arrived: &mut Arrived,
    ) -> Result<Option<Brought>, Violation> {
        if self.stage != Stage::Up {
            return Err(Violation::TooEarly);
        }
        let incoming = self.incoming.get_mut(&stream).ok_or(Violation::NotOpen { stream })?;
        if incoming.closed {
            return Ok(None);
        }
        let brought = incoming.take(stream, number, part, piece, arrived)?;
        match brought {
            Brought::Message(_) | Brought::Whole => self.counters.messages_received += 1,
            Brought::Piece => {}
            Brought::Duplicate => self.counters.duplicates_dropped += 1,
        }
        Ok(Some(brought))
    }

    fn on_window(&mut self, stream: StreamId, received: u64, limit: u64) -> Result<(), Violation> {
        self.check_number(stream)?;
        let outgoing = self.outgoing.entry(stream).or_default();
        let before = outgoing.waiting_bytes();
        outgoing.on_window(stream, received, limit, self.stage == Stage::Telling)?;
        self.counters.waiting_bytes -= before - outgoing.waiting_bytes();
        self.calls.extend(outgoing.gate().progress.reach(outgoing.taken()));
        list(&mut self.turns, stream, outgoing);
        Ok(())
    }

    fn on_ready(&mut self) -> Result<(), Violation> {
        if self.stage != Stage::Telling {
            return Err(Violation::ReadyTwice);
        }
        self.stage = Stage::Up;
        Ok(())
    }

    fn on_closed(&mut self, stream: StreamId) -> Result<(), Violation> {
        self.check_number(stream)?;
        let outgoing = self.outgoing.entry(stream).or_default();
        self.counters.waiting_bytes -= outgoing.waiting_bytes();
        self.counters.messages_given_up += outgoing.close();
        self.calls.extend(outgoing.gate().progress.end());
        Ok(())
    }

    /// The peer may not name streams without end.
    fn check_number(&self, stream: StreamId) -> Result<(), Violation> {
        if self.outgoing.len() >= MAX_STREAMS && !self.outgoing.contains_key(&stream) {
            return Err(Violation::TooManyStreams { limit: MAX_STREAMS });
        }
        Ok(())
    }
}

/// Puts the stream at the end of the turns if it can send and is not there yet; tells whether it is there.
fn list(turns: &mut VecDeque<StreamId>, stream: StreamId, outgoing: &mut Outgoing) -> bool {
    if !outgoing.listed && outgoing.can_send() {
        outgoing.listed = true;
        turns.push_back(stream);
    }
    outgoing.listed
}
