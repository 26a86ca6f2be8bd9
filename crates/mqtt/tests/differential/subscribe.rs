//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt::{Packet, Peer, ProtocolVersion, RetainHandling, Subscribe, SubscribeOptions, Unsubscribe, encode};
use mqtt_protocol_core::mqtt::packet::{
    MqttString, Properties, Property, RetainHandling as TheirRetainHandling, SubEntry, SubOpts, SubscriptionIdentifier,
    UserProperty, v3_1_1, v5_0,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    frame,
    message::{id, qos, text},
    ours, their_qos, written,
};

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => "[a-zA-Z0-9 é]{0,6}", 1 => Just("+".to_owned())];
    (vec(level, 1..5), select(vec!["", "/#"]), select(vec!["", "", "$share/group/"]))
        .prop_map(|(levels, end, share)| format!("{share}{}{end}", levels.join("/")))
        .prop_filter("not empty", |filter| !filter.is_empty() && filter != "$share/group/")
}

fn options(version: ProtocolVersion, shared: bool) -> impl Strategy<Value = SubscribeOptions> {
    let handling = vec![RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
    (qos(), any::<bool>(), any::<bool>(), select(handling)).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| {
            if version.is_v5() {
                SubscribeOptions { qos, no_local: no_local && !shared, retain_as_published, retain_handling }
            } else {
                SubscribeOptions { qos, ..SubscribeOptions::default() }
            }
        },
    )
}

fn subscribe(version: ProtocolVersion) -> impl Strategy<Value = Subscribe> {
    let entry = filter().prop_flat_map(move |filter| {
        let shared = filter.starts_with("$share/");
        (Just(filter), options(version, shared))
    });
    (id(), vec(entry, 1..6), option::of(1..=268_435_455u32)).prop_map(move |(id, filters, identifier)| Subscribe {
        id,
        filters,
        identifier: identifier.filter(|_| version.is_v5()),
    })
}

fn their_entries(subscribe: &Subscribe) -> Vec<SubEntry> {
    let entry = |(filter, options): &(String, SubscribeOptions)| {
        let handling = match options.retain_handling {
            RetainHandling::SendAtSubscribe => TheirRetainHandling::SendRetained,
            RetainHandling::SendIfNew => TheirRetainHandling::SendRetainedIfNotExists,
            RetainHandling::DoNotSend => TheirRetainHandling::DoNotSendRetained,
        };
        let theirs = SubOpts::new()
            .set_qos(their_qos(options.qos))
            .set_nl(options.no_local)
            .set_rap(options.retain_as_published)
            .set_rh(handling);
        SubEntry::new(filter.as_str(), theirs).unwrap()
    };
    subscribe.filters.iter().map(entry).collect()
}

fn their_properties(identifier: Option<u32>) -> Properties {
    identifier.map(|id| Property::from(SubscriptionIdentifier::new(id).unwrap())).into_iter().collect()
}

proptest! {
    #[test]
    fn subscribe_in_version_5(subscribe in subscribe(ProtocolVersion::V5), value in text()) {
        let bytes = written(|out| encode::subscribe(out, ProtocolVersion::V5, &subscribe).unwrap());
        let (theirs, _) = v5_0::Subscribe::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.packet_id(), subscribe.id.get());
        prop_assert_eq!(theirs.entries(), &their_entries(&subscribe));
        prop_assert_eq!(theirs.props(), &their_properties(subscribe.identifier));

        let mut properties = their_properties(subscribe.identifier);
        properties.push(UserProperty::new("key", value).unwrap().into());
        let theirs = v5_0::Subscribe::builder()
            .packet_id(subscribe.id.get())
            .entries(their_entries(&subscribe))
            .props(properties)
            .build().unwrap()
            .to_continuous_buffer();
        prop_assert_eq!(ours(&theirs, ProtocolVersion::V5, Peer::Client), Packet::Subscribe(subscribe));
    }

    #[test]
    fn subscribe_in_3_1_1(subscribe in subscribe(ProtocolVersion::V3_1_1)) {
        let bytes = written(|out| encode::subscribe(out, ProtocolVersion::V3_1_1, &subscribe).unwrap());
        let theirs = v3_1_1::Subscribe::builder()
            .packet_id(subscribe.id.get())
            .entries(their_entries(&subscribe))
            .build().unwrap()
            .to_continuous_buffer();
        prop_assert_eq!(&theirs, &bytes);
        prop_assert_eq!(ours(&theirs, ProtocolVersion::V3_1_1, Peer::Client), Packet::Subscribe(subscribe));
    }

    #[test]
    fn unsubscribe(id in id(), filters in vec(filter(), 1..6)) {
        let expected = Unsubscribe { id, filters };
        let bytes = written(|out| encode::unsubscribe(out, ProtocolVersion::V5, &expected).unwrap());
        let (theirs, _) = v5_0::Unsubscribe::parse(frame(&bytes).body).unwrap();
        let names: Vec<&str> = theirs.entries().iter().map(MqttString::as_str).collect();
        prop_assert_eq!(&names, &expected.filters);
        prop_assert_eq!(ours(&bytes, ProtocolVersion::V5, Peer::Client), Packet::Unsubscribe(expected.clone()));

        let bytes = written(|out| encode::unsubscribe(out, ProtocolVersion::V3_1_1, &expected).unwrap());
        let (theirs, _) = v3_1_1::Unsubscribe::parse(frame(&bytes).body).unwrap();
        let names: Vec<&str> = theirs.entries().iter().map(MqttString::as_str).collect();
        prop_assert_eq!(&names, &expected.filters);
        prop_assert_eq!(ours(&bytes, ProtocolVersion::V3_1_1, Peer::Client), Packet::Unsubscribe(expected));
    }
}
