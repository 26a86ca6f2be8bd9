//! Endpoints tried step by step.

use std::sync::Arc;

use bridge::credentials::Surroundings;
use bridge::{Address, Endpoint, Outcome, Probe, ProbeRole, Step, StepReport, probe};
use mqtt::{ReasonCode, RetainHandling};

use crate::endpoint;
use crate::server::{Manners, Server, numbered};

async fn probed(endpoint: Endpoint, role: ProbeRole) -> Vec<StepReport> {
    let probe_of = Probe { endpoint: Arc::new(endpoint), role, client_id: "probe".into() };
    probe(probe_of, &Surroundings::default()).await
}

fn source() -> ProbeRole {
    ProbeRole::Source { filters: vec!["in/#".into(), "$share/theirs/other".into()] }
}

/// A letter a step: passed, failed, skipped.
fn outcomes(reports: &[StepReport]) -> String {
    let letter = |report: &StepReport| match report.outcome {
        Outcome::Passed { .. } => 'p',
        Outcome::Failed { .. } => 'f',
        Outcome::Skipped { .. } => 's',
    };
    reports.iter().map(letter).collect()
}

#[tokio::test]
async fn a_source_is_subscribed_to_without_taking_anything() {
    let server = Server::start(Manners::default()).await;
    server.offer(numbered("in/x", 1));
    let reports = probed(endpoint("local", &server), source()).await;
    // Token, DNS, TCP, TLS, WebSocket, CONNECT, SUBSCRIBE
    assert_eq!(outcomes(&reports), "pppsspp", "{reports:?}");
    assert_eq!(reports.last().unwrap().step, Step::Subscribe);
    let state = server.state();
    let connect = &state.connects[0];
    assert_eq!((&*connect.client_id, connect.clean_start, connect.session_expiry), ("probe", true, Some(0)));
    assert_eq!(state.filters[0].0, "in/#");
    assert_eq!(state.filters[0].1.retain_handling, RetainHandling::DoNotSend);
    let shared = &state.filters[1].0;
    assert!(shared.starts_with("$share/causeway-probe-") && shared.ends_with("/other"), "{shared}");
    assert_eq!((state.acknowledged, state.disconnects), (0, 1));
}

#[tokio::test]
async fn a_destination_is_connected_to() {
    let server = Server::start(Manners::default()).await;
    let reports = probed(endpoint("remote", &server), ProbeRole::Destination).await;
    assert_eq!(outcomes(&reports), "pppssps", "{reports:?}");
    let last = reports.last().unwrap();
    let why = "a publish cannot be tried without moving data".to_owned();
    assert_eq!((last.step, &last.outcome), (Step::Publish, &Outcome::Skipped { why }));
    assert!(server.state().taken.is_empty());
}

#[tokio::test]
async fn a_step_that_fails_is_the_last_one_tried() {
    let refusing = Server::start(Manners { connack: ReasonCode::NotAuthorized, ..Manners::default() }).await;
    let reports = probed(endpoint("local", &refusing), source()).await;
    assert_eq!(outcomes(&reports), "pppssfs", "{reports:?}");
    assert!(matches!(reports[5].outcome, Outcome::Failed { code: Some(ReasonCode::NotAuthorized), .. }));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = Address::Remote(client::Endpoint::tcp("127.0.0.1", free.port()));
    let reports = probed(Endpoint { address, ..endpoint("local", &refusing) }, source()).await;
    assert_eq!(outcomes(&reports), "ppfssss", "{reports:?}");

    let picky = Server::start(Manners { suback: Some(ReasonCode::NotAuthorized), ..Manners::default() }).await;
    let reports = probed(endpoint("local", &picky), source()).await;
    assert_eq!(outcomes(&reports), "pppsspf", "{reports:?}");
}

#[tokio::test]
async fn a_server_of_3_1_1_passes() {
    let server = Server::start(Manners { only_3_1_1: true, ..Manners::default() }).await;
    let reports = probed(endpoint("remote", &server), ProbeRole::Destination).await;
    assert_eq!(outcomes(&reports), "pppssps", "{reports:?}");
    let Outcome::Passed { note, .. } = &reports[5].outcome else { panic!("{reports:?}") };
    assert_eq!(note, "version 3.1.1");
}
