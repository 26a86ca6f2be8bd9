//! SUBSCRIBE and UNSUBSCRIBE packets that wait for their answers; they end with their connection.

use std::collections::BTreeMap;

use super::breach::Breach;
use super::event::{Event, Granted, RequestError};
use super::message::Token;
use super::output::Output;
use crate::{
    frame::PacketType, qos::PacketId, reason::ReasonCode, suback::SubAck, subscribe::SubscribeOptions,
    unsuback::UnsubAck, version::ProtocolVersion,
};

/// Requests without an answer at one time.
const REQUESTS_MAX: usize = 256;

/// Filters to subscribe to, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribeRequest {
    /// At least one, `$share/...` included.
    pub filters: Vec<(String, SubscribeOptions)>,
    /// Subscription identifier, 1 to 268,435,455.
    pub identifier: Option<u32>,
    pub user_properties: Vec<(String, String)>,
}

/// Filters to forget.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnsubscribeRequest {
    /// At least one.
    pub filters: Vec<String>,
    pub user_properties: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Subscribe,
    Unsubscribe,
}

#[derive(Debug)]
struct Request {
    token: Token,
    kind: Kind,
    filters: usize,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    pending: BTreeMap<PacketId, Request>,
}

impl Requests {
    pub fn has_room(&self) -> bool {
        self.pending.len() < REQUESTS_MAX
    }

    pub fn contains(&self, id: PacketId) -> bool {
        self.pending.contains_key(&id)
    }

    pub fn insert(&mut self, id: PacketId, token: Token, kind: Kind, filters: usize) {
        self.pending.insert(id, Request { token, kind, filters });
    }

    /// SUBACK: one code a filter (MQTT-3.8.4-5).
    pub fn subscribed(&mut self, ack: SubAck, output: &mut Output) -> Result<(), Breach> {
        let request = self.take(ack.id, Kind::Subscribe, PacketType::SubAck)?;
        if ack.codes.len() != request.filters {
            return Err(Breach::CodeCount);
        }
        let outcome = Ok(Granted { codes: ack.codes, reason_string: ack.reason_string });
        output.event(Event::Subscribed { token: request.token, outcome });
        Ok(())
    }

    /// UNSUBACK: one code a filter (MQTT-3.11.3-1), none before version 5.
    pub fn unsubscribed(&mut self, ack: UnsubAck, version: ProtocolVersion, output: &mut Output) -> Result<(), Breach> {
        let request = self.take(ack.id, Kind::Unsubscribe, PacketType::UnsubAck)?;
        if version.is_v5() && ack.codes.len() != request.filters {
            return Err(Breach::CodeCount);
        }
        let outcome = Ok(Granted { codes: ack.codes, reason_string: ack.reason_string });
        output.event(Event::Unsubscribed { token: request.token, outcome });
        Ok(())
    }

    fn take(&mut self, id: PacketId, kind: Kind, answer: PacketType) -> Result<Request, Breach> {
        match self.pending.get(&id) {
            Some(request) if request.kind == kind => self.pending.remove(&id).ok_or(Breach::Unexpected(answer)),
            _ => Err(Breach::Unexpected(answer)),
        }
    }

    /// The connection is over: nobody will answer.
    pub fn fail(&mut self, output: &mut Output) {
        let mut pending: Vec<Request> = std::mem::take(&mut self.pending).into_values().collect();
        pending.sort_unstable_by_key(|request| request.token);
        for Request { token, kind, .. } in pending {
            let lost = Err(RequestError::ConnectionLost);
            output.event(match kind {
                Kind::Subscribe => Event::Subscribed { token, outcome: lost },
                Kind::Unsubscribe => Event::Unsubscribed { token, outcome: lost },
            });
        }
    }
}

impl Granted {
    /// Whether no filter was refused.
    pub fn is_complete(&self) -> bool {
        !self.codes.iter().copied().any(ReasonCode::is_error)
    }
}
