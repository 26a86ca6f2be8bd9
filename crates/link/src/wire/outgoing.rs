//! The sending half of one stream: what waits, what was sent and not yet reported as received, and the room.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{DATA_OVERHEAD_BYTES, Frame, Integrity, MAX_PIECE_BYTES, Part, Violation, encode_data};
use super::gate::Gate;
use super::output::Output;
use super::session::{MESSAGE_COST_BYTES, StreamId};
use crate::sabotage::takes_frames_twice;

struct Piece {
    bytes: Bytes,
    part: Part,
    /// Where its message begins in the stream, in bytes with [`MESSAGE_COST_BYTES`] for each message.
    begins: u64,
}

/// Invariant: `pieces` holds the frames from `acknowledged` on, and of these those before `next` were sent on the
/// present connection.
#[derive(Default)]
pub struct Outgoing {
    pieces: VecDeque<Piece>,
    /// Number of the first frame in `pieces`.
    acknowledged: u64,
    /// Number of the frame to send next.
    next: u64,
    /// One after the highest number ever sent.
    reached: u64,
    /// Cost of all messages ever queued.
    queued: u64,
    /// A message may begin before this position.
    limit: u64,
    waiting_bytes: u64,
    closed: bool,
    /// Whether the session has it on its list of streams with something to send.
    pub listed: bool,
    /// Up to here the receiver was asked, on this connection, to report at once.
    reported: u64,
    /// For the senders.
    gate: Arc<Gate>,
}

impl Outgoing {
    pub fn push(&mut self, message: Bytes) {
        let begins = self.queued;
        let bytes = message.len() as u64;
        let mut rest = message;
        while rest.len() > MAX_PIECE_BYTES {
            let bytes = rest.split_to(MAX_PIECE_BYTES);
            self.pieces.push_back(Piece { bytes, part: Part::More, begins });
        }
        self.pieces.push_back(Piece { bytes: rest, part: Part::Last, begins });
        self.queued += bytes + MESSAGE_COST_BYTES;
        self.waiting_bytes += bytes;
    }

    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// Messages not yet reported as received in full.
    pub fn waiting_messages(&self) -> u64 {
        self.pieces.iter().filter(|piece| piece.part == Part::Last).count() as u64
    }

    /// Drops what waits and refuses more.
    pub fn close(&mut self) -> u64 {
        let given_up = self.waiting_messages();
        self.closed = true;
        self.gate.close();
        self.acknowledged += self.pieces.len() as u64;
        self.pieces.clear();
        self.waiting_bytes = 0;
        given_up
    }

    fn next_piece(&self) -> Option<&Piece> {
        let piece = self.pieces.get((self.next - self.acknowledged) as usize)?;
        (piece.begins < self.limit).then_some(piece)
    }

    pub fn can_send(&self) -> bool {
        !self.closed && self.next_piece().is_some()
    }

    /// Takes what the receiver says. On a new connection (`goes_back`) sending goes on from what it has received.
    pub fn on_window(&mut self, stream: StreamId, received: u64, limit: u64, goes_back: bool) -> Result<(), Violation> {
        if self.closed {
            return Ok(());
        }
        // What was sent on an earlier connection may have arrived, though this one has not come so far again.
        let sent = self.reached;
        if received < self.acknowledged || received > sent {
            return Err(Violation::Position { stream, received, acknowledged: self.acknowledged, sent });
        }
        if limit < self.limit {
            return Err(Violation::RoomTakenBack { stream, limit, before: self.limit });
        }
        let received = if goes_back && takes_frames_twice() { self.acknowledged } else { received };
        for piece in self.pieces.drain(..(received - self.acknowledged) as usize) {
            self.waiting_bytes -= piece.bytes.len() as u64;
        }
        self.acknowledged = received;
        self.limit = limit;
        self.gate.set_limit(limit);
        self.next = self.next.max(received);
        if goes_back {
            self.next = received;
            self.reported = 0;
        }
        Ok(())
    }

    /// Where the first message begins that the receiver has not taken in full.
    pub fn taken(&self) -> u64 {
        self.pieces.front().map_or(self.queued, |piece| piece.begins)
    }

    /// Appends frames to `out` until it has `upto` bytes or nothing more may be sent. Returns the messages that were
    /// finished for the first time, and the frames sent again.
    pub fn fill(&mut self, stream: StreamId, integrity: Integrity, upto: usize, out: &mut Output) -> (u64, u64) {
        let (mut finished, mut again) = (0, 0);
        while let Some(piece) = self.next_piece() {
            if out.len() + piece.bytes.len() + DATA_OVERHEAD_BYTES > upto {
                break;
            }
            let (number, part) = (self.next, piece.part);
            encode_data(stream, number, part, &piece.bytes, integrity, out);
            self.next += 1;
            if self.next <= self.reached {
                again += 1;
            } else {
                self.reached = self.next;
                finished += u64::from(part == Part::Last);
            }
        }
        self.ask_for_report(stream, integrity, out);
        (finished, again)
    }

    /// Has the receiver say how far it has come, once everything is sent that somebody wants to know of.
    fn ask_for_report(&mut self, stream: StreamId, integrity: Integrity, out: &mut Output) {
        let asked = self.gate.progress.asked();
        if asked == self.reported {
            return;
        }
        let unsent = self.pieces.get((self.next - self.acknowledged) as usize);
        if unsent.map_or(self.queued, |piece| piece.begins) >= asked {
            self.reported = asked;
            Frame::Report { stream }.encode(integrity, out.tail());
        }
    }
}
