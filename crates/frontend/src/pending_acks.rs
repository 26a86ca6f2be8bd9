//! Acknowledgements owed to a publisher, in the order in which its PUBLISH packets came.
//!
//! MQTT-4.6.0-2 and MQTT-4.6.0-3: PUBACK and PUBREC leave in the order of the PUBLISH packets. One that must wait for a
//! partition holds back those behind it.

use std::collections::VecDeque;

use mqtt::{AckKind, PacketId, QoS, ReasonCode};
use partition::Tag;

struct Pending {
    kind: AckKind,
    id: PacketId,
    outcome: Option<ReasonCode>,
    /// Until its outcome is known, no publish of the same QoS may take a shorter way.
    fence: bool,
}

#[derive(Default)]
pub(crate) struct PendingAcks {
    /// Tag of the front.
    first: u32,
    queue: VecDeque<Pending>,
    /// How many of the queue are PUBACK.
    pubacks: usize,
}

/// The tag of QoS 0 publishes that nothing may overtake: they are counted, not told apart.
pub(crate) const FENCE_TAG: Tag = Tag(u32::MAX);

/// The bit that tells the tag of a request (SUBSCRIBE and the like) from that of a publish.
pub(crate) const REQUEST_TAG: u32 = 1 << 31;

impl PendingAcks {
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// QoS 1 publishes that wait for their acknowledgement.
    pub fn pubacks(&self) -> usize {
        self.pubacks
    }

    /// Whether an acknowledgement may leave at once.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds one whose outcome is known, behind others that are waited for.
    pub fn push_done(&mut self, kind: AckKind, id: PacketId, outcome: ReasonCode) {
        self.push(Pending { kind, id, outcome: Some(outcome), fence: false });
    }

    /// Adds one to wait for; the tag comes back with the answer.
    pub fn push_waiting(&mut self, kind: AckKind, id: PacketId, fence: bool) -> Tag {
        let tag = self.first.wrapping_add(self.queue.len() as u32) & !REQUEST_TAG;
        self.push(Pending { kind, id, outcome: None, fence });
        Tag(tag)
    }

    fn push(&mut self, pending: Pending) {
        self.pubacks += usize::from(pending.kind == AckKind::PubAck);
        self.queue.push_back(pending);
    }

    fn place(&self, tag: Tag) -> usize {
        (tag.0.wrapping_sub(self.first) & !REQUEST_TAG) as usize
    }

    /// Notes an outcome, and returns the QoS of the publish if it was a fence.
    pub fn resolve(&mut self, tag: Tag, outcome: ReasonCode) -> Option<QoS> {
        let place = self.place(tag);
        let pending = self.queue.get_mut(place)?;
        pending.outcome = Some(outcome);
        let qos = if pending.kind == AckKind::PubAck { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        std::mem::take(&mut pending.fence).then_some(qos)
    }

    /// Whether the outcome of a publish is not known yet.
    pub fn waits_for(&self, tag: Tag) -> bool {
        self.queue.get(self.place(tag)).is_some_and(|pending| pending.outcome.is_none())
    }

    /// The next acknowledgement that may leave.
    pub fn pop(&mut self) -> Option<(AckKind, PacketId, ReasonCode)> {
        let outcome = self.queue.front()?.outcome?;
        let Pending { kind, id, .. } = self.queue.pop_front()?;
        self.first = self.first.wrapping_add(1) & !REQUEST_TAG;
        self.pubacks -= usize::from(kind == AckKind::PubAck);
        Some((kind, id, outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> PacketId {
        PacketId::new(n).unwrap()
    }

    #[test]
    fn mqtt_4_6_0_2_acknowledgements_leave_in_the_order_of_the_publishes() {
        let mut acks = PendingAcks::default();
        let first = acks.push_waiting(AckKind::PubAck, id(7), false);
        acks.push_done(AckKind::PubAck, id(3), ReasonCode::Success);
        let third = acks.push_waiting(AckKind::PubRec, id(9), true);
        assert_eq!((acks.pop(), acks.pubacks()), (None, 2));
        assert!(acks.waits_for(third) && !acks.waits_for(Tag(third.0 + 1)));
        assert_eq!(acks.resolve(third, ReasonCode::Success), Some(QoS::ExactlyOnce));
        assert!(acks.waits_for(first) && !acks.waits_for(third));
        assert_eq!(acks.pop(), None);
        assert_eq!(acks.resolve(first, ReasonCode::NoMatchingSubscribers), None);
        let left: Vec<u16> = std::iter::from_fn(|| acks.pop()).map(|(_, id, _)| id.get()).collect();
        assert_eq!(left, [7, 3, 9]);
        assert_eq!(acks.pubacks(), 0);
        assert!(acks.is_empty() && !acks.waits_for(first));
    }

    #[test]
    fn tags_stay_below_the_request_bit_when_they_wrap() {
        let mut acks = PendingAcks { first: REQUEST_TAG - 1, ..PendingAcks::default() };
        let a = acks.push_waiting(AckKind::PubAck, id(1), false);
        let b = acks.push_waiting(AckKind::PubAck, id(2), false);
        assert_eq!((a.0, b.0), (REQUEST_TAG - 1, 0));
        acks.resolve(b, ReasonCode::Success);
        acks.resolve(a, ReasonCode::Success);
        assert_eq!(std::iter::from_fn(|| acks.pop()).count(), 2);
    }
}
