//! The certificate of a process: renewed in time, kept over restarts, never replaced by one that peers would refuse.

use std::os::unix::fs::PermissionsExt;
use std::{fs, io};

use super::super::*;
use super::cluster::{Cluster, SECOND, dial, short_lived};
use crate::{KeyAlgorithm, KeyRotation};

#[test]
fn links_work_through_many_lifetimes() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let mut first = dial(&frontend, &backend).unwrap();
    for _ in 0..120 {
        cluster.hand.advance(SECOND);
        for process in [&frontend, &backend] {
            let idle = cluster.tend(process);
            assert!(!idle.is_zero(), "a loop that never rests");
        }
        dial(&frontend, &backend).unwrap().works();
    }
    let status = frontend.status(cluster.now());
    assert!((9..=11).contains(&status.renewals), "{status:?}");
    assert_eq!(status.failures, 0);
    first.works();
}

#[test]
fn a_renewal_is_due_before_the_end_and_not_earlier() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    cluster.hand.advance(11 * SECOND);
    assert!(!process.is_due(cluster.now()));
    cluster.hand.advance(2 * SECOND);
    assert!(process.is_due(cluster.now()));
}

#[test]
fn it_may_be_due_soon_after_it_was_made() {
    let cluster = Cluster::new("plant");
    let settings = InternalSettings { duration: 20 * SECOND, renew_before: 18 * SECOND, ..short_lived() };
    let process = cluster.process_with(Role::Frontend, "f-0", settings);
    cluster.hand.advance(SECOND);
    assert!(!process.is_due(cluster.now()));
    cluster.hand.advance(2 * SECOND);
    assert!(process.is_due(cluster.now()));
}

#[test]
fn one_that_is_shorter_than_wanted_is_not_renewed_all_the_time() {
    let cluster = Cluster::new("plant");
    // The authority of this cluster makes them last for 20 seconds.
    let settings = InternalSettings { duration: 60 * SECOND, renew_before: 40 * SECOND, ..short_lived() };
    let process = cluster.process_with(Role::Frontend, "f-0", settings);
    cluster.hand.advance(9 * SECOND);
    assert!(!process.is_due(cluster.now()));
    cluster.hand.advance(2 * SECOND);
    assert!(process.is_due(cluster.now()));
}

#[test]
fn a_failed_renewal_is_counted_and_tried_again_later() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let shown = dial(&frontend, &backend).unwrap().client_seen().not_after;
    cluster.hand.advance(13 * SECOND);
    let idle = frontend.tend(cluster.now(), |_| Err::<Issued, _>(io::Error::other("no way to the authority")));
    assert_eq!(idle.as_secs(), 1);
    let status = frontend.status(cluster.now());
    assert_eq!((status.renewals, status.failures), (0, 1));
    let reason = "the exchange with the authority failed: no way to the authority";
    assert_eq!(status.last_failure.as_deref(), Some(reason));
    assert_eq!(dial(&frontend, &backend).unwrap().client_seen().not_after, shown);
    cluster.hand.advance(SECOND);
    cluster.tend(&frontend);
    let status = frontend.status(cluster.now());
    assert_eq!((status.renewals, status.failures, status.last_failure), (1, 1, None));
}

#[test]
fn tries_come_later_and_later_and_never_too_late() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    cluster.hand.advance(13 * SECOND);
    let mut waits = Vec::new();
    while cluster.now() < process.not_after() {
        let idle = process.tend(cluster.now(), |_| Err::<Issued, _>("nobody answers"));
        waits.push(idle.as_millis());
        cluster.hand.advance(idle);
    }
    assert_eq!(waits[0], 1000);
    assert!(waits[1] > waits[0], "{waits:?}");
    assert!(waits.len() >= 6, "{waits:?}");
    let status = process.status(cluster.now());
    assert_eq!(status.failures, waits.len() as u64);
    assert_eq!(status.seconds_left(cluster.now()), 0);
    assert!(status.last_failure.is_some());
}

#[test]
fn a_demand_during_a_renewal_is_not_lost() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    process.rotate();
    process.tend(cluster.now(), |pending| {
        process.set_settings(InternalSettings { algorithm: KeyAlgorithm::Ed25519, ..short_lived() });
        cluster.authority.issue(pending.request(), process.member(), cluster.now())
    });
    assert!(process.is_due(cluster.now()));
    cluster.tend(&process);
    assert!(!process.is_due(cluster.now()));
    assert!(process.begin_renewal().unwrap().key.kind().unwrap().is(KeyAlgorithm::Ed25519));
}

