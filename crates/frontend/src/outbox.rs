//! Bytes on their way to one client.
//!
//! Small frames are copied into one buffer and leave in one write; payloads of [`SHARE_FROM`] bytes and more are queued
//! by reference, so that a fan-out holds them once, and leave in one vectored write. A frame that many get alike leaves from
//! where it lies if nothing else leaves with it. An outbox without content holds no buffer.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Payloads from this size on are shared instead of copied: above it `writev` of references costs less than a copy.
pub(crate) const SHARE_FROM: usize = 4096;

/// The most slices in one vectored write.
const MAX_SLICES: usize = 64;

/// A buffer that grew beyond this is not kept.
const KEEP_CAPACITY: usize = 64 * 1024;

/// How many spare buffers a worker keeps.
const MAX_SPARES: usize = 64;

#[derive(Default)]
pub(crate) struct Outbox {
    /// A frame that others have too. While there is one it is all there is.
    alone: Bytes,
    /// Full chunks, to be written before `tail`.
    sealed: VecDeque<Bytes>,
    sealed_len: usize,
    tail: BytesMut,
}

impl Outbox {
    pub fn len(&self) -> usize {
        self.alone.len() + self.sealed_len + self.tail.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next frame is to be appended.
    pub fn buffer(&mut self, spares: &mut Spares) -> &mut BytesMut {
        if self.tail.capacity() == 0 {
            self.tail = spares.take();
        }
        if !self.alone.is_empty() {
            self.tail.extend_from_slice(&std::mem::take(&mut self.alone));
        }
        &mut self.tail
    }

    /// Queues a small frame that others get as well.
    pub fn push_frame(&mut self, frame: &Bytes, spares: &mut Spares) {
        if self.is_empty() {
            self.alone = frame.clone();
        } else {
            self.buffer(spares).extend_from_slice(frame);
        }
    }

    /// Queues `bytes` by reference.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if !self.alone.is_empty() {
            self.sealed_len += self.alone.len();
            self.sealed.push_back(std::mem::take(&mut self.alone));
        }
        if !self.tail.is_empty() {
            self.seal(self.tail.len());
        }
        self.sealed_len += bytes.len();
        self.sealed.push_back(bytes);
    }

    fn seal(&mut self, len: usize) {
        self.sealed.push_back(self.tail.split_to(len).freeze());
        self.sealed_len += len;
    }

    /// Whether one plain write of [`Outbox::front`] takes everything.
    pub fn is_contiguous(&self) -> bool {
        self.sealed.is_empty() || (self.sealed.len() == 1 && self.tail.is_empty())
    }

    /// The first bytes to write.
    pub fn front(&self) -> &[u8] {
        match self.sealed.front() {
            Some(chunk) => chunk,
            None if self.alone.is_empty() => &self.tail,
            None => &self.alone,
        }
    }

    /// What to write, oldest first, as far as `slices` reaches.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let chunks = self.sealed.iter().map(|chunk| &chunk[..]).chain([&self.tail[..], &self.alone[..]]);
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks.filter(|c| !c.is_empty())) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }

    pub fn empty_slices<'a>() -> [IoSlice<'a>; MAX_SLICES] {
        [IoSlice::new(&[]); MAX_SLICES]
    }

    /// Takes everything, as chunks in order.
    pub fn take_chunk(&mut self) -> Option<Bytes> {
        if !self.alone.is_empty() {
            return Some(std::mem::take(&mut self.alone));
        }
        if let Some(chunk) = self.sealed.pop_front() {
            self.sealed_len -= chunk.len();
            return Some(chunk);
        }
        (!self.tail.is_empty()).then(|| self.tail.split().freeze())
    }

    /// Removes the first `written` bytes.
    pub fn advance(&mut self, mut written: usize) {
        if !self.alone.is_empty() {
            self.alone.advance(written);
            if self.alone.is_empty() {
                self.alone = Bytes::new();
            }
            return;
        }
        while let Some(chunk) = self.sealed.front_mut() {
            let part = written.min(chunk.len());
            self.sealed_len -= part;
            written -= part;
            if part < chunk.len() {
                chunk.advance(part);
                return;
            }
            self.sealed.pop_front();
            if written == 0 {
                return;
            }
        }
        self.tail.advance(written);
    }

    /// Gives the buffer of an empty outbox back.
    pub fn release(&mut self, spares: &mut Spares) {
        debug_assert!(self.is_empty());
        if self.tail.capacity() > 0 {
            spares.give(std::mem::take(&mut self.tail));
        }
        if self.sealed.capacity() > 0 {
            self.sealed = VecDeque::new();
        }
    }
}

