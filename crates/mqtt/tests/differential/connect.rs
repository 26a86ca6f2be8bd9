//! CONNECT.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use mqtt::{Authentication, Connect, Packet, Peer, ProtocolVersion, Will, encode};
use mqtt_protocol_core::mqtt::packet::{
    AuthenticationData, AuthenticationMethod, MaximumPacketSize, MessageExpiryInterval, Properties, Property,
    ReceiveMaximum, RequestProblemInformation, RequestResponseInformation, SessionExpiryInterval, TopicAliasMaximum,
    UserProperty, WillDelayInterval, v3_1_1, v5_0,
};
use proptest::{collection::vec, option, prelude::*};

use crate::{
    frame,
    message::{bytes_of, forwarded, qos, text, topic},
    ours, their_qos, written,
};

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..60).prop_map(Bytes::from)
}

fn will(version: ProtocolVersion) -> impl Strategy<Value = Will> {
    (topic(), payload(), qos(), any::<bool>(), any::<u32>(), option::of(any::<u32>()), forwarded()).prop_map(
        move |(topic, payload, qos, retain, delay, expiry, list)| {
            let bare = Will { topic, payload, qos, retain, delay: 0, expiry: None, properties: Vec::new() };
            if version.is_v5() { Will { delay, expiry, properties: bytes_of(&list), ..bare } } else { bare }
        },
    )
}

/// Any CONNECT both codecs know: a password stands beside a user name.
fn connect(version: ProtocolVersion) -> impl Strategy<Value = Connect> {
    let basics = (any::<bool>(), any::<u16>(), "[a-zA-Z0-9é]{1,30}", option::of(will(version)));
    let login = option::of((text(), option::of(payload())));
    (basics, login, limits()).prop_map(move |((clean_start, keep_alive, client_id, will), login, limits)| {
        let (username, password) = login.map_or((None, None), |(name, password)| (Some(name), password));
        let asked = if version.is_v5() { limits } else { Connect::new(version, "") };
        Connect { client_id, clean_start, keep_alive, will, username, password, ..asked }
    })
}

/// What only version 5 can ask for.
fn limits() -> impl Strategy<Value = Connect> {
    let numbers = (option::of(any::<u32>()), any::<u16>(), any::<u32>(), any::<u16>());
    let flags = (any::<bool>(), any::<bool>());
    let authentication = option::of((text(), option::of(payload())));
    (numbers, flags, vec((text(), text()), 0..3), authentication).prop_map(
        |((session_expiry, receive, size, alias), (response, problem), user_properties, authentication)| Connect {
            session_expiry,
            receive_maximum: NonZeroU16::new(receive),
            maximum_packet_size: NonZeroU32::new(size),
            topic_alias_maximum: alias,
            request_response_information: response,
            request_problem_information: problem,
            user_properties,
            authentication: authentication.map(|(method, data)| Authentication { method, data }),
            ..Connect::new(ProtocolVersion::V5, "")
        },
    )
}

/// The properties in the order in which we write them.
fn their_properties(connect: &Connect) -> Properties {
    let mut list = Properties::new();
    let mut put = |property: Option<Property>| list.extend(property);
    put(connect.session_expiry.map(|v| SessionExpiryInterval::new(v).unwrap().into()));
    put(connect.receive_maximum.map(|v| ReceiveMaximum::new(v.get()).unwrap().into()));
    put(connect.maximum_packet_size.map(|v| MaximumPacketSize::new(v.get()).unwrap().into()));
    if connect.topic_alias_maximum != 0 {
        put(Some(TopicAliasMaximum::new(connect.topic_alias_maximum).unwrap().into()));
    }
    if connect.request_response_information {
        put(Some(RequestResponseInformation::new(1).unwrap().into()));
    }
    if !connect.request_problem_information {
        put(Some(RequestProblemInformation::new(0).unwrap().into()));
    }
    for (key, value) in &connect.user_properties {
        put(Some(UserProperty::new(key.as_str(), value.as_str()).unwrap().into()));
    }
    if let Some(Authentication { method, data }) = &connect.authentication {
        put(Some(AuthenticationMethod::new(method.as_str()).unwrap().into()));
        put(data.as_ref().map(|data| AuthenticationData::new(data.to_vec()).unwrap().into()));
    }
    list
}

