//! A server of the user's own, over TLS.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth::authentication::{
    Credentials, CustomSettings, Enhanced, HttpsSettings, MethodKind, MethodSettings, Methods, Purpose, Secret, Verdict,
};
use mqtt::ReasonCode;
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::parts::{
    Answered, Issued, Server, accepted, anyone, authority, compiled, counters, denied, file, issued, judge,
    not_found_out, reachable, refused_endpoint, server_identity, trusted, with_chain, with_password,
};

fn settings(endpoint: &str, https: HttpsSettings) -> CustomSettings {
    CustomSettings {
        endpoint: endpoint.to_owned(),
        https,
        headers: BTreeMap::new(),
        deadline: Duration::from_secs(5),
        most_at_once: CustomSettings::MOST_AT_ONCE,
    }
}

fn methods(settings: CustomSettings) -> Methods {
    compiled(&[MethodSettings::Custom(settings)])
}

fn asking(server: &Server) -> Methods {
    methods(settings(&server.endpoint(), trusted(server)))
}

async fn answering(status: u16, body: &str) -> (Server, Methods) {
    let body = body.to_owned();
    let server = Server::https(move |_| Answered::With(status, body.clone()));
    let methods = asking(&server);
    (server, methods)
}

fn in_an_hour() -> String {
    (OffsetDateTime::now_utc() + Duration::from_secs(3600)).format(&Rfc3339).unwrap()
}

