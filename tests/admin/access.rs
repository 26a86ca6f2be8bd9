//! Who may ask: the token, the names the endpoint answers to, pages of other origins.

use causeway_tests::http::{self, Response};
use causeway_tests::{Broker, Connect, Resources, Settings, Version, eventually, free_port};

use crate::ask::{assert_problem, get, request};
use crate::watch::{QUIET, Samples, moved, quiet, still};

const TOKEN: &str = "correct-horse-battery";

fn ask(broker: &Broker, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    http::request(broker.admin(), method, path, headers).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// A broker that asks for [`TOKEN`].
fn guarded() -> (Broker, Resources) {
    let resources = Resources::new();
    resources.secret("admin", &[("token", TOKEN.as_bytes())]);
    let port = free_port();
    resources.broker(&format!("{QUIET}  metrics:\n    prometheusPort: {port}\n  admin:\n    tokenSecretRef: admin\n"));
    let broker = Broker::start(Settings::new().admin_by_resources().resources(&resources));
    (broker, resources)
}

#[test]
fn without_the_token_only_the_probes_are_answered() {
    let (broker, _resources) = guarded();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(get(&broker, path).status, 200, "{path}");
        assert_eq!(ask(&broker, "GET", path, &[("Host", "rebound.example")]).status, 200, "{path}");
    }
    let document = ask(&broker, "GET", "/api/v1/openapi.json", &[("Authorization", &format!("Bearer {TOKEN}"))]).json();
    let paths: Vec<String> = document["paths"].as_object().expect("paths").keys().cloned().collect();
    let guarded = paths.iter().filter(|path| !["/health/live", "/health/ready"].contains(&path.as_str()));
    for path in guarded.map(String::as_str).chain(["/nowhere"]) {
        let path = path.replace(['{', '}'], "");
        let response = get(&broker, &path);
        assert_eq!(response.status, 401, "{path}: {}", response.body);
        assert_problem(&response, 401, "Authorization");
        assert!(response.header("www-authenticate").is_some_and(|scheme| scheme.starts_with("Bearer")), "{path}");
    }
}

#[test]
fn only_the_token_itself_opens() {
    let (broker, _resources) = guarded();
    let client = broker.client(Version::V5);
    let path = format!("/api/v1/clients/{}", client.id);
    let longer = format!("Bearer {TOKEN}x");
    let shorter = format!("Bearer {}", &TOKEN[1..]);
    for wrong in ["Bearer", "Bearer ", TOKEN, "Basic Y29ycmVjdA==", &longer, &shorter, "Bearer CORRECT-HORSE-BATTERY"] {
        assert_eq!(ask(&broker, "GET", "/metrics", &[("Authorization", wrong)]).status, 401, "{wrong}");
        assert_eq!(ask(&broker, "DELETE", &path, &[("Authorization", wrong)]).status, 401, "{wrong}");
    }
    let right = format!("Bearer {TOKEN}");
    for path in ["/metrics", "/health", &path, "/api/v1/configuration", "/api/v1/openapi.json"] {
        let response = ask(&broker, "GET", path, &[("Authorization", &right)]);
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        assert!(!response.body.contains(TOKEN), "{path} shows the token");
    }
    // Whoever knows the token may come by any name.
    let named = [("Authorization", right.as_str()), ("Host", "broker.example:9600")];
    assert_eq!(ask(&broker, "GET", "/metrics", &named).status, 200);
    assert!(!broker.log().contains(TOKEN), "the log shows the token");
}

#[test]
fn another_token_holds_at_once() {
    let (broker, resources) = guarded();
    let of = |token: &str| ask(&broker, "GET", "/health", &[("Authorization", &format!("Bearer {token}"))]).status;
    assert_eq!(of(TOKEN), 200);
    resources.secret("admin", &[("token", b"another-horse-battery")]);
    eventually("the new token opens", || (of("another-horse-battery") == 200).then_some(()));
    assert_eq!(of(TOKEN), 401);
}

#[test]
fn without_a_token_only_names_of_this_machine_are_answered() {
    let (broker, _resources) = quiet("");
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let port = broker.admin().port();
    for own in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "192.0.2.7", machine.trim()] {
        for host in [own.to_string(), format!("{own}:{port}")] {
            assert_eq!(ask(&broker, "GET", "/metrics", &[("Host", &host)]).status, 200, "{host}");
        }
    }
    for foreign in ["rebound.example", "localhost.example", "127.0.0.1.example", "rebound.example:9600", ""] {
        for path in ["/metrics", "/health", "/api/v1/clients", "/nowhere"] {
            let response = ask(&broker, "GET", path, &[("Host", foreign)]);
            assert_problem(&response, 421, "Host");
        }
        assert_eq!(ask(&broker, "GET", "/health/ready", &[("Host", foreign)]).status, 200, "{foreign}");
    }
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let (broker, _resources) = quiet("");
    let mut client = broker.connect(&Connect::fresh(Version::V5));
    let path = format!("/api/v1/clients/{}", client.id);
    let host = format!("localhost:{}", broker.admin().port());
    for origin in ["http://rebound.example", "null", "https://localhost", "http://localhost:1"] {
        let response = ask(&broker, "DELETE", &path, &[("Host", &host), ("Origin", origin)]);
        assert_problem(&response, 403, "Origin");
        // Reading is harmless: there is no header that would let the page see the answer.
        let response = ask(&broker, "GET", &path, &[("Host", &host), ("Origin", origin)]);
        assert_eq!(response.status, 200, "{origin}");
        assert!(response.header("access-control-allow-origin").is_none(), "{}", response.head);
    }
    client.quiet();
    let own = format!("http://{host}");
    assert_eq!(ask(&broker, "DELETE", &path, &[("Host", &host), ("Origin", &own)]).status, 204);
    client.expect_disconnect(0x98);
}

/// A scene of the metrics.
pub fn refused_requests_are_counted(samples: Samples) {
    let (broker, resources) = quiet("");
    still(&broker, samples);
    assert_eq!(ask(&broker, "GET", "/health", &[("Host", "rebound.example")]).status, 421);
    assert_eq!(ask(&broker, "DELETE", "/api/v1/clients/x", &[("Origin", "http://rebound.example")]).status, 403);
    resources.secret("admin", &[("token", TOKEN.as_bytes())]);
    resources.broker(&format!("{QUIET}  admin:\n    tokenSecretRef: admin\n"));
    eventually("a token is asked for", || (request(&broker, "GET", "/health").status == 401).then_some(()));
    resources.broker(QUIET);
    eventually("it is asked for no more", || (request(&broker, "GET", "/health").status == 200).then_some(()));
    moved(&broker, samples);
}
