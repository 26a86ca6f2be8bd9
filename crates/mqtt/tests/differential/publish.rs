//! PUBLISH.

use std::num::NonZeroU16;

use mqtt::{Delivery, Packet, Peer, ProtocolVersion, Publish, PublishHead, QoS, encode};
use mqtt_protocol_core::mqtt::packet::{Properties, Property, v3_1_1, v5_0};
use proptest::prelude::*;

use crate::{
    frame,
    message::{Message, bytes_of, forwarded, message, taken_out, their_taken_out},
    ours, their_qos, written,
};

fn head<'a>(message: &'a Message, properties: &'a [&'a [u8]]) -> PublishHead<'a> {
    PublishHead {
        topic: &message.topic,
        qos: message.qos,
        dup: message.dup,
        retain: message.retain,
        id: Some(message.id),
        properties,
        payload: &message.payload,
        ..PublishHead::default()
    }
}

fn assert_same(publish: &Publish<'_>, message: &Message) {
    assert_eq!(publish.topic, message.topic);
    assert_eq!(publish.payload, message.payload);
    assert_eq!(publish.retain, message.retain);
    let (id, dup) = (message.id, message.dup);
    let delivery = match message.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    };
    assert_eq!(publish.delivery, delivery);
}

fn publish(bytes: &[u8], version: ProtocolVersion) -> Publish<'_> {
    match ours(bytes, version, Peer::Server) {
        Packet::Publish(publish) => publish,
        other => panic!("{other:?}"),
    }
}

fn is_taken_out(property: &Property) -> bool {
    matches!(
        property,
        Property::TopicAlias(_) | Property::MessageExpiryInterval(_) | Property::SubscriptionIdentifier(_)
    )
}

