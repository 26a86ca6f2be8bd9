//! One connection of a link: its buffers, and how long it has been used and silent.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::driver::{Connection, Io, Lifetime};
use super::frame::{self, Integrity};
use super::hello::Reply;
use super::output::{OUTPUT_PARTS, Output};
use super::session::{LEAST_FILL_BYTES, Session};

/// One turn reads up to this before it looks at what it has.
const READ_BYTES: usize = 256 * 1024;

/// What is read into; long messages are taken from there, without copying them.
pub(super) const BUFFER_BYTES: usize = 512 * 1024;

/// The least space for one read.
const LEAST_READ_BYTES: usize = 16 * 1024;

/// One turn's writes: what is queued when it begins, up to this.
const TURN_BYTES: usize = if LEAST_FILL_BYTES > 512 * 1024 { LEAST_FILL_BYTES } else { 512 * 1024 };

/// What [`Live::poll`] has done.
pub enum Moved {
    /// Something was read, and perhaps everything was written.
    Read,
    Written,
    /// The peer has ended the connection.
    Ended,
}

pub struct Live {
    io: Box<dyn Io>,
    integrity: Integrity,
    lifetime: Lifetime,
    begun: Instant,
    /// Read and not yet taken.
    input: BytesMut,
    /// Not yet written.
    output: Output,
    flush_due: bool,
    /// Beats since something was read.
    silent_beats: u32,
    written_since_beat: bool,
    renewal_asked: bool,
}

impl Live {
    pub fn new(connection: Connection, rest: BytesMut, integrity: Integrity) -> Self {
        Self {
            io: connection.io,
            integrity,
            lifetime: connection.lifetime,
            begun: Instant::now(),
            input: rest,
            output: Output::default(),
            flush_due: false,
            silent_beats: 0,
            written_since_beat: false,
            renewal_asked: false,
        }
    }

    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    pub fn say(&mut self, reply: &Reply) {
        reply.encode(self.output.tail());
        self.flush_due = true;
    }

    /// What was read: whole frames are taken off its front.
    pub fn bytes(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub fn is_writing(&self) -> bool {
        self.flush_due
    }

    /// Takes what the session has to say; only while nothing is being written.
    pub fn fill(&mut self, session: &mut Session) {
        self.output.clear();
        session.fill(TURN_BYTES, &mut self.output);
        self.flush_due = !self.output.is_empty();
        self.written_since_beat |= self.flush_due;
    }

    /// Writes and reads as far as the connection goes along. What was not moved stays.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let written = self.flush_due && self.poll_write(context)?.is_ready();
        let before = self.input.len();
        let ended = self.poll_read(context)?;
        if self.input.len() > before {
            // The end is found again.
            self.silent_beats = 0;
            return Poll::Ready(Ok(Moved::Read));
        }
        match (ended, written) {
            (Poll::Ready(()), _) => Poll::Ready(Ok(Moved::Ended)),
            (Poll::Pending, true) => Poll::Ready(Ok(Moved::Written)),
            (Poll::Pending, false) => Poll::Pending,
        }
    }

    /// Ready once everything is written and flushed: TLS keeps back what the socket had no room for.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = if self.io.is_write_vectored() {
                let mut parts = [IoSlice::new(&[]); OUTPUT_PARTS];
                let filled = self.output.parts(&mut parts);
                ready!(Pin::new(&mut self.io).poll_write_vectored(context, &parts[..filled]))?
            } else {
                ready!(Pin::new(&mut self.io).poll_write(context, self.output.first()))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
        }
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.flush_due = false;
        Poll::Ready(Ok(()))
    }

    /// Ready when the peer has ended the connection, or a turn's bytes are there.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let enough = self.input.len() + READ_BYTES;
        while self.input.len() < enough {
            // What has begun to come is not moved twice.
            let space = frame::missing(&self.input).max(LEAST_READ_BYTES);
            if self.input.capacity() - self.input.len() < space {
                self.input.reserve(BUFFER_BYTES);
            }
            // A read that is dropped while it waits has taken nothing.
            if ready!(pin!(self.io.read_buf(&mut self.input)).poll(context))? == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Counts a beat; returns how many have passed without a sign of life.
    pub fn beat(&mut self) -> u32 {
        self.silent_beats += 1;
        self.silent_beats
    }

    /// Whether something was written since this was asked last.
    pub fn has_written(&mut self) -> bool {
        std::mem::take(&mut self.written_since_beat)
    }

    pub fn has_ended(&self) -> bool {
        self.lifetime.ends_after.is_some_and(|after| self.begun.elapsed() >= after)
    }

    /// Whether its replacement is due; once.
    pub fn is_renewal_due(&mut self) -> bool {
        let due = !self.renewal_asked && self.lifetime.renew_after.is_some_and(|after| self.begun.elapsed() >= after);
        self.renewal_asked |= due;
        due
    }

    /// Says goodbye.
    pub async fn end(mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
