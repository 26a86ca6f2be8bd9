//! What the tests send: any message, with any properties in any order.

use mqtt::{PacketId, QoS};
use mqtt_protocol_core::mqtt::packet::{
    ContentType, CorrelationData, MessageExpiryInterval, PayloadFormat, PayloadFormatIndicator, Properties, Property,
    ResponseTopic, SubscriptionIdentifier, TopicAlias, UserProperty,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

#[derive(Debug, Clone)]
pub struct Message {
    pub topic: String,
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    pub id: PacketId,
    pub payload: Vec<u8>,
}

pub fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

pub fn id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

pub fn topic() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 $é日/]{1,40}"
}

pub fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

pub fn message() -> impl Strategy<Value = Message> {
    let payload = prop_oneof![4 => vec(any::<u8>(), 0..200), 1 => vec(any::<u8>(), 16_000..20_000)];
    (topic(), qos(), any::<bool>(), any::<bool>(), id(), payload).prop_map(|(topic, qos, dup, retain, id, payload)| {
        let dup = dup && qos != QoS::AtMostOnce;
        Message { topic, qos, dup, retain, id, payload }
    })
}

fn user_property() -> impl Strategy<Value = Property> {
    (text(), text()).prop_map(|(key, value)| UserProperty::new(key, value).unwrap().into())
}

/// Properties that are forwarded, in any order.
pub fn forwarded() -> impl Strategy<Value = Properties> {
    let single =
        (option::of(any::<bool>()), option::of(text()), option::of(topic()), option::of(vec(any::<u8>(), 0..40)));
    (single, vec(user_property(), 0..4))
        .prop_map(|((format, content_type, response_topic, correlation), users)| {
            let mut list = users;
            list.extend(format.map(|utf8| {
                let format = if utf8 { PayloadFormat::String } else { PayloadFormat::Binary };
                Property::from(PayloadFormatIndicator::new(format).unwrap())
            }));
            list.extend(content_type.map(|text| Property::from(ContentType::new(text).unwrap())));
            list.extend(response_topic.map(|text| Property::from(ResponseTopic::new(text).unwrap())));
            list.extend(correlation.map(|data| Property::from(CorrelationData::new(data).unwrap())));
            list
        })
        .prop_flat_map(|list| Just(list).prop_shuffle())
}

/// Properties that end at the next hop. Only a server may send the subscription identifiers.
pub fn taken_out() -> impl Strategy<Value = (Option<u16>, Option<u32>, Vec<u32>)> {
    (option::of(1..=u16::MAX), option::of(any::<u32>()), vec(1..=268_435_455u32, 0..4))
}

pub fn their_taken_out(alias: Option<u16>, expiry: Option<u32>, subscription_ids: &[u32]) -> Properties {
    let mut list = Properties::new();
    list.extend(alias.map(|alias| Property::from(TopicAlias::new(alias).unwrap())));
    list.extend(expiry.map(|seconds| Property::from(MessageExpiryInterval::new(seconds).unwrap())));
    list.extend(subscription_ids.iter().map(|id| Property::from(SubscriptionIdentifier::new(*id).unwrap())));
    list
}

pub fn bytes_of(list: &[Property]) -> Vec<u8> {
    list.iter().flat_map(Property::to_continuous_buffer).collect()
}
