//! A credential ends: MQTT 5 is told DISCONNECT 0x87 with a reason, then everybody's connection closes.

use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::token::{Signer, audience_claims, now_seconds, pod_claims, with};
use causeway_tests::{Client, Connect, Resources, Version, Will, both, fresh, prop};
use serde_json::{Value, json};
use time::Duration;

use crate::custom::{self, Scripted, in_seconds};
use crate::guarded::{Guarded, Port, anybody, login};
use crate::{jwt, service_account, x509};

/// The same claims, to end so soon.
pub fn ending(claims: Value, seconds: u64) -> Value {
    with(claims, "/exp", json!(now_seconds() + seconds))
}

/// What was let in must be told that it is over, and ended.
fn ends(mut client: Client) {
    let props = client.expect_disconnect(0x87);
    if client.version.is_v5() {
        let reason = props.text(prop::REASON_STRING).expect("a reason string");
        assert!(reason.contains("expired") || reason.contains("ended"), "{reason}");
    }
}

both! {
    fn a_token_in_the_password(version) {
        let signer = Signer::new("ES256", "k1");
        let resources = Resources::new();
        let method = jwt::filed(&resources, &[&signer]);
        let guarded = Guarded::by(resources, Port::Plain, &[&method]);
        let lasting = signer.sign(&audience_claims());
        let mut other = guarded.admitted(&login(version, "whoever", &lasting));
        let topic = fresh("will");
        other.subscribe(&topic, 1);
        let short = signer.sign(&ending(audience_claims(), 3));
        let connect = login(version, "whoever", &short).will(Will::new(&topic, "gone").qos(1));
        ends(guarded.admitted(&connect));
        // It did not say goodbye itself.
        assert_eq!(other.take().text(), "gone");
        other.quiet();
        guarded.refused(&login(version, "whoever", &short), 0x86);
    }

    fn what_the_server_said(version) {
        let scripted = Scripted::start();
        scripted.answers(200, &json!({ "expiry": in_seconds(3) }).to_string());
        let resources = Resources::new();
        let method = custom::method(&resources, &scripted.server);
        let guarded = Guarded::by(resources, Port::Plain, &[&method]);
        let client = guarded.admitted(&anybody(version));
        scripted.answers(200, "{}");
        let mut lasting = guarded.admitted(&anybody(version));
        ends(client);
        lasting.quiet();
    }

    fn a_certificate(version) {
        let root = TestAuthority::new("Root");
        let resources = Resources::new();
        x509::trust(&resources, &[&root]);
        let guarded = Guarded::by(resources, Port::Secured, &[x509::METHOD]);
        let mut lasting = guarded.admitted_with(&root.issue(&Issued::default()), &anybody(version));
        let short = Issued { ends: Duration::seconds(4), ..Issued::default() };
        ends(guarded.admitted_with(&root.issue(&short), &anybody(version)));
        lasting.quiet();
    }
}

#[test]
fn a_service_accounts_token() {
    let signer = Signer::new("ES256", "k1");
    let resources = Resources::new();
    let method = service_account::offline(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let short = signer.sign(&ending(pod_claims(), 3));
    ends(guarded.admitted(&service_account::shown(&short)));
}

/// The session stays as CONNECT asked for, and its owner comes back with a new token.
#[test]
fn a_session_outlives_the_credential() {
    let signer = Signer::new("ES256", "k1");
    let resources = Resources::new();
    let method = jwt::filed(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let persistent = Connect::persistent(Version::V5, &fresh("persistent"));
    let connect = |claims: Value| persistent.clone().enhanced("OAUTH2-JWT", signer.sign(&claims));
    let mut client = guarded.admitted(&connect(ending(audience_claims(), 3)));
    let topic = fresh("topic");
    client.subscribe(&topic, 1);
    ends(client);
    let mut publisher = guarded.admitted(&jwt::shown(&signer.sign(&audience_claims())));
    publisher.publish(causeway_tests::Publish::new(&topic, "kept").qos(1));
    let (mut again, answer) = guarded.knock(&connect(audience_claims()));
    assert!(answer.session_present && answer.code == 0, "{answer:?}");
    assert_eq!(again.take().text(), "kept");
}

/// Ends that no clock of this machine will reach are no reason to fall over, nor to end at once.
#[test]
fn an_end_far_away_is_as_good_as_none() {
    let (scripted, root, signer) = (Scripted::start(), TestAuthority::new("Root"), Signer::new("ES256", "k1"));
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    let (server, tokens) = (custom::method(&resources, &scripted.server), jwt::filed(&resources, &[&signer]));
    let guarded = Guarded::by(resources, Port::Secured, &[x509::METHOD, &tokens, &server]);
    scripted.answers(200, r#"{"expiry":"9999-12-31T23:59:59Z"}"#);
    let far = Issued { ends: Duration::days(365 * 1000), ..Issued::default() };
    let mut clients = vec![
        guarded.admitted(&anybody(Version::V5)),
        guarded.admitted_with(&root.issue(&far), &anybody(Version::V311)),
    ];
    let ends =
        [json!(253_402_300_799_u64), json!(u64::MAX), json!(i64::MAX), json!(1e15), json!(1e300), json!(4e9 + 0.5)];
    for end in ends {
        let token = signer.sign(&with(audience_claims(), "/exp", end.clone()));
        let (client, answer) = guarded.knock(&jwt::shown(&token));
        // What is no time at all may be refused.
        assert!([0, 0x87].contains(&answer.code), "{end}: {answer:?}");
        if answer.code == 0 {
            clients.push(client);
        }
    }
    assert!(clients.len() > 2, "the year 9999 is a time");
    let short = signer.sign(&ending(audience_claims(), 2));
    guarded.admitted(&jwt::shown(&short)).expect_disconnect(0x87);
    clients.iter_mut().for_each(Client::quiet);
    let described = |client: &Client| guarded.api(&format!("clients/{}", client.id));
    clients.iter().for_each(|client| assert!(described(client)["clientId"] == client.id.as_str()));
}
