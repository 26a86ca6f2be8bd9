//! Custom: a server of the user's own, over HTTPS.

use std::sync::{Arc, Mutex};

use causeway_tests::https_server::{Answered, Server, refused_endpoint};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::users::user;
use causeway_tests::{Connect, Publish, Resources, Version, both, fresh};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::guarded::{Guarded, Port, anybody, login};
use crate::passwords;

/// The method for this server, whose authority goes among the ConfigMaps.
pub fn method(resources: &Resources, server: &Server) -> String {
    method_at(resources, &server.endpoint(), &server.authority)
}

fn method_at(resources: &Resources, endpoint: &str, authority: &TestAuthority) -> String {
    resources.config_map("auth-server-ca", &[("ca.crt", &authority.certificate)]);
    format!(
        "method: Custom\ncustomSettings:\n  endpoint: {endpoint}\n  caCertConfigMap: auth-server-ca\n  timeoutSeconds: 1\n"
    )
}

/// A server whose next answers can be changed.
pub struct Scripted {
    pub server: Server,
    answer: Arc<Mutex<Answered>>,
}

impl Scripted {
    pub fn start() -> Self {
        let answer = Arc::new(Mutex::new(Answered::With(200, "{}".into())));
        let told = Arc::clone(&answer);
        let server = Server::https(move |_| told.lock().expect("the answer").clone());
        Scripted { server, answer }
    }

    pub fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().expect("the answer") = Answered::With(status, body.to_string());
    }

    pub fn hangs(&self) {
        *self.answer.lock().expect("the answer") = Answered::Never;
    }

    /// What it was asked last.
    pub fn last(&self) -> serde_json::Value {
        self.server.seen().last().expect("a request").body.clone()
    }
}

/// A time so many seconds from now, as the server writes it.
pub fn in_seconds(seconds: i64) -> String {
    (OffsetDateTime::now_utc() + time::Duration::seconds(seconds)).format(&Rfc3339).expect("a time in words")
}

fn asking(scripted: &Scripted) -> Guarded {
    let resources = Resources::new();
    let method = method(&resources, &scripted.server);
    Guarded::by(resources, Port::Plain, &[&method])
}

