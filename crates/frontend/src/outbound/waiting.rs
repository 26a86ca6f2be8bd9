//! Messages that wait until the client's Receive Maximum allows them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use mqtt::{PacketId, QoS};
use partition::{Message, Step, SubscriptionIds};

use super::{Delivered, EntryRef, InFlight, Outbound, Told, Writer};
use crate::fan_out::{Encoded, FanOut, Manner};

/// What a queue element costs beside its bytes.
const WAITING_OVERHEAD: usize = 96;

pub(super) enum Source {
    Own { share: Option<Arc<str>> },
    Entry { entry: EntryRef, packet_id: PacketId, dup: bool },
}

pub(super) struct Waiting {
    pub body: Bytes,
    pub qos: QoS,
    pub retain: bool,
    pub subscription_ids: SubscriptionIds,
    pub source: Source,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.body.len() + WAITING_OVERHEAD
    }
}

impl Outbound {
    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// Sends what waits, as far as the window allows. Entries that turn out undeliverable are added to `told`.
    pub fn pump(&mut self, writer: &mut Writer<'_>, told: &mut Vec<Told>) {
        while self.in_flight < self.window {
            if matches!(&self.ids, InFlight::Own { ids, .. } if ids.is_full()) {
                return;
            }
            let Some(waiting) = self.waiting.pop_front() else {
                if self.waiting.capacity() > 64 {
                    self.waiting = VecDeque::new();
                }
                return;
            };
            self.waiting_bytes -= waiting.bytes();
            let delivered = self.send_waiting(&waiting, writer);
            if let (Delivered::Dropped, Source::Entry { entry, .. }) = (delivered, &waiting.source) {
                told.push(Told { entry: *entry, step: Step::Done });
            }
        }
    }

    pub(super) fn send_waiting(&mut self, waiting: &Waiting, writer: &mut Writer<'_>) -> Delivered {
        let Ok(message) = Message::parse(&waiting.body) else {
            debug_assert!(false, "a kept message was encoded by us");
            return Delivered::Dropped;
        };
        let trace = if waiting.retain { None } else { writer.tracer.trace_of(&[message.properties]) };
        let mut fan_out = FanOut::kept(&message, Encoded::of(&waiting.body), writer.now);
        fan_out.trace = trace.as_ref();
        if fan_out.is_expired() {
            writer.counters.expired_dropped.add(1);
            return Delivered::Dropped;
        }
        let manner = Manner { qos: waiting.qos, retain: waiting.retain, subscription_ids: &waiting.subscription_ids };
        match &waiting.source {
            Source::Own { share } => self.send_own(&mut fan_out, manner, share.as_ref(), writer),
            Source::Entry { entry, packet_id, dup } => {
                self.send_entry(&mut fan_out, manner, *entry, *packet_id, *dup, writer)
            }
        }
    }
}
