//! A process was away until its certificate had ended, and comes back with the key it has kept.

use std::fs;

use super::super::*;
use super::cluster::{Cluster, Failed, SECOND, ask, connect, dial, join, roles, short_lived};
use crate::{KeyAlgorithm, KeyRotation};

const DAY: u32 = 24 * 3600;

/// With an authority that lasts for years.
fn cluster() -> Cluster {
    Cluster::lasting("plant", 3650 * DAY * SECOND)
}

fn returning(cluster: &Cluster, role: Role, name: &str, settings: InternalSettings) -> Option<Joining> {
    Joining::again(&cluster.file(name), cluster.member(role, name), settings, cluster.hand.clock()).unwrap()
}

fn come_back(cluster: &Cluster, name: &str) -> Result<Credentials, JoinRefusal> {
    let holder = cluster.process(Role::Backend, "holder");
    join(cluster, &holder, returning(cluster, Role::Frontend, name, short_lived()).unwrap(), name)
}

#[test]
fn a_process_with_any_kind_of_key_comes_back() {
    let kinds = [KeyAlgorithm::Ec256, KeyAlgorithm::Ec384, KeyAlgorithm::Ec521, KeyAlgorithm::Ed25519];
    for (algorithm, rotation) in kinds
        .into_iter()
        .chain([KeyAlgorithm::Rsa2048])
        .zip([KeyRotation::Always, KeyRotation::Never].into_iter().cycle())
    {
        let cluster = cluster();
        let settings = InternalSettings { algorithm, rotation, ..short_lived() };
        drop(cluster.process_with(Role::Frontend, "f-0", settings.clone()));
        cluster.hand.advance(DAY * SECOND);
        let member = cluster.member(Role::Frontend, "f-0");
        let open = Credentials::open(&cluster.file("f-0"), member, settings.clone(), cluster.hand.clock());
        assert!(open.unwrap().is_none());
        let holder = cluster.process(Role::Backend, "b-0");
        let joining = returning(&cluster, Role::Frontend, "f-0", settings).unwrap();
        let back = join(&cluster, &holder, joining, "f-0").unwrap_or_else(|e| panic!("{algorithm:?}: {e}"));
        dial(&back, &holder).unwrap().works();
    }
}

#[test]
fn an_answer_that_got_lost_does_not_shut_it_out() {
    let cluster = Cluster::new("plant");
    let process = cluster.process(Role::Frontend, "f-0");
    // Renewed over its link, again and again, and never heard of it.
    let peer = {
        let backend = cluster.process(Role::Backend, "b-0");
        dial(&process, &backend).unwrap().client_seen()
    };
    for _ in 0..3 {
        let pending = process.begin_renewal().unwrap();
        cluster.authority.renew(pending.request(), &peer, cluster.now()).unwrap();
    }
    cluster.hand.advance(30 * SECOND);
    let lost = returning(&cluster, Role::Frontend, "f-0", short_lived()).unwrap();
    cluster.authority.admit(&lost.request(&[1; 32]).unwrap(), &[1; 32], cluster.now()).unwrap();
    come_back(&cluster, "f-0").unwrap();
}

#[test]
fn it_may_not_be_away_for_ever() {
    let cluster = cluster();
    let end = cluster.process(Role::Frontend, "f-0").not_after();
    let request = || returning(&cluster, Role::Frontend, "f-0", short_lived()).unwrap().request(&[1; 32]).unwrap();
    *cluster.hand.set() = end + RETURN_WITHIN;
    let refused = cluster.authority.admit(&request(), &[1; 32], cluster.now()).unwrap_err();
    assert_eq!(refused, JoinRefusal::Stale);
    assert!(refused.to_string().contains("make a token with causeway certs token"), "{refused}");
    *cluster.hand.set() -= SECOND;
    come_back(&cluster, "f-0").unwrap();
}

