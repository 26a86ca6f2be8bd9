//! The status says at which step a side fails.

use std::sync::Arc;

use bridge::{Address, Bridge, Dataflow, Endpoint, Failure, LinkState, Step};
use mqtt::ReasonCode;

use crate::server::{Manners, Server};
use crate::{bridge, dataflow, endpoint, only, stop, until};

async fn failure_of_destination(bridge: &Bridge) -> Failure {
    until("a failure", || only(bridge).is_some_and(|status| status.destination.failure.is_some())).await;
    only(bridge).unwrap().destination.failure.unwrap()
}

async fn failing_at(address: Address) -> Failure {
    let local = Server::start(Manners::default()).await;
    let destination = Endpoint { address, ..endpoint("remote", &local) };
    let bridge = bridge();
    bridge.set(vec![Dataflow { destination: Arc::new(destination), ..dataflow(&local, &local) }]);
    let failure = failure_of_destination(&bridge).await;
    stop(bridge).await;
    failure
}

#[tokio::test]
async fn a_name_that_means_nothing() {
    let failure = failing_at(Address::Remote(client::Endpoint::tcp("does-not-exist.invalid", 1883))).await;
    assert_eq!((failure.step, failure.code), (Step::Dns, None), "{failure:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = failing_at(Address::Remote(client::Endpoint::tcp("127.0.0.1", free.port()))).await;
    assert_eq!(failure.step, Step::Tcp, "{failure:?}");
}

#[tokio::test]
async fn a_server_that_refuses_connections() {
    let remote = Server::start(Manners { connack: ReasonCode::NotAuthorized, ..Manners::default() }).await;
    let local = Server::start(Manners::default()).await;
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    let failure = failure_of_destination(&bridge).await;
    assert_eq!((failure.step, failure.code), (Step::Connect, Some(ReasonCode::NotAuthorized)));
    until("a second try", || only(&bridge).unwrap().destination.failure.is_some_and(|failure| failure.times > 1)).await;
    let again = only(&bridge).unwrap().destination.failure.unwrap();
    assert_eq!(again.since, failure.since);
    until("a wait", || matches!(only(&bridge).unwrap().destination.state, LinkState::Waiting { .. })).await;
    remote.behave(Manners::default());
    until("a connection", || matches!(only(&bridge).unwrap().destination.state, LinkState::Up { .. })).await;
    assert_eq!(only(&bridge).unwrap().destination.failure, None);
    stop(bridge).await;
}

#[tokio::test]
async fn a_server_that_refuses_subscriptions() {
    let local = Server::start(Manners { suback: Some(ReasonCode::NotAuthorized), ..Manners::default() }).await;
    let remote = Server::start(Manners::default()).await;
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    until("a failure", || only(&bridge).is_some_and(|status| status.source.failure.is_some())).await;
    let failure = only(&bridge).unwrap().source.failure.unwrap();
    assert_eq!((failure.step, failure.code), (Step::Subscribe, Some(ReasonCode::NotAuthorized)));
    assert!(failure.text.contains("in/#"), "{failure:?}");
    local.behave(Manners::default());
    until("a subscription", || matches!(only(&bridge).unwrap().source.state, LinkState::Up { .. })).await;
    stop(bridge).await;
}