both! {
    fn a_refusal_has_the_reason_of_the_server(version) {
        let scripted = Scripted::start();
        let guarded = asking(&scripted);
        guarded.admitted(&login(version, "ann", "secret")).quiet();
        for (status, body, code) in [
            (403, r#"{"reason":134,"message":"no such user"}"#, 0x86),
            (403, r#"{"reason":135}"#, 0x87),
            (403, r#"{"reason":138}"#, 0x8a),
            (403, r#"{"reason":151}"#, 0x97),
            // What no CONNACK may say.
            (403, r#"{"reason":0}"#, 0x87),
            (403, r#"{"reason":4}"#, 0x87),
            (403, "nonsense", 0x87),
            // What is no acceptance.
            (200, "", 0x87),
            (200, r#"{"expiry":"tomorrow"}"#, 0x87),
            (200, r#"{"expiry":"2020-01-01T00:00:00Z"}"#, 0x87),
            (204, "", 0x87),
            (400, "bad", 0x87),
            (404, "{}", 0x87),
            (405, "{}", 0x87),
            (422, r#"{"supportedVersions":["0.4.0"]}"#, 0x87),
        ] {
            scripted.answers(status, body);
            guarded.refused(&login(version, "ann", "secret"), code);
        }
    }

    /// The server is in trouble, and nobody else is asked: not the client's fault, who may try again.
    fn a_server_that_cannot_say_is_unavailable(version) {
        let scripted = Scripted::start();
        let guarded = asking(&scripted);
        for status in [500, 502, 503, 429] {
            scripted.answers(status, "{}");
            guarded.refused(&login(version, "ann", "secret"), 0x88);
        }
        scripted.hangs();
        guarded.refused(&login(version, "ann", "secret"), 0x88);
        scripted.answers(200, "{}");
        guarded.admitted(&login(version, "ann", "secret")).quiet();
        assert!(guarded.metric("causeway_authentication_refused_total", "unavailable") >= Some(5.0));
    }

    /// Whoever comes after it decides then.
    fn a_server_that_cannot_say_is_passed_over(version) {
        let gone = refused_endpoint();
        let resources = Resources::new();
        passwords::keep(&resources, &user("ann", "correct horse", &[]));
        let method = method_at(&resources, &gone, &TestAuthority::new("nobody"));
        let guarded = Guarded::by(resources, Port::Plain, &[&method, passwords::METHOD]);
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        guarded.refused(&login(version, "ann", "battery staple"), 0x86);
        // Nobody decides: whoever could have may be back soon.
        guarded.refused(&anybody(version), 0x88);
    }
}

#[test]
fn the_server_is_told_what_the_client_shows() {
    let scripted = Scripted::start();
    let resources = Resources::new();
    let authority = TestAuthority::new("clients");
    resources.config_map("client-ca", &[("ca.crt", &authority.certificate)]);
    let method = method(&resources, &scripted.server);
    // Beside X509 the port asks for certificates; the server is asked first here.
    let guarded = Guarded::by(resources, Port::Secured, &[&method, "method: X509"]);
    guarded.admitted(&login(Version::V311, "ann", "secret")).quiet();
    let expected = json!({ "type": "connect", "username": "ann", "password": "c2VjcmV0" });
    assert_eq!(scripted.last(), expected);
    let seen = scripted.server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/?api-version=0.5.0"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    guarded.admitted(&anybody(Version::V311)).quiet();
    assert_eq!(scripted.last(), json!({ "type": "connect" }));
    let pair = authority.issue(&Issued::named("pump-1"));
    let shown = Connect::fresh(Version::V5).user("pump").enhanced("OURS", "abc");
    guarded.admitted_with(&pair, &shown).quiet();
    let mut body = scripted.last();
    let certs = body.as_object_mut().and_then(|body| body.remove("certs")).expect("certificates");
    let flat = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(flat(certs.as_str().expect("a text")), flat(&pair.chain));
    let enhanced = json!({ "method": "OURS", "data": "YWJj" });
    assert_eq!(body, json!({ "type": "connect", "username": "pump", "enhancedAuthentication": enhanced }));
    // One connection for all of them.
    assert_eq!(scripted.server.connections(), 1);
}

#[test]
fn another_version_is_tried_with_the_same_question() {
    let scripted = Scripted::start();
    let guarded = asking(&scripted);
    scripted.answers(422, r#"{"supportedVersions":["0.6.0","0.5.0"]}"#);
    guarded.refused(&login(Version::V5, "ann", "secret"), 0x87);
    let seen = scripted.server.seen();
    assert_eq!(seen.len(), 2, "asked once more and not for ever");
    assert_eq!((&seen[0].target, &seen[0].body), (&seen[1].target, &seen[1].body));
}

#[test]
fn attributes_of_the_server_are_what_rules_see() {
    let scripted = Scripted::start();
    scripted.answers(200, r#"{"attributes":{"site":"north"}}"#);
    let resources = Resources::new();
    let method = method(&resources, &scripted.server);
    let rules = "rules:\n- principals: {attributes: [{site: north}]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"sites/{principal.attributes.site}/#\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    let mut client = guarded.admitted(&login(Version::V5, "ann", "secret"));
    assert_eq!(client.publish(Publish::new("sites/north/a", fresh("x")).qos(1)) & 0x80, 0);
    assert_eq!(client.publish(Publish::new("sites/south/a", fresh("x")).qos(1)), 0x87);
    scripted.answers(200, r#"{"attributes":{"site":"south"}}"#);
    guarded.refused(&login(Version::V5, "ann", "secret"), 0x87);
}

#[test]
fn headers_and_a_certificate_of_the_broker_go_with_the_question() {
    let authority = TestAuthority::new("those who may ask");
    let server = Server::mutual(&authority, |_| Answered::With(200, "{}".into()));
    let resources = Resources::new();
    let endpoint = format!("{}/mqtt/check", server.endpoint());
    let plain = method_at(&resources, &endpoint, &server.authority);
    let own = authority.issue(&Issued::named("the broker"));
    let identity = |pair: &causeway_tests::pki::Pair, resources: &Resources| {
        resources.secret("asking", &[("tls.crt", pair.chain.as_bytes()), ("tls.key", pair.key.as_bytes())]);
    };
    identity(&own, &resources);
    let method = format!(
        "{plain}  auth: {{x509: {{secretRef: asking}}}}\n  headers: {{X-Key: k-4711, Authorization: Basic abc}}\n"
    );
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    guarded.admitted(&login(Version::V5, "ann", "secret")).quiet();
    let seen = server.seen().remove(0);
    assert_eq!(seen.target, "/mqtt/check/?api-version=0.5.0");
    assert_eq!((seen.header("x-key"), seen.header("authorization")), (Some("k-4711"), Some("Basic abc")));
    // A stranger's certificate, and none at all: the server talks to neither.
    let stranger = TestAuthority::new("somebody else").issue(&Issued::named("the broker"));
    guarded.apply(|resources| identity(&stranger, resources));
    guarded.refused(&login(Version::V5, "ann", "secret"), 0x88);
    guarded.apply(|resources| resources.authentication("guard", &[&plain]));
    guarded.refused(&login(Version::V5, "ann", "secret"), 0x88);
    // And the broker talks to no server that it does not trust.
    guarded.apply(|resources| {
        resources.authentication("guard", &[&method]);
        identity(&own, resources);
    });
    guarded.admitted(&login(Version::V5, "ann", "secret")).quiet();
    let other = TestAuthority::new("another authority");
    guarded.apply(|resources| resources.config_map("auth-server-ca", &[("ca.crt", &other.certificate)]));
    guarded.refused(&login(Version::V5, "ann", "secret"), 0x88);
    assert_eq!(server.seen().len(), 2);
}

/// A server that hangs does not keep those waiting who are for another method, nor messages.
#[test]
fn a_server_that_hangs_holds_up_nobody_else() {
    let scripted = Scripted::start();
    scripted.hangs();
    let resources = Resources::new();
    passwords::keep(&resources, &user("ann", "correct horse", &[]));
    let method = method(&resources, &scripted.server).replace("timeoutSeconds: 1", "timeoutSeconds: 9");
    let guarded = Guarded::by(resources, Port::Plain, &[passwords::METHOD, &method]);
    let mut there = guarded.admitted(&login(Version::V5, "ann", "correct horse"));
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let mut client = guarded.raw(Version::V5);
            client.send_connect(&anybody(Version::V5));
            client
        })
        .collect();
    causeway_tests::eventually("the server is asked", || (!scripted.server.seen().is_empty()).then_some(()));
    there.quiet();
    drop(waiting);
    let mut other = causeway_tests::Client::over(
        Box::new(causeway_tests::bound::tcp([127, 0, 0, 9].into(), guarded.address())),
        Version::V5,
    );
    assert_eq!(other.connect(&login(Version::V5, "ann", "correct horse")).code, 0);
    other.quiet();
    there.quiet();
}
