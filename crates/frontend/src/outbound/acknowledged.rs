//! What the client says of the QoS 1 and 2 messages that are in flight to it.

use mqtt::{AckKind, PacketId, ReasonCode};
use partition::Step;

use super::{EntryInFlight, EntryRef, InFlight, Outbound, Told, Writer};
use crate::fault::Fault;
use crate::own_ids::Awaiting;

impl Outbound {
    /// Takes a PUBACK, PUBREC or PUBCOMP of the client.
    ///
    /// # Errors
    /// A kind of acknowledgement that does not belong to the QoS of what is in flight under this identifier.
    pub fn acknowledged(
        &mut self,
        kind: AckKind,
        id: PacketId,
        reason: ReasonCode,
        writer: &mut Writer<'_>,
    ) -> Result<Option<Told>, Fault> {
        let awaiting = match &self.ids {
            InFlight::Own { ids, .. } => ids.state(id),
            InFlight::Entries(entries) => entries.get(&id).map_or(Awaiting::Nothing, |e| e.awaiting),
        };
        match (awaiting, kind) {
            (Awaiting::PubAck, AckKind::PubAck) | (Awaiting::PubComp, AckKind::PubComp) => Ok(self.done(id)),
            // MQTT-4.3.3: a PUBREC with an error ends the delivery.
            (Awaiting::PubRec, AckKind::PubRec) if reason.is_error() => Ok(self.done(id)),
            (Awaiting::PubRec | Awaiting::PubComp, AckKind::PubRec) => Ok(self.received(id, writer)),
            (Awaiting::Nothing, AckKind::PubRec) if !reason.is_error() => {
                // The session does not know it (any more): the client may forget it.
                self.write_ack(AckKind::PubRel, id, ReasonCode::PacketIdentifierNotFound, writer);
                Ok(None)
            }
            (Awaiting::Nothing, _) => Ok(None),
            _ => Err(Fault::UnexpectedAcknowledgement),
        }
    }

    fn done(&mut self, id: PacketId) -> Option<Told> {
        match &mut self.ids {
            InFlight::Own { ids, shared } => {
                ids.set(id, Awaiting::Nothing);
                shared.remove(&id);
                self.in_flight -= 1;
                None
            }
            InFlight::Entries(entries) => {
                let done = entries.remove(&id)?;
                self.in_flight -= u16::from(done.counted);
                Some(Told { entry: done.entry, step: Step::Done })
            }
        }
    }

    fn received(&mut self, id: PacketId, writer: &mut Writer<'_>) -> Option<Told> {
        match &mut self.ids {
            InFlight::Own { ids, shared } => {
                ids.set(id, Awaiting::PubComp);
                // Received is received: nobody else may get it now.
                shared.remove(&id);
                self.write_ack(AckKind::PubRel, id, ReasonCode::Success, writer);
                None
            }
            // PUBREL goes out when the partition has noted it (`release`).
            InFlight::Entries(entries) => {
                let entry = entries.get_mut(&id)?;
                if entry.awaiting == Awaiting::PubComp {
                    // PUBREC again: the partition has been told.
                    if entry.noted {
                        self.write_ack(AckKind::PubRel, id, ReasonCode::Success, writer);
                    }
                    return None;
                }
                entry.awaiting = Awaiting::PubComp;
                Some(Told { entry: entry.entry, step: Step::Received })
            }
        }
    }

    /// The partition has noted that the client has received an entry, now or before a resumption: PUBREL.
    pub fn release(&mut self, entry: EntryRef, id: PacketId, writer: &mut Writer<'_>) {
        if let InFlight::Entries(entries) = &mut self.ids {
            let unknown = EntryInFlight { entry, awaiting: Awaiting::PubComp, counted: false, noted: true };
            let entry = entries.entry(id).or_insert(unknown);
            (entry.awaiting, entry.noted) = (Awaiting::PubComp, true);
            self.write_ack(AckKind::PubRel, id, ReasonCode::Success, writer);
        }
    }

    pub fn write_ack(&mut self, kind: AckKind, id: PacketId, reason: ReasonCode, writer: &mut Writer<'_>) {
        mqtt::encode::ack(self.outbox.buffer(writer.spares), self.version, kind, id, reason);
        writer.counters.packets_sent.add(1);
    }
}

