//! Publishes on one connection: which go out now, within the server's limits.

use std::collections::VecDeque;

use super::aliases::OutgoingAliases;
use super::event::RequestError;
use super::message::Message;
use super::outbound::Outbound;
use super::output::Output;
use super::requests::Requests;
use super::terms::ServerLimits;
use crate::{
    outgoing_publish::{self, PublishHead},
    qos::{PacketId, QoS},
    reason::ReasonCode,
    version::ProtocolVersion,
};

#[derive(Debug)]
pub(super) struct Sending {
    version: ProtocolVersion,
    limits: ServerLimits,
    /// PUBLISH packets of QoS 1 and 2 the server may have unacknowledged (MQTT-3.3.4-7).
    window: usize,
    /// In flight since an earlier connection and not sent on this one yet.
    again: VecDeque<PacketId>,
    aliases: OutgoingAliases,
}

impl Sending {
    /// `again` comes from `Outbound::resume`.
    pub fn new(version: ProtocolVersion, limits: ServerLimits, in_flight: u16, again: VecDeque<PacketId>) -> Self {
        let window = usize::from(in_flight.min(limits.receive_maximum.get()));
        Self { version, limits, window, again, aliases: OutgoingAliases::default() }
    }

    pub fn limits(&self) -> &ServerLimits {
        &self.limits
    }

    /// Writes what may go out: first what is sent again, then the queue in its order.
    pub fn pump(&mut self, outbound: &mut Outbound, requests: &Requests, output: &mut Output) {
        while output.takes_publishes() {
            if let Some(&id) = self.again.front() {
                if !self.is_open(outbound) {
                    return;
                }
                self.again.pop_front();
                self.send_again(id, outbound, output);
            } else if !self.send_next(outbound, requests, output) {
                return;
            }
        }
    }

    /// Whether the window has room. PUBRELs count as the PUBLISH packets they stand for.
    fn is_open(&self, outbound: &Outbound) -> bool {
        outbound.in_flight().saturating_sub(self.again.len()) < self.window
    }

    fn send_again(&mut self, id: PacketId, outbound: &mut Outbound, output: &mut Output) {
        let Some(message) = outbound.published(id) else { return };
        // MQTT-3.3.1-1. Aliases end with their connection (MQTT-3.3.2-7).
        let properties = [&message.properties[..]];
        let head = PublishHead { dup: true, id: Some(id), properties: &properties, ..head(message) };
        let len = outgoing_publish::encoded_len(self.version, &head);
        match self.limits.check_publish(message, len) {
            Ok(()) => {
                outgoing_publish::encode(&mut output.bytes, self.version, &head);
            }
            Err(beyond) => outbound.finish(id, Err(beyond), output),
        }
    }

    /// Sends the first message of the queue; false when there is none or it has to wait.
    fn send_next(&mut self, outbound: &mut Outbound, requests: &Requests, output: &mut Output) -> bool {
        let id = match outbound.front().map(|message| message.qos) {
            None => return false,
            Some(QoS::AtMostOnce) => None,
            Some(_) if !self.is_open(outbound) => return false,
            Some(_) => match outbound.free_id(|id| requests.contains(id)) {
                None => return false,
                id => id,
            },
        };
        let Some((token, message)) = outbound.take_front() else { return false };
        match (self.write(&message, id, output), id) {
            (Err(beyond), _) => output.published(token, Err(beyond)),
            (Ok(()), None) => output.published(token, Ok(ReasonCode::Success)),
            (Ok(()), Some(id)) => outbound.start(id, token, message),
        }
        true
    }

    fn write(&mut self, message: &Message, id: Option<PacketId>, output: &mut Output) -> Result<(), RequestError> {
        let alias = message.alias.filter(|_| self.version.is_v5());
        let known = alias.is_some_and(|alias| self.aliases.stands_for(alias, &message.topic));
        let properties = [&message.properties[..]];
        let head = PublishHead {
            id,
            alias,
            topic: if known { "" } else { &message.topic },
            properties: &properties,
            ..head(message)
        };
        self.limits.check_publish(message, outgoing_publish::encoded_len(self.version, &head))?;
        outgoing_publish::encode(&mut output.bytes, self.version, &head);
        if let Some(alias) = alias {
            self.aliases.sent(alias, &message.topic);
        }
        Ok(())
    }
}

/// What does not depend on the connection; properties are left to the caller.
fn head(message: &Message) -> PublishHead<'_> {
    PublishHead {
        topic: &message.topic,
        qos: message.qos,
        retain: message.retain,
        expiry: message.expiry,
        payload: &message.payload,
        ..PublishHead::default()
    }
}
