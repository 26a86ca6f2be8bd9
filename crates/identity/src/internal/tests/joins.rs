//! A process comes into the cluster with a token.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::*;
use super::cluster::{Cluster, Failed, SECOND, connect, dial, join, roles, short_lived};

impl Cluster {
    fn token(&self, role: Role, uses: TokenUse) -> JoinToken {
        let token = self.authority.token(role, uses, 30 * SECOND, self.now()).unwrap();
        JoinToken::parse(&token.to_text()).unwrap()
    }

    fn joining(&self, token: JoinToken, name: &str) -> Joining {
        let name = MemberName::new(name).unwrap();
        Joining::begin(token, name, short_lived(), self.hand.clock()).unwrap()
    }
}

#[test]
fn a_process_joins_in_the_role_of_its_token_once() {
    let cluster = Cluster::new("plant");
    let holder = cluster.process(Role::Backend, "b-0");
    let token = cluster.token(Role::Frontend, TokenUse::Once);
    let joined = join(&cluster, &holder, cluster.joining(token.clone(), "f-7"), "f-7").unwrap();
    assert_eq!(*joined.member(), cluster.member(Role::Frontend, "f-7"));
    dial(&joined, &holder).unwrap().works();
    let again = join(&cluster, &holder, cluster.joining(token, "f-8"), "f-8").unwrap_err();
    assert_eq!(again, JoinRefusal::Unknown);
    cluster.hand.advance(13 * SECOND);
    cluster.tend(&joined);
    assert_eq!(joined.status(cluster.now()).renewals, 1);
}

#[test]
fn a_token_for_many_lets_in_until_it_ends() {
    let cluster = Cluster::new("plant");
    let token = cluster.token(Role::Frontend, TokenUse::UntilItEnds);
    for name in ["f-0", "f-1"] {
        let holder = cluster.process(Role::Backend, "b-0");
        join(&cluster, &holder, cluster.joining(token.clone(), name), name).unwrap();
    }
    let early = cluster.joining(token.clone(), "f-2");
    cluster.hand.advance(25 * SECOND);
    let holder = cluster.process(Role::Backend, "b-0");
    cluster.hand.advance(6 * SECOND);
    assert_eq!(join(&cluster, &holder, early, "f-2").unwrap_err(), JoinRefusal::Ended);
    let name = MemberName::new("f-3").unwrap();
    let error = Joining::begin(token, name, short_lived(), cluster.hand.clock()).unwrap_err();
    assert!(matches!(error, InternalError::Join(JoinRefusal::Ended)));
}

#[test]
fn a_request_is_worth_nothing_on_another_connection() {
    let cluster = Cluster::new("plant");
    let joining = cluster.joining(cluster.token(Role::Frontend, TokenUse::Once), "f-0");
    let request = joining.request(&[1; 32]).unwrap();
    assert_eq!(cluster.authority.admit(&request, &[2; 32], cluster.now()), Err(JoinRefusal::Unknown));
    let mut renamed = request.clone();
    renamed.name = MemberName::new("f-1").unwrap();
    assert_eq!(cluster.authority.admit(&renamed, &[1; 32], cluster.now()), Err(JoinRefusal::Unknown));
    // What failed has used up nothing.
    cluster.authority.admit(&request, &[1; 32], cluster.now()).unwrap();
}

#[test]
fn an_answer_that_got_lost_is_given_again_to_who_asked_and_to_nobody_else() {
    let cluster = Cluster::new("plant");
    let token = cluster.token(Role::Frontend, TokenUse::Once);
    let (first, second) = (cluster.joining(token.clone(), "f-0"), cluster.joining(token, "f-0"));
    let ask = |joining: &Joining, binding: [u8; 32]| {
        let request = joining.request(&binding).unwrap();
        cluster.authority.admit(&request, &binding, cluster.now())
    };
    ask(&first, [1; 32]).unwrap();
    assert_eq!(ask(&second, [2; 32]), Err(JoinRefusal::Unknown));
    let issued = ask(&first, [3; 32]).unwrap();
    first.finish(issued, &cluster.file("f-0")).unwrap();
    cluster.hand.advance(31 * SECOND);
    assert_eq!(ask(&second, [4; 32]), Err(JoinRefusal::Ended));
}

#[test]
fn of_many_with_a_token_that_is_good_once_one_is_let_in() {
    let cluster = Cluster::new("plant");
    let token = cluster.token(Role::Frontend, TokenUse::Once);
    let now = cluster.now();
    let requests: Vec<_> = (0..8u8)
        .map(|at| {
            let joining = cluster.joining(token.clone(), &format!("f-{at}"));
            (joining.request(&[at; 32]).unwrap(), [at; 32])
        })
        .collect();
    let authority = &cluster.authority;
    let admitted = std::thread::scope(|scope| {
        let asked: Vec<_> = requests
            .iter()
            .map(|(request, binding)| scope.spawn(move || authority.admit(request, binding, now).is_ok()))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).filter(|admitted| *admitted).count()
    });
    assert_eq!(admitted, 1);
}