#[cfg(test)]
mod tests {
    use mqtt::{ProtocolVersion, QoS};
    use partition::{BodyRef, Delivery, Message, PartitionId, SessionSlot, Timestamp};

    use super::*;
    use crate::counters::Counters;
    use crate::outbound::{ClientLimits, Delivered};
    use crate::outbox::Spares;
    use crate::spans::Tracer;

    /// What a writer refers to beside the spare buffers.
    struct Desk {
        counters: Counters,
        tracer: Tracer,
    }

    impl Desk {
        fn new() -> Self {
            Self { counters: Counters::default(), tracer: Tracer::new(0, None) }
        }

        fn writer<'a>(&'a self, spares: &'a mut Spares) -> Writer<'a> {
            let Self { counters, tracer } = self;
            Writer { spares, counters, tracer, now: Timestamp(1) }
        }
    }

    /// A persistent session's outbound with one QoS 2 entry in flight, under identifier 1.
    fn outbound(spares: &mut Spares, desk: &Desk) -> Outbound {
        let mut outbound = Outbound::new(Default::default());
        outbound.set_limits(&ClientLimits {
            version: ProtocolVersion::V5,
            maximum_packet_size: None,
            receive_maximum: 1,
            topic_alias_maximum: 0,
            persistent: true,
        });
        assert_eq!(deliver(&mut outbound, 1, spares, desk), Delivered::Sent);
        outbound
    }

    fn deliver(outbound: &mut Outbound, id: u16, spares: &mut Spares, desk: &Desk) -> Delivered {
        let message =
            Message { topic: "t", qos: QoS::ExactlyOnce, retain: false, expires: None, properties: &[], payload: b"x" };
        let mut body = Vec::new();
        message.encode(&mut body);
        let delivery = Delivery {
            session: SessionSlot(0),
            entry: u64::from(id),
            packet_id: PacketId::new(id).unwrap(),
            dup: false,
            qos: QoS::ExactlyOnce,
            retain: false,
            subscription_ids: Default::default(),
            body: BodyRef { index: 1, offset: 0, len: body.len() as u32 },
        };
        outbound.deliver_entry(PartitionId(0), &delivery, &body.into(), &mut desk.writer(spares))
    }

    #[test]
    fn a_pubrec_sent_again_tells_the_partition_nothing_and_is_answered_when_it_may_be() {
        let (mut spares, desk) = (Spares::default(), Desk::new());
        let mut outbound = outbound(&mut spares, &desk);
        let id = PacketId::new(1).unwrap();
        let mut writer = desk.writer(&mut spares);
        let mut rec = |outbound: &mut Outbound| {
            let before = outbound.outbox.len();
            let told = outbound.acknowledged(AckKind::PubRec, id, ReasonCode::Success, &mut writer).unwrap();
            (told, outbound.outbox.len() - before)
        };
        let (told, written) = rec(&mut outbound);
        let told = told.unwrap();
        assert_eq!((told.step, written), (Step::Received, 0));
        assert_eq!(rec(&mut outbound), (None, 0), "not noted yet");
        let mut writer = desk.writer(&mut spares);
        outbound.release(told.entry, id, &mut writer);
        let before = outbound.outbox.len();
        assert_eq!(outbound.acknowledged(AckKind::PubRec, id, ReasonCode::Success, &mut writer).unwrap(), None);
        assert_eq!(outbound.outbox.len() - before, 4, "PUBREL again");
        let done = outbound.acknowledged(AckKind::PubComp, id, ReasonCode::Success, &mut writer).unwrap();
        assert_eq!(done.unwrap().step, Step::Done);
        assert_eq!(outbound.in_flight, 0);
    }

    #[test]
    fn an_entry_handed_out_twice_counts_once() {
        let (mut spares, desk) = (Spares::default(), Desk::new());
        let mut outbound = outbound(&mut spares, &desk);
        outbound.window = 2;
        assert_eq!(deliver(&mut outbound, 1, &mut spares, &desk), Delivered::Sent);
        assert_eq!(outbound.in_flight, 1);
    }
}
