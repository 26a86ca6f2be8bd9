//! CONNACK: whether a connection is accepted, and within which limits.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::{
    packet::{
        AssignedClientIdentifier, AuthenticationData, AuthenticationMethod, MaximumPacketSize, MaximumQos, Properties,
        Property, ReasonString, ReceiveMaximum, ResponseInformation, RetainAvailable, ServerKeepAlive, ServerReference,
        SessionExpiryInterval, SharedSubscriptionAvailable, SubscriptionIdentifierAvailable, TopicAliasMaximum,
        WildcardSubscriptionAvailable, v3_1_1, v5_0,
    },
    result_code::{ConnectReasonCode, ConnectReturnCode, MqttError},
};

use crate::{
    connect::Authentication,
    foreign,
    property::{self, AUTHENTICATION_DATA, AUTHENTICATION_METHOD, Walk},
    qos::QoS,
    reader::Reader,
    reason::ReasonCode,
    version::ProtocolVersion,
    violation::Violation,
};

/// The answer to a CONNECT. `None` leaves a property out, so that its default applies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnAck {
    pub session_present: bool,
    pub reason: ReasonCode,
    /// Seconds.
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<NonZeroU16>,
    /// Never `ExactlyOnce` on the wire: that is the default.
    pub maximum_qos: Option<QoS>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<NonZeroU32>,
    pub assigned_client_id: Option<String>,
    pub topic_alias_maximum: u16,
    pub reason_string: Option<String>,
    pub wildcard_subscription_available: Option<bool>,
    pub subscription_identifiers_available: Option<bool>,
    pub shared_subscription_available: Option<bool>,
    /// Seconds.
    pub server_keep_alive: Option<u16>,
    pub response_information: Option<String>,
    pub server_reference: Option<String>,
    pub authentication: Option<Authentication>,
}

/// Reads a CONNACK.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion) -> Result<ConnAck, Violation> {
    let mut connack = check(body, version)?;
    if version.is_v5() {
        let (packet, _) = v5_0::Connack::parse(body).map_err(foreign::refused)?;
        let mut authentication = (None, None);
        for property in packet.props() {
            match property {
                Property::AuthenticationMethod(text) => {
                    authentication.0 = Some(text.val().to_owned());
                }
                Property::AuthenticationData(data) => {
                    authentication.1 = Some(Bytes::copy_from_slice(data.val()));
                }
                other => connack.take(other),
            }
        }
        let (method, data) = authentication;
        connack.authentication = method.map(|method| Authentication { method, data });
    }
    Ok(connack)
}

impl ConnAck {
    fn take(&mut self, property: &Property) {
        let flag = |value: u8| Some(value == 1);
        match property {
            Property::SessionExpiryInterval(p) => self.session_expiry = Some(p.val()),
            Property::ReceiveMaximum(p) => self.receive_maximum = NonZeroU16::new(p.val()),
            Property::MaximumQos(p) => self.maximum_qos = QoS::try_from(p.val()).ok(),
            Property::RetainAvailable(p) => self.retain_available = flag(p.val()),
            Property::MaximumPacketSize(p) => self.maximum_packet_size = NonZeroU32::new(p.val()),
            Property::AssignedClientIdentifier(p) => {
                self.assigned_client_id = Some(p.val().to_owned());
            }
            Property::TopicAliasMaximum(p) => self.topic_alias_maximum = p.val(),
            Property::ReasonString(p) => self.reason_string = Some(p.val().to_owned()),
            Property::WildcardSubscriptionAvailable(p) => {
                self.wildcard_subscription_available = flag(p.val());
            }
            Property::SubscriptionIdentifierAvailable(p) => {
                self.subscription_identifiers_available = flag(p.val());
            }
            Property::SharedSubscriptionAvailable(p) => {
                self.shared_subscription_available = flag(p.val());
            }
            Property::ServerKeepAlive(p) => self.server_keep_alive = Some(p.val()),
            Property::ResponseInformation(p) => {
                self.response_information = Some(p.val().to_owned());
            }
            Property::ServerReference(p) => self.server_reference = Some(p.val().to_owned()),
            _ => {}
        }
    }
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds.
fn check(body: &[u8], version: ProtocolVersion) -> Result<ConnAck, Violation> {
    let mut reader = Reader::new(body);
    let flags = reader.byte()?;
    let code = reader.byte()?;
    // In 3.1 the flags were an unused byte.
    if flags & !1 != 0 && version != ProtocolVersion::V3_1 {
        return Err(Violation::ConnAckFlags);
    }
    let reason = if version.is_v5() {
        ConnectReasonCode::try_from(code).map_err(|_| Violation::ReasonCode)?;
        ReasonCode::try_from(code).map_err(|_| Violation::ReasonCode)?
    } else {
        ReasonCode::from_v3_connack(code).ok_or(Violation::ReasonCode)?
    };
    let session_present = flags & 1 != 0 && version != ProtocolVersion::V3_1;
    if session_present && reason.is_error() {
        return Err(Violation::SessionPresent);
    }
    if version.is_v5() {
        let mut walk = Walk::new(reader.properties()?, property::CONNACK);
        let (mut method, mut data) = (false, false);
        while let Some((id, _)) = walk.next()? {
            method |= id == AUTHENTICATION_METHOD;
            data |= id == AUTHENTICATION_DATA;
        }
        if data && !method {
            return Err(Violation::AuthenticationMethod);
        }
    }
    reader.finish()?;
    Ok(ConnAck { session_present, reason, ..ConnAck::default() })
}

/// Appends a CONNACK; before version 5 the return code nearest to the reason, and in 3.1 no session present flag. A
/// refusal never says that a session is present (MQTT-3.2.2-6); a reason CONNACK does not know is sent as
/// `UnspecifiedError` (MQTT-3.2.2-8).
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, connack: &ConnAck) {
    let session_present = connack.session_present && !connack.reason.is_error();
    if version.is_v5() {
        let packet = v5_0::Connack::builder()
            .session_present(session_present)
            .reason_code(
                ConnectReasonCode::try_from(connack.reason as u8).unwrap_or(ConnectReasonCode::UnspecifiedError),
            )
            .props(properties(connack).unwrap_or_default())
            .build();
        foreign::append(out, packet);
    } else {
        let packet = v3_1_1::Connack::builder()
            .session_present(session_present && version == ProtocolVersion::V3_1_1)
            .return_code(
                ConnectReturnCode::try_from(connack.reason.v3_connack())
                    .unwrap_or(ConnectReturnCode::ServerUnavailable),
            )
            .build();
        foreign::append(out, packet);
    }
}

