//! What comes from the source.

use mqtt::client::Received;
use tokio::time::Instant;

use super::Carrier;
use super::parcel::Parcel;
use crate::cloud_events::Occasion;
use crate::counters::{add, one};
use crate::dataflow::Side;
use crate::failure::{Mishap, Step};
use crate::ledger::{Errand, Seen};
use crate::link::Take;
use crate::mapper::Mapped;

/// Messages taken at once, before anything else is looked at.
const MESSAGES_AT_ONCE: usize = 64;

impl Carrier {
    /// Whether messages of the source are wanted.
    pub(super) fn appetite(&mut self) -> Take {
        if self.ledger.has_room() || self.is_behind_letters() || self.is_away() {
            Take::Messages
        } else {
            Take::Nothing
        }
    }

    /// Acknowledgements of dead letters at the source come behind its messages.
    fn is_behind_letters(&self) -> bool {
        self.dataflow.dead_letter_side() == Side::Source && !self.dead_letters.is_empty()
    }

    /// While the destination is away the source is read on, so that it does not take this side for dead: of QoS 0
    /// nothing is kept, of the others there are as many as its Receive Maximum, and once more those of an earlier
    /// connection.
    fn is_away(&self) -> bool {
        self.destination.client().is_none() && self.ledger.len() < self.capacity * 2
    }

    /// Takes a message, and what else has come, as far as there is room.
    pub(super) fn take_all(&mut self, received: Received) {
        let now = Instant::now();
        self.take(received, now);
        for _ in 1..MESSAGES_AT_ONCE {
            if !self.ledger.has_room() {
                return;
            }
            let Some(received) = self.source.try_message() else { return };
            self.take(received, now);
        }
    }

    fn take(&mut self, received: Received, now: Instant) {
        one(&self.counters.received);
        add(&self.counters.received_bytes, received.payload.len() as u64);
        if !received.dup {
            self.source.worked();
        }
        let id = received.packet_id;
        match id {
            None if !self.ledger.has_room() => {
                one(&self.counters.dropped);
                return;
            }
            None => {}
            Some(id) => {
                let seen = if received.dup { Seen::Again } else { Seen::First };
                if let Some(parcel) = self.ledger.reclaim(id, seen, |parcel| parcel.is(&received)) {
                    // The new receipt is the one to acknowledge.
                    parcel.received = received;
                    return;
                }
            }
        }
        let (lane, errand, parcel) = match self.mapper.map(&received, Occasion::now) {
            Mapped::Forward(message) => {
                (message.topic.clone(), Errand::Forward, Parcel::new(received, Some(message), now))
            }
            Mapped::Loop => {
                one(&self.counters.loops);
                (received.topic.clone(), Errand::Nothing, Parcel::new(received, None, now))
            }
            Mapped::Stray => {
                one(&self.counters.strays);
                (received.topic.clone(), Errand::Nothing, Parcel::new(received, None, now))
            }
            Mapped::Unresolved(unresolved) => {
                self.counters.refused("unresolvable topic");
                let mut parcel = Parcel::new(received, None, now);
                parcel.reason = format!("the destination topic {} cannot be made: {unresolved}", self.dataflow.topic);
                self.buried(Mishap::new(Step::Publish, &parcel.reason));
                (parcel.received.topic.clone(), Errand::DeadLetter, parcel)
            }
        };
        self.ledger.push(lane, id, errand, parcel);
    }

    /// Acknowledges at the source what is done with, when it is time.
    pub(super) async fn settle(&mut self) {
        if self.settling.is_due(self.ledger.done(), self.ledger.under_way()) {
            self.settle_now().await;
        }
    }

    /// Acknowledges at the source what is done with.
    pub(super) async fn settle_now(&mut self) {
        while let Some(parcel) = self.ledger.settled() {
            if let Some((client, _)) = self.source.client() {
                client.acknowledge(&parcel.received).await;
            }
        }
    }

    /// Acknowledges what the destination sends. Nothing was asked for: a subscription that somebody else left in the
    /// session.
    pub(super) async fn decline(&mut self, received: &Received) {
        if let Some((client, _)) = self.destination.client() {
            client.acknowledge(received).await;
        }
    }
}