#[test]
fn a_process_that_runs_comes_back_after_the_authority_was_away() {
    let cluster = cluster();
    let (frontend, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    frontend.tend(cluster.now() + 13 * SECOND, |_| Err::<Issued, _>("nobody answers"));
    cluster.hand.advance(DAY * SECOND);
    let holder = cluster.process(Role::Backend, "b-0");
    assert_eq!(
        dial(&frontend, &holder).unwrap_err(),
        Failed::AtServer(Refusal::Expired { ended: frontend.not_after() })
    );
    frontend.tend(cluster.now(), |pending| {
        let client = frontend.return_client().unwrap();
        ask(&cluster, &holder, client, |binding| frontend.return_request(pending, binding).unwrap())
    });
    assert_eq!(frontend.status(cluster.now()).last_failure, None);
    // The same credentials, the same configurations: links are made again.
    dial(&frontend, &holder).unwrap().works();
    drop(backend);
}

#[test]
fn a_proof_is_worth_nothing_on_another_connection_under_another_name_or_with_another_key() {
    let cluster = Cluster::new("plant");
    drop((cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Frontend, "f-1")));
    cluster.hand.advance(30 * SECOND);
    let request = |name| returning(&cluster, Role::Frontend, name, short_lived()).unwrap().request(&[1; 32]).unwrap();
    let good = request("f-0");
    let refused = |request: &JoinRequest, binding: u8| {
        cluster.authority.admit(request, &[binding; 32], cluster.now()).unwrap_err()
    };
    assert_eq!(refused(&good, 2), JoinRefusal::Stale);
    let renamed = JoinRequest { name: MemberName::new("f-1").unwrap(), ..good.clone() };
    assert_eq!(refused(&renamed, 1), JoinRefusal::Stale);
    let swapped = JoinRequest { request: request("f-1").request, ..good.clone() };
    assert_eq!(refused(&swapped, 1), JoinRefusal::Stale);
    let foreign = Cluster::new("plant");
    drop(foreign.process(Role::Frontend, "f-0"));
    let stranger = returning(&foreign, Role::Frontend, "f-0", short_lived()).unwrap().request(&[1; 32]).unwrap();
    assert_eq!(refused(&stranger, 1), JoinRefusal::Stale);
    let promoted = {
        let mut bytes = good.to_bytes();
        let at = bytes.windows(8).position(|found| found == b"frontend").unwrap();
        bytes.splice(at..at + 8, *b"operator");
        JoinRequest::from_bytes(&bytes).unwrap()
    };
    assert_eq!(refused(&promoted, 1), JoinRefusal::Stale);
    cluster.authority.admit(&good, &[1; 32], cluster.now()).unwrap();
}

#[test]
fn who_was_removed_gets_no_other_certificate_without_a_token() {
    let cluster = Cluster::new("plant");
    let (process, backend) = (cluster.process(Role::Frontend, "f-0"), cluster.process(Role::Backend, "b-0"));
    let peer = dial(&process, &backend).unwrap().client_seen();
    cluster.authority.remove(Role::Frontend, &peer.name, cluster.now()).unwrap();
    let pending = process.begin_renewal().unwrap();
    let error = cluster.authority.renew(pending.request(), &peer, cluster.now()).unwrap_err().to_string();
    assert!(error.contains("frontend f-0 of cluster plant was removed; with a join token"), "{error}");
    // What it has is refused by who has heard of it, and by the removed process's own word by nobody else.
    dial(&process, &backend).unwrap();
    backend.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap();
    let refused = dial(&process, &backend).unwrap_err();
    assert!(format!("{refused:?}").contains("Removed"), "{refused:?}");
    process.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap_err();
    assert_eq!(cluster.authority.roots().removed_members().len(), 1);
    let removed = |cluster: &Cluster| {
        let members = cluster.authority.members();
        members.iter().find(|member| member.member.name == peer.name).unwrap().standing
    };
    // It is remembered over a restart, also when the certificate has ended.
    let Cluster { folder, hand, name, authority } = cluster;
    drop(authority);
    let authority = Cluster::open(folder.path(), &name, hand.now()).unwrap();
    let cluster = Cluster { folder, hand, name, authority };
    cluster.hand.advance(30 * SECOND);
    assert_eq!(removed(&cluster), Standing::Removed);
    assert_eq!(come_back(&cluster, "f-0").unwrap_err(), JoinRefusal::Stale);
    let token = cluster.authority.token(Role::Frontend, TokenUse::Once, SECOND, cluster.now()).unwrap();
    let joining = Joining::begin(token, peer.name.clone(), short_lived(), cluster.hand.clock()).unwrap();
    let holder = cluster.process(Role::Backend, "b-0");
    let process = join(&cluster, &holder, joining, "f-0").unwrap();
    assert_eq!(removed(&cluster), Standing::Member);
    holder.adopt_roots(&cluster.authority.roots(), cluster.now()).unwrap();
    dial(&process, &holder).unwrap();
    let unknown = MemberName::new("f-9").unwrap();
    let error = cluster.authority.remove(Role::Frontend, &unknown, cluster.now()).unwrap_err().to_string();
    assert!(error.starts_with("the authority knows no frontend f-9"), "{error}");
}

