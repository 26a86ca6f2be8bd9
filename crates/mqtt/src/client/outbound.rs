//! The publishes of a session: queued, in flight, completed. Outlives connections.

use std::collections::{BTreeMap, VecDeque};

use super::breach::Breach;
use super::event::RequestError;
use super::message::{Message, Token};
use super::output::Output;
use super::settings::{LostSession, Settings};
use crate::{
    ack::{self, Ack, AckKind},
    frame::PacketType,
    qos::{PacketId, QoS},
    reason::ReasonCode,
    version::ProtocolVersion,
};

/// Publishes that are not complete.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    /// Accepted, never sent; oldest first.
    queue: VecDeque<(Token, Message)>,
    /// Sent at least once.
    in_flight: BTreeMap<PacketId, InFlight>,
    /// What all messages held weigh.
    bytes: usize,
    /// Counts PUBLISH and PUBREL packets, so that their order is known when they are sent again.
    steps: u64,
    last_id: u16,
}

#[derive(Debug)]
struct InFlight {
    token: Token,
    /// When its last packet was first sent, in `steps`.
    step: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// PUBLISH sent: PUBACK or PUBREC is due.
    Published(Message),
    /// PUBREL sent: PUBCOMP is due. The server has the message (section 4.3.3).
    Released,
}

impl Outbound {
    pub fn has_room(&self, settings: &Settings) -> bool {
        self.queue.len() + self.in_flight.len() < settings.queue_messages
            && (self.bytes < settings.queue_bytes || self.bytes == 0)
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn push(&mut self, token: Token, message: Message) {
        self.bytes += message.weight();
        self.queue.push_back((token, message));
    }

    /// The message that is to be sent next for the first time.
    pub fn front(&self) -> Option<&Message> {
        self.queue.front().map(|(_, message)| message)
    }

    /// Takes the message that is to be sent next.
    pub fn take_front(&mut self) -> Option<(Token, Message)> {
        let (token, message) = self.queue.pop_front()?;
        self.bytes -= message.weight();
        Some((token, message))
    }

    /// Notes a message as sent under `id`.
    pub fn start(&mut self, id: PacketId, token: Token, message: Message) {
        self.bytes += message.weight();
        let step = self.step();
        let clash = self.in_flight.insert(id, InFlight { token, step, stage: Stage::Published(message) });
        debug_assert!(clash.is_none(), "an identifier in use was given out");
    }

    fn step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }

    /// A packet identifier that is not in use (MQTT-2.2.1-3), here or among `others`; `None` when all are.
    pub fn free_id(&mut self, others: impl Fn(PacketId) -> bool) -> Option<PacketId> {
        for _ in 0..u16::MAX {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            match PacketId::new(self.last_id) {
                Some(id) if !self.in_flight.contains_key(&id) && !others(id) => return Some(id),
                _ => {}
            }
        }
        None
    }

    /// The PUBLISH in flight under `id`.
    pub fn published(&self, id: PacketId) -> Option<&Message> {
        match &self.in_flight.get(&id)?.stage {
            Stage::Published(message) => Some(message),
            Stage::Released => None,
        }
    }

    /// PUBACK (MQTT-4.3.2-3). One nobody waits for is let pass.
    pub fn acknowledged(&mut self, ack: Ack, text: Option<&str>, output: &mut Output) -> Result<(), Breach> {
        match self.published(ack.id).map(|message| message.qos) {
            Some(QoS::AtLeastOnce) => {
                self.finish(ack.id, outcome(ack.reason, text), output);
                Ok(())
            }
            None if !self.in_flight.contains_key(&ack.id) => Ok(()),
            _ => Err(Breach::Step(PacketType::PubAck)),
        }
    }

    /// PUBREC: the server has the message and PUBREL goes out (MQTT-4.3.3-4), or it refused it. One nobody waits for is
    /// answered, so that the server can forget it.
    pub fn taken_over(
        &mut self,
        ack: Ack,
        text: Option<&str>,
        version: ProtocolVersion,
        output: &mut Output,
    ) -> Result<(), Breach> {
        let mut answer = ReasonCode::Success;
        match self.in_flight.get(&ack.id).map(|in_flight| &in_flight.stage) {
            Some(Stage::Published(message)) if message.qos != QoS::ExactlyOnce => {
                return Err(Breach::Step(PacketType::PubRec));
            }
            Some(Stage::Published(_)) if ack.reason.is_error() => {
                self.finish(ack.id, outcome(ack.reason, text), output);
                return Ok(());
            }
            Some(Stage::Published(_)) => self.release(ack.id),
            Some(Stage::Released) => {}
            None if ack.reason.is_error() => return Ok(()),
            None => answer = ReasonCode::PacketIdentifierNotFound,
        }
        ack::encode(&mut output.bytes, version, AckKind::PubRel, ack.id, answer);
        Ok(())
    }