#[test]
fn a_link_is_due_when_both_sides_should_have_renewed() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let peer = dial(&frontend, &backend).unwrap().server_seen();
    let ours = frontend.not_after();
    let due = frontend.link_due(ours, &peer);
    assert_eq!(due, ours.min(peer.not_after) - 4 * SECOND);
    *cluster.hand.set() = due;
    cluster.tend(&frontend);
    // The old link is due whatever was renewed since; one made anew is not before the peer has renewed as well.
    assert_eq!(frontend.link_due(ours, &peer), due);
    assert_eq!(frontend.link_due(frontend.not_after(), &dial(&frontend, &backend).unwrap().server_seen()), due);
    cluster.tend(&backend);
    let renewed = dial(&frontend, &backend).unwrap().server_seen();
    assert!(frontend.link_due(frontend.not_after(), &renewed) > due + 10 * SECOND);
}

#[test]
fn nobody_waits_for_a_key_that_is_being_made() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    frontend.rotate();
    frontend.tend(cluster.now(), |pending| {
        // In the midst of a renewal: all that links and metrics ask is answered.
        dial(&frontend, &backend).unwrap().works();
        frontend.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap();
        assert_eq!(frontend.status(cluster.now()).renewals, 0);
        cluster.authority.issue(pending.request(), frontend.member(), cluster.now())
    });
    assert_eq!(frontend.status(cluster.now()).renewals, 1);
}

#[test]
fn what_peers_would_refuse_is_not_shown() {
    let (cluster, stranger) = (Cluster::new("plant"), Cluster::new("plant"));
    let process = cluster.process(Role::Frontend, "f-0");
    let before = process.not_after();
    let now = cluster.now();
    let refused = |issue: &dyn Fn(&PendingCertificate) -> Issued| {
        let pending = process.begin_renewal().unwrap();
        let issued = issue(&pending);
        process.finish_renewal(pending, issued, now).unwrap_err().to_string()
    };
    let foreign = refused(&|p| stranger.authority.issue(p.request(), process.member(), now).unwrap());
    assert!(foreign.contains("nobody who is trusted here has signed it"), "{foreign}");
    let other = cluster.member(Role::Backend, "b-0");
    let other = refused(&|p| cluster.authority.issue(p.request(), &other, now).unwrap());
    assert_eq!(other, "a new certificate is not used: it is made out to backend b-0 of cluster plant");
    let swapped = process.begin_renewal().unwrap();
    let swapped = refused(&|_| cluster.authority.issue(swapped.request(), process.member(), now).unwrap());
    assert_eq!(swapped, "a new certificate is not used: it belongs to another key");
    let early = now - 60 * SECOND;
    let ended = refused(&|p| cluster.authority.issue(p.request(), process.member(), early).unwrap());
    assert!(ended.contains("peers would refuse it: the peer's certificate ended"), "{ended}");
    assert_eq!(process.not_after(), before);
}

#[test]
fn the_key_stays_or_goes_as_the_policy_says() {
    let cluster = Cluster::new("plant");
    let key_of = |process: &Credentials| process.begin_renewal().unwrap().key.to_der().to_vec();
    let never = InternalSettings { rotation: KeyRotation::Never, ..short_lived() };
    let process = cluster.process_with(Role::Frontend, "f-0", never.clone());
    assert_eq!(key_of(&process), key_of(&process));
    assert!(!process.is_due(cluster.now()));
    process.set_settings(InternalSettings { algorithm: KeyAlgorithm::Ed25519, ..never });
    assert!(process.is_due(cluster.now()));
    cluster.tend(&process);
    assert!(process.begin_renewal().unwrap().key.kind().unwrap().is(KeyAlgorithm::Ed25519));
    let always = cluster.process(Role::Frontend, "f-1");
    assert_ne!(key_of(&always), key_of(&always));
}

#[test]
fn the_file_is_its_owners_and_is_taken_at_the_next_start() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    let file = cluster.file("f-0");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let open = |member| Credentials::open(&file, member, short_lived(), cluster.hand.clock());
    let again = open(process.member().clone()).unwrap().unwrap();
    assert_eq!(again.status(cluster.now()), process.status(cluster.now()));
    assert!(open(cluster.member(Role::Backend, "f-0")).unwrap().is_none(), "a certificate for another role");
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&file, bytes).unwrap();
    let error = open(process.member().clone()).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("join the cluster anew"), "{error}");
}

#[test]
fn a_request_that_its_key_has_not_signed_is_refused() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    let mut request = process.begin_renewal().unwrap().request().der().to_vec();
    *request.last_mut().unwrap() ^= 1;
    let refuse = |request: Vec<u8>| {
        let request = SigningRequest::from_der(request);
        cluster.authority.issue(&request, process.member(), cluster.now()).unwrap_err().to_string()
    };
    assert!(refuse(request).contains("a request for a certificate is refused"));
    assert!(refuse(b"no request".to_vec()).contains("it is not a PKCS#10 request"));
    assert_eq!(cluster.authority.status().refused, 2);
}