#[tokio::test]
async fn the_server_is_told_and_believed() {
    let body = json!({ "expiry": in_an_hour(), "attributes": { "site": "north" } }).to_string();
    let (server, methods) = answering(200, &body).await;
    let root = authority("Root");
    let (certificate, _) = issued(&Issued::default(), &root);
    let enhanced = Some(Enhanced { method: "OURS".into(), data: Some("abc".into()) });
    let credentials = Credentials { enhanced, chain: Some(vec![certificate].into()), ..with_password("ann", "secret") };
    let found = accepted(judge(&methods, &credentials).await);
    assert_eq!((found.username.as_deref(), found.by), (Some("ann"), MethodKind::Custom));
    assert_eq!(found.attributes.get("site").map(AsRef::as_ref), Some("north"));
    let left = found.expires.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600));
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/?api-version=0.5.0"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let certs = seen.body["certs"].as_str().unwrap();
    assert!(certs.starts_with("-----BEGIN CERTIFICATE-----\n") && certs.ends_with("\n-----END CERTIFICATE-----\n"));
    let mut rest = seen.body.clone();
    rest.as_object_mut().unwrap().remove("certs");
    let expected = json!({
        "type": "connect", "username": "ann", "password": "c2VjcmV0",
        "enhancedAuthentication": { "method": "OURS", "data": "YWJj" },
    });
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn it_is_asked_about_everybody_and_connections_are_kept() {
    let (server, methods) = answering(200, "{}").await;
    for credentials in [anyone(), with_password("ann", "x"), with_password("bob", "y")] {
        let found = accepted(judge(&methods, &credentials).await);
        assert_eq!((found.expires, found.attributes.is_empty()), (None, true));
    }
    assert_eq!((server.seen().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn its_own_path_and_headers_are_kept() {
    let server = Server::https(|_| Answered::With(200, "{}".to_owned()));
    let headers = BTreeMap::from([
        ("X-Key".to_owned(), Secret::from("k-123")),
        ("Authorization".to_owned(), Secret::from("Basic x")),
    ]);
    let settings =
        CustomSettings { headers, ..settings(&format!("{}/mqtt/check", server.endpoint()), trusted(&server)) };
    accepted(judge(&methods(settings), &anyone()).await);
    let seen = &server.seen()[0];
    assert_eq!(seen.target, "/mqtt/check/?api-version=0.5.0");
    assert_eq!((seen.header("x-key"), seen.header("authorization")), (Some("k-123"), Some("Basic x")));
}

#[tokio::test]
async fn a_refusal_has_the_servers_reason() {
    for (body, reason, part) in [
        (r#"{"reason":134,"message":"no such user"}"#, ReasonCode::BadUserNameOrPassword, "no such user"),
        (r#"{"reason":138}"#, ReasonCode::Banned, "without a word"),
        (r#"{"reason":0,"message":"x"}"#, ReasonCode::NotAuthorized, "refuses"),
        ("nonsense", ReasonCode::NotAuthorized, "refuses"),
        (r#"{"message":"you said c2VjcmV0 is secret"}"#, ReasonCode::NotAuthorized, "repeat a secret"),
    ] {
        let (_server, methods) = answering(403, body).await;
        assert_eq!(denied(judge(&methods, &with_password("ann", "secret")).await, part), reason, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_acceptance_is_a_refusal() {
    let over = json!({ "expiry": "2020-01-01T00:00:00Z" }).to_string();
    let large = format!("{{\"attributes\":{{\"a\":\"{}\"}}}}", "x".repeat(70_000));
    for (status, body, part) in [
        (200, "", "without a readable body"),
        (200, "yes", "without a readable body"),
        (200, over.as_str(), "has ended"),
        (200, r#"{"expiry":"tomorrow"}"#, "RFC 3339"),
        (200, large.as_str(), "larger than"),
        (201, "{}", "201"),
        (302, "{}", "302"),
        (400, "bad", "400"),
        (401, "{}", "401"),
        (404, "{}", "404"),
        (405, "{}", "405"),
    ] {
        let (server, methods) = answering(status, body).await;
        assert_eq!(
            denied(judge(&methods, &with_password("ann", "secret")).await, part),
            ReasonCode::NotAuthorized,
            "{status} {part}"
        );
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn another_version_is_tried_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = Server::https(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answered::With(422, r#"{"supportedVersions":["0.6.0","0.5.0"]}"#.to_owned()),
        _ => Answered::With(200, "{}".to_owned()),
    });
    accepted(judge(&asking(&server), &with_password("ann", "secret")).await);
    let seen = server.seen();
    assert_eq!((seen.len(), &seen[0].target, &seen[0].body), (2, &seen[1].target, &seen[1].body));
    for (body, times, part) in [
        (r#"{"supportedVersions":["0.5.0"]}"#, 2, "wants a version"),
        (r#"{"supportedVersions":["0.4.0"]}"#, 1, "speaks none"),
    ] {
        let (server, methods) = answering(422, body).await;
        assert_eq!(denied(judge(&methods, &anyone()).await, part), ReasonCode::NotAuthorized);
        assert_eq!(server.seen().len(), times);
    }
}

/// Out of reach: the next method, or "try again later".
#[tokio::test]
async fn a_server_that_cannot_say_is_not_relevant() {
    let root = authority("Root");
    let certificates = MethodSettings::X509(auth::authentication::X509Settings {
        authorities: vec![file("ca.pem", &[&root])],
        revocation_lists: vec![],
        attributes: BTreeMap::new(),
    });
    let certificate = with_chain(vec![issued(&Issued::default(), &root).0]);
    let mut cases = vec![(None, settings(&refused_endpoint(), reachable(&root)), "cannot be asked")];
    for status in [500, 503, 429] {
        let (server, _) = answering(status, "{}").await;
        let settings = settings(&server.endpoint(), trusted(&server));
        cases.push((Some(server), settings, "it answers"));
    }
    let stranger = Server::https(|_| Answered::With(200, "{}".to_owned()));
    let wrong_trust = settings(&stranger.endpoint(), reachable(&root));
    cases.push((Some(stranger), wrong_trust, "UnknownIssuer"));
    let slow = Server::https(|_| Answered::Never);
    let in_short =
        CustomSettings { deadline: Duration::from_millis(300), ..settings(&slow.endpoint(), trusted(&slow)) };
    cases.push((Some(slow), in_short, "within 300ms"));
    for (_server, settings, part) in cases {
        let custom = MethodSettings::Custom(settings);
        let alone = compiled(std::slice::from_ref(&custom));
        not_found_out(judge(&alone, &with_password("ann", "secret")).await, part);
        let first = compiled(&[custom, certificates.clone()]);
        assert_eq!(accepted(judge(&first, &certificate).await).by, MethodKind::X509);
    }
}

#[tokio::test]
async fn a_definite_answer_ends_the_list() {
    let (_server, _) = answering(403, "{}").await;
    let custom = MethodSettings::Custom(settings(&_server.endpoint(), trusted(&_server)));
    let (second, _) = answering(200, "{}").await;
    let after = MethodSettings::Custom(settings(&second.endpoint(), trusted(&second)));
    denied(judge(&compiled(&[custom, after]), &anyone()).await, "refuses");
    assert!(second.seen().is_empty());
}

#[tokio::test]
async fn the_broker_can_show_a_certificate() {
    let clients = authority("Clients");
    let server = Server::mutual(&clients, |_| Answered::With(200, "{}".to_owned()));
    let with = |by: &crate::parts::TestAuthority| {
        let how = Issued { usage: ExtendedKeyUsagePurpose::ClientAuth, ..Issued::default() };
        HttpsSettings { identity: Some(server_identity(&how, by)), ..trusted(&server) }
    };
    accepted(judge(&methods(settings(&server.endpoint(), with(&clients))), &anyone()).await);
    not_found_out(judge(&asking(&server), &anyone()).await, "cannot be asked");
    let stranger = settings(&server.endpoint(), with(&authority("Stranger")));
    not_found_out(judge(&methods(stranger), &anyone()).await, "cannot be asked");
    assert_eq!(server.seen().len(), 1);
}

/// A server that hangs holds so many requests and no more; who comes then is not kept waiting.
#[tokio::test]
async fn a_server_that_hangs_cannot_take_everything() {
    let server = Server::https(|_| Answered::Never);
    let settings = CustomSettings {
        most_at_once: 2,
        deadline: Duration::from_secs(30),
        ..settings(&server.endpoint(), trusted(&server))
    };
    let methods = Arc::new(methods(settings));
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let methods = Arc::clone(&methods);
        held.spawn(async move { methods.judge(&anyone(), &Purpose::Connect, SystemTime::now()).await });
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.seen().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "the requests do not arrive");
        tokio::task::yield_now().await;
    }
    not_found_out(judge(&methods, &anyone()).await, "too many requests");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_renewal_is_told_as_one_and_keeps_the_name() {
    let reply: Arc<Mutex<(u16, String)>> = Arc::new(Mutex::new((200, json!({ "expiry": in_an_hour() }).to_string())));
    let told = Arc::clone(&reply);
    let server = Server::https(move |_| {
        let (status, body) = told.lock().unwrap().clone();
        Answered::With(status, body)
    });
    let methods = asking(&server);
    let again = Purpose::ReAuthenticate { username: Some("ann".into()), by: MethodKind::Custom };
    let enhanced = Some(Enhanced { method: "OURS".into(), data: Some("xyz".into()) });
    let credentials = Credentials { enhanced, ..with_password("admin", "x") };
    let renewed = accepted(methods.judge(&credentials, &again, SystemTime::now()).await);
    assert!(renewed.username.as_deref() == Some("ann") && renewed.expires.is_some());
    let expected = json!({ "type": "auth", "enhancedAuthentication": { "method": "OURS", "data": "eHl6" } });
    assert_eq!(server.seen()[0].body, expected);
    *reply.lock().unwrap() = (503, String::new());
    not_found_out(methods.judge(&credentials, &again, SystemTime::now()).await, "503");
    // DISCONNECT has no 0x86.
    *reply.lock().unwrap() = (403, r#"{"reason":134}"#.to_owned());
    let reason = denied(methods.judge(&credentials, &again, SystemTime::now()).await, "refuses");
    assert_eq!(reason, ReasonCode::NotAuthorized);
    *reply.lock().unwrap() = (403, r#"{"reason":151}"#.to_owned());
    let verdict = methods.judge(&credentials, &again, SystemTime::now()).await;
    assert!(matches!(verdict, Verdict::Deny { reason: ReasonCode::QuotaExceeded, .. }));
}

#[tokio::test]
async fn requests_are_counted() {
    let counters = counters();
    let (server, _) = answering(503, "").await;
    let settings = [MethodSettings::Custom(settings(&server.endpoint(), trusted(&server)))];
    let methods = Methods::compile(&settings, None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    not_found_out(judge(&methods, &anyone()).await, "503");
    let counted = counters.read();
    assert!(counted.asked.contains(&(MethodKind::Custom, 1)) && counted.unanswered.contains(&(MethodKind::Custom, 1)));
}

#[test]
fn what_cannot_be_asked_is_refused_before() {
    let root = authority("Root");
    let good = settings("https://auth.example", reachable(&root));
    let header = |name: &str, value: &str| CustomSettings {
        headers: BTreeMap::from([(name.to_owned(), Secret::from(value))]),
        ..good.clone()
    };
    let at = |endpoint: &str| settings(endpoint, reachable(&root));
    let mut other_key = server_identity(&Issued::default(), &root);
    other_key.key_pem = server_identity(&Issued::default(), &root).key_pem;
    let identity = HttpsSettings { identity: Some(other_key), ..reachable(&root) };
    for (settings, part) in [
        (at("http://auth.example"), "not over https"),
        (at("http://127.0.0.1"), "not over https"),
        (at("https://ann:hunter2@auth.example"), "user or password"),
        (at("https://auth.example/?x=1"), "query"),
        (at("nonsense"), "nonsense"),
        (header("Host", "x"), "the broker's own"),
        (header("x", "hunter2\n"), "control character"),
        (settings("https://auth.example", identity), "client-secret"),
    ] {
        let errors = Methods::compile(&[MethodSettings::Custom(settings)], None, &counters()).err().unwrap();
        let text = errors[0].to_string();
        assert!(text.contains(part) && !text.contains("hunter2"), "{text}");
    }
}
