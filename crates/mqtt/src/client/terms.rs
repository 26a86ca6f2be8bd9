//! What holds for one connection: what the client offered, and what the server granted.

use std::num::NonZeroU16;

use super::event::{Acceptance, RequestError};
use super::message::Message;
use crate::{
    connack::ConnAck, connect::Connect, qos::QoS, reason::ReasonCode, topic::Filter, version::ProtocolVersion,
    writer::MAX_PACKET_SIZE,
};

/// What CONNECT said, as far as the rest of the connection depends on it.
#[derive(Debug)]
pub(super) struct Offer {
    pub version: ProtocolVersion,
    pub client_id: String,
    pub clean_start: bool,
    pub keep_alive: u16,
    /// Seconds; before version 5 what clean session amounts to.
    pub session_expiry: u32,
    pub receive_maximum: u16,
    /// The largest packet taken, fixed header included; before version 5 unknown to the server.
    pub maximum_packet_size: u32,
    pub topic_alias_maximum: u16,
    pub method: Option<String>,
}

impl Offer {
    pub fn of(connect: &Connect) -> Self {
        let session_expiry = match (connect.version.is_v5(), connect.clean_start) {
            (true, _) => connect.session_expiry.unwrap_or(0),
            (false, true) => 0,
            (false, false) => u32::MAX,
        };
        let receive_maximum = connect.receive_maximum.filter(|_| connect.version.is_v5());
        Self {
            version: connect.version,
            client_id: connect.client_id.clone(),
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            session_expiry,
            receive_maximum: receive_maximum.map_or(u16::MAX, NonZeroU16::get),
            maximum_packet_size: connect.maximum_packet_size.map_or(MAX_PACKET_SIZE, |size| size.get()),
            topic_alias_maximum: connect.topic_alias_maximum,
            method: connect.authentication.as_ref().map(|authentication| authentication.method.clone()),
        }
    }

    /// What a CONNACK that is not a refusal grants.
    pub fn accepted(&self, connack: ConnAck) -> Acceptance {
        let limits = ServerLimits::of(&connack);
        Acceptance {
            session_present: connack.session_present,
            client_id: connack.assigned_client_id.unwrap_or_else(|| self.client_id.clone()),
            // MQTT-3.1.2-21
            keep_alive: connack.server_keep_alive.unwrap_or(self.keep_alive),
            session_expiry: connack.session_expiry.unwrap_or(self.session_expiry),
            limits,
            response_information: connack.response_information,
            reason_string: connack.reason_string,
            server_reference: connack.server_reference,
            authentication_data: connack.authentication.and_then(|authentication| authentication.data),
        }
    }
}

/// What the server can do and how much it takes; what it leaves out has its default (section 3.2.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// QoS 1 and 2 publishes in flight.
    pub receive_maximum: NonZeroU16,
    pub maximum_qos: QoS,
    pub retain_available: bool,
    /// Bytes, fixed header included.
    pub maximum_packet_size: u32,
    pub topic_alias_maximum: u16,
    pub wildcard_subscriptions: bool,
    pub subscription_identifiers: bool,
    pub shared_subscriptions: bool,
}

impl ServerLimits {
    fn of(connack: &ConnAck) -> Self {
        Self {
            receive_maximum: connack.receive_maximum.unwrap_or(NonZeroU16::MAX),
            maximum_qos: connack.maximum_qos.unwrap_or(QoS::ExactlyOnce),
            retain_available: connack.retain_available.unwrap_or(true),
            maximum_packet_size: connack.maximum_packet_size.map_or(MAX_PACKET_SIZE, |size| size.get()),
            topic_alias_maximum: connack.topic_alias_maximum,
            wildcard_subscriptions: connack.wildcard_subscription_available.unwrap_or(true),
            subscription_identifiers: connack.subscription_identifiers_available.unwrap_or(true),
            shared_subscriptions: connack.shared_subscription_available.unwrap_or(true),
        }
    }

    /// MQTT-3.2.2-11 (QoS), MQTT-3.2.2-14 (retain), MQTT-3.2.2-15 (size; `len` is the packet's), MQTT-3.2.2-17 (alias).
    pub(super) fn check_publish(&self, message: &Message, len: usize) -> Result<(), RequestError> {
        let beyond = if message.qos > self.maximum_qos {
            ReasonCode::QoSNotSupported
        } else if message.retain && !self.retain_available {
            ReasonCode::RetainNotSupported
        } else if len > self.maximum_packet_size as usize {
            ReasonCode::PacketTooLarge
        } else if message.alias.is_some_and(|alias| alias.get() > self.topic_alias_maximum) {
            ReasonCode::TopicAliasInvalid
        } else {
            return Ok(());
        };
        Err(RequestError::BeyondLimits(beyond))
    }

    /// Whether the server knows the kind of subscription (sections 3.2.2.3.11 to 3.2.2.3.13).
    pub(super) fn check_filter(&self, filter: &Filter<'_>) -> Result<(), RequestError> {
        if filter.share.is_some() && !self.shared_subscriptions {
            return Err(RequestError::BeyondLimits(ReasonCode::SharedSubscriptionsNotSupported));
        }
        if filter.has_wildcards() && !self.wildcard_subscriptions {
            return Err(RequestError::BeyondLimits(ReasonCode::WildcardSubscriptionsNotSupported));
        }
        Ok(())
    }
}
