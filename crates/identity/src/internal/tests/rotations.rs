//! The authority is replaced while links go on.

use super::super::*;
use super::cluster::{Cluster, Failed, SECOND, dial};

/// Turns the clock by two seconds at a time, as the loops of an authority and its processes would, until `done`.
fn run(cluster: &Cluster, processes: &[&Credentials], mut done: impl FnMut() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        cluster.hand.advance(2 * SECOND);
        cluster.authority.tend(cluster.now());
        for process in processes {
            process.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap();
            cluster.tend(process);
        }
        for dialling in processes.iter().filter(|process| process.member().role == Role::Frontend) {
            for accepting in processes.iter().filter(|process| process.member().role == Role::Backend) {
                dial(dialling, accepting).unwrap().works();
            }
        }
    }
    panic!("it never came to that");
}

#[test]
fn a_rotation_goes_through_its_phases_and_no_handshake_fails() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let mut standing = dial(&frontend, &backend).unwrap();
    let before = cluster.authority.status();
    cluster.authority.rotate(cluster.now()).unwrap();
    assert!(matches!(cluster.authority.rotate(cluster.now()), Err(InternalError::RotationUnderWay)));
    assert!(matches!(cluster.authority.status().phase, AuthorityPhase::Announced { .. }));
    assert_eq!(cluster.authority.roots().certificates().len(), 2);
    let processes = [&frontend, &backend];
    let phase = || cluster.authority.status().phase;
    run(&cluster, &processes, || matches!(phase(), AuthorityPhase::Overlap { .. }));
    standing.works();
    assert_eq!(cluster.authority.roots().certificates().len(), 2);
    assert_ne!(cluster.authority.status().fingerprint, before.fingerprint);
    run(&cluster, &processes, || matches!(phase(), AuthorityPhase::Alone { .. }));
    assert_eq!(cluster.authority.roots().generation(), 3);
    run(&cluster, &processes, || frontend.roots().generation() == 3 && backend.roots().generation() == 3);
    assert_eq!(frontend.status(cluster.now()).roots.len(), 1);
    assert_eq!(frontend.status(cluster.now()).failures, 0);
    standing.works();
}

#[test]
fn an_authority_is_rotated_before_its_end() {
    let cluster = Cluster::new("plant");
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let first = cluster.authority.status();
    run(&cluster, &[&frontend, &backend], || cluster.now() > first.not_after + 20 * SECOND);
    assert!(cluster.authority.roots().generation() >= 3);
    assert_eq!(cluster.authority.status().failures, 0);
}

#[test]
fn processes_that_hear_of_it_by_their_own_renewal_alone_go_on_too() {
    let cluster = Cluster::new("plant");
    let frontend = cluster.process(Role::Frontend, "f-0");
    // Half a renewal apart, so that each hears of it long before the other.
    cluster.hand.advance(6 * SECOND);
    let backend = cluster.process(Role::Backend, "b-0");
    cluster.authority.rotate(cluster.now()).unwrap();
    for _ in 0..80 {
        cluster.hand.advance(SECOND);
        cluster.authority.tend(cluster.now());
        for process in [&frontend, &backend] {
            cluster.tend(process);
        }
        dial(&frontend, &backend).unwrap().works();
    }
    assert_eq!((frontend.roots().generation(), backend.roots().generation()), (3, 3));
}

#[test]
fn a_dropped_authority_is_no_longer_trusted() {
    let cluster = Cluster::new("plant");
    let (late, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let ended = late.not_after();
    cluster.authority.rotate(cluster.now()).unwrap();
    run(&cluster, &[&backend], || backend.roots().generation() == 3);
    let refused = dial(&late, &backend).unwrap_err();
    // The one who was away does not know the new authority either; it is the first to judge.
    assert!(matches!(refused, Failed::AtClient(Refusal::ForeignAuthority { .. })), "{refused:?}");
    assert!(ended < cluster.now());
    let error = late.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap_err().to_string();
    assert!(error.contains("nobody who is trusted here has signed it"), "{error}");
}

#[test]
fn a_list_of_somebody_else_is_not_taken_over() {
    let (cluster, stranger, other) = (Cluster::new("plant"), Cluster::new("plant"), Cluster::new("yard"));
    let process = cluster.process(Role::Frontend, "f-0");
    stranger.authority.rotate(cluster.now()).unwrap();
    other.authority.rotate(cluster.now()).unwrap();
    let refused = |roots: &TrustedRoots| process.adopt_roots(roots, cluster.now()).unwrap_err().to_string();
    assert!(refused(&stranger.authority.roots()).contains("nobody who is trusted here has signed it"));
    assert!(refused(&other.authority.roots()).contains("it is that of cluster yard"));
    // An older list is no news, whoever signed it.
    cluster.authority.rotate(cluster.now()).unwrap();
    let old = process.roots();
    process.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap();
    process.adopt_roots(&old, cluster.now()).unwrap();
    assert_eq!(process.roots().generation(), 2);
    let altered = {
        let mut bytes = cluster.authority.roots().to_bytes();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        TrustedRoots::from_bytes(&bytes).unwrap()
    };
    assert_eq!(altered.generation(), 2);
    assert_eq!(TrustedRoots::from_bytes(&process.roots().to_bytes()).unwrap(), process.roots());
}

#[test]
fn a_rotation_goes_on_after_a_restart_and_one_process_holds_the_authority() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    cluster.authority.rotate(cluster.now()).unwrap();
    let before = (cluster.authority.status(), cluster.authority.roots());
    let Cluster { folder, hand, name, authority } = cluster;
    let error = Cluster::open(folder.path(), &name, hand.now()).unwrap_err().to_string();
    assert!(error.contains("is in use by another process"), "{error}");
    drop(authority);
    let other = ClusterName::new("yard").unwrap();
    let error = Cluster::open(folder.path(), &other, hand.now()).unwrap_err().to_string();
    assert!(error.contains("holds the authority of cluster plant, this is cluster yard"), "{error}");
    let authority = Cluster::open(folder.path(), &name, hand.now()).unwrap();
    let after = (authority.status(), authority.roots());
    assert_eq!(after.1, before.1);
    let AuthorityPhase::Announced { issues } = after.0.phase else { panic!("{after:?}") };
    assert!(issues <= hand.now() + 20 * SECOND);
    let cluster = Cluster { folder, hand, name, authority };
    cluster.hand.advance(22 * SECOND);
    cluster.authority.tend(cluster.now());
    assert!(matches!(cluster.authority.status().phase, AuthorityPhase::Overlap { .. }));
    let error = process.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap_err().to_string();
    assert!(error.contains("the peer's certificate ended"), "a process that was away too long: {error}");
}
