//! What goes to the destination and to the dead letter topic.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Carrier;
use crate::counters::one;
use crate::dataflow::Side;
use crate::ledger::{Errand, Refusal};

impl Carrier {
    /// Hands over what may go.
    pub(super) async fn send(&mut self) {
        let now = Instant::now();
        self.forward(now).await;
        self.send_dead_letters(now).await;
        self.counters.held.store(self.ledger.len() as u64, Ordering::Relaxed);
        self.counters.under_way.store(self.ledger.under_way() as u64, Ordering::Relaxed);
    }

    async fn forward(&mut self, now: Instant) {
        let Some((client, limits)) = self.destination.client() else { return };
        while let Some((number, parcel)) = self.ledger.next(Errand::Forward) {
            let Some(message) = parcel.message(limits, now) else {
                one(&self.counters.expired);
                self.ledger.finished(number);
                continue;
            };
            // Waits for the connection's task to take what it was handed before, which it does until its own end.
            match client.submit(message).await {
                Ok(pending) => self.forwarded.push(number, pending, now),
                Err(_) => {
                    self.ledger.refused(number, Refusal::Unsent);
                    return;
                }
            }
        }
    }

    async fn send_dead_letters(&mut self, now: Instant) {
        let link = match self.dataflow.dead_letter_side() {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        };
        let Some((client, _)) = link.client() else { return };
        while let Some((number, parcel)) = self.ledger.next(Errand::DeadLetter) {
            let letter = parcel.letter(&self.dataflow, self.mapper.own());
            match client.submit(letter).await {
                Ok(pending) => self.dead_letters.push(number, pending, now),
                Err(_) => {
                    self.ledger.refused(number, Refusal::Unsent);
                    return;
                }
            }
        }
    }
}
