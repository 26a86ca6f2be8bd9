//! Certificates that the TLS handshake refuses: nobody has said CONNECT, and still it is a failed login.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::stream::timed_out;
use causeway_tests::token::{Signer, audience_claims};
use causeway_tests::{Resources, Version, bound, eventually, mutual_tls, tls};
use rustls::version::{TLS12, TLS13};

use crate::audited::line;
use crate::guarded::{Guarded, Port, anybody};
use crate::{jwt, x509};

/// Whether a connection from this address is closed though it has not said anything yet.
fn closed_unseen(from: &str, to: SocketAddr) -> bool {
    let mut socket = bound::tcp(from.parse().expect("an address"), to);
    // TLS is the client's to begin.
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a read timeout");
    match socket.read(&mut [0; 1]) {
        Ok(count) => count == 0,
        Err(error) => !timed_out(&error),
    }
}

#[test]
fn a_refused_certificate_is_counted_and_written_down() {
    let (root, stranger) = (TestAuthority::new("Root"), TestAuthority::new("Stranger"));
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    let guarded = Guarded::by(resources, Port::Secured, &[x509::METHOD]);
    let denied = || guarded.metric("causeway_authentication_refused_total", "denied").unwrap_or(0.0);
    let counted = || guarded.metric("aio_broker_authentication_deny", "").unwrap_or(0.0);
    let refuse = |config| assert!(mutual_tls::refusal(guarded.address(), config).is_some());
    let pair = stranger.issue(&Issued::default());
    let mut times = 0.0;
    for version in [&TLS12, &TLS13] {
        // Another's, and none.
        for config in [
            mutual_tls::config(&guarded.broker.ca_file(), &[version], &pair),
            tls::config(&guarded.broker.ca_file(), &[version], &[]),
        ] {
            refuse(config);
            times += 1.0;
            eventually("it is counted", || (denied() == times && counted() == times).then_some(()));
        }
    }
    let values =
        [("event", "denied"), ("what", "authenticate"), ("client", ""), ("listener", "door/0"), ("reasonCode", "0x87")];
    let told = line(&guarded.broker, &values);
    assert!(told["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{told}");
    assert!(told["why"].as_str().is_some_and(|why| why.contains("handshake")), "{told}");
    // A handshake that fails for something else is nobody's failed login.
    let mut nonsense = causeway_tests::stream::tcp(guarded.address());
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("a write");
    drop(nonsense.read_to_end(&mut Vec::new()));
    guarded.admitted_with(&root.issue(&Issued::default()), &anybody(Version::V5)).quiet();
    assert_eq!((denied(), counted()), (times, times));
}

/// A handshake costs a signature: who has failed too often does not get one. Who is there already stays, and cannot renew
/// meanwhile.
#[test]
fn who_shows_bad_certificates_is_not_looked_at_for_a_while() {
    let (root, stranger, signer) =
        (TestAuthority::new("Root"), TestAuthority::new("Stranger"), Signer::new("ES256", "k1"));
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    let tokens = jwt::filed(&resources, &[&signer]);
    resources.authentication("guard", &[x509::METHOD, &tokens]);
    resources.broker("advanced:\n  clients:\n    failedLoginsPerAddress: 3\n");
    resources.listener("open", "ports:\n- port: 0\n  tls: {mode: Automatic}\n");
    let guarded = Guarded::start(resources, Port::Secured, "authenticationRef: guard");
    let open = guarded.broker.listener("open/0").expect("a listener called open/0");
    let token = || signer.sign(&audience_claims());
    let mut there = guarded.admitted(&jwt::shown(&token()));
    let limited = || guarded.metric("causeway_authentication_refused_total", "limited").unwrap_or(0.0);
    assert!(limited() < 1.0);
    let shown = guarded.with_certificate(&stranger.issue(&Issued::default()));
    // A try comes back every second, and the first penalty is over as soon.
    eventually("this address has failed too often", || {
        drop(mutual_tls::refusal(guarded.address(), shown.clone()));
        let closed = closed_unseen("127.0.0.1", guarded.address());
        (closed && there.renew("OAUTH2-JWT", token()) == 0x18).then_some(())
    });
    // Where nobody is asked, and for others, nothing has changed.
    assert!(!closed_unseen("127.0.0.1", open));
    assert!(!closed_unseen("127.0.0.3", guarded.address()));
    assert!(limited() >= 2.0);
    there.quiet();
    // And it is over after a while.
    eventually("the address is looked at again", || (!closed_unseen("127.0.0.1", guarded.address())).then_some(()));
    assert_eq!(there.renew("OAUTH2-JWT", token()), 0);
    guarded.admitted_with(&root.issue(&Issued::default()), &anybody(Version::V5)).quiet();
}
