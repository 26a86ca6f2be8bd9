//! SUBSCRIBE: filters and what to do with their matches.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::{
    Property, Qos, RetainHandling as TheirRetainHandling, SubEntry, SubOpts, SubscriptionIdentifier, v3_1_1, v5_0,
};

use crate::{
    encode_error::EncodeError,
    foreign,
    property::{self, Walk},
    qos::{PacketId, QoS},
    reader::Reader,
    topic::Filter,
    version::ProtocolVersion,
    violation::Violation,
};

/// What happens to retained messages when a subscription is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum RetainHandling {
    #[default]
    SendAtSubscribe = 0,
    SendIfNew = 1,
    DoNotSend = 2,
}

/// The options of one filter; before version 5 only the QoS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SubscribeOptions {
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// A request for subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    pub id: PacketId,
    /// Well-formed filters, `$share/...` included, in the order of the packet; at least one.
    pub filters: Vec<(String, SubscribeOptions)>,
    /// Subscription identifier, 1 to 268,435,455.
    pub identifier: Option<u32>,
}

/// Reads a SUBSCRIBE.
pub(crate) fn decode(body: &[u8], version: ProtocolVersion) -> Result<Subscribe, Violation> {
    let id = check(body, version)?;
    if version.is_v5() {
        let (packet, _) = v5_0::Subscribe::parse(body).map_err(foreign::refused)?;
        let identifier = packet.props().iter().find_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier.val()),
            _ => None,
        });
        Ok(Subscribe { id, filters: filters(packet.entries()), identifier })
    } else {
        let (packet, _) = v3_1_1::Subscribe::parse(body).map_err(foreign::refused)?;
        Ok(Subscribe { id, filters: filters(packet.entries()), identifier: None })
    }
}

fn filters(entries: &[SubEntry]) -> Vec<(String, SubscribeOptions)> {
    entries.iter().map(|entry| (entry.topic_filter().to_owned(), options(entry.sub_opts()))).collect()
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds.
fn check(body: &[u8], version: ProtocolVersion) -> Result<PacketId, Violation> {
    let mut reader = Reader::new(body);
    let id = reader.packet_id()?;
    if version.is_v5() {
        Walk::new(reader.properties()?, property::SUBSCRIBE).check()?;
    }
    if reader.is_empty() {
        return Err(Violation::NoFilters);
    }
    while !reader.is_empty() {
        let filter = Filter::parse(reader.string()?).map_err(Violation::Filter)?;
        check_options(reader.byte()?, &filter, version)?;
    }
    Ok(id)
}

/// MQTT-3.8.3-4, MQTT-3.8.3-5 and section 3.8.3.1; in 3.1.1 all bits but the QoS are reserved (MQTT-3-8.3-4).
fn check_options(bits: u8, filter: &Filter<'_>, version: ProtocolVersion) -> Result<(), Violation> {
    let reserved = if version.is_v5() { 0b1100_0000 } else { 0b1111_1100 };
    if bits & reserved != 0 {
        return Err(Violation::SubscribeOptions);
    }
    if bits & 0b11 == 3 {
        return Err(Violation::SubscribeQoS);
    }
    if (bits >> 4) & 0b11 == 3 {
        return Err(Violation::RetainHandling);
    }
    if bits & 0b100 != 0 && filter.share.is_some() {
        return Err(Violation::NoLocalOnShare);
    }
    Ok(())
}

fn options(theirs: &SubOpts) -> SubscribeOptions {
    SubscribeOptions {
        qos: match theirs.qos() {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
            Qos::ExactlyOnce => QoS::ExactlyOnce,
        },
        no_local: theirs.nl(),
        retain_as_published: theirs.rap(),
        retain_handling: match theirs.rh() {
            TheirRetainHandling::SendRetained => RetainHandling::SendAtSubscribe,
            TheirRetainHandling::SendRetainedIfNotExists => RetainHandling::SendIfNew,
            TheirRetainHandling::DoNotSendRetained => RetainHandling::DoNotSend,
        },
    }
}

/// Appends a SUBSCRIBE; before version 5 without identifier and with no option but the QoS.
///
/// # Errors
/// No filter, one of more than 65,535 bytes, a subscription identifier out of range, or more than a packet can hold.
pub fn encode(out: &mut BytesMut, version: ProtocolVersion, subscribe: &Subscribe) -> Result<(), EncodeError> {
    encode_with(out, version, subscribe, &[])
}

/// As `encode`, with user properties.
///
/// # Errors
/// As `encode`, and a user property of more than 65,535 bytes.
pub(crate) fn encode_with(
    out: &mut BytesMut,
    version: ProtocolVersion,
    subscribe: &Subscribe,
    user_properties: &[(String, String)],
) -> Result<(), EncodeError> {
    if subscribe.filters.is_empty() {
        return Err(EncodeError::EmptyList);
    }
    foreign::check_room(subscribe.filters.iter().map(|(filter, _)| filter.len()))?;
    let entries = subscribe
        .filters
        .iter()
        .map(|(filter, options)| SubEntry::new(filter.as_str(), their_options(*options, version)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| EncodeError::Field)?;
    let id = subscribe.id.get();
    if version.is_v5() {
        let mut properties = foreign::user_properties(user_properties)?;
        if let Some(identifier) = subscribe.identifier {
            let identifier = SubscriptionIdentifier::new(identifier).map_err(|_| EncodeError::Field)?;
            properties.push(identifier.into());
        }
        let packet = v5_0::Subscribe::builder().packet_id(id).entries(entries).props(properties).build();
        foreign::append(out, Ok(packet.map_err(|_| EncodeError::Field)?));
    } else {
        let packet = v3_1_1::Subscribe::builder().packet_id(id).entries(entries).build();
        foreign::append(out, Ok(packet.map_err(|_| EncodeError::Field)?));
    }
    Ok(())
}

fn their_options(options: SubscribeOptions, version: ProtocolVersion) -> SubOpts {
    let qos = SubOpts::new().set_qos(match options.qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    });
    if !version.is_v5() {
        return qos;
    }
    qos.set_nl(options.no_local).set_rap(options.retain_as_published).set_rh(match options.retain_handling {
        RetainHandling::SendAtSubscribe => TheirRetainHandling::SendRetained,
        RetainHandling::SendIfNew => TheirRetainHandling::SendRetainedIfNotExists,
        RetainHandling::DoNotSend => TheirRetainHandling::DoNotSendRetained,
    })
}