/// Fails only on authentication of more than 65,535 bytes; texts are clipped.
fn properties(connack: &ConnAck) -> Result<Properties, MqttError> {
    let mut properties = Properties::new();
    if let Some(seconds) = connack.session_expiry {
        properties.push(SessionExpiryInterval::new(seconds)?.into());
    }
    if let Some(maximum) = connack.receive_maximum {
        properties.push(ReceiveMaximum::new(maximum.get())?.into());
    }
    // 2 is the default and must not be written (section 3.2.2.3.4).
    if let Some(maximum) = connack.maximum_qos.filter(|qos| *qos != QoS::ExactlyOnce) {
        properties.push(MaximumQos::new(maximum as u8)?.into());
    }
    if let Some(available) = connack.retain_available {
        properties.push(RetainAvailable::new(u8::from(available))?.into());
    }
    if let Some(maximum) = connack.maximum_packet_size {
        properties.push(MaximumPacketSize::new(maximum.get())?.into());
    }
    if connack.topic_alias_maximum != 0 {
        properties.push(TopicAliasMaximum::new(connack.topic_alias_maximum)?.into());
    }
    if let Some(available) = connack.wildcard_subscription_available {
        properties.push(WildcardSubscriptionAvailable::new(u8::from(available))?.into());
    }
    if let Some(available) = connack.subscription_identifiers_available {
        properties.push(SubscriptionIdentifierAvailable::new(u8::from(available))?.into());
    }
    if let Some(available) = connack.shared_subscription_available {
        properties.push(SharedSubscriptionAvailable::new(u8::from(available))?.into());
    }
    if let Some(seconds) = connack.server_keep_alive {
        properties.push(ServerKeepAlive::new(seconds)?.into());
    }
    texts(connack, &mut properties)?;
    Ok(properties)
}

fn texts(connack: &ConnAck, properties: &mut Properties) -> Result<(), MqttError> {
    if let Some(text) = &connack.assigned_client_id {
        properties.push(AssignedClientIdentifier::new(foreign::clip(text))?.into());
    }
    if let Some(text) = &connack.reason_string {
        properties.push(ReasonString::new(foreign::clip(text))?.into());
    }
    if let Some(text) = &connack.response_information {
        properties.push(ResponseInformation::new(foreign::clip(text))?.into());
    }
    if let Some(text) = &connack.server_reference {
        properties.push(ServerReference::new(foreign::clip(text))?.into());
    }
    if let Some(Authentication { method, data }) = &connack.authentication {
        properties.push(AuthenticationMethod::new(method.as_str())?.into());
        if let Some(data) = data {
            properties.push(AuthenticationData::new(data.to_vec())?.into());
        }
    }
    Ok(())
}
