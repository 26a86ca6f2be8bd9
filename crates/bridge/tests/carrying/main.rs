//! Dataflows between servers on real sockets, and what they do about faults.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod away;
mod crossing;
mod faults;
mod leaving;
mod live;
mod probing;
mod refusals;
mod renewing;
mod server;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge::{
    Address, Bridge, Credentials, Dataflow, DataflowStatus, Endpoint, Hop, Kind, Retain, Settings, Version,
    credentials::Surroundings,
};
use mqtt::QoS;

use server::Server;

/// Longer than anything takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn bridge() -> Bridge {
    bridge_in(Surroundings::default(), Duration::from_secs(10))
}

pub fn bridge_in(surroundings: Surroundings, drain: Duration) -> Bridge {
    Bridge::start(Settings { installation: "here".into(), drain, surroundings }).unwrap()
}

pub fn endpoint(name: &str, server: &Server) -> Endpoint {
    Endpoint {
        name: name.into(),
        address: Address::Remote(client::Endpoint::tcp(server.address.ip().to_string(), server.address.port())),
        version: Version::Auto,
        credentials: Credentials::Anonymous,
        client_id_prefix: None,
        qos: QoS::AtLeastOnce,
        retain: Retain::Keep,
        session_expiry: 600,
        keep_alive: 60,
        max_inflight: 10,
        cloud_events: None,
        kind: if name == "local" { Kind::Local } else { Kind::Custom },
        hop: Hop::Checked,
    }
}

/// From `in/#` at the local server to `out/...` at the remote one.
pub fn dataflow(local: &Server, remote: &Server) -> Dataflow {
    Dataflow {
        name: "flow".into(),
        profile: "default".into(),
        instance: 0,
        instances: 1,
        sources: vec!["in/#".into()],
        source: Arc::new(endpoint("local", local)),
        destination: Arc::new(endpoint("remote", remote)),
        topic: "out/${inputTopic.2+}".parse().unwrap(),
        dead_letter: "dataflow/deadletter/flow".into(),
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Stops a bridge without holding up the servers.
pub async fn stop(bridge: Bridge) {
    tokio::task::spawn_blocking(|| bridge.stop()).await.unwrap();
}

pub fn only(bridge: &Bridge) -> Option<DataflowStatus> {
    bridge.status().into_iter().next()
}

/// The payloads a server took on topics that begin so: the last copy of each, in order.
pub fn last_copies(server: &Server, topic: &str) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let taken = payloads(server, topic);
    let mut last: Vec<usize> = taken.into_iter().rev().filter(|number| seen.insert(*number)).collect();
    last.reverse();
    last
}

/// The payloads a server took on topics that begin so.
pub fn payloads(server: &Server, topic: &str) -> Vec<usize> {
    let state = server.state();
    let taken = state.taken.iter().filter(|taken| taken.topic.starts_with(topic));
    taken.map(|taken| taken.payload.parse().unwrap()).collect()
}
