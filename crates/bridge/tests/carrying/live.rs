//! Dataflows that come, change and go while others run.

use bridge::{Dataflow, Health};

use crate::server::{Manners, Server, numbered};
use crate::{bridge, dataflow, payloads, stop, until};

#[tokio::test]
async fn a_changed_dataflow_goes_on_in_its_session() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    let first = dataflow(&local, &remote);
    bridge.set(vec![first.clone()]);
    local.offer(numbered("in/x", 1));
    until("the first acknowledgement", || local.state().acknowledged == 1).await;

    let changed = Dataflow { topic: "elsewhere".parse().unwrap(), sources: vec!["other/#".into()], ..first.clone() };
    bridge.set(vec![changed]);
    until("the old filter's end", || local.state().unsubscribed == ["in/#"]).await;
    local.offer(numbered("other/x", 2));
    until("the second acknowledgement", || local.state().acknowledged == 2).await;
    assert_eq!(payloads(&remote, "elsewhere"), [2]);
    let (_, counts) = bridge.counters().pop().unwrap();
    assert_eq!((counts.received, counts.source_sessions_lost), (2, 0));
    stop(bridge).await;
}

#[tokio::test]
async fn what_stays_as_it_is_is_not_disturbed() {
    let (local, remote, other) = (
        Server::start(Manners::default()).await,
        Server::start(Manners::default()).await,
        Server::start(Manners::default()).await,
    );
    let bridge = bridge();
    let first = dataflow(&local, &remote);
    bridge.set(vec![first.clone()]);
    until("a connection", || local.state().connects.len() == 1).await;
    let second = Dataflow { name: "second".into(), ..dataflow(&other, &remote) };
    bridge.set(vec![first.clone(), second.clone()]);
    other.offer(numbered("in/x", 1));
    until("the acknowledgement", || other.state().acknowledged == 1).await;
    assert_eq!(bridge.status().len(), 2);
    bridge.set(vec![first]);
    until("the end of one", || bridge.status().len() == 1).await;
    {
        let state = local.state();
        assert_eq!((state.connects.len(), state.disconnects), (1, 0));
    }
    assert_eq!(other.state().disconnects, 1);
    stop(bridge).await;
}

/// What is under way when a bridge stops arrives and is acknowledged; nothing more is taken.
#[tokio::test]
async fn stopping_lets_what_is_under_way_arrive() {
    let withholding = Manners { withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(withholding).await);
    let first = bridge();
    first.set(vec![dataflow(&local, &remote)]);
    for number in 0..30 {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || remote.state().taken.len() == 10).await;
    let stopping = tokio::spawn(stop(first));
    remote.behave(Manners::default());
    remote.close();
    stopping.await.unwrap();
    let acknowledged = local.state().acknowledged;
    assert!((10..30).contains(&acknowledged), "{acknowledged}");
    assert_eq!(crate::last_copies(&remote, "out/").len(), acknowledged);

    let second = bridge();
    second.set(vec![dataflow(&local, &remote)]);
    until("every acknowledgement", || local.state().acknowledged == 30).await;
    assert_eq!(crate::last_copies(&remote, "out/"), (0..30).collect::<Vec<_>>());
    stop(second).await;
}

#[tokio::test]
async fn a_view_outlives_its_bridge() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    let view = bridge.view();
    assert!(view.status().is_empty());
    bridge.set(vec![dataflow(&local, &remote)]);
    until("health", || view.status().first().is_some_and(|status| status.health == Health::Available)).await;
    assert_eq!((view.status()[0].reason, view.counters().len()), (None, 1));
    stop(bridge).await;
    assert!(view.status().is_empty() && view.counters().is_empty());
}

/// A session that nobody will go on in would keep its share of the messages from those who do.
#[tokio::test]
async fn a_shared_session_that_is_gone_is_emptied_and_ended() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    let first = Dataflow { sources: vec!["$share/g/in/#".into()], ..dataflow(&local, &remote) };
    bridge.set(vec![first]);
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    bridge.set(Vec::new());
    until("the end", || local.state().ended_sessions == 1).await;
    assert_eq!(local.state().unsubscribed, ["$share/g/in/#"]);
    assert!(bridge.status().is_empty());
    stop(bridge).await;
    assert_eq!(remote.state().ended_sessions, 0);
}

#[tokio::test]
async fn a_session_that_somebody_may_come_back_to_stays() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("health", || bridge.status().first().is_some_and(|status| status.health == Health::Available)).await;
    bridge.set(Vec::new());
    until("the end", || bridge.status().is_empty()).await;
    {
        let state = local.state();
        assert!(state.unsubscribed.is_empty() && state.ended_sessions == 0);
    }
    stop(bridge).await;
}

/// With more instances come other identifiers and filters: those who take over subscribe first.
#[tokio::test]
async fn another_number_of_instances_takes_over_without_a_gap() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("health", || bridge.status().first().is_some_and(|status| status.health == Health::Available)).await;
    let instance = |instance| Dataflow { instance, instances: 2, ..dataflow(&local, &remote) };
    bridge.set(vec![instance(0), instance(1)]);
    until("the end of the first session", || local.state().ended_sessions == 1).await;
    {
        let state = local.state();
        let ids: Vec<_> = state.connects.iter().map(|connect| &*connect.client_id).collect();
        assert!(
            ids == ["here-flow", "here-flow-1", "here-flow-2"] || ids == ["here-flow", "here-flow-2", "here-flow-1"]
        );
        let before = state.subscriptions_at_first_unsubscribe;
        assert_eq!((before, &state.unsubscribed[..]), (3, &["in/#".to_owned()][..]));
    }
    bridge.set(vec![dataflow(&local, &remote)]);
    until("the end of both sessions", || local.state().ended_sessions == 3).await;
    assert_eq!(bridge.status().len(), 1);
    stop(bridge).await;
}