fn their_will_properties(will: &Will) -> Properties {
    let mut list = Properties::new();
    if will.delay != 0 {
        list.push(WillDelayInterval::new(will.delay).unwrap().into());
    }
    list.extend(will.expiry.map(|seconds| Property::from(MessageExpiryInterval::new(seconds).unwrap())));
    let mut rest = &will.properties[..];
    while !rest.is_empty() {
        let (property, len) = Property::parse(rest).unwrap();
        list.push(property);
        rest = &rest[len..];
    }
    list
}

fn our_connect(bytes: &[u8]) -> Connect {
    match ours(bytes, ProtocolVersion::V5, Peer::Client) {
        Packet::Connect(connect) => *connect,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn version_5(connect in connect(ProtocolVersion::V5)) {
        let bytes = written(|out| encode::connect(out, &connect).unwrap());
        let (theirs, _) = v5_0::Connect::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.client_id(), &connect.client_id);
        prop_assert_eq!(theirs.clean_start(), connect.clean_start);
        prop_assert_eq!(theirs.keep_alive(), connect.keep_alive);
        prop_assert_eq!(theirs.user_name(), connect.username.as_deref());
        prop_assert_eq!(theirs.password(), connect.password.as_deref());
        prop_assert_eq!(theirs.props(), &their_properties(&connect));
        if let Some(will) = &connect.will {
            prop_assert_eq!(theirs.will_topic(), Some(will.topic.as_str()));
            prop_assert_eq!(theirs.will_payload(), Some(&will.payload[..]));
            prop_assert_eq!((theirs.will_qos(), theirs.will_retain()), (their_qos(will.qos), will.retain));
            prop_assert_eq!(theirs.will_props(), &their_will_properties(will));
        }
        prop_assert_eq!(theirs.to_continuous_buffer(), bytes);

        let mut builder = v5_0::Connect::builder()
            .client_id(connect.client_id.as_str()).unwrap()
            .clean_start(connect.clean_start)
            .keep_alive(connect.keep_alive)
            .props(their_properties(&connect));
        if let Some(will) = &connect.will {
            builder = builder
                .will_message(will.topic.as_str(), will.payload.to_vec(), their_qos(will.qos), will.retain).unwrap()
                .will_props(their_will_properties(will));
        }
        if let Some(name) = &connect.username {
            builder = builder.user_name(name.as_str()).unwrap();
        }
        if let Some(password) = &connect.password {
            builder = builder.password(password.to_vec()).unwrap();
        }
        prop_assert_eq!(our_connect(&builder.build().unwrap().to_continuous_buffer()), connect);
    }

    #[test]
    fn version_3_1_1(connect in connect(ProtocolVersion::V3_1_1)) {
        let bytes = written(|out| encode::connect(out, &connect).unwrap());
        let (theirs, _) = v3_1_1::Connect::parse(frame(&bytes).body).unwrap();
        prop_assert_eq!(theirs.client_id(), &connect.client_id);
        prop_assert_eq!(theirs.to_continuous_buffer(), bytes);

        let mut builder = v3_1_1::Connect::builder()
            .client_id(connect.client_id.as_str()).unwrap()
            .clean_session(connect.clean_start)
            .keep_alive(connect.keep_alive);
        if let Some(will) = &connect.will {
            builder = builder
                .will_message(will.topic.as_str(), will.payload.to_vec(), their_qos(will.qos), will.retain).unwrap();
        }
        if let Some(name) = &connect.username {
            builder = builder.user_name(name.as_str()).unwrap();
        }
        if let Some(password) = &connect.password {
            builder = builder.password(password.to_vec()).unwrap();
        }
        prop_assert_eq!(our_connect(&builder.build().unwrap().to_continuous_buffer()), connect);
    }
}