/// Empty buffers of one worker, so that only connections with data in flight hold one.
#[derive(Default)]
pub(crate) struct Spares(Vec<BytesMut>);

impl Spares {
    pub fn take(&mut self) -> BytesMut {
        self.0.pop().unwrap_or_else(|| BytesMut::with_capacity(4096))
    }

    pub fn give(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        // A buffer whose front was advanced reclaims its whole allocation here if nothing else refers to it.
        if self.0.len() < MAX_SPARES && buffer.try_reclaim(1024) && buffer.capacity() <= KEEP_CAPACITY {
            self.0.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while !outbox.is_empty() {
            let before = outbox.len();
            let mut slices = Outbox::empty_slices();
            let count = outbox.slices(&mut slices);
            let all: Vec<u8> = slices[..count].iter().flat_map(|s| s.iter().copied()).collect();
            assert!(all.starts_with(outbox.front()));
            let part = step.min(all.len());
            written.extend(&all[..part]);
            outbox.advance(part);
            assert_eq!(outbox.len(), before - part);
        }
        written
    }

    #[test]
    fn copied_and_shared_bytes_leave_in_order_whatever_is_written_at_once() {
        for step in 1..40 {
            let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
            outbox.buffer(&mut spares).extend_from_slice(b"one ");
            outbox.push_shared(Bytes::from_static(b"two "));
            outbox.push_shared(Bytes::from_static(b"three "));
            outbox.buffer(&mut spares).extend_from_slice(b"four");
            assert_eq!(drain(&mut outbox, step), b"one two three four");
            outbox.release(&mut spares);
            assert_eq!(outbox.tail.capacity(), 0);
        }
    }

    #[test]
    fn a_frame_that_others_have_stays_in_its_place_whatever_comes_before_and_behind() {
        let frame = Bytes::from_static(b"frame ");
        let appends: [fn(&mut Outbox, &mut Spares); 3] = [
            |outbox, spares| outbox.push_frame(&Bytes::from_static(b"again "), spares),
            |outbox, spares| outbox.buffer(spares).extend_from_slice(b"again "),
            |outbox, _| outbox.push_shared(Bytes::from_static(b"again ")),
        ];
        for (append, step) in appends.into_iter().flat_map(|append| (1..20).map(move |step| (append, step))) {
            let (mut outbox, mut spares) = (Outbox::default(), Spares::default());
            outbox.push_frame(&frame, &mut spares);
            assert_eq!(outbox.front().as_ptr(), frame.as_ptr(), "it is not copied as long as it is alone");
            append(&mut outbox, &mut spares);
            outbox.push_frame(&frame, &mut spares);
            assert_eq!(drain(&mut outbox, step), b"frame again frame ");
            // Not released: the peer has taken all, but not all is flushed.
            outbox.push_frame(&frame, &mut spares);
            append(&mut outbox, &mut spares);
            assert_eq!(drain(&mut outbox, step), b"frame again ");
            outbox.release(&mut spares);
            outbox.push_frame(&frame, &mut spares);
            append(&mut outbox, &mut spares);
            let chunks: Vec<u8> = std::iter::from_fn(|| outbox.take_chunk()).flatten().collect();
            assert_eq!(chunks, b"frame again ");
        }
    }

    #[test]
    fn an_empty_outbox_gives_its_buffer_back_for_the_next() {
        let (mut a, mut b, mut spares) = (Outbox::default(), Outbox::default(), Spares::default());
        a.buffer(&mut spares).extend_from_slice(b"x");
        a.advance(1);
        a.release(&mut spares);
        assert_eq!((spares.0.len(), a.tail.capacity()), (1, 0));
        b.buffer(&mut spares).extend_from_slice(b"y");
        assert_eq!((spares.0.len(), b.front()), (0, &b"y"[..]));
    }
}
