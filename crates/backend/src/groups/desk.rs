//! Where letters of another backend arrive: on the link's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{Destination, StreamId};

use super::exchange::{CONTROL, Exchange, reply};
use super::letter::{Kind, Letter};
use super::peer::{NoAnswer, Peer};

/// What a backend may send beyond what was taken, in bytes.
pub(super) const WINDOW_BYTES: u64 = 1 << 20;

/// Requests of one stream that are not answered yet; more are passed over, and asked again. A member has one under way
/// on each stream, and asks again when it was not answered in time.
const IN_WORK: usize = 16;

/// The same where all partitions' members ask.
const IN_WORK_CONTROL: usize = 1024;

/// See the module. It never waits, and keeps the order of the replies.
pub(super) struct Desk {
    exchange: Arc<Exchange>,
    backend: u16,
    peer: Arc<Peer>,
    stream: StreamId,
    in_work: Arc<AtomicUsize>,
}

impl Desk {
    pub fn new(exchange: Arc<Exchange>, backend: u16, peer: Arc<Peer>, stream: StreamId) -> Self {
        Self { exchange, backend, peer, stream, in_work: Arc::default() }
    }

    fn on_letter(&self, letter: Letter) {
        let Letter { kind, number, partition, .. } = letter;
        match kind {
            // Who does not hear of it asks others, or waits.
            Kind::Request | Kind::Question if self.exchange.is_closed() => {}
            Kind::Request => self.on_request(letter),
            Kind::Reply => self.peer.answered(number, Ok(letter.body)),
            Kind::Declined => self.peer.answered(number, Err(NoAnswer::Declined)),
            Kind::Question => {
                reply(&self.peer, Kind::Reply, number, partition, self.exchange.report(partition).encode())
            }
            Kind::Leading => self.exchange.hear_leads(self.backend, partition, number),
        }
    }

    fn on_request(&self, letter: Letter) {
        let most = if self.stream == CONTROL { IN_WORK_CONTROL } else { IN_WORK };
        if self.in_work.fetch_add(1, Ordering::AcqRel) >= most {
            self.in_work.fetch_sub(1, Ordering::AcqRel);
            tracing::debug!(backend = self.backend, stream = %self.stream, "a request is passed over: too many are not answered");
            return;
        }
        let in_work = Arc::clone(&self.in_work);
        let done = move || _ = in_work.fetch_sub(1, Ordering::AcqRel);
        self.exchange.answer(Arc::clone(&self.peer), letter, done);
    }
}

impl Destination for Desk {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        for message in messages.drain(..) {
            let Some(letter) = Letter::decode(&message) else {
                let (backend, stream) = (self.backend, self.stream);
                tracing::error!(backend, %stream, "a stream is closed: what a backend has sent cannot be read");
                return Err(Closed);
            };
            self.on_letter(letter);
        }
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }

    fn begin(&mut self) {
        if self.stream == CONTROL {
            self.peer.began();
            self.exchange.tell_leads();
        }
    }
}
