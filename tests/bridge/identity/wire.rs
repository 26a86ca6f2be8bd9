//! Tokens as they are on the wire: in CONNECT, and in AUTH on the connection that stands.

use causeway_tests::enhanced::auth;
use causeway_tests::from_client::FromClient;
use causeway_tests::identity_server::{Arced, Mint};
use causeway_tests::property::Value;
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer, connack};
use causeway_tests::token::{Signer, pod_claims, with};
use causeway_tests::{Flow, Props, Resources, Version, prop};
use serde_json::json;

use super::scene::{Local, system_identity};
use super::service_account::{Projected, account};
use crate::shown::{self, DESTINATION};

/// A broker whose one dataflow goes to that server, without TLS.
fn local(server: &ScriptedServer, line: &str, authentication: &str, variables: &[(&str, String)]) -> Local {
    let resources = Resources::new();
    let authentication: String = authentication.lines().map(|line| format!("  {line}\n")).collect();
    let settings = format!("host: \"{}\"\nauthentication:\n{authentication}tls:\n  mode: Disabled\n", server.address);
    resources.endpoint_of(line, "remote", &settings);
    resources.dataflow(&Flow::new("upward").from("default", &["telemetry/#"]).to("remote", "${inputTopic}"));
    Local::start(resources, variables)
}

/// Method and data of every CONNECT and AUTH, with its reason; 0 is that of CONNECT.
fn shown_to(heard: &[Heard]) -> Vec<(usize, u8, String, String)> {
    let of = |one: &Heard| {
        let (reason, props) = match &one.packet {
            FromClient::Connect(connect) => {
                assert!(connect.user.is_none() && connect.password.is_none(), "{connect:?}");
                (0, &connect.props)
            }
            FromClient::Auth { reason, props } => (*reason, props),
            _ => return None,
        };
        assert_eq!(one.version, Version::V5);
        assert!(props.users().is_empty(), "user properties: {props:?}");
        let data = props.0.iter().find_map(|(id, value)| match value {
            Value::Bin(data) if *id == prop::AUTH_DATA => Some(String::from_utf8(data.clone()).expect("a token")),
            _ => None,
        });
        let method = props.text(prop::AUTH_METHOD).expect("a method").to_owned();
        Some((one.connection, reason, method, data.expect("data")))
    };
    heard.iter().filter_map(of).collect()
}

/// A server that takes every token; what it answers to AUTH is said by the number of those before.
fn server(method: &'static str, answers: impl Fn(usize) -> u8 + Send + Sync + 'static) -> ScriptedServer {
    let before = std::sync::atomic::AtomicUsize::new(0);
    let named = move || Props::new().str(prop::AUTH_METHOD, method);
    ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Connect(_) => Reply::With(connack(Version::V5, 0, named())),
        FromClient::Auth { .. } => {
            let number = before.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Reply::With(auth(answers(number), &named()))
        }
        _ => Reply::Usual,
    })
}

#[test]
fn a_machines_tokens_are_shown_by_connect_and_auth() {
    let server = server("OAUTH2-JWT", |_| 0);
    let mint = Mint::of(4);
    let agent = Arced::start(&mint);
    let _local = local(&server, "hostType: EventGrid", &system_identity(None), &agent.variables());
    let all = server.hears("two renewals", |heard| Some(shown_to(heard)).filter(|shown| shown.len() >= 3));
    for (number, (shown, token)) in all.iter().zip(mint.made()).enumerate() {
        let reason = if number == 0 { 0 } else { 0x19 };
        assert_eq!(*shown, (0, reason, "OAUTH2-JWT".to_owned(), token), "{number}");
    }
}

#[test]
fn a_pods_tokens_are_shown_by_connect_and_auth() {
    let server = server("K8S-SAT", |_| 0);
    let signer = Signer::new("ES256", "cluster-1");
    let tokens = [1, 2, 3].map(|number| signer.sign(&with(pod_claims(), "/jti", json!(number))));
    // One line end, as editors put it there.
    let projected = Projected::new(&format!("{}\n", tokens[0]));
    let _local = local(&server, "", &account(&projected, "aio-internal"), &[]);
    for (number, token) in tokens.iter().enumerate() {
        if number > 0 {
            projected.put(token);
        }
        let reason = if number == 0 { 0 } else { 0x19 };
        let shown = server.hears("the token", |heard| shown_to(heard).into_iter().nth(number));
        assert_eq!(shown, (0, reason, "K8S-SAT".to_owned(), token.clone()));
    }
}

/// AUTH 0x18 in answer to a new token: the server's own authentication server is in trouble, and it may be asked again.
/// What was shown before is still good, so the connection stays.
#[test]
fn a_server_that_cannot_tell_yet_is_asked_again() {
    let server = server("K8S-SAT", |number| if number < 2 { 0x18 } else { 0 });
    let signer = Signer::new("ES256", "cluster-1");
    let projected = Projected::new(&signer.sign(&pod_claims()));
    let local = local(&server, "", &account(&projected, "aio-internal"), &[]);
    shown::up(&local.broker, "upward");
    let next = signer.sign(&with(pod_claims(), "/jti", json!("next")));
    projected.put(&next);
    let all = server.hears("the token three times", |heard| Some(shown_to(heard)).filter(|shown| shown.len() >= 4));
    for (connection, reason, _, token) in &all[1..] {
        assert_eq!((*connection, token), (0, &next), "on the connection that stands: {all:?}");
        assert!([0x18, 0x19].contains(reason), "{reason:#04x}");
    }
    assert_eq!(shown::end(&local.broker, "upward", DESTINATION)["state"], "Up");
}
