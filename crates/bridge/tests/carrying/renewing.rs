//! Credentials that change while connections stand, and those that a server does not take.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bridge::credentials::{Credentials, Pace, Source, Surroundings, SystemIdentity};
use bridge::{Bridge, Dataflow, Endpoint, Health, LinkState, Step};
use bytes::Bytes;
use causeway_tests::https_server::{self, Answered};
use mqtt::{ProtocolVersion, ReasonCode};

use crate::server::{Manners, Server, numbered};
use crate::{bridge, bridge_in, dataflow, endpoint, only, stop, until};

/// A bridge that looks at files often.
fn watching() -> Bridge {
    let pace = Pace { poll: Duration::from_millis(5), ..Pace::default() };
    bridge_in(Surroundings { pace, ..Surroundings::default() }, Duration::from_secs(10))
}

/// As the kubelet does it: never half a file.
fn put(path: &Path, content: &str) {
    let next = path.with_extension("next");
    fs::write(&next, content).unwrap();
    fs::rename(next, path).unwrap();
}

/// A dataflow whose destination is shown `credentials`.
fn showing(credentials: Credentials, local: &Server, remote: &Server) -> Dataflow {
    let destination = Endpoint { credentials, ..endpoint("remote", remote) };
    Dataflow { destination: Arc::new(destination), ..dataflow(local, remote) }
}

fn password(password: Source) -> Credentials {
    let username = Source::Held { name: "username".into(), content: "ann".into() };
    Credentials::UsernamePassword { username, password }
}

fn is_up(bridge: &Bridge) -> bool {
    only(bridge).is_some_and(|status| matches!(status.destination.state, LinkState::Up { .. }))
}

/// What was shown in every CONNECT.
fn connected_with(server: &Server) -> Vec<Option<Bytes>> {
    let shown = |connect: &mqtt::Connect| connect.authentication.clone().and_then(|shown| shown.data);
    server.state().connects.iter().map(shown).collect()
}

/// What was shown on connections that stood.
fn reauthenticated_with(server: &Server) -> Vec<Option<Bytes>> {
    server.state().authentications.iter().map(|auth| auth.data.clone()).collect()
}

fn some(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_new_token_is_shown_on_the_connection_that_stands() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    put(&file, "one");
    let bridge = watching();
    let credentials = Credentials::ServiceAccountToken { file: file.clone(), audience: None };
    bridge.set(vec![showing(credentials, &local, &remote)]);
    until("a connection", || is_up(&bridge)).await;
    put(&file, "two");
    until("the new token", || reauthenticated_with(&remote) == [some("two")]).await;
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    assert_eq!(connected_with(&remote), [some("one")]);
    assert_eq!(remote.state().authentications[0].method.as_deref(), Some("K8S-SAT"));
    stop(bridge).await;
}

