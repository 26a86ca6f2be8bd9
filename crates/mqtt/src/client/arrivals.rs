//! Received messages until they are acknowledged: in the order of their receipt, each once.

use std::collections::{BTreeMap, VecDeque};

use super::breach::Breach;
use super::message::Receipt;
use super::output::Output;
use crate::{
    ack::{self, Ack, AckKind},
    frame::PacketType,
    qos::{PacketId, QoS},
    reason::ReasonCode,
    version::ProtocolVersion,
};

/// QoS 2 messages of a session that the server may send again. Outlives connections.
#[derive(Debug, Default)]
pub(super) struct Exact {
    messages: BTreeMap<PacketId, Step>,
    /// Those the caller still holds.
    held: BTreeMap<Receipt, PacketId>,
    last_receipt: u64,
}

/// How far a QoS 2 message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// With the caller.
    Held(Receipt),
    /// Acknowledged by the caller: PUBREC goes out in its turn, or when the server sends the message again.
    Answered(ReasonCode),
    /// PUBREC went out at least once: PUBREL is due.
    Recorded,
}

impl Exact {
    fn receipt(&mut self) -> Receipt {
        self.last_receipt += 1;
        Receipt(self.last_receipt)
    }

    fn hold(&mut self, id: PacketId) -> Receipt {
        let receipt = self.receipt();
        self.messages.insert(id, Step::Held(receipt));
        self.held.insert(receipt, id);
        receipt
    }

    /// The caller has done with a message, perhaps of an earlier connection; false when it is none of these.
    pub fn answer(&mut self, receipt: Receipt, reason: ReasonCode) -> bool {
        let Some(id) = self.held.remove(&receipt) else { return false };
        self.messages.insert(id, Step::Answered(reason));
        true
    }

    /// The server has forgotten the session: what it sends next is new.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.held.clear();
    }
}

/// What becomes of a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is the caller's, to be acknowledged with this.
    New(Receipt),
    /// The caller has it, or had it.
    Known,
}

/// The acknowledgements of one connection, in the order of receipt (MQTT-4.6.0-2, MQTT-4.6.0-3).
#[derive(Debug)]
pub(super) struct Arrivals {
    version: ProtocolVersion,
    /// The client's Receive Maximum.
    maximum: usize,
    /// Messages that count against it: QoS 1 until PUBACK, QoS 2 until PUBCOMP or a refusal.
    open: usize,
    due: VecDeque<Due>,
    /// How many have left the front of `due`.
    gone: u64,
    /// Where in all that ever were in `due` a message stands.
    places: BTreeMap<Receipt, u64>,
}

#[derive(Debug)]
struct Due {
    id: PacketId,
    qos: QoS,
    receipt: Option<Receipt>,
    answer: Option<ReasonCode>,
}

impl Arrivals {
    pub fn new(version: ProtocolVersion, receive_maximum: u16) -> Self {
        Self {
            version,
            maximum: usize::from(receive_maximum),
            open: 0,
            due: VecDeque::new(),
            gone: 0,
            places: BTreeMap::new(),
        }
    }

    /// A PUBLISH of QoS 1: always new, because a server sends again what it may have delivered (MQTT-4.3.2-5).
    pub fn at_least_once(&mut self, id: PacketId, exact: &mut Exact) -> Result<Arrival, Breach> {
        self.open_one()?;
        let receipt = exact.receipt();
        self.push(Due { id, qos: QoS::AtLeastOnce, receipt: Some(receipt), answer: None });
        Ok(Arrival::New(receipt))
    }

    /// A PUBLISH of QoS 2: new unless its identifier is in use (MQTT-4.3.3-10).
    pub fn exactly_once(&mut self, id: PacketId, exact: &mut Exact, output: &mut Output) -> Result<Arrival, Breach> {
        match exact.messages.get(&id).copied() {
            None => {
                self.open_one()?;
                let receipt = exact.hold(id);
                self.push(Due { id, qos: QoS::ExactlyOnce, receipt: Some(receipt), answer: None });
                Ok(Arrival::New(receipt))
            }
            Some(Step::Held(receipt)) => {
                // On this connection already: its PUBREC will come.
                if !self.places.contains_key(&receipt) {
                    self.open_one()?;
                    self.push(Due { id, qos: QoS::ExactlyOnce, receipt: Some(receipt), answer: None });
                }
                Ok(Arrival::Known)
            }
            Some(Step::Answered(reason)) => self.answer_again(id, reason, exact, output),
            Some(Step::Recorded) => self.answer_again(id, ReasonCode::Success, exact, output),
        }
    }

    fn answer_again(
        &mut self,
        id: PacketId,
        reason: ReasonCode,
        exact: &mut Exact,
        output: &mut Output,
    ) -> Result<Arrival, Breach> {
        self.open_one()?;
        self.push(Due { id, qos: QoS::ExactlyOnce, receipt: None, answer: Some(reason) });
        self.flush(exact, output);
        Ok(Arrival::Known)
    }

    fn open_one(&mut self) -> Result<(), Breach> {
        self.open += 1;
        if self.open > self.maximum { Err(Breach::ReceiveMaximum) } else { Ok(()) }
    }

    fn push(&mut self, due: Due) {
        if let Some(receipt) = due.receipt {
            self.places.insert(receipt, self.gone + self.due.len() as u64);
        }
        self.due.push_back(due);
    }

    /// The caller has done with a message. Its acknowledgement leaves when those before it have left; false when it is
    /// not of this connection.
    pub fn acknowledge(
        &mut self,
        receipt: Receipt,
        reason: ReasonCode,
        exact: &mut Exact,
        output: &mut Output,
    ) -> bool {
        let Some(place) = self.places.remove(&receipt) else { return false };
        let index = usize::try_from(place - self.gone).ok();
        if let Some(due) = index.and_then(|index| self.due.get_mut(index)) {
            due.answer = Some(reason);
        }
        exact.answer(receipt, reason);
        self.flush(exact, output);
        true
    }

    fn flush(&mut self, exact: &mut Exact, output: &mut Output) {
        while let Some(&Due { id, qos, answer: Some(reason), .. }) = self.due.front() {
            self.due.pop_front();
            self.gone += 1;
            let kind = if qos == QoS::ExactlyOnce { AckKind::PubRec } else { AckKind::PubAck };
            ack::encode(&mut output.bytes, self.version, kind, id, reason);
            // Before version 5 a refusal cannot be told: PUBREC takes the message over.
            let refused = reason.is_error() && self.version.is_v5();
            if qos == QoS::AtLeastOnce || refused {
                self.open -= 1;
            }
            if qos == QoS::ExactlyOnce {
                match refused {
                    true => exact.messages.remove(&id),
                    false => exact.messages.insert(id, Step::Recorded),
                };
            }
        }
    }

    /// PUBREL: the identifier is free again (MQTT-4.3.3-11). One nobody knows is answered too, so that the server can
    /// forget it.
    pub fn released(&mut self, ack: Ack, exact: &mut Exact, output: &mut Output) -> Result<(), Breach> {
        let reason = match exact.messages.get(&ack.id) {
            // Before its PUBREC went out.
            Some(Step::Held(_) | Step::Answered(_)) => return Err(Breach::Step(PacketType::PubRel)),
            Some(Step::Recorded) => ReasonCode::Success,
            None => ReasonCode::PacketIdentifierNotFound,
        };
        if exact.messages.remove(&ack.id).is_some() {
            // One of an earlier connection was not counted on this one.
            self.open = self.open.saturating_sub(1);
        }
        ack::encode(&mut output.bytes, self.version, AckKind::PubComp, ack.id, reason);
        Ok(())
    }
}
