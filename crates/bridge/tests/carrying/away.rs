//! What happens to messages while they cannot go on, and to those of servers with manners of their own.

use std::sync::Arc;

use bridge::{Dataflow, Endpoint, Kind};
use mqtt::{ReasonCode, SubscribeOptions};

use crate::server::{Manners, Offer, Server, numbered};
use crate::{bridge, dataflow, endpoint, last_copies, only, payloads, stop, until};

fn unavailable() -> Manners {
    Manners { connack: ReasonCode::ServerUnavailable, ..Manners::default() }
}

/// Tries of the destination that failed.
fn failures(bridge: &bridge::Bridge) -> u64 {
    bridge.counters().first().map_or(0, |(_, counts)| counts.destination_failures.total())
}

/// A message that expires here is acknowledged, and not sent; the time that another waited is taken off.
#[tokio::test]
async fn messages_grow_old_while_they_wait() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(unavailable()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(Offer { expiry: Some(1), ..numbered("in/x", 1) });
    local.offer(Offer { expiry: Some(3600), ..numbered("in/x", 2) });
    until("both messages", || only(&bridge).is_some_and(|status| status.backlog == 2)).await;
    // Those waits together are longer than a second.
    let before = failures(&bridge);
    until("tries", || failures(&bridge) >= before.max(1) + 4).await;
    remote.behave(Manners::default());
    until("both acknowledgements", || local.state().acknowledged == 2).await;
    assert_eq!((payloads(&remote, ""), bridge.counters()[0].1.expired), (vec![2], 1));
    assert!(remote.state().taken[0].expiry.is_some_and(|left| left < 3600));
    assert!(payloads(&local, "").is_empty());
    stop(bridge).await;
}

/// The source is read on, so that it does not take this side for dead; nothing piles up here.
#[tokio::test]
async fn of_qos_0_nothing_is_kept_beyond_what_fits() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(unavailable()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..200 {
        local.offer(Offer { at_most_once: true, ..numbered("in/x", number) });
    }
    until("every message", || bridge.counters().first().is_some_and(|(_, counts)| counts.received == 200)).await;
    until("the count", || only(&bridge).unwrap().backlog == 20).await;
    assert_eq!(bridge.counters()[0].1.dropped, 180);
    remote.behave(Manners::default());
    until("the first ones", || payloads(&remote, "out/").len() == 20).await;
    assert_eq!(payloads(&remote, "out/"), (0..20).collect::<Vec<_>>());
    stop(bridge).await;
}

/// Whatever a source sends, so many are held as both windows have room for, and once more.
#[tokio::test]
async fn a_source_that_sends_more_than_it_may_is_not_read_for_ever() {
    let flooding = Manners { ignores_receive_maximum: true, ..Manners::default() };
    let (local, remote) = (Server::start(flooding).await, Server::start(unavailable()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..1000 {
        local.offer(numbered("in/x", number));
    }
    until("a full ledger", || only(&bridge).is_some_and(|status| status.backlog >= 40)).await;
    let before = failures(&bridge);
    until("tries", || failures(&bridge) >= before + 2).await;
    assert_eq!(only(&bridge).unwrap().backlog, 40);
    remote.behave(Manners::default());
    until("every acknowledgement", || local.state().acknowledged == 1000).await;
    assert_eq!(payloads(&remote, "out/"), (0..1000).collect::<Vec<_>>());
    stop(bridge).await;
}

/// Their acknowledgements come behind the messages that the source has sent already.
#[tokio::test]
async fn dead_letters_get_through_to_a_source_that_sends_more_than_it_may() {
    let flooding = Manners { ignores_receive_maximum: true, ..Manners::default() };
    let refusing = Manners { refusals: vec![("out", ReasonCode::NotAuthorized)], ..Manners::default() };
    let (local, remote) = (Server::start(flooding).await, Server::start(refusing).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..200 {
        local.offer(numbered("in/x", number));
    }
    until("every acknowledgement", || local.state().acknowledged == 200).await;
    assert_eq!(payloads(&local, "dataflow/deadletter/flow"), (0..200).collect::<Vec<_>>());
    stop(bridge).await;
}

/// Nobody will acknowledge to a source that has forgotten: what arrives after that is done with.
#[tokio::test]
async fn nothing_is_held_for_a_source_that_has_forgotten() {
    let withholding = Manners { withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..10 {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || remote.state().taken.len() == 10).await;
    local.forget();
    local.close();
    until("the loss", || bridge.counters()[0].1.source_sessions_lost == 1).await;
    remote.behave(Manners::default());
    remote.close();
    until("an empty ledger", || only(&bridge).unwrap().backlog == 0).await;
    assert_eq!(last_copies(&remote, "out/"), (0..10).collect::<Vec<_>>());
    stop(bridge).await;
}

/// A source that forgets while its subscription is refused has nothing of ours, even if a session is there again.
#[tokio::test]
async fn what_was_forgotten_is_subscribed_to_until_it_is_granted() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    local.behave(Manners { suback: Some(ReasonCode::NotAuthorized), ..Manners::default() });
    local.forget();
    local.close();
    until("a refusal", || only(&bridge).unwrap().source.failure.is_some_and(|failure| failure.code.is_some())).await;
    local.behave(Manners::default());
    local.offer(numbered("in/x", 2));
    until("the second acknowledgement", || local.state().acknowledged == 2).await;
    stop(bridge).await;
}

/// An earlier process may have subscribed to something else in the session.
#[tokio::test]
async fn a_new_process_subscribes_in_the_session_of_the_old() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let first = bridge();
    first.set(vec![dataflow(&local, &remote)]);
    until("a subscription", || !local.state().filters.is_empty()).await;
    stop(first).await;
    let second = bridge();
    second.set(vec![Dataflow { sources: vec!["other/#".into()], ..dataflow(&local, &remote) }]);
    local.offer(numbered("other/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    assert_eq!(local.state().filters[0].0, "other/#");
    stop(second).await;
}

/// Somebody else left a subscription in the session at the destination.
#[tokio::test]
async fn what_the_destination_sends_is_acknowledged_and_goes_nowhere() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    remote.state().filters.push(("x".into(), SubscribeOptions::default()));
    remote.offer(numbered("in/x", 1));
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("the acknowledgement", || remote.state().acknowledged == 1).await;
    assert!(payloads(&local, "").is_empty() && payloads(&remote, "").is_empty());
    assert_eq!(bridge.counters()[0].1.received, 0);
    stop(bridge).await;
}

/// A dead letter has no other place than the destination where that is the local server.
#[tokio::test]
async fn dead_letters_of_a_dataflow_to_the_local_server_go_there() {
    let refusing = Manners { refusals: vec![("out/bad", ReasonCode::NotAuthorized)], ..Manners::default() };
    let (remote, local) = (Server::start(Manners::default()).await, Server::start(refusing).await);
    let bridge = bridge();
    let source = Endpoint { kind: Kind::Custom, ..endpoint("remote", &remote) };
    let destination = Endpoint { kind: Kind::Local, ..endpoint("local", &local) };
    let flow = Dataflow { source: Arc::new(source), destination: Arc::new(destination), ..dataflow(&remote, &local) };
    bridge.set(vec![flow]);
    for number in 0..9 {
        remote.offer(numbered(if number % 3 == 0 { "in/bad" } else { "in/good" }, number));
    }
    until("every acknowledgement", || remote.state().acknowledged == 9).await;
    assert_eq!(payloads(&local, "dataflow/deadletter/flow"), [0, 3, 6]);
    assert!(payloads(&remote, "").is_empty());
    stop(bridge).await;
}
