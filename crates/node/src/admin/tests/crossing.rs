//! Dataflows that are nothing but what is shown of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bridge::{Counts, DataflowStatus, Failure, Failures, LinkState, LinkStatus, RefusedCount, Step};
use config::dataflow::{Dataflow, EndpointKind, Group, Mode, Reach, SourceFilter, TopicTemplate};
use mqtt::{ProtocolVersion, QoS, ReasonCode};

use crate::dataflows::{DataflowsView, EndpointShown, InstanceShown};

/// A moment that many seconds after the beginning.
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// `east` and `west` run, `west` twice; `idle` is disabled.
pub(super) fn show(view: &DataflowsView, instances: Vec<InstanceShown>) {
    let idle = Dataflow { mode: Mode::Disabled, ..plan("idle") };
    view.show(vec![plan("east"), idle, plan("west")], endpoints(), move || instances.clone());
}

/// All three as they are when everything works.
pub(super) fn well() -> Vec<InstanceShown> {
    vec![instance("east", 0), instance("west", 0), instance("west", 1)]
}

pub(super) fn plan(name: &str) -> Dataflow {
    let filter = |group, filter: &str| SourceFilter { group, filter: filter.to_owned() };
    Dataflow {
        name: name.to_owned(),
        profile: "default".to_owned(),
        mode: Mode::Enabled,
        instances: 1,
        source: "default".to_owned(),
        filters: vec![filter(Group::None, "telemetry/#"), filter(Group::Named("us".to_owned()), "a/+")],
        destination: "plant".to_owned(),
        topic: TopicTemplate::parse("up/${inputTopic.2}").unwrap(),
        dead_letter: format!("dataflow/deadletter/{name}"),
    }
}

fn endpoints() -> Vec<EndpointShown> {
    let endpoint = |name: &str, kind, reach, address: &str, authentication| EndpointShown {
        name: name.to_owned(),
        kind,
        reach,
        address: address.to_owned(),
        authentication,
        links: Vec::new(),
    };
    vec![
        endpoint("default", EndpointKind::Local, Reach::Memory, "memory", "ServiceAccountToken"),
        endpoint("plant", EndpointKind::Custom, Reach::Network, "mqtts://plant.example:8883", "X509Certificate"),
    ]
}

/// An instance for which everything works. Its figures are not those of any other.
pub(super) fn instance(name: &str, number: u16) -> InstanceShown {
    let link = |endpoint: &str, address: &str, since| LinkStatus {
        endpoint: endpoint.to_owned(),
        address: address.to_owned(),
        // The broker of these tests has a session of it.
        client_id: "a b".to_owned(),
        state: LinkState::Up { since: at(since) },
        version: Some(ProtocolVersion::V5),
        failure: None,
        credential_expires: None,
        credential_failure: None,
        session_lost: None,
    };
    let status = DataflowStatus {
        name: name.to_owned(),
        profile: "default".to_owned(),
        instance: number,
        health: bridge::Health::Available,
        reason: None,
        source: link("default", "memory", 100),
        destination: link("plant", "mqtts://plant.example:8883", 160),
        publish: None,
        publish_retry: None,
        dead_letter: None,
        backlog: 3,
    };
    InstanceShown { dataflow: Arc::new(told(name, number)), status, counts: counts() }
}

pub(super) fn counts() -> Counts {
    let mut counts = Counts {
        received: 21,
        received_bytes: 22,
        sent: 23,
        sent_bytes: 24,
        retried: 25,
        expired: 26,
        loops: 27,
        strays: 28,
        dropped: 29,
        dead_letters: 30,
        bare_letters: 13,
        refused: vec![refused("NotAuthorized", 31), refused("unresolvable topic", 32)],
        source_connections: 33,
        source_failures: Failures { connection: 10, configuration: 11, authentication: 12, subscription: 1 },
        destination_connections: 35,
        destination_failures: Failures { connection: 19, configuration: 8, authentication: 9, subscription: 0 },
        source_sessions_lost: 37,
        destination_sessions_lost: 38,
        held: 3,
        under_way: 2,
        ..Counts::default()
    };
    (counts.processing.counts[0], counts.processing.counts[2], counts.processing.sum_micros) = (5, 7, 4_500);
    (counts.upload.counts[bridge::Latencies::BOUNDS_MS.len()], counts.upload.sum_micros) = (1, 61_000_000);
    counts
}

fn refused(reason: &str, count: u64) -> RefusedCount {
    RefusedCount { reason: reason.to_owned(), count }
}

fn told(name: &str, number: u16) -> bridge::Dataflow {
    let endpoint = |name: &str, kind| bridge::Endpoint {
        name: name.to_owned(),
        address: bridge::Address::Remote(client::Endpoint::tcp("plant.example", 8883)),
        version: bridge::Version::Auto,
        credentials: bridge::Credentials::Anonymous,
        client_id_prefix: None,
        qos: QoS::AtLeastOnce,
        retain: bridge::Retain::Keep,
        session_expiry: 600,
        keep_alive: 60,
        max_inflight: 100,
        cloud_events: None,
        kind,
        hop: bridge::Hop::Checked,
    };
    bridge::Dataflow {
        name: name.to_owned(),
        profile: "default".to_owned(),
        instance: number,
        instances: 1,
        sources: vec!["telemetry/#".to_owned()],
        source: Arc::new(endpoint("default", bridge::Kind::Local)),
        destination: Arc::new(endpoint("plant", bridge::Kind::Custom)),
        topic: "up/${inputTopic.2}".parse().unwrap(),
        dead_letter: "dead".into(),
    }
}

/// What a server that says no to CONNECT makes of it.
pub(super) fn refusing(since: u64) -> Failure {
    Failure {
        step: Step::Connect,
        code: Some(ReasonCode::NotAuthorized),
        text: "the server refused the connection: NotAuthorized".to_owned(),
        since: at(since),
        last: at(since + 60),
        times: 4,
    }
}

/// `instance` whose destination cannot be connected to since that moment.
pub(super) fn cut_off(instance: InstanceShown, since: u64) -> InstanceShown {
    let InstanceShown { dataflow, mut status, counts } = instance;
    (status.health, status.reason) = (bridge::Health::Unavailable, Some("DataflowMqttTargetConnectionFailed"));
    status.destination.state = LinkState::Waiting { until: at(since + 61) };
    status.destination.failure = Some(refusing(since));
    InstanceShown { dataflow, status, counts }
}