    fn release(&mut self, id: PacketId) {
        let step = self.step();
        if let Some(in_flight) = self.in_flight.get_mut(&id) {
            in_flight.step = step;
            if let Stage::Published(message) = std::mem::replace(&mut in_flight.stage, Stage::Released) {
                self.bytes -= message.weight();
            }
        }
    }

    /// PUBCOMP: complete, also when the server no longer knew the identifier, which it does when an earlier PUBCOMP got
    /// lost. One nobody waits for is let pass.
    pub fn completed(&mut self, ack: Ack, output: &mut Output) -> Result<(), Breach> {
        match self.in_flight.get(&ack.id).map(|in_flight| &in_flight.stage) {
            Some(Stage::Released) => {
                self.finish(ack.id, Ok(ReasonCode::Success), output);
                Ok(())
            }
            Some(Stage::Published(_)) => Err(Breach::Step(PacketType::PubComp)),
            None => Ok(()),
        }
    }

    /// Completes what is in flight under `id`.
    pub fn finish(&mut self, id: PacketId, outcome: Result<ReasonCode, RequestError>, output: &mut Output) {
        if let Some(in_flight) = self.in_flight.remove(&id) {
            if let Stage::Published(message) = &in_flight.stage {
                self.bytes -= message.weight();
            }
            output.published(in_flight.token, outcome);
        }
    }

    /// The server has the session still: PUBRELs go out again in their order, and the identifiers of PUBLISH packets to
    /// be sent again are returned in theirs (MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-4.6.0-4).
    pub fn resume(&self, version: ProtocolVersion, output: &mut Output) -> VecDeque<PacketId> {
        let (mut published, mut released) = (Vec::new(), Vec::new());
        for (&id, in_flight) in &self.in_flight {
            match in_flight.stage {
                Stage::Published(_) => published.push((in_flight.step, id)),
                Stage::Released => released.push((in_flight.step, id)),
            }
        }
        published.sort_unstable();
        released.sort_unstable();
        for (_, id) in released {
            ack::encode(&mut output.bytes, version, AckKind::PubRel, id, ReasonCode::Success);
        }
        published.into_iter().map(|(_, id)| id).collect()
    }

    /// The server has no session: what is in flight is complete, queued again in its order, or failed.
    pub fn lose(&mut self, policy: LostSession, output: &mut Output) {
        let mut lost: Vec<InFlight> = std::mem::take(&mut self.in_flight).into_values().collect();
        lost.sort_unstable_by_key(|in_flight| std::cmp::Reverse(in_flight.step));
        let mut outcomes = Vec::new();
        for in_flight in lost {
            match (in_flight.stage, policy) {
                (Stage::Released, _) => outcomes.push((in_flight.token, Ok(ReasonCode::Success))),
                (Stage::Published(message), LostSession::Republish) => {
                    self.queue.push_front((in_flight.token, message));
                }
                (Stage::Published(message), LostSession::Fail) => {
                    self.bytes -= message.weight();
                    outcomes.push((in_flight.token, Err(RequestError::SessionLost)));
                }
            }
        }
        outcomes.into_iter().rev().for_each(|(token, outcome)| output.published(token, outcome));
    }

    /// Gives everything up.
    pub fn abandon(&mut self, output: &mut Output) {
        self.lose(LostSession::Fail, output);
        while let Some((token, _)) = self.take_front() {
            output.published(token, Err(RequestError::SessionLost));
        }
    }
}

fn outcome(reason: ReasonCode, text: Option<&str>) -> Result<ReasonCode, RequestError> {
    if reason.is_error() {
        Err(RequestError::Refused { reason, reason_string: text.map(str::to_owned) })
    } else {
        Ok(reason)
    }
}
