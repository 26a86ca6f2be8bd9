//! Internal certificates end and are renewed under full traffic; clients notice nothing.

use std::time::{Duration, SystemTime};

use causeway_tests::deadline::{patience, within};
use causeway_tests::node_process::NodeProcess;
use causeway_tests::{AckKind, Client, Cluster, Connect, Layout, Publish, Version, errand, http, internal_port};
use serde_json::Value;

use crate::scene::Scene;

/// Messages of each producer while certificates are renewed many times.
const MESSAGES: usize = 8000;

/// Kind of key, how long a certificate lasts, how long before its end it is renewed.
type Terms = (&'static str, &'static str, &'static str);

fn layout(shape: (usize, usize), (algorithm, duration, renew_before): Terms, policy: &str) -> Layout {
    let key = format!("privateKey: {{algorithm: {algorithm}, rotationPolicy: {policy}}}");
    let terms = format!("internalCerts: {{duration: {duration}, renewBefore: {renew_before}, {key}}}");
    let short = ["--shortest-internal-duration", "1s"];
    let layout = Layout::of(shape.0, shape.1, 2).broker(&format!("advanced:\n  {terms}\n"));
    layout.backend_flags(&short).frontend_flags(&short)
}

fn processes(cluster: &Cluster) -> impl Iterator<Item = &NodeProcess> {
    cluster.backends.iter().chain(&cluster.frontends)
}

fn renewals(process: &NodeProcess) -> f64 {
    process.metric("causeway_internal_certificate_renewals_total").expect("a count of renewals")
}

fn failures(process: &NodeProcess) -> f64 {
    process.metric("causeway_internal_certificate_renewal_failures_total").expect("a count of failures")
}

/// Waits until each process has renewed its certificate so many times.
fn until_renewed(cluster: &Cluster, times: f64) {
    let wanted: Vec<f64> = processes(cluster).map(|process| renewals(process) + times).collect();
    for (process, wanted) in processes(cluster).zip(wanted) {
        let what = format!("{} renews its certificate {times} times", process.name());
        within(patience() * 6, &what, || (renewals(process) >= wanted).then_some(()));
    }
}

/// Links went on over new connections, and none began anew.
fn went_on(process: &NodeProcess) {
    let sum = |name| http::metric(process.admin(), name, "");
    // A connection is made beside the one that serves, which on a busy machine takes longer than the renewal.
    let what = format!("{} makes its links again", process.name());
    within(patience(), &what, || (sum("causeway_link_reconnects_total") > Some(0.0)).then_some(()));
    assert_eq!(sum("causeway_link_sessions_lost_total"), Some(0.0), "{} began a link anew", process.name());
}

fn rotate_under_load(terms: Terms, times: f64) {
    let mut cluster = Cluster::start(&layout((1, 2), terms, "Always"));
    let mut scene = Scene::lasting(&cluster, MESSAGES);
    let lost = scene.round(&mut cluster, |cluster| until_renewed(cluster, times));
    assert_eq!(lost, 0, "connections of clients ended");
    for process in processes(&cluster) {
        went_on(process);
    }
    for backend in &cluster.backends {
        assert_eq!(internal_port::shown(backend.listener("internal")).algorithm, terms.0);
    }
    scene.judge(&mut cluster);
}

#[test]
fn ec256_certificates_are_renewed_under_load() {
    rotate_under_load(("Ec256", "6s", "3s"), 4.0);
}

#[test]
fn ec384_certificates_are_renewed_under_load() {
    rotate_under_load(("Ec384", "6s", "3s"), 4.0);
}

#[test]
fn ec521_certificates_are_renewed_under_load() {
    rotate_under_load(("Ec521", "6s", "3s"), 4.0);
}

#[test]
fn ed25519_certificates_are_renewed_under_load() {
    rotate_under_load(("Ed25519", "6s", "3s"), 4.0);
}

#[test]
fn rsa2048_certificates_are_renewed_under_load() {
    rotate_under_load(("Rsa2048", "16s", "8s"), 2.0);
}

fn certs(words: &[&str], process: &NodeProcess) -> errand::Outcome {
    let admin = format!("http://{}", process.admin());
    let words: Vec<&str> = ["certs"].iter().chain(words).copied().chain(["--admin", &admin]).collect();
    errand::run(&words)
}

fn status(process: &NodeProcess) -> Value {
    let outcome = certs(&["status", "--json"], process);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

fn renew_on_demand(algorithm: &'static str, rounds: u32) {
    let mut cluster = Cluster::start(&layout((2, 2), (algorithm, "1h", "20m"), "Always"));
    let mut scene = Scene::lasting(&cluster, MESSAGES);
    let lost = scene.round(&mut cluster, |cluster| {
        for round in 1..=rounds {
            for process in processes(cluster) {
                let outcome = certs(&["rotate"], process);
                assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            }
            for process in processes(cluster) {
                let what = format!("{} renews its certificate", process.name());
                within(patience() * 6, &what, || (renewals(process) >= f64::from(round)).then_some(()));
            }
        }
    });
    assert_eq!(lost, 0, "connections of clients ended");
    processes(&cluster).for_each(went_on);
    assert_eq!(internal_port::shown(cluster.backends[1].listener("internal")).algorithm, algorithm);
    scene.judge(&mut cluster);
}

#[test]
fn certificates_are_renewed_on_demand_under_load() {
    renew_on_demand("Ec256", 3);
}

/// Certificates that follow each other within a second end at the same time, to the second.
#[test]
fn each_of_many_renewals_within_a_second_has_links_made_again() {
    let cluster = Cluster::start(&layout((1, 1), ("Ec256", "1h", "20m"), "Always"));
    let frontend = &cluster.frontends[0];
    let connections = || frontend.metric("causeway_link_reconnects_total").unwrap_or_default();
    for _ in 0..6 {
        let before = connections();
        let outcome = certs(&["rotate"], frontend);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        within(patience(), "the link goes on with the new certificate", || (connections() > before).then_some(()));
    }
    went_on(frontend);
}

/// Such a key takes a second to make, in a debug build on a busy machine half a minute: too long for certificates that
/// last for seconds.
#[test]
fn rsa4096_certificates_are_renewed_on_demand_under_load() {
    renew_on_demand("Rsa4096", 2);
}

/// From the first certificate on: each process makes its key before it joins, the three of them side by side.
#[test]
#[ignore = "keys of 8192 bits take minutes to make"]
fn rsa8192_certificates_are_made_and_messages_cross() {
    const KEYS: Duration = Duration::from_secs(1800);
    let mut cluster = Cluster::prepare(&layout((1, 2), ("Rsa8192", "2h", "1h"), "Never"));
    cluster.backends.iter_mut().chain(&mut cluster.frontends).for_each(NodeProcess::launch);
    for process in cluster.backends.iter_mut().chain(&mut cluster.frontends) {
        process.wait_until_ready_within(KEYS);
    }
    for backend in &cluster.backends {
        assert_eq!(internal_port::shown(backend.listener("internal")).algorithm, "Rsa8192");
    }
    let mut receiver = cluster.client(0, Version::V5);
    receiver.subscribe("a/+", 1);
    let mut sender = cluster.client(0, Version::V5);
    for n in 0..20 {
        sender.publish(Publish::new(&format!("a/{n}"), n.to_string()).qos(1));
    }
    assert_eq!(receiver.take_texts(20).len(), 20);
    // Another certificate for the same key, and links that are made anew by it.
    for process in processes(&cluster) {
        assert_eq!(certs(&["rotate"], process).code, 0);
        within(patience() * 6, "another certificate", || (renewals(process) >= 1.0).then_some(()));
    }
    sender.publish(Publish::new("a/x", "after").qos(1));
    assert_eq!(receiver.take().text(), "after");
}

#[test]
fn who_is_removed_is_let_in_nowhere_until_it_has_a_token() {
    let mut cluster = Cluster::start(&Layout::of(2, 2, 2));
    let mut stays = cluster.client(0, Version::V5);
    stays.subscribe("a", 1);
    let remove = |role: &'static str, name: &'static str| {
        certs(&["remove", "--role", role, "--name", name], &cluster.backends[0])
    };
    let outcome = remove("frontend", "frontend-1");
    assert!(outcome.code == 0 && outcome.stdout.contains("frontend frontend-1"), "{outcome:?}");
    assert!(outcome.stdout.contains(", removed"), "{outcome:?}");
    for backend in &cluster.backends {
        backend.says(&["frontend-1", "which was removed from the cluster"]);
        let links = || backend.metric("causeway_link_up{role=\"frontend\",peer=\"frontend-1\"").unwrap_or_default();
        within(patience(), "it has no link", || (links() == 0.0).then_some(()));
    }
    // Nor does it get in by what it has on its disk.
    let unready = |cluster: &Cluster| http::get(cluster.frontends[1].admin(), "/health/ready").map(|(code, _)| code);
    within(patience(), "it is not ready", || (unready(&cluster) == Some(503)).then_some(()));
    let refused = certs(&["remove", "--role", "backend", "--name", "backend-0"], &cluster.backends[0]);
    assert!(refused.code == 1 && refused.stderr.contains("holds the authority"), "{refused:?}");
    let refused = certs(&["remove", "--role", "frontend", "--name", "frontend-7"], &cluster.backends[0]);
    assert!(refused.code == 1 && refused.stderr.contains("knows no frontend frontend-7"), "{refused:?}");
    // With a token and a key of its own it comes in again, under the same name.
    cluster.frontends[1].kill();
    std::fs::remove_dir_all(cluster.frontends[1].data_dir().join("internal")).expect("what it knew to remove");
    cluster.frontends[1].start();
    let mut back = cluster.client(1, Version::V5);
    back.publish(Publish::new("a", "back").qos(1));
    assert_eq!(stays.take().text(), "back");
}

#[test]
fn the_authority_is_replaced_under_load() {
    let mut cluster = Cluster::start(&layout((1, 2), ("Ec256", "6s", "4s"), "Always"));
    let before = status(&cluster.backends[0])["authority"]["fingerprint"].clone();
    let mut scene = Scene::lasting(&cluster, MESSAGES);
    let lost = scene.round(&mut cluster, |cluster| {
        let outcome = certs(&["rotate", "--ca"], &cluster.backends[0]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let again = certs(&["rotate", "--ca"], &cluster.backends[0]);
        assert!(again.code != 0 && again.stderr.contains("is being rotated already"), "{again:?}");
        within(patience() * 4, "nobody trusts the old authority any more", || {
            let authority = &status(&cluster.backends[0])["authority"];
            let new = &authority["fingerprint"];
            let is_alone = authority["phase"] == "Alone" && *new != before;
            let trusts = |process| {
                let told = status(process);
                let trusted = told["certificate"]["trust"]["authorities"].as_array().expect("authorities").clone();
                trusted.len() == 1 && trusted[0]["fingerprint"] == *new
            };
            (is_alone && processes(cluster).all(trusts)).then_some(())
        });
    });
    assert_eq!(lost, 0, "connections of clients ended");
    processes(&cluster).for_each(went_on);
    scene.judge(&mut cluster);
    // Who comes anew is let in by the new one.
    cluster.frontends[0].restart();
    cluster.client(0, Version::V5);
}

#[test]
fn a_process_that_is_not_the_first_backend_says_who_holds_the_authority() {
    let cluster = Cluster::start(&Layout::of(1, 2, 2));
    for process in [&cluster.backends[1], &cluster.frontends[0]] {
        let outcome = certs(&["rotate", "--ca"], process);
        assert!(outcome.code != 0 && outcome.stderr.contains("backend-0"), "{outcome:?}");
        let outcome = certs(&["token", "--role", "frontend"], process);
        assert!(outcome.code != 0 && outcome.stderr.contains("backend-0"), "{outcome:?}");
    }
}

/// The conditions that `/health` tells.
fn reasons(process: &NodeProcess) -> Vec<String> {
    let (_, body) = http::get(process.admin(), "/health").expect("an answer");
    let told: Value = serde_json::from_str(&body).expect("JSON");
    let conditions = told["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|condition| condition["reasonCode"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn renewals_fail_while_the_authority_is_away_and_are_caught_up() {
    let mut cluster = Cluster::start(&layout((1, 2), ("Ec256", "40s", "38s"), "Always"));
    let mut receiver = cluster.connect(0, &Connect::persistent(Version::V5, "receiver"));
    let mut sender = cluster.client(0, Version::V5);
    receiver.subscribe("a", 1);
    cluster.backends[0].kill();
    let others = |cluster: &Cluster| [failures(&cluster.backends[1]), failures(&cluster.frontends[0])];
    within(patience() * 3, "renewals fail", || others(&cluster).iter().all(|count| *count > 0.0).then_some(()));
    for process in [&cluster.backends[1], &cluster.frontends[0]] {
        let left = http::metric(process.admin(), "causeway_internal_certificate_expiry_seconds", "process");
        assert!(left.is_some_and(|left| left <= 40.0), "{left:?}");
        let reasons = reasons(process);
        assert!(reasons.iter().any(|reason| reason == "InternalCertificateRenewalFailed"), "{reasons:?}");
        let told = status(process);
        assert!(told["certificate"]["lastFailure"].is_string(), "{told}");
        assert!(process.log().contains("renew"), "{} does not say it", process.name());
    }
    let id = sender.send_publish(Publish::new("a", "meanwhile").qos(1));
    cluster.backends[0].start();
    sender.await_ack(AckKind::PubAck, id);
    assert_eq!(receiver.take().text(), "meanwhile");
    let before: Vec<f64> = [&cluster.backends[1], &cluster.frontends[0]].map(renewals).to_vec();
    for (process, before) in [&cluster.backends[1], &cluster.frontends[0]].into_iter().zip(before) {
        within(patience() * 2, "a renewal is caught up", || {
            let is_well = status(process)["certificate"]["lastFailure"].is_null();
            (renewals(process) > before && is_well).then_some(())
        });
        let reasons = reasons(process);
        assert!(!reasons.iter().any(|reason| reason == "InternalCertificateRenewalFailed"), "{reasons:?}");
    }
}

#[test]
fn who_was_away_for_longer_than_the_certificate_comes_back_without_a_token() {
    let mut cluster = Cluster::start(&layout((1, 2), ("Ec256", "4s", "2s"), "Always"));
    let mut client = cluster.connect(0, &Connect::persistent(Version::V5, "patient"));
    client.subscribe("a", 1);
    let mut other = cluster.client(0, Version::V5);
    other.publish(Publish::new("a", "before").qos(1));
    client.vanish();
    cluster.frontends[0].kill();
    let ended = internal_port::shown(cluster.backends[1].listener("internal")).not_after + Duration::from_secs(4);
    cluster.backends[1].kill();
    within(patience(), "the certificates have ended", || (SystemTime::now() > ended).then_some(()));
    for process in cluster.backends.iter_mut().skip(1).chain(&mut cluster.frontends) {
        process.set("--join-token-file", None);
    }
    cluster.backends[1].start();
    cluster.frontends[0].start();
    let mut client: Client = cluster.connect(0, &Connect::persistent(Version::V5, "patient"));
    assert!(client.connack.session_present);
    assert_eq!(client.take().text(), "before");
}

#[test]
fn a_key_that_is_never_rotated_stays_and_others_do_not() {
    for (policy, stays) in [("Never", true), ("Always", false)] {
        let cluster = Cluster::start(&layout((0, 2), ("Ec256", "1h", "20m"), policy));
        for backend in &cluster.backends {
            let shown = || internal_port::shown(backend.listener("internal"));
            let before = shown();
            assert_eq!(before.names, [format!("causeway://tests/backend/{}", backend.name())]);
            assert_eq!(certs(&["rotate"], backend).code, 0);
            within(patience(), "another certificate", || (shown().serial != before.serial).then_some(()));
            assert_eq!(shown().key == before.key, stays, "{policy}");
        }
    }
}
