//! What a process of a cluster shows, and what it sends elsewhere for.

use std::time::{Duration, Instant};

use config::{BackendAddress, ClusterMember, ClusterPlan, ClusterRole, Encryption};
use identity::internal::JoinToken;
use serde_json::json;

use super::fixture::{Fixture, running, starting};
use crate::admin::catalogue;
use crate::admin::{BrokerSource, ClusterSource, GroupView, Lanes, LiveBroker, Part};
use crate::cluster::{Alone, ClusterView, Keeper};
use crate::self_check::SelfCheckResults;

const PATH: &str = "/api/v1/internal-certificates";
const PATIENCE: Duration = Duration::from_secs(20);

fn plan() -> ClusterPlan {
    let backend = |n: u16| BackendAddress { name: format!("backend-{n}"), host: "::1".to_owned(), port: 7883 };
    ClusterPlan {
        name: "plant".to_owned(),
        us: ClusterMember { role: ClusterRole::Backend, name: "backend-0".to_owned(), ordinal: 0 },
        internal: None,
        backends: (0..2).map(backend).collect(),
        redundancy_factor: 1,
        join_token_file: None,
    }
}

fn backend(fixture: &Fixture, encryption: Encryption, view: ClusterView, keeper: Option<&Keeper>) {
    let (lanes, groups) = (|| vec![backend::LanesView::default()], Box::new(groups));
    let lanes = Lanes::Backend { lanes: Box::new(lanes), groups };
    provide(fixture, Part::Backend, ClusterSource { view, encryption, voice: keeper.map(Keeper::voice), lanes });
}

/// One partition that this process leads, and one of which it knows no group.
fn groups() -> Vec<GroupView> {
    let members = backend::Members { voters: [backend::MemberId::default()].into(), ..backend::Members::default() };
    let group = |number, leads, members| GroupView { partition: partition::PartitionId(number), leads, members };
    vec![group(0, true, Some(members)), group(1, false, None)]
}

fn provide(fixture: &Fixture, part: Part, cluster: ClusterSource) {
    let figures = fixture.figures.clone();
    let broker = BrokerSource {
        part,
        view: Box::new(LiveBroker { clients: None, partitions: None }),
        figures: Box::new(move || figures.lock().unwrap().clone()),
        self_check: SelfCheckResults::default(),
        listeners: Box::new(Vec::new),
        certificates: Box::new(Vec::new),
    };
    fixture.provide_member(Some(broker), Some(cluster));
}

fn post(fixture: &Fixture, path: &str, body: &str) -> super::fixture::Answer {
    let headers = format!("Host: localhost\r\nContent-Length: {}\r\n", body.len());
    fixture.ask_with("POST", path, &headers, body)
}