#[test]
fn an_authority_that_was_replaced_meanwhile_is_not_believed() {
    let cluster = Cluster::new("plant");
    drop(cluster.process(Role::Frontend, "f-0"));
    cluster.authority.rotate(cluster.now()).unwrap();
    for _ in 0..60 {
        cluster.hand.advance(SECOND);
        cluster.authority.tend(cluster.now());
    }
    let holder = cluster.process(Role::Backend, "b-0");
    let joining = returning(&cluster, Role::Frontend, "f-0", short_lived()).unwrap();
    let mut server = (*holder.server(roles(Role::Frontend)).unwrap().join()).clone();
    server.alpn_protocols = vec![JOIN_PROTOCOL.to_vec()];
    let refused = connect(joining.client().unwrap(), server.into()).unwrap_err();
    assert!(matches!(refused, Failed::AtClient(Refusal::ForeignAuthority { .. })), "{refused:?}");
    let pending = Credentials::first_request(&short_lived()).unwrap();
    let member = cluster.member(Role::Frontend, "f-0");
    let issued = cluster.authority.issue(pending.request(), &member, cluster.now()).unwrap();
    let error = joining.finish(issued, &cluster.file("f-0")).unwrap_err().to_string();
    assert!(error.contains("nobody who is trusted here has signed it"), "{error}");
}

#[test]
fn without_a_file_of_its_own_it_needs_a_token() {
    let cluster = Cluster::new("plant");
    assert!(returning(&cluster, Role::Frontend, "f-0", short_lived()).is_none());
    drop(cluster.process(Role::Frontend, "f-0"));
    let other = cluster.member(Role::Backend, "f-0");
    let open = |member| Joining::again(&cluster.file("f-0"), member, short_lived(), cluster.hand.clock());
    assert!(open(other).unwrap().is_none());
    let elsewhere = Member { cluster: ClusterName::new("yard").unwrap(), ..cluster.member(Role::Frontend, "f-0") };
    assert!(open(elsewhere).unwrap().is_none());
    fs::write(cluster.file("f-0"), b"\x01damaged").unwrap();
    let error = open(cluster.member(Role::Frontend, "f-0")).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("join the cluster anew"), "{error}");
}

#[test]
fn members_are_listed_and_forgotten() {
    let cluster = cluster();
    let process = cluster.process(Role::Frontend, "f-0");
    let listed = || cluster.authority.members().into_iter().map(|known| (known.member, known.not_after));
    assert_eq!(listed().collect::<Vec<_>>(), [(process.member().clone(), process.not_after())]);
    *cluster.hand.set() = process.not_after() + RETURN_WITHIN;
    let other = cluster.process(Role::Backend, "b-0");
    assert_eq!(listed().collect::<Vec<_>>(), [(other.member().clone(), other.not_after())]);
}
