//! What comes from the server.

use mqtt::{Ack, AckKind, Packet, PacketId, Publish, QoS, ReasonCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Owed, Request};
use crate::clients::memory::Progress;
use crate::clients::payload;
use crate::oracle::{Answer, What};

/// A packet that is not traffic by itself.
enum Arrival {
    Message(What, QoS, Option<PacketId>),
    Acknowledged(AckKind, Ack),
    Filters(PacketId, Vec<ReasonCode>),
    Pong,
    Last(ReasonCode),
    Unexpected(String),
}

/// A PUBLISH, as the record has it.
pub(in crate::clients) fn received(publish: &Publish<'_>) -> What {
    use mqtt::Delivery as D;
    let dup = matches!(publish.delivery, D::AtLeastOnce { dup: true, .. } | D::ExactlyOnce { dup: true, .. });
    What::Received {
        topic: publish.topic.to_owned(),
        message: payload::read(publish.payload),
        len: publish.payload.len(),
        qos: publish.delivery.qos(),
        id: publish.delivery.id().map_or(0, PacketId::get),
        dup,
        retain: publish.retain,
    }
}

impl<S: AsyncRead + AsyncWrite> Connection<'_, S> {
    /// Takes every whole packet.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub(super) fn take_packets(&mut self) -> Result<(), String> {
        while let Some(arrival) = self.wire.packet(arrival)? {
            match arrival {
                Arrival::Message(what, qos, id) => {
                    self.add(what);
                    let how = if qos == QoS::ExactlyOnce { Answer::PubRec } else { Answer::PubAck };
                    self.owed.extend(id.map(|id| Owed { how, id }));
                }
                Arrival::Acknowledged(kind, ack) => self.acknowledged(kind, ack)?,
                Arrival::Filters(id, codes) => self.answered(id, &codes)?,
                Arrival::Pong => self.pinged = None,
                Arrival::Last(reason) => self.told = Some(reason),
                Arrival::Unexpected(text) => return Err(text),
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, kind: AckKind, Ack { id, reason }: Ack) -> Result<(), String> {
        if kind == AckKind::PubRel {
            self.add(What::Released { id: id.get() });
            self.owed.push_back(Owed { how: Answer::PubComp, id });
            return Ok(());
        }
        let Some(known) = self.memory.find(id) else {
            return Err(format!("{kind:?} of identifier {}, which is not in use", id.get()));
        };
        let message = known.message;
        let is_right = match kind {
            AckKind::PubAck => known.qos == QoS::AtLeastOnce,
            AckKind::PubRec => known.qos == QoS::ExactlyOnce,
            _ => known.qos == QoS::ExactlyOnce && known.progress == Progress::Released,
        };
        if !is_right {
            return Err(format!("{kind:?} of {message}, which has {known:?}"));
        }
        match kind {
            AckKind::PubRec if !reason.is_error() => {
                known.progress = Progress::Released;
                self.add(What::Acknowledged { message, reason });
                let version = self.wire.version;
                mqtt::encode::ack(&mut self.wire.output, version, AckKind::PubRel, id, ReasonCode::Success);
                self.add(What::Release { message, id: id.get() });
            }
            AckKind::PubComp => {
                self.memory.done(id);
                self.add(What::Completed { message, reason });
            }
            _ => {
                self.memory.done(id);
                self.add(What::Acknowledged { message, reason });
            }
        }
        Ok(())
    }

    /// SUBACK or UNSUBACK, one code for the one filter that was asked for.
    fn answered(&mut self, id: PacketId, codes: &[ReasonCode]) -> Result<(), String> {
        self.memory.requests.remove(&id);
        let number = id.get();
        let reason = codes.first().copied().unwrap_or(ReasonCode::Success);
        match self.requests.remove(&id) {
            Some(Request::Subscribe(filter)) => self.add(What::Subscribed { id: number, filter, reason }),
            Some(Request::Unsubscribe(filter)) => self.add(What::Unsubscribed { id: number, filter, reason }),
            None => return Err(format!("an answer to identifier {number}, under which nothing was asked")),
        }
        Ok(())
    }
}

fn arrival(packet: Packet<'_>) -> Arrival {
    match packet {
        Packet::Publish(publish) => Arrival::Message(received(&publish), publish.delivery.qos(), publish.delivery.id()),
        Packet::PubAck(ack) => Arrival::Acknowledged(AckKind::PubAck, ack),
        Packet::PubRec(ack) => Arrival::Acknowledged(AckKind::PubRec, ack),
        Packet::PubRel(ack) => Arrival::Acknowledged(AckKind::PubRel, ack),
        Packet::PubComp(ack) => Arrival::Acknowledged(AckKind::PubComp, ack),
        Packet::SubAck(suback) => Arrival::Filters(suback.id, suback.codes),
        Packet::UnsubAck(unsuback) => Arrival::Filters(unsuback.id, unsuback.codes),
        Packet::PingResp => Arrival::Pong,
        Packet::Disconnect(disconnect) => Arrival::Last(disconnect.reason),
        other => Arrival::Unexpected(format!("a server does not send {other:?}")),
    }
}
