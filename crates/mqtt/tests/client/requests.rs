//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt::client::{Breach, End, Event, Granted, NotTaken, RequestError, SubscribeRequest, UnsubscribeRequest};
use mqtt::{ProtocolVersion, QoS, ReasonCode, SubscribeOptions, TopicError};

use super::wire::Wire;

fn subscribe(filters: &[&str]) -> SubscribeRequest {
    let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
    let filters = filters.iter().map(|filter| ((*filter).to_owned(), options)).collect();
    SubscribeRequest { filters, ..SubscribeRequest::default() }
}

#[test]
fn answers_find_their_requests() {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let mut wire = Wire::connected(version);
        let request = SubscribeRequest { user_properties: vec![("k".into(), "v".into())], ..subscribe(&["a", "b/#"]) };
        let first = wire.machine.subscribe(&request).unwrap();
        let filters = vec!["a".to_owned()];
        let second = wire.machine.unsubscribe(&UnsubscribeRequest { filters, user_properties: vec![] }).unwrap();
        wire.run();
        let codes = vec![ReasonCode::GrantedQoS1; 2];
        let granted = Granted { codes, reason_string: None };
        assert!(granted.is_complete());
        let codes = if version.is_v5() { vec![ReasonCode::Success] } else { Vec::new() };
        let gone = Granted { codes, reason_string: None };
        assert_eq!(
            wire.events,
            [
                Event::Subscribed { token: first, outcome: Ok(granted) },
                Event::Unsubscribed { token: second, outcome: Ok(gone) },
            ]
        );
    }
}

#[test]
fn requests_end_with_their_connection() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    let token = wire.machine.subscribe(&subscribe(&["a"])).unwrap();
    wire.cut();
    let outcome = Err(RequestError::ConnectionLost);
    assert_eq!(wire.events, [Event::Subscribed { token, outcome }, Event::Ended(End::Closed)]);
    assert_eq!(wire.machine.subscribe(&subscribe(&["a"])), Err(NotTaken::NotConnected));
}

#[test]
fn what_the_server_cannot_have_is_not_sent() {
    let mut wire = Wire::new(ProtocolVersion::V5, Default::default());
    wire.server.connack.wildcard_subscription_available = Some(false);
    wire.server.connack.shared_subscription_available = Some(false);
    wire.server.connack.subscription_identifiers_available = Some(false);
    wire.server.connack.maximum_packet_size = std::num::NonZeroU32::new(30);
    wire.connect();
    wire.run();
    let refused = |reason| Err(NotTaken::Limits(RequestError::BeyondLimits(reason)));
    let machine = &mut wire.machine;
    assert_eq!(machine.subscribe(&subscribe(&["a", "b/+"])), refused(ReasonCode::WildcardSubscriptionsNotSupported));
    assert_eq!(machine.subscribe(&subscribe(&["$share/g/a"])), refused(ReasonCode::SharedSubscriptionsNotSupported));
    let numbered = SubscribeRequest { identifier: Some(1), ..subscribe(&["a"]) };
    assert_eq!(machine.subscribe(&numbered), refused(ReasonCode::SubscriptionIdentifiersNotSupported));
    assert_eq!(machine.subscribe(&subscribe(&[&"x".repeat(30)])), refused(ReasonCode::PacketTooLarge));
    assert_eq!(machine.subscribe(&subscribe(&["a/#/b"])), Err(NotTaken::Topic(TopicError::MultiLevelWildcard)));
    assert!(matches!(machine.subscribe(&subscribe(&[])), Err(NotTaken::Packet(_))));
    wire.settle();
    assert!(wire.to_server.is_empty());
}

/// MQTT-3.8.4-5
#[test]
fn another_number_of_codes_is_a_breach() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.machine.subscribe(&subscribe(&["a", "b"])).unwrap();
    wire.settle();
    wire.feed(&[0x90, 4, 0, 1, 0, 0]);
    assert!(matches!(wire.events.last(), Some(Event::Ended(End::Breach(Breach::CodeCount)))), "{:?}", wire.events);
}

#[test]
fn requests_without_an_answer_are_bounded() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for _ in 0..256 {
        wire.machine.subscribe(&subscribe(&["a"])).unwrap();
    }
    assert_eq!(wire.machine.subscribe(&subscribe(&["a"])), Err(NotTaken::Full));
}
