//! The receiving half of one stream: how far it has come, the message being put together, and the room it grants.

use bytes::{Bytes, BytesMut};

use super::frame::{Part, Violation};
use super::live::BUFFER_BYTES;
use super::session::{MESSAGE_COST_BYTES, StreamId};
use crate::sabotage::takes_frames_twice;

/// What a frame brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Brought {
    Message(Bytes),
    /// The piece is the message, and long enough to be taken where it lies.
    Whole,
    /// The message is not whole yet.
    Piece,
    /// The frame had come before.
    Duplicate,
}

/// Messages that come with one read share what they are copied into, up to this: one that is kept keeps no more than that
/// of the others.
const SHARED_BYTES: usize = 64 * 1024;

/// From this length on a message is not copied where it came whole. It keeps all that it was read into as long as it
/// lasts, which is an eighth of that at least.
const WHOLE_BYTES: usize = BUFFER_BYTES / 8;

/// What the short messages of one read are copied into, so that none of them keeps the buffer that was read.
#[derive(Default)]
pub struct Arrived {
    shared: BytesMut,
    /// Bytes of the read behind the frame at hand.
    pub to_come: usize,
}

impl Arrived {
    fn copy(&mut self, piece: &[u8]) -> Bytes {
        let spare = self.shared.capacity() - self.shared.len();
        if self.to_come == 0 && spare < piece.len() {
            return Bytes::copy_from_slice(piece);
        }
        if spare < piece.len() {
            self.shared = BytesMut::with_capacity((piece.len() + self.to_come).min(SHARED_BYTES));
        }
        self.shared.extend_from_slice(piece);
        self.shared.split().freeze()
    }
}

pub struct Incoming {
    window: u64,
    /// Bytes of the longest message that is taken.
    longest: usize,
    /// Number of the frame to come next.
    next: u64,
    /// Cost of all messages received, the unfinished one as far as it has come.
    position: u64,
    /// Room granted so far.
    limit: u64,
    /// What the peer was told last.
    told_next: u64,
    told_limit: u64,
    unfinished: BytesMut,
    begun: bool,
    pub closed: bool,
}

impl Incoming {
    pub fn new(window: u64, longest: usize) -> Self {
        Self {
            window,
            longest,
            next: 0,
            position: 0,
            limit: window,
            told_next: 0,
            told_limit: 0,
            unfinished: BytesMut::new(),
            begun: false,
            closed: false,
        }
    }

    /// The same stream in a new session.
    pub fn anew(&mut self) {
        *self = Self { closed: self.closed, ..Self::new(self.window, self.longest) };
    }

    pub fn take(
        &mut self,
        stream: StreamId,
        number: u64,
        part: Part,
        piece: &[u8],
        arrived: &mut Arrived,
    ) -> Result<Brought, Violation> {
        if number < self.next && !takes_frames_twice() {
            return Ok(Brought::Duplicate);
        }
        if number > self.next {
            return Err(Violation::Gap { stream, expected: self.next, got: number });
        }
        if !self.begun {
            if self.position >= self.limit {
                return Err(Violation::Credit { stream, position: self.position, limit: self.limit });
            }
            self.position += MESSAGE_COST_BYTES;
        }
        if self.unfinished.len() + piece.len() > self.longest {
            return Err(Violation::MessageTooLong { stream, limit: self.longest });
        }
        self.next = number + 1;
        self.position += piece.len() as u64;
        self.begun = part == Part::More;
        if self.begun {
            self.unfinished.extend_from_slice(piece);
            return Ok(Brought::Piece);
        }
        if self.unfinished.is_empty() {
            let is_long = piece.len() >= WHOLE_BYTES;
            return Ok(if is_long { Brought::Whole } else { Brought::Message(arrived.copy(piece)) });
        }
        self.unfinished.extend_from_slice(piece);
        Ok(Brought::Message(std::mem::take(&mut self.unfinished).freeze()))
    }

    /// The destination has room: a whole window more than what has come.
    pub fn grant(&mut self) {
        self.limit = self.limit.max(self.position + self.window);
    }

    /// Whether it is worth a frame to say how far it has come: a quarter of the window is.
    pub fn is_worth_telling(&self) -> bool {
        !self.closed && self.limit - self.told_limit >= self.window.div_ceil(4)
    }

    pub fn is_untold(&self) -> bool {
        !self.closed && (self.next != self.told_next || self.limit != self.told_limit)
    }

    /// Position and room to tell now.
    pub fn tell(&mut self) -> (u64, u64) {
        self.told_next = self.next;
        self.told_limit = self.limit;
        (self.next, self.limit)
    }

    #[cfg(test)]
    pub fn unfinished_bytes(&self) -> usize {
        self.unfinished.len()
    }
}