#[test]
fn a_process_that_is_alone_has_no_internal_certificate() {
    let fixture = running();
    let detail = fixture.problem(PATH, 404)["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("this process has no internal certificate"), "{detail}");
    post(&fixture, &format!("{PATH}/rotate"), "").problem(404);
}

#[test]
fn without_encryption_there_is_nothing_to_rotate_and_a_warning() {
    let fixture = starting(None);
    backend(&fixture, Encryption::Disabled, Alone::plain(plan()).view(), None);
    let expected = json!({ "encryption": "Disabled", "cluster": "plant", "certificate": null, "authority": null });
    assert_eq!(fixture.json(PATH), expected);
    for errand in ["rotate", "rotate-authority", "tokens"] {
        let body = r#"{"role": "frontend", "validSeconds": 60, "uses": "Once"}"#;
        let detail = post(&fixture, &format!("{PATH}/{errand}"), body).problem(409)["detail"].to_string();
        assert!(detail.contains("encryptInternalTraffic is Disabled"), "{detail}");
    }
    let health = fixture.json("/health");
    assert_eq!(health["status"], "Available");
    assert_eq!(health["conditions"][0]["reasonCode"], "InternalTrafficNotEncrypted");
}

#[test]
fn the_holder_of_the_authority_rotates_and_gives_tokens() {
    let (fixture, folder) = (starting(None), tempfile::tempdir().unwrap());
    let alone = Alone::with_authority(plan(), folder.path());
    let keeper = alone.keep();
    backend(&fixture, Encryption::Enabled, alone.view(), Some(&keeper));
    let before = fixture.json(PATH);
    assert_eq!((&before["certificate"]["name"], &before["authority"]["phase"]), (&"backend-0".into(), &"Alone".into()));
    assert_eq!(before["authority"]["members"][0]["standing"], "Member");

    assert_eq!(post(&fixture, &format!("{PATH}/rotate"), "").status, 202);
    let deadline = Instant::now() + PATIENCE;
    while fixture.json(PATH)["certificate"]["renewals"] != 1 {
        assert!(Instant::now() < deadline, "{}", fixture.json(PATH));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(post(&fixture, &format!("{PATH}/rotate-authority"), "").json()["authority"]["phase"], "Announced");
    post(&fixture, &format!("{PATH}/rotate-authority"), "").problem(409);

    let asked = r#"{"role": "frontend", "validSeconds": 60, "uses": "Once"}"#;
    let made = post(&fixture, &format!("{PATH}/tokens"), asked);
    assert_eq!(made.status, 201);
    let token = JoinToken::parse(made.json()["token"].as_str().unwrap()).unwrap();
    assert_eq!((token.role().as_str(), token.cluster().as_str()), ("frontend", "plant"));
    for wrong in ["", "{}", r#"{"role": "king", "validSeconds": 60, "uses": "Once"}"#, &asked.replace("60", "59")] {
        post(&fixture, &format!("{PATH}/tokens"), wrong).problem(400);
    }
    keeper.stop();
    let by = "admin endpoint, without a token";
    let expected = [
        json!({ "event": "internalCertificateRotated", "by": by }),
        json!({ "event": "internalAuthorityRotated", "by": by }),
        json!({ "event": "joinTokenMade", "by": by, "role": "frontend" }),
    ];
    assert_eq!(fixture.audited(), expected);
}

#[test]
fn what_is_elsewhere_is_asked_for_there() {
    let fixture = starting(None);
    backend(&fixture, Encryption::Disabled, Alone::plain(plan()).view(), None);
    for path in ["/api/v1/clients", "/api/v1/clients/a", "/api/v1/listeners", "/api/v1/traces"] {
        let detail = fixture.problem(path, 404)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("ask the admin endpoint of a frontend"), "{path}: {detail}");
    }
    let detail = fixture.problem("/api/v1/sessions", 404)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("ask the admin endpoints of the backends"), "{detail}");
    let metrics = fixture.get("/metrics").body;
    assert!(metrics.contains("\ncauseway_lanes_open{partition=\"0\"} 0\n"), "{metrics}");
    assert!(metrics.contains("\ncauseway_replication_leader{partition=\"1\"} 0\n"), "{metrics}");
    assert!(metrics.contains("\ncauseway_replication_voters{partition=\"0\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\ncauseway_replication_missing{partition=\"0\"} 0\n"), "{metrics}");
    assert!(!metrics.contains("causeway_replication_missing{partition=\"1\"}"), "{metrics}");
    assert!(!metrics.contains("\naio_broker_frontend_replicas{"), "{metrics}");
}

#[test]
fn a_member_tells_every_metric_of_its_own() {
    let (one, other) = (starting(None), starting(None));
    let folder = tempfile::tempdir().unwrap();
    backend(&one, Encryption::Enabled, Alone::with_authority(plan(), folder.path()).view(), None);
    let reach = || frontend::Reach { partitions: vec![reached(Some(1)), reached(None)], incarnations: 2 };
    let (view, lanes) = (Alone::plain(plan()).view(), Lanes::Frontend(Box::new(reach)));
    provide(&other, Part::Frontend, ClusterSource { view, encryption: Encryption::Enabled, voice: None, lanes });
    let pages = [one.get("/metrics").body, other.get("/metrics").body];
    for metric in catalogue::cluster::CLUSTER {
        assert!(pages.iter().any(|page| page.contains(&format!("# HELP {} ", metric.name))), "{}", metric.name);
    }
    assert!(pages[1].contains("\ncauseway_lane_unconfirmed_bytes{partition=\"3\"} 5\n"), "{}", pages[1]);
    assert!(pages[1].contains("\ncauseway_frontend_incarnations_total 2\n"), "{}", pages[1]);
    assert!(pages[0].contains("\ncauseway_internal_certificates_issued_total{result=\"issued\"} 1\n"), "{}", pages[0]);
}

fn reached(leader: Option<u16>) -> frontend::PartitionReach {
    let partition = partition::PartitionId(if leader.is_some() { 3 } else { 4 });
    frontend::PartitionReach {
        partition,
        leader,
        open_lanes: 1,
        unconfirmed_bytes: 5,
        openings: 6,
        batches_repeated: 7,
    }
}
