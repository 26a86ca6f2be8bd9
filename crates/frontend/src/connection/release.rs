//! PUBREL of an incoming QoS 2 publish: its packet identifier may be used again.

use std::rc::Rc;

use mqtt::{Ack, AckKind, PacketId, ReasonCode};
use partition::{PartitionSet, Release, SessionKind, Tag};

use super::session::{Inbound, RequestKind};
use super::{Connection, Flow};
use crate::fault::Fault;
use crate::worker::Worker;

impl Connection {
    /// PUBREL: MQTT-4.3.3-11.
    pub(super) fn on_release(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        ack: Ack,
    ) -> Result<Flow, Fault> {
        let Some(session) = inbound.session.clone() else { return Err(Fault::NotConnect) };
        let reception = inbound.receptions.get(ack.id);
        if reception.is_some_and(|reception| !reception.told) {
            // MQTT-4.3.3-6 and -7: PUBREL answers PUBREC.
            return Err(Fault::UnexpectedAcknowledgement);
        }
        let home = reception.and_then(|reception| reception.home);
        if session.kind == SessionKind::Transient || reception.is_some() && home.is_none() {
            inbound.receptions.end(ack.id);
            self.complete(worker, ack.id, reception.is_some());
            return Ok(Flow::Next);
        }
        // After a resumption it is not known which topic it was: every home is asked that may have it.
        let homes = home.map_or(session.touched.get(), |partition| PartitionSet::default().with(partition));
        if inbound.has_many_requests() || homes.iter().any(|home| worker.is_full(home)) {
            return Ok(Flow::Again);
        }
        if homes.is_empty() {
            self.complete(worker, ack.id, false);
            return Ok(Flow::Next);
        }
        let kind = RequestKind::Release { id: ack.id, found: false };
        let tag = inbound.begin_request(homes.iter().count(), kind);
        for partition in homes.iter() {
            worker.send(
                partition,
                Release {
                    owner: self.owner,
                    tag,
                    client_id: session.client_id(),
                    epoch: session.epoch,
                    packet_id: ack.id,
                },
            );
        }
        Ok(Flow::Next)
    }

    pub(super) fn on_released(self: &Rc<Self>, worker: &Rc<Worker>, tag: Tag, found_here: bool) {
        let mut inbound = self.inbound.borrow_mut();
        let answered = inbound.part_answered(tag, |kind, _| {
            if let RequestKind::Release { found, .. } = kind {
                *found |= found_here;
            }
        });
        if let Some(RequestKind::Release { id, found }) = answered {
            inbound.receptions.end(id);
            self.complete(worker, id, found);
        }
    }

    fn complete(self: &Rc<Self>, worker: &Rc<Worker>, id: PacketId, found: bool) {
        let reason = if found { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.with_writer(worker, |outbound, writer| outbound.write_ack(AckKind::PubComp, id, reason, writer));
        self.resume();
    }
}
