//! Re-authentication: AUTH 0x19 while messages flow.

use causeway_tests::client::Event;
use causeway_tests::deadline::patience;
use causeway_tests::enhanced::{auth, shown};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::token::{Signer, audience_claims, pod_claims, with};
use causeway_tests::users::user;
use causeway_tests::{Client, Packet, Publish, Resources, Version, fresh, prop};
use serde_json::json;

use crate::custom::{self, Scripted, in_seconds};
use crate::expiry::ending;
use crate::guarded::{Guarded, Port, anybody, login};
use crate::service_account::{self, Cluster};
use crate::{jwt, passwords, x509};

/// A port for tokens of one issuer.
fn tokens() -> (Guarded, Signer) {
    let signer = Signer::new("ES256", "k1");
    let resources = Resources::new();
    let method = jwt::filed(&resources, &[&signer]);
    (Guarded::by(resources, Port::Plain, &[&method]), signer)
}

/// Publishes to itself so many times, renewing after half of them: all of it must arrive, in its order.
fn talks(client: &mut Client, renew: impl FnOnce(&mut Client)) {
    const MESSAGES: usize = 200;
    let topic = fresh("talk");
    client.subscribe(&topic, 1);
    let send = |client: &mut Client, number: usize| {
        client.send_publish(Publish::new(&topic, number.to_string()).qos(1));
    };
    (0..MESSAGES / 2).for_each(|number| send(client, number));
    renew(client);
    (MESSAGES / 2..MESSAGES).for_each(|number| send(client, number));
    let (mut acknowledged, mut arrived) = (0, Vec::new());
    while acknowledged < MESSAGES || arrived.len() < MESSAGES {
        match client.poll(patience()).expect("messages and acknowledgements") {
            Event::Packet(Packet::Publish(message)) => {
                client.complete(&message);
                arrived.push(message.text().parse::<usize>().expect("a number"));
            }
            Event::Packet(Packet::Ack(ack)) => {
                assert_eq!(ack.reason, 0);
                acknowledged += 1;
            }
            other => panic!("{other:?} among messages"),
        }
    }
    assert_eq!(arrived, (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn a_new_token_makes_the_connection_last() {
    let (guarded, signer) = tokens();
    let short = || jwt::shown(&signer.sign(&ending(audience_claims(), 4)));
    let mut renewing = guarded.admitted(&short());
    let mut other = guarded.admitted(&short());
    talks(&mut renewing, |client| assert_eq!(client.renew("OAUTH2-JWT", signer.sign(&audience_claims())), 0));
    // The other's end is when the first would have ended as well.
    other.expect_disconnect(0x87);
    renewing.quiet();
    // The new end holds as the old one did.
    assert_eq!(renewing.renew("OAUTH2-JWT", signer.sign(&ending(audience_claims(), 2))), 0);
    renewing.expect_disconnect(0x87);
}

#[test]
fn service_accounts_renew_as_well() {
    let signer = Signer::new("RS256", "k1");
    let resources = Resources::new();
    let method = service_account::offline(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let mut client = guarded.admitted(&service_account::shown(&signer.sign(&ending(pod_claims(), 60))));
    talks(&mut client, |client| assert_eq!(client.renew("K8S-SAT", signer.sign(&pod_claims())), 0));
    // Another account's token is somebody else's.
    let mut claims = with(pod_claims(), "/sub", json!("system:serviceaccount:shop:other"));
    claims["kubernetes.io"]["serviceaccount"]["name"] = json!("other");
    client.send_renewal("K8S-SAT", signer.sign(&claims));
    client.expect_disconnect(0x87);
}

#[test]
fn what_is_no_renewal_ends_the_connection() {
    let (guarded, signer) = tokens();
    let good = || signer.sign(&audience_claims());
    let of_another = signer.sign(&with(audience_claims(), "/sub", json!("pump-8")));
    let forged = Signer::new("ES256", "k1").sign(&audience_claims());
    let over = signer.sign(&with(audience_claims(), "/exp", json!(1000)));
    for bad in [of_another.as_str(), &forged, &over, "hunter2", ""] {
        let mut client = guarded.admitted(&jwt::shown(&good()));
        client.send_renewal("OAUTH2-JWT", bad);
        let props = client.expect_disconnect(0x87);
        assert!(!props.text(prop::REASON_STRING).unwrap_or_default().contains("hunter2"));
    }
    // Another method than that of CONNECT.
    let mut client = guarded.admitted(&jwt::shown(&good()));
    client.send_renewal("CUSTOM-JWT", good());
    client.expect_disconnect(0x82);
    // To go on with what nobody began; an AUTH that says success.
    for reason in [0x18, 0x00] {
        let mut client = guarded.admitted(&jwt::shown(&good()));
        client.send(&auth(reason, &shown("OAUTH2-JWT", good())));
        client.expect_disconnect(0x82);
    }
    // None without having begun with one, whatever let the client in.
    let mut client = guarded.admitted(&login(Version::V5, "whoever", &good()));
    client.send_renewal("OAUTH2-JWT", good());
    client.expect_disconnect(0x82);
}

/// The port has ceased to ask: who began with a method may go on with it, and nothing ends any more.
#[test]
fn where_nobody_is_asked_any_more_a_renewal_is_for_good() {
    let (guarded, signer) = tokens();
    let mut client = guarded.admitted(&jwt::shown(&signer.sign(&ending(audience_claims(), 60))));
    let expires = |client: &Client| guarded.api(&format!("clients/{}", client.id))["credentialsExpireAt"].clone();
    assert!(!expires(&client).is_null());
    guarded.apply(|resources| resources.listener("door", "ports:\n- port: 0\n"));
    assert_eq!(client.renew("OAUTH2-JWT", "whatever it is"), 0);
    assert!(expires(&client).is_null());
    client.quiet();
    // Nothing was proved by that.
    guarded.apply(|resources| resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n"));
    client.expect_disconnect(0x87);
}

#[test]
fn a_password_is_not_renewed() {
    let resources = Resources::new();
    passwords::keep(&resources, &user("ann", "correct horse", &[]));
    let guarded = Guarded::by(resources, Port::Plain, &[passwords::METHOD]);
    let mut client = guarded.admitted(&login(Version::V5, "ann", "correct horse"));
    client.send_renewal("OAUTH2-JWT", "anything");
    client.expect_disconnect(0x82);
}

/// A certificate lets in who also names a method: that method was not asked, and renews nothing.
#[test]
fn a_certificate_is_not_renewed() {
    let (root, signer) = (TestAuthority::new("Root"), Signer::new("ES256", "k1"));
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    let tokens = jwt::filed(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Secured, &[x509::METHOD, &tokens]);
    let pair = root.issue(&Issued::named("pump-7"));
    let mut client = guarded.admitted_with(&pair, &anybody(Version::V5));
    client.send_renewal("OAUTH2-JWT", signer.sign(&audience_claims()));
    client.expect_disconnect(0x82);
    let mut client = guarded.admitted_with(&pair, &jwt::shown(&signer.sign(&audience_claims())));
    client.send_renewal("OAUTH2-JWT", signer.sign(&audience_claims()));
    client.expect_disconnect(0x87);
}

#[test]
fn the_server_is_told_a_renewal_as_one_and_may_be_away() {
    let scripted = Scripted::start();
    let resources = Resources::new();
    let method = custom::method(&resources, &scripted.server);
    let rules = "rules:\n- principals: {attributes: [{site: north}, {site: south}]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Subscribe, topics: [\"#\"]}\n  - {method: Publish, topics: [\"+\", \"sites/{principal.attributes.site}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    scripted.answers(200, &json!({ "expiry": in_seconds(60), "attributes": { "site": "north" } }).to_string());
    let mut client = guarded.admitted(&anybody(Version::V5).user("ann").enhanced("OURS", "abc"));
    // Out of reach, in trouble, too slow: the client may try again, and nothing is lost.
    scripted.answers(503, "");
    talks(&mut client, |client| assert_eq!(client.renew("OURS", "xyz"), 0x18));
    scripted.hangs();
    assert_eq!(client.renew("OURS", "xyz"), 0x18);
    scripted.answers(200, &json!({ "expiry": in_seconds(120), "attributes": { "site": "south" } }).to_string());
    assert_eq!(client.renew("OURS", "xyz"), 0);
    let enhanced = json!({ "method": "OURS", "data": "eHl6" });
    assert_eq!(scripted.last(), json!({ "type": "auth", "enhancedAuthentication": enhanced }));
    // What rules see is what the server said last.
    assert_eq!(client.publish(Publish::new("sites/south", "x").qos(1)) & 0x80, 0);
    assert_eq!(client.publish(Publish::new("sites/north", "x").qos(1)), 0x87);
    // The server's reason where DISCONNECT may carry it, else 0x87.
    scripted.answers(403, r#"{"reason":151}"#);
    client.send_renewal("OURS", "xyz");
    client.expect_disconnect(0x97);
    scripted.answers(200, r#"{"attributes":{"site":"north"}}"#);
    let mut client = guarded.admitted(&anybody(Version::V5).user("ann").enhanced("OURS", "abc"));
    scripted.answers(403, r#"{"reason":134}"#);
    client.send_renewal("OURS", "xyz");
    client.expect_disconnect(0x87);
}

/// As with a server of one's own: the cluster does not answer, so the client may try again.
#[test]
fn a_cluster_in_trouble_can_be_asked_again() {
    let (cluster, server) = Cluster::start();
    let resources = Resources::new();
    let method = service_account::reviewed(&resources, &server);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let signer = Signer::new("ES256", "k8s");
    let token = |number: u32| signer.sign(&with(pod_claims(), "/jti", json!(number)));
    let mut client = guarded.admitted(&service_account::shown(&token(1)));
    cluster.fails(500);
    talks(&mut client, |client| assert_eq!(client.renew("K8S-SAT", token(2)), 0x18));
    cluster.recovers();
    // What 0x18 asks for may be brought as an answer, and as a new beginning.
    client.send(&auth(0x18, &shown("K8S-SAT", token(2))));
    client.await_packet("AUTH 0x00", |packet| matches!(packet, Packet::Auth { reason: 0, .. }).then_some(()));
    assert_eq!(client.renew("K8S-SAT", token(3)), 0);
    client.quiet();
}

/// A server that stays away does not make a credential last.
#[test]
fn who_could_not_renew_ends_when_the_credential_does() {
    let scripted = Scripted::start();
    let resources = Resources::new();
    let method = custom::method(&resources, &scripted.server);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    scripted.answers(200, &json!({ "expiry": in_seconds(3) }).to_string());
    let mut client = guarded.admitted(&anybody(Version::V5).enhanced("OURS", "abc"));
    scripted.answers(503, "");
    assert_eq!(client.renew("OURS", "xyz"), 0x18);
    client.expect_disconnect(0x87);
}

/// New attributes that no longer allow CONNECT, or a subscription, count at once.
#[test]
fn rules_are_applied_to_who_a_client_has_become() {
    let scripted = Scripted::start();
    let resources = Resources::new();
    let method = custom::method(&resources, &scripted.server);
    let rules = "rules:\n- principals: {attributes: [{site: north}, {site: south}]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Publish, topics: [\"#\"]}\n  \
                 - {method: Subscribe, topics: [\"sites/{principal.attributes.site}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    let at = |site: &str| json!({ "attributes": { "site": site } }).to_string();
    scripted.answers(200, &at("north"));
    let mut client = guarded.admitted(&anybody(Version::V5).enhanced("OURS", "abc"));
    client.subscribe("sites/north", 1);
    scripted.answers(200, &at("south"));
    assert_eq!(client.renew("OURS", "xyz"), 0);
    client.subscribe("sites/south", 1);
    client.publish(Publish::new("sites/north", "not for it").qos(1));
    client.publish(Publish::new("sites/south", "for it").qos(1));
    assert_eq!(client.take().text(), "for it");
    scripted.answers(200, &at("west"));
    client.send_renewal("OURS", "xyz");
    let last = std::iter::from_fn(|| match client.event() {
        Event::Packet(packet) => Some(packet),
        Event::Closed => None,
    });
    let last = last.last().expect("a word before the end");
    assert!(matches!(last, Packet::Disconnect { reason: 0x87, .. }), "{last:?}");
}
