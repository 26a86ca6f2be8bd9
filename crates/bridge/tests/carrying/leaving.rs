//! The end of sessions in which nobody goes on, and what comes in between.

use std::sync::Arc;
use std::time::Duration;

use bridge::credentials::Surroundings;
use bridge::{Dataflow, Endpoint, Health};
use mqtt::ReasonCode;

use crate::server::{Manners, Server, numbered};
use crate::{bridge, bridge_in, dataflow, endpoint, last_copies, stop, until};

fn shared(local: &Server, remote: &Server) -> Dataflow {
    Dataflow { sources: vec!["$share/g/in/#".into()], ..dataflow(local, remote) }
}

fn withholding() -> Manners {
    Manners { withholds_puback: true, ..Manners::default() }
}

/// The last of few messages is not left to the next process, which would carry it again.
#[tokio::test]
async fn what_has_arrived_is_acknowledged_before_the_end() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding()).await);
    let bridge = bridge();
    // A share of acknowledgements is more than there are messages.
    let source = Arc::new(Endpoint { max_inflight: 100, ..endpoint("local", &local) });
    bridge.set(vec![Dataflow { source, ..dataflow(&local, &remote) }]);
    local.offer(numbered("in/x", 1));
    until("the message", || remote.state().taken.len() == 1).await;
    let stopping = tokio::spawn(stop(bridge));
    remote.behave(Manners::default());
    remote.close();
    stopping.await.unwrap();
    let state = local.state();
    assert_eq!((state.acknowledged, state.disconnects), (1, 1));
}

#[tokio::test]
async fn a_session_is_emptied_before_it_ends() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding()).await);
    let bridge = bridge();
    bridge.set(vec![shared(&local, &remote)]);
    for number in 0..50 {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || remote.state().taken.len() == 10).await;
    bridge.set(Vec::new());
    until("the unsubscription", || !local.state().unsubscribed.is_empty()).await;
    remote.behave(Manners::default());
    remote.close();
    until("the end", || local.state().ended_sessions == 1).await;
    assert_eq!(local.state().acknowledged, 50);
    assert_eq!(last_copies(&remote, "out/"), (0..50).collect::<Vec<_>>());
    stop(bridge).await;
}

/// What could not be emptied in time stays at the source.
#[tokio::test]
async fn a_session_that_cannot_be_emptied_is_left() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding()).await);
    let bridge = bridge_in(Surroundings::default(), Duration::from_millis(500));
    bridge.set(vec![shared(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the message", || remote.state().taken.len() == 1).await;
    bridge.set(Vec::new());
    until("the end", || local.state().disconnects == 1).await;
    stop(bridge).await;
    let state = local.state();
    assert_eq!((state.ended_sessions, state.acknowledged), (0, 0));
}

/// A session under another identifier is another session.
#[tokio::test]
async fn the_session_of_an_earlier_identifier_ends() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("health", || bridge.status().first().is_some_and(|status| status.health == Health::Available)).await;
    let source = Arc::new(Endpoint { client_id_prefix: Some("new-".into()), ..endpoint("local", &local) });
    bridge.set(vec![Dataflow { source, ..dataflow(&local, &remote) }]);
    until("the end of the old one", || local.state().ended_sessions == 1).await;
    until("the new one", || local.state().connects.last().is_some_and(|last| last.client_id == "new-flow")).await;
    assert_eq!(remote.state().ended_sessions, 0);
    stop(bridge).await;
}

/// One that is wanted again while it empties its session goes on in it: two connections under one identifier would
/// take it from each other.
#[tokio::test]
async fn a_dataflow_that_comes_back_waits_for_its_predecessor() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding()).await);
    let bridge = bridge();
    bridge.set(vec![shared(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the message", || remote.state().taken.len() == 1).await;
    bridge.set(Vec::new());
    until("the unsubscription", || !local.state().unsubscribed.is_empty()).await;
    bridge.set(vec![shared(&local, &remote)]);
    until("it in the status", || bridge.status().len() == 1 || remote.state().connects.len() > 1).await;
    remote.behave(Manners::default());
    remote.close();
    local.offer(numbered("in/x", 2));
    until("both acknowledgements", || local.state().acknowledged == 2).await;
    assert_eq!((local.state().most_connected, remote.state().most_connected), (1, 1));
    stop(bridge).await;
}

/// Those that take over may not get to it; an end is an end all the same, and the sessions stay for the next process.
#[tokio::test]
async fn a_bridge_stops_while_others_take_over() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    local.behave(Manners { connack: ReasonCode::ServerUnavailable, ..Manners::default() });
    let instance = |instance| Dataflow { instance, instances: 2, ..dataflow(&local, &remote) };
    bridge.set(vec![instance(0), instance(1)]);
    until("those that take over", || local.state().connects.len() >= 4).await;
    // What the old one has carried counts on.
    assert_eq!(bridge.counters()[0].1.received, 1);
    stop(bridge).await;
    let state = local.state();
    assert_eq!((state.disconnects, state.ended_sessions), (1, 0));
}