#[test]
fn tokens_out_of_range_and_too_many_of_them_are_refused() {
    let cluster = Cluster::new("plant");
    for lasts in [std::time::Duration::ZERO, std::time::Duration::MAX] {
        let error = cluster.authority.token(Role::Frontend, TokenUse::Once, lasts, cluster.now()).unwrap_err();
        assert!(error.to_string().starts_with("the duration of a join token is"), "{error}");
    }
    cluster.token(Role::Frontend, TokenUse::Once);
    let tokens = cluster.folder.path().join("authority/tokens");
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 1);
    // One that ended long ago is forgotten when the next is made.
    cluster.hand.advance(25 * 3600 * SECOND);
    cluster.token(Role::Frontend, TokenUse::Once);
    assert_eq!(fs::read_dir(&tokens).unwrap().count(), 1);
}

#[test]
fn a_token_made_in_a_rotation_is_good_before_and_after_the_new_authority_issues() {
    let cluster = Cluster::new("plant");
    cluster.authority.rotate(cluster.now()).unwrap();
    let token = cluster.authority.token(Role::Frontend, TokenUse::UntilItEnds, 60 * SECOND, cluster.now()).unwrap();
    let (before, later) = (cluster.joining(token.clone(), "f-0"), cluster.joining(token, "f-1"));
    let holder = cluster.process(Role::Backend, "b-0");
    join(&cluster, &holder, before, "f-0").unwrap();
    cluster.hand.advance(21 * SECOND);
    cluster.authority.tend(cluster.now());
    assert!(matches!(cluster.authority.status().phase, AuthorityPhase::Overlap { .. }));
    let holder = cluster.process(Role::Backend, "b-0");
    let joined = join(&cluster, &holder, later, "f-1").unwrap();
    dial(&joined, &holder).unwrap().works();
}

#[test]
fn a_joiner_speaks_to_its_authority_alone() {
    let (cluster, stranger) = (Cluster::new("plant"), Cluster::new("plant"));
    let joining = cluster.joining(cluster.token(Role::Frontend, TokenUse::Once), "f-0");
    let server = |process: Credentials| {
        // The configuration for joiners is chosen by their first message elsewhere; the certificate is the same.
        let mut server = (*process.server(roles(Role::Frontend)).unwrap().join()).clone();
        server.alpn_protocols = vec![JOIN_PROTOCOL.to_vec()];
        std::sync::Arc::new(server)
    };
    let refused = connect(joining.client().unwrap(), server(stranger.process(Role::Backend, "b-0"))).unwrap_err();
    assert!(matches!(refused, Failed::AtClient(Refusal::ForeignAuthority { .. })), "{refused:?}");
    let refused = connect(joining.client().unwrap(), server(cluster.process(Role::Frontend, "f-1"))).unwrap_err();
    assert!(matches!(refused, Failed::AtClient(Refusal::WrongRole { .. })), "{refused:?}");
    connect(joining.client().unwrap(), server(cluster.process(Role::Operator, "o-0"))).unwrap();
    let pending = Credentials::first_request(&short_lived()).unwrap();
    let member = stranger.member(Role::Frontend, "f-0");
    let issued = stranger.authority.issue(pending.request(), &member, stranger.now()).unwrap();
    let error = joining.finish(issued, &cluster.file("f-0")).unwrap_err().to_string();
    assert!(error.contains("another authority than the one of the join token"), "{error}");
}

#[test]
fn who_joins_gets_no_link() {
    let cluster = Cluster::new("plant");
    let joining = cluster.joining(cluster.token(Role::Frontend, TokenUse::Once), "f-0");
    let holder = cluster.process(Role::Backend, "b-0");
    let mut client = std::sync::Arc::unwrap_or_clone(joining.client().unwrap());
    client.alpn_protocols = vec![LINK_PROTOCOL.to_vec()];
    let refused = connect(client.into(), holder.server(roles(Role::Frontend)).unwrap().link()).unwrap_err();
    assert_eq!(refused, Failed::AtServer(Refusal::NoCertificate));
}

#[test]
fn a_token_is_secret_and_reads_back() {
    let cluster = Cluster::new("plant");
    let token = cluster.token(Role::Bridge, TokenUse::Once);
    assert_eq!((token.role(), token.cluster().as_str()), (Role::Bridge, "plant"));
    assert_eq!(format!("{token:?}"), "JoinToken { cluster: ClusterName(\"plant\"), role: Bridge, .. }");
    let text = token.to_text();
    JoinToken::parse(&format!(" {}\n", text.as_str())).unwrap();
    for wrong in ["", "causeway-join-", "causeway-join-????", &text[..text.len() - 4], &text[4..]] {
        let error = JoinToken::parse(wrong).unwrap_err().to_string();
        assert!(error.starts_with("a join token cannot be read"), "{error}");
        assert!(wrong.len() < 20 || !error.contains(&wrong[20..]));
    }
    for entry in fs::read_dir(cluster.folder.path().join("authority/tokens")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
