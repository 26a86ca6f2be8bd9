//! Reading: what came is handled in the worker's buffer; of a packet that is not whole yet the beginning is kept.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::ReadBuf;

use super::{Connection, End, Inbound, Phase, READS_PER_POLL, UNTAKEN_BYTES};
use crate::worker::Worker;

/// What is missing of a packet of this length and more is read to a buffer of its own, and its payload not copied again.
const LONG_BYTES: usize = 32 * 1024;

/// Reserved at the least for a packet that is not there yet.
const LEAST_AHEAD_BYTES: usize = 64 * 1024;

/// Reserved at the most: a payload of 1 MiB with its head fits.
const MOST_AHEAD_BYTES: usize = 1024 * 1024 + 128 * 1024;

impl Connection {
    pub(super) fn poll_read(self: &Rc<Self>, worker: &Rc<Worker>, cx: &mut Context<'_>) {
        if self.stalled.get() {
            self.look_again(worker);
        }
        for _ in 0..READS_PER_POLL {
            if self.stalled.get() || self.is_ending() {
                return;
            }
            if self.outbound.borrow().outbox.len() > UNTAKEN_BYTES {
                // The end of a write that empties the outbox wakes the task.
                return;
            }
            match self.poll_read_once(worker, cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.end(worker, End::Lost),
                Poll::Ready(Ok(_)) => self.last_heard.set(worker.now_s()),
                Poll::Ready(Err(error)) => {
                    tracing::debug!(peer = %self.peer, %error, "connection lost");
                    return self.end(worker, End::Lost);
                }
            }
        }
        cx.waker().wake_by_ref();
    }

    fn poll_read_once(self: &Rc<Self>, worker: &Rc<Worker>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut inbound = self.inbound.borrow_mut();
        if inbound.need >= LONG_BYTES && inbound.missing() > 0 {
            return self.poll_read_long(worker, &mut inbound, cx);
        }
        let mut shared = worker.read_buffer.borrow_mut();
        let mut buf = ReadBuf::new(&mut shared);
        ready!(self.transport.borrow_mut().poll_read(cx, &mut buf))?;
        let data = buf.filled();
        worker.counters.bytes_received.add(data.len() as u64);
        worker.begin_read();
        if inbound.partial.is_empty() {
            let used = self.handle_all(worker, &mut inbound, data);
            if used < data.len() && !self.is_ending() {
                inbound.partial = worker.spares.borrow_mut().take();
                inbound.keep(&data[used..]);
            }
        } else {
            inbound.keep(data);
            self.handle_partial(worker, &mut inbound);
        }
        Poll::Ready(Ok(data.len()))
    }

    /// Reads what is missing of a long packet to where the rest of it is.
    fn poll_read_long(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = inbound.reserve_missing();
        let read = ready!(self.transport.borrow_mut().poll_read_onto(cx, &mut inbound.partial, most))?;
        worker.counters.bytes_received.add(read as u64);
        worker.begin_read();
        if read > 0 && inbound.missing() == 0 {
            self.handle_gathered(worker, inbound);
        }
        Poll::Ready(Ok(read))
    }

    /// Handles a long packet, whose payload those who get it take as it lies.
    fn handle_gathered(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound) {
        let packet = std::mem::take(&mut inbound.partial).freeze();
        worker.gathered.replace(packet.clone());
        let used = self.handle_all(worker, inbound, &packet);
        worker.gathered.take();
        if used < packet.len() && !self.is_ending() {
            inbound.partial = packet.try_into_mut().unwrap_or_else(|shared| shared[..].into());
            inbound.partial.advance(used);
        }
    }

    fn look_again(self: &Rc<Self>, worker: &Rc<Worker>) {
        self.stalled.set(false);
        let mut inbound = self.inbound.borrow_mut();
        if matches!(inbound.phase, Phase::Authenticating(_) | Phase::Opening(_)) || inbound.held {
            self.stalled.set(true);
            return;
        }
        self.handle_partial(worker, &mut inbound);
    }

    fn handle_partial(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound) {
        let mut partial = std::mem::take(&mut inbound.partial);
        let used = self.handle_all(worker, inbound, &partial);
        partial.advance(used);
        if partial.is_empty() || self.is_ending() {
            worker.spares.borrow_mut().give(partial);
        } else {
            inbound.partial = partial;
        }
    }
}

impl Inbound {
    /// Keeps the beginning of a packet. Memory is reserved as its bytes come, never for its announced length alone.
    pub fn keep(&mut self, data: &[u8]) {
        if self.partial.len() + data.len() > self.partial.capacity() {
            let come = self.partial.len() + data.len();
            let expected = self.need.min(come + room_ahead(come));
            self.partial.reserve(expected.max(come) - self.partial.len());
        }
        self.partial.extend_from_slice(data);
    }

    /// Bytes that the packet whose beginning is kept still needs.
    pub fn missing(&self) -> usize {
        self.need.saturating_sub(self.partial.len())
    }

    /// Makes room for what is missing, or some of it; how much.
    pub fn reserve_missing(&mut self) -> usize {
        let missing = self.missing();
        if self.partial.capacity() == self.partial.len() {
            self.partial.reserve(missing.min(room_ahead(self.partial.len())));
        }
        missing.min(self.partial.capacity() - self.partial.len())
    }
}

/// How much is reserved of the rest of a packet of which so much has come: whoever only announces one is given little, and
/// one that does come is seldom moved.
fn room_ahead(come: usize) -> usize {
    (4 * come).clamp(LEAST_AHEAD_BYTES, MOST_AHEAD_BYTES)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::settings::Limits;

    fn inbound() -> Inbound {
        let limits = Limits {
            session_expiry: u32::MAX,
            message_expiry: None,
            packet_size: 1024,
            client_receive_maximum: NonZeroU16::MAX,
            receive_maximum: NonZeroU16::MAX,
            keep_alive: None,
            topic_alias_maximum: 0,
            queue_length: 0,
        };
        Inbound::new(0, Rc::new(limits))
    }

    #[test]
    fn who_announces_a_long_packet_is_given_room_as_its_bytes_come() {
        for first in [1, 100, LEAST_AHEAD_BYTES] {
            let mut inbound = inbound();
            inbound.need = 64 * 1024 * 1024;
            inbound.keep(&vec![0; first]);
            while inbound.missing() > 0 {
                let come = inbound.partial.len();
                assert!(inbound.partial.capacity() <= 5 * come + LEAST_AHEAD_BYTES);
                let most = inbound.reserve_missing();
                assert!(most > 0 && most <= inbound.missing());
                assert!(inbound.partial.capacity() <= 5 * come + LEAST_AHEAD_BYTES);
                inbound.partial.resize(come + most, 1);
            }
            assert_eq!(inbound.partial.len(), inbound.need);
        }
    }

    #[test]
    fn a_payload_of_1_mib_is_moved_twice_at_the_most() {
        for first in [1, 1000, 16 * 1024, 64 * 1024] {
            let mut inbound = inbound();
            inbound.need = 1024 * 1024 + 100;
            inbound.keep(&vec![0; first]);
            let mut moves = 0;
            while inbound.missing() > 0 {
                let (before, place) = (inbound.partial.len(), inbound.partial.as_ptr());
                let most = inbound.reserve_missing();
                moves += usize::from(inbound.partial.as_ptr() != place);
                inbound.partial.resize(before + most, 1);
            }
            assert!(moves <= 2);
        }
    }
}
