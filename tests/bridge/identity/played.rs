//! Those who play identity endpoints insist on what the real ones insist on: otherwise tests against them prove little.

use std::fs;
use std::path::Path;

use causeway_tests::http;
use causeway_tests::identity_server::{Arced, KEYS, Mint};

const TARGET: &str = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=api%3A%2F%2Fplant";

#[test]
fn the_agent_takes_each_key_once() {
    let mint = Mint::new();
    let agent = Arced::start(&mint);
    let ask = |target: &str, headers: &[(&str, &str)]| {
        http::request(agent.server.address, "GET", target, headers).expect("an answer")
    };
    let metadata = ("Metadata", "true");
    assert_eq!(ask(TARGET, &[]).status, 400);
    assert_eq!(ask(&TARGET.replace("2020-06-01", "2018-02-01"), &[metadata]).status, 400);
    assert_eq!(ask(&TARGET.replace("resource", "audience"), &[metadata]).status, 400);
    let challenge = ask(TARGET, &[metadata]);
    assert_eq!(challenge.status, 401);
    let realm = challenge.header("www-authenticate").and_then(|said| said.strip_prefix("Basic realm="));
    let file = Path::new(realm.expect("a realm"));
    assert_eq!((file.parent(), file.extension().and_then(|end| end.to_str())), (Some(Path::new(KEYS)), Some("key")));
    let key = format!("Basic {}", fs::read_to_string(file).expect("a key"));
    assert_eq!(ask(TARGET, &[metadata, ("Authorization", "Basic hunter2")]).status, 401);
    let granted = ask(TARGET, &[metadata, ("Authorization", &key)]);
    assert_eq!(granted.status, 200);
    let granted = granted.json();
    assert_eq!((&granted["resource"], &granted["token_type"]), (&"api://plant".into(), &"Bearer".into()));
    assert_eq!(granted["access_token"], mint.made()[0].as_str());
    assert!(granted["expires_in"] == "3600" && granted["expires_on"].is_string(), "{granted}");
    assert!(!file.exists());
    assert_eq!(ask(TARGET, &[metadata, ("Authorization", &key)]).status, 401);
}