proptest! {
    #[test]
    fn they_read_what_we_write_in_version_5(
        message in message(),
        forwarded in forwarded(),
        (alias, expiry, subscription_ids) in taken_out(),
        cut in any::<prop::sample::Index>(),
    ) {
        let raw = bytes_of(&forwarded);
        let (front, back) = raw.split_at(cut.index(raw.len() + 1));
        let runs = [front, back];
        let head = PublishHead {
            alias: alias.and_then(NonZeroU16::new),
            expiry,
            subscription_ids: &subscription_ids,
            ..head(&message, &runs)
        };
        let bytes = written(|out| { encode::publish(out, ProtocolVersion::V5, &head); });
        let frame = frame(&bytes);
        let (theirs, _) = v5_0::Publish::parse(frame.flags, frame.body.into()).unwrap();
        prop_assert_eq!(theirs.topic_name(), &message.topic);
        prop_assert_eq!(theirs.payload().as_slice(), &message.payload[..]);
        prop_assert_eq!((theirs.dup(), theirs.retain()), (message.dup, message.retain));
        prop_assert_eq!(theirs.qos(), their_qos(message.qos));
        let id = (message.qos != QoS::AtMostOnce).then_some(message.id.get());
        prop_assert_eq!(theirs.packet_id(), id);
        let mut expected = their_taken_out(alias, expiry, &subscription_ids);
        expected.extend(forwarded);
        prop_assert_eq!(theirs.props(), &expected);
        prop_assert_eq!(theirs.to_continuous_buffer(), bytes);
    }

    #[test]
    fn we_read_what_they_write_in_version_5(
        message in message(),
        (list, alias, expiry, subscription_ids) in (forwarded(), taken_out()).prop_flat_map(
            |(mut list, (alias, expiry, ids))| {
                list.extend(their_taken_out(alias, expiry, &ids));
                (Just(list).prop_shuffle(), Just(alias), Just(expiry), Just(ids))
            }
        ),
    ) {
        let mut builder = v5_0::Publish::builder()
            .topic_name(message.topic.as_str()).unwrap()
            .qos(their_qos(message.qos))
            .dup(message.dup)
            .retain(message.retain)
            .props(list.clone())
            .payload(&message.payload);
        if message.qos != QoS::AtMostOnce {
            builder = builder.packet_id(message.id.get());
        }
        let bytes = builder.build().unwrap().to_continuous_buffer();
        let decoded = publish(&bytes, ProtocolVersion::V5);
        assert_same(&decoded, &message);
        prop_assert_eq!(decoded.alias.map(NonZeroU16::get), alias);
        prop_assert_eq!(decoded.expiry, expiry);
        let mut ids = decoded.subscription_ids.to_vec();
        ids.sort_unstable();
        let mut expected_ids = subscription_ids;
        expected_ids.sort_unstable();
        prop_assert_eq!(ids, expected_ids);
        let kept: Properties = list.into_iter().filter(|property| !is_taken_out(property)).collect();
        prop_assert_eq!(decoded.properties.slices().concat(), bytes_of(&kept));
        prop_assert_eq!(decoded.properties.len(), bytes_of(&kept).len());
        let users: Vec<(String, String)> = kept.iter().filter_map(|property| match property {
            Property::UserProperty(user) => Some((user.key().to_owned(), user.val().to_owned())),
            _ => None,
        }).collect();
        let found: Vec<(String, String)> = decoded
            .properties
            .user_properties()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(found, users);
    }

    #[test]
    fn they_read_what_we_write_in_3_1_1(message in message()) {
        let head = head(&message, &[&[1, 1]]);
        let bytes = written(|out| { encode::publish(out, ProtocolVersion::V3_1_1, &head); });
        let frame = frame(&bytes);
        let (theirs, _) = v3_1_1::Publish::parse(frame.flags, frame.body.into()).unwrap();
        prop_assert_eq!(theirs.topic_name(), &message.topic);
        prop_assert_eq!(theirs.payload().as_slice(), &message.payload[..]);
        prop_assert_eq!((theirs.dup(), theirs.retain()), (message.dup, message.retain));
        prop_assert_eq!(theirs.qos(), their_qos(message.qos));
        prop_assert_eq!(theirs.to_continuous_buffer(), bytes);
    }

    #[test]
    fn we_read_what_they_write_in_3_1_1(message in message()) {
        let mut builder = v3_1_1::Publish::builder()
            .topic_name(message.topic.as_str()).unwrap()
            .qos(their_qos(message.qos))
            .dup(message.dup)
            .retain(message.retain)
            .payload(&message.payload);
        if message.qos != QoS::AtMostOnce {
            builder = builder.packet_id(message.id.get());
        }
        let bytes = builder.build().unwrap().to_continuous_buffer();
        assert_same(&publish(&bytes, ProtocolVersion::V3_1_1), &message);
    }

    /// Encoding, decoding and encoding again is the same packet; its length was known before.
    #[test]
    fn our_own_round_trip_is_stable(
        message in message(),
        forwarded in forwarded(),
        (alias, expiry, subscription_ids) in taken_out(),
        version in prop::sample::select(vec![ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5]),
    ) {
        let raw = bytes_of(&forwarded);
        let runs = [&raw[..]];
        let head = PublishHead {
            alias: alias.and_then(NonZeroU16::new),
            expiry,
            subscription_ids: &subscription_ids,
            ..head(&message, &runs)
        };
        let bytes = written(|out| { encode::publish(out, version, &head); });
        prop_assert_eq!(bytes.len(), encode::publish_len(version, &head));
        let head_only = written(|out| {
            assert_eq!(encode::publish_head(out, version, &head).len, bytes.len());
        });
        prop_assert_eq!([&head_only, &message.payload[..]].concat(), bytes.clone());
        let decoded = publish(&bytes, version);
        assert_same(&decoded, &message);
        let slices = decoded.properties.slices();
        let again = PublishHead {
            topic: decoded.topic,
            qos: decoded.delivery.qos(),
            dup: message.dup,
            retain: decoded.retain,
            id: decoded.delivery.id(),
            alias: decoded.alias,
            expiry: decoded.expiry,
            subscription_ids: &decoded.subscription_ids,
            properties: &slices,
            payload: decoded.payload,
        };
        prop_assert_eq!(written(|out| { encode::publish(out, version, &again); }), bytes.clone());
    }
}
