//! What arrives, and when it is acknowledged.

use std::sync::Arc;

use bridge::{Address, CloudEvents, Dataflow, Endpoint, Hop, Retain};
use bytes::Bytes;
use client::Transport;
use mqtt::client::{MessageProperties, PayloadFormat};
use mqtt::{QoS, RetainHandling};

use crate::server::{Manners, Offer, Server, numbered};
use crate::{bridge, dataflow, endpoint, payloads, stop, until};

#[tokio::test]
async fn messages_arrive_once_in_order_and_are_acknowledged() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..500 {
        local.offer(numbered(&format!("in/{}", number % 3), number));
    }
    until("every acknowledgement", || local.state().acknowledged == 500).await;
    assert_eq!(payloads(&remote, "out/"), (0..500).collect::<Vec<_>>());
    let (_, counts) = bridge.counters().pop().unwrap();
    assert_eq!((counts.received, counts.sent, counts.dead_letters), (500, 500, 0));
    stop(bridge).await;
    assert_eq!((local.state().disconnects, remote.state().disconnects), (1, 1));
}

#[tokio::test]
async fn every_property_crosses() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let properties = MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        content_type: Some("text/plain".into()),
        response_topic: Some("answers".into()),
        correlation_data: Some(Bytes::from_static(&[0, 1, 255])),
        user: vec![("b".into(), "2".into()), ("a".into(), "1".into()), ("b".into(), "3".into())],
    };
    let offer = Offer {
        topic: "in/a/b".into(),
        payload: "body".into(),
        retain: true,
        expiry: Some(3600),
        properties,
        ..Offer::default()
    };
    local.offer(offer.clone());
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("the message", || !remote.state().taken.is_empty()).await;
    let taken = remote.state().taken[0].clone();
    assert_eq!((&*taken.topic, &*taken.payload, taken.retain, taken.qos), ("out/a/b", "body", true, QoS::AtLeastOnce));
    assert!(taken.expiry.is_some_and(|left| left > 3500 && left <= 3600));
    let mut expected = offer.properties;
    expected.user.push(("causeway-hop".into(), "here/flow".into()));
    assert_eq!(taken.properties, expected);
    stop(bridge).await;
}

#[tokio::test]
async fn connections_say_what_the_endpoints_say() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let mut flow = dataflow(&local, &remote);
    flow.instances = 2;
    flow.instance = 1;
    flow.sources = vec!["in/#".into(), "$share/mine/other".into()];
    flow.source =
        Arc::new(Endpoint { max_inflight: 7, session_expiry: 11, keep_alive: 13, ..endpoint("local", &local) });
    flow.destination = Arc::new(Endpoint {
        client_id_prefix: Some("site-".into()),
        retain: Retain::Never,
        qos: QoS::AtMostOnce,
        cloud_events: Some(CloudEvents::CreateOrRemap),
        hop: Hop::Off,
        ..endpoint("remote", &remote)
    });
    let bridge = bridge();
    bridge.set(vec![flow]);
    local.offer(Offer { retain: true, ..numbered("in/x", 1) });
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    {
        let state = local.state();
        let connect = &state.connects[0];
        assert_eq!(connect.client_id, "here-flow-2");
        assert_eq!(connect.receive_maximum.map(|maximum| maximum.get()), Some(7));
        assert_eq!((connect.session_expiry, connect.keep_alive, connect.clean_start), (Some(11), 13, false));
        assert!(connect.user_properties.is_empty());
        let filters: Vec<_> = state.filters.iter().map(|(filter, _)| filter.as_str()).collect();
        assert_eq!(filters, ["$share/flow/in/#", "$share/mine/other"]);
        let options = state.filters[0].1;
        assert!(options.retain_as_published && options.retain_handling == RetainHandling::SendIfNew);
    }
    {
        let state = remote.state();
        assert_eq!(state.connects[0].client_id, "site-flow-2");
        let taken = &state.taken[0];
        assert!(!taken.retain && taken.qos == QoS::AtMostOnce);
        assert_eq!((taken.user("source"), taken.user("causeway-hop")), (Some("aio://remote"), None));
    }
    stop(bridge).await;
}

/// Both sides of a dataflow may be one server, by two names.
#[tokio::test]
async fn one_server_may_be_both_sides() {
    let server = Server::start(Manners::default()).await;
    let by_name = Address::Remote(client::Endpoint::tcp("localhost", server.address.port()));
    let bridge = bridge();
    let destination = Endpoint { address: by_name, ..endpoint("remote", &server) };
    bridge.set(vec![Dataflow { destination: Arc::new(destination), ..dataflow(&server, &server) }]);
    until("both connections", || server.state().connects.len() == 2).await;
    let mut ids: Vec<_> = server.state().connects.iter().map(|connect| connect.client_id.clone()).collect();
    ids.sort();
    assert_eq!(ids, ["here-flow", "here-flow-out"]);
    stop(bridge).await;
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_destination_has_it() {
    let withholding = Manners { withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..50 {
        local.offer(numbered("in/x", number));
    }
    // As many as the window holds.
    until("a full window", || remote.state().taken.len() == 10).await;
    until("the count", || bridge.status().first().is_some_and(|status| status.backlog == 10)).await;
    assert_eq!(local.state().acknowledged, 0);
    remote.behave(Manners::default());
    remote.close();
    until("every acknowledgement", || local.state().acknowledged == 50).await;
    assert_eq!(crate::last_copies(&remote, "out/"), (0..50).collect::<Vec<_>>());
    stop(bridge).await;
}

#[tokio::test]
async fn a_message_that_comes_back_is_acknowledged_and_stopped() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    let user = vec![("causeway-hop".into(), "there/other,here/flow".into())];
    let properties = MessageProperties { user, ..MessageProperties::default() };
    local.offer(Offer { properties, ..numbered("in/x", 1) });
    local.offer(numbered("in/x", 2));
    until("both acknowledgements", || local.state().acknowledged == 2).await;
    assert_eq!(payloads(&remote, ""), [2]);
    assert_eq!(bridge.counters()[0].1.loops, 1);
    stop(bridge).await;
}

#[tokio::test]
async fn a_server_in_this_process_is_reached_through_memory() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let (door, runtime) = (local.clone(), tokio::runtime::Handle::current());
    let door: bridge::Door = Arc::new(move || Box::new(door.stream(&runtime)) as Box<dyn Transport>);
    let source = Endpoint { address: Address::Memory(door), ..endpoint("local", &local) };
    let bridge = bridge();
    bridge.set(vec![Dataflow { source: Arc::new(source), ..dataflow(&local, &remote) }]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    stop(bridge).await;
}

#[tokio::test]
async fn a_server_that_knows_only_3_1_1_is_spoken_to_in_3_1_1() {
    let (local, remote) = (
        Server::start(Manners::default()).await,
        Server::start(Manners { only_3_1_1: true, ..Manners::default() }).await,
    );
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    let versions: Vec<_> = remote.state().connects.iter().map(|connect| connect.version).collect();
    assert_eq!(versions, [mqtt::ProtocolVersion::V5, mqtt::ProtocolVersion::V3_1_1]);
    stop(bridge).await;
}
