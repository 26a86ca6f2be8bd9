//! Connections that end, again and again.

use crate::server::{Manners, Server, numbered};
use crate::{bridge, dataflow, last_copies, only, stop, until};

const MESSAGES: usize = 200;

#[tokio::test]
async fn a_destination_that_closes_again_and_again_gets_everything_in_order() {
    let closing = Manners { closes_after: Some(37), ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(closing).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..MESSAGES {
        local.offer(numbered("in/x", number));
    }
    until("every acknowledgement", || local.state().acknowledged == MESSAGES).await;
    assert_eq!(last_copies(&remote, "out/"), (0..MESSAGES).collect::<Vec<_>>());
    assert!(remote.state().connects.len() > 3);
    stop(bridge).await;
}

#[tokio::test]
async fn a_source_that_closes_in_between_loses_nothing() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..MESSAGES {
        local.offer(numbered("in/x", number));
    }
    for part in 1..4 {
        until("a part", || local.state().acknowledged >= part * MESSAGES / 4).await;
        local.close();
    }
    until("every acknowledgement", || local.state().acknowledged == MESSAGES).await;
    assert_eq!(last_copies(&remote, "out/"), (0..MESSAGES).collect::<Vec<_>>());
    stop(bridge).await;
}

/// What is under way when the source breaks is known again when it comes again, and not published twice.
#[tokio::test]
async fn what_the_source_sends_again_is_not_forwarded_again() {
    let withholding = Manners { withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..10 {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || remote.state().taken.len() == 10).await;
    local.close();
    until("a second connection", || local.state().connects.len() == 2).await;
    until("what came again", || bridge.counters()[0].1.received == 20).await;
    assert_eq!(remote.state().taken.len(), 10);
    remote.behave(Manners::default());
    remote.close();
    until("every acknowledgement", || local.state().acknowledged == 10).await;
    // Once before the reconnect of the destination, once after it.
    assert_eq!(remote.state().taken.len(), 20);
    stop(bridge).await;
}

#[tokio::test]
async fn servers_that_forget_the_session_are_noticed() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    local.forget();
    local.close();
    remote.forget();
    remote.close();
    until("both losses", || {
        let (_, counts) = bridge.counters().pop().unwrap();
        (counts.source_sessions_lost, counts.destination_sessions_lost) == (1, 1)
    })
    .await;
    // Subscribed anew.
    local.offer(numbered("in/x", 2));
    until("the second acknowledgement", || local.state().acknowledged == 2).await;
    assert!(only(&bridge).unwrap().source.session_lost.is_some());
    stop(bridge).await;
}

#[tokio::test]
async fn a_remote_that_is_away_costs_no_memory() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    remote.behave(Manners { connack: mqtt::ReasonCode::ServerUnavailable, ..Manners::default() });
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..MESSAGES {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || only(&bridge).is_some_and(|status| status.backlog == 10)).await;
    until("tries", || bridge.counters()[0].1.destination_failures.total() >= 3).await;
    assert_eq!(bridge.counters()[0].1.held, 10);
    remote.behave(Manners::default());
    until("every acknowledgement", || local.state().acknowledged == MESSAGES).await;
    assert_eq!(crate::payloads(&remote, "out/"), (0..MESSAGES).collect::<Vec<_>>());
    stop(bridge).await;
}

/// As mosquitto does when a session goes on.
#[tokio::test]
async fn a_source_that_sends_more_than_it_may_is_tolerated() {
    let flooding = Manners { ignores_receive_maximum: true, ..Manners::default() };
    let withholding = Manners { withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(flooding).await, Server::start(withholding).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..1000 {
        local.offer(numbered("in/x", number));
    }
    // As many as the windows of both sides.
    until("a full ledger", || only(&bridge).is_some_and(|status| status.backlog == 20)).await;
    remote.behave(Manners::default());
    remote.close();
    until("every acknowledgement", || local.state().acknowledged == 1000).await;
    assert_eq!(last_copies(&remote, "out/"), (0..1000).collect::<Vec<_>>());
    assert_eq!(local.state().connects.len(), 1);
    stop(bridge).await;
}