/// The server cannot tell yet: it is asked again, on the same connection, and until then that is to be seen.
#[tokio::test]
async fn a_token_that_a_server_cannot_judge_yet_is_shown_again() {
    let unsure = Manners { authenticates: ReasonCode::ContinueAuthentication, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(unsure).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    put(&file, "one");
    let bridge = watching();
    let credentials = Credentials::ServiceAccountToken { file: file.clone(), audience: None };
    bridge.set(vec![showing(credentials, &local, &remote)]);
    until("a connection", || is_up(&bridge)).await;
    put(&file, "two");
    until("it shown twice", || remote.state().authentications.len() >= 2).await;
    until("that in the status", || only(&bridge).unwrap().health == Health::Degraded).await;
    let status = only(&bridge).unwrap();
    assert_eq!(status.destination.failure.map(|failure| failure.step), Some(Step::Reauthenticate));
    assert_eq!(status.reason, Some("DataflowMqttTargetAuthenticationFailed"));
    remote.behave(Manners::default());
    until("an end of it", || only(&bridge).unwrap().health == Health::Available).await;
    assert!(reauthenticated_with(&remote).iter().all(|shown| *shown == some("two")));
    assert_eq!(connected_with(&remote), [some("one")]);
    stop(bridge).await;
}

/// Tokens with a number each, the first of which ends soon.
fn machine(first: u64) -> https_server::Server {
    let given = AtomicUsize::new(0);
    https_server::Server::http(move |_| {
        let number = given.fetch_add(1, Ordering::SeqCst);
        let seconds = if number == 0 { first } else { 3600 };
        Answered::With(200, format!(r#"{{"access_token":"token-{number}","expires_in":{seconds}}}"#))
    })
}

fn on(machine: &https_server::Server) -> Bridge {
    let arc_agent = "/nowhere/himds".into();
    let surroundings = Surroundings { imds: machine.endpoint(), arc_agent, ..Surroundings::default() };
    bridge_in(surroundings, Duration::from_secs(10))
}

fn identity() -> Credentials {
    Credentials::SystemAssignedManagedIdentity(SystemIdentity { audience: "https://eventgrid.azure.net".into() })
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_shown_again() {
    let strict = Manners { connack: ReasonCode::NotAuthorized, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(strict).await);
    let machine = machine(3600);
    let bridge = on(&machine);
    bridge.set(vec![showing(identity(), &local, &remote)]);
    until("a second token", || connected_with(&remote).len() >= 2).await;
    remote.behave(Manners::default());
    until("a connection", || is_up(&bridge)).await;
    assert_eq!(connected_with(&remote)[..2], [some("token-0"), some("token-1")]);
    stop(bridge).await;
}

#[tokio::test]
async fn a_token_that_is_refused_on_a_connection_is_not_shown_on_the_next() {
    let strict = Manners { authenticates: ReasonCode::NotAuthorized, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(strict).await);
    let machine = machine(2);
    let bridge = on(&machine);
    bridge.set(vec![showing(identity(), &local, &remote)]);
    until("a second connection", || connected_with(&remote).len() >= 2).await;
    assert_eq!(reauthenticated_with(&remote), [some("token-1")]);
    assert_eq!(connected_with(&remote), [some("token-0"), some("token-2")]);
    stop(bridge).await;
}

/// 3.1.1 has no way to show a token.
#[tokio::test]
async fn a_token_is_never_shown_in_3_1_1() {
    let old = Manners { only_3_1_1: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(old).await);
    let machine = machine(3600);
    let bridge = on(&machine);
    bridge.set(vec![showing(identity(), &local, &remote)]);
    until("several tries", || remote.state().connects.len() >= 3).await;
    assert!(remote.state().connects.iter().all(|connect| connect.version == ProtocolVersion::V5));
    stop(bridge).await;
}

/// A new password needs a new connection, which is no failure.
#[tokio::test]
async fn a_new_password_is_shown_on_a_new_connection_at_once() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    put(&file, "one");
    let bridge = watching();
    bridge.set(vec![showing(password(Source::File(file.clone())), &local, &remote)]);
    until("a connection", || is_up(&bridge)).await;
    put(&file, "two");
    until("a second connection", || remote.state().connects.len() == 2).await;
    local.offer(numbered("in/x", 1));
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    let passwords: Vec<_> = remote.state().connects.iter().map(|connect| connect.password.clone()).collect();
    assert_eq!(passwords, [some("one"), some("two")]);
    assert!(remote.state().authentications.is_empty());
    let (_, counts) = bridge.counters().pop().unwrap();
    assert_eq!((counts.destination_failures.total(), counts.destination_sessions_lost), (0, 0));
    assert_eq!(only(&bridge).unwrap().destination.failure, None);
    stop(bridge).await;
}

/// The endpoint keeps its name, and is told to show something else.
#[tokio::test]
async fn an_endpoint_with_other_credentials_shows_those() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let held = |word: &str| password(Source::Held { name: "password".into(), content: word.into() });
    let bridge = bridge();
    bridge.set(vec![showing(held("one"), &local, &remote)]);
    until("a connection", || is_up(&bridge)).await;
    bridge.set(vec![showing(held("two"), &local, &remote)]);
    until("a second connection", || remote.state().connects.len() == 2).await;
    let passwords: Vec<_> = remote.state().connects.iter().map(|connect| connect.password.clone()).collect();
    assert_eq!(passwords, [some("one"), some("two")]);
    stop(bridge).await;
}
