//! One direction of a connection: what was written and has not been read.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::{Buf, Bytes};
use tokio::io::ReadBuf;

/// What may be on its way, as in the buffers of two sockets.
const CAPACITY_BYTES: usize = 128 * 1024;

enum Segment {
    Bytes(Bytes),
    /// The writer has no more to say.
    End,
    /// The writer's system knows nothing of the connection.
    Reset,
}

pub struct Pipe {
    segments: VecDeque<(Instant, Segment)>,
    waiting_bytes: usize,
    last_due: Instant,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The reader has closed its end, or is gone.
    is_unread: bool,
    /// The reader was killed.
    is_abandoned: bool,
    has_ended: bool,
    is_broken: bool,
}

/// What a look at a pipe has found.
pub enum Found {
    /// Something was read, or its end.
    Read,
    /// Nothing before then.
    Due(Instant),
    Nothing,
}

impl Pipe {
    pub fn new(now: Instant) -> Self {
        Self {
            segments: VecDeque::new(),
            waiting_bytes: 0,
            last_due: now,
            reader: None,
            writer: None,
            is_unread: false,
            is_abandoned: false,
            has_ended: false,
            is_broken: false,
        }
    }

    pub fn last_due(&self) -> Instant {
        self.last_due
    }

    /// Reads what is due now.
    ///
    /// # Errors
    /// The connection was broken, at the writer's end or on the way.
    pub fn read(&mut self, now: Instant, into: &mut ReadBuf<'_>, woken: &mut Vec<Waker>) -> io::Result<Found> {
        if self.is_broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut found = Found::Nothing;
        while let Some((due, segment)) = self.segments.front_mut() {
            if *due > now {
                return Ok(if matches!(found, Found::Read) { found } else { Found::Due(*due) });
            }
            match segment {
                Segment::Bytes(bytes) => {
                    let len = bytes.len().min(into.remaining());
                    if len == 0 {
                        return Ok(Found::Read);
                    }
                    into.put_slice(&bytes[..len]);
                    bytes.advance(len);
                    self.waiting_bytes -= len;
                    woken.extend(self.writer.take());
                    found = Found::Read;
                    if bytes.is_empty() {
                        self.segments.pop_front();
                    }
                }
                // What was read before it is told first.
                Segment::End => return Ok(Found::Read),
                Segment::Reset if matches!(found, Found::Read) => return Ok(found),
                Segment::Reset => {
                    self.break_off(woken);
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
        }
        Ok(found)
    }

    /// Whether there is room to write, and how much.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn poll_room(&mut self, context: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_broken || self.is_unread || self.has_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match CAPACITY_BYTES - self.waiting_bytes.min(CAPACITY_BYTES) {
            0 => {
                self.writer = Some(context.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(Ok(room)),
        }
    }

    pub fn push(&mut self, due: Instant, bytes: &[u8], woken: &mut Vec<Waker>) {
        self.waiting_bytes += bytes.len();
        self.add(due, Segment::Bytes(Bytes::copy_from_slice(bytes)), woken);
    }

    /// The writer says that it has no more to say; once.
    pub fn push_end(&mut self, due: Instant, woken: &mut Vec<Waker>) {
        if !self.has_ended {
            self.has_ended = true;
            self.add(due, Segment::End, woken);
        }
    }

    pub fn push_reset(&mut self, due: Instant, woken: &mut Vec<Waker>) {
        self.has_ended = true;
        self.add(due, Segment::Reset, woken);
    }

    fn add(&mut self, due: Instant, segment: Segment, woken: &mut Vec<Waker>) {
        self.last_due = due;
        self.segments.push_back((due, segment));
        self.wake_reader(woken);
    }

    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub fn wait_to_read(&mut self, context: &Context<'_>) {
        self.reader = Some(context.waker().clone());
    }

    pub fn wake_reader(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.reader.take());
    }

    /// The reader has closed its end.
    pub fn close_reader(&mut self, woken: &mut Vec<Waker>) {
        self.is_unread = true;
        self.segments.clear();
        self.waiting_bytes = 0;
        self.reader = None;
        woken.extend(self.writer.take());
    }

    /// Both ends hear at once that there is no connection any more.
    pub fn break_off(&mut self, woken: &mut Vec<Waker>) {
        self.is_broken = true;
        self.segments.clear();
        self.waiting_bytes = 0;
        woken.extend(self.reader.take());
        woken.extend(self.writer.take());
    }

    /// Whether nobody will read or write it any more.
    pub fn is_over(&self) -> bool {
        (self.is_unread || self.is_abandoned) && (self.has_ended || self.is_broken)
    }

    /// The reader was killed: what it waits with must not run. What is written goes nowhere until its system answers.
    pub fn forget_reader(&mut self) {
        std::mem::forget(self.reader.take());
        self.is_abandoned = true;
    }

    pub fn forget_writer(&mut self) {
        std::mem::forget(self.writer.take());
    }
}
