//! `diagnostics.admin`: where the admin endpoint binds, and the token it asks for, which nothing ever shows.

use std::net::SocketAddr;

use causeway_tests::deadline::eventually;
use causeway_tests::{Resources, Settings, errand, free_port, http};

use super::served::{Served, refused_broker};

const TOKEN: &str = "a-token-nobody-is-to-see";
const OTHER: &str = "another-token-for-nobody";

fn at(host: &str, port: u16, token: &str) -> String {
    format!("diagnostics:\n  admin:\n    host: \"{host}\"\n{token}  metrics:\n    prometheusPort: {port}\n")
}

const WITH_TOKEN: &str = "    tokenSecretRef: admin-token\n";

fn served(spec: &str) -> Served {
    let resources = Resources::new();
    resources.secret("admin-token", &[("token", TOKEN.as_bytes())]);
    resources.broker(spec);
    Served::from(resources, Settings::new().admin_by_resources())
}

fn status(address: SocketAddr, path: &str, token: Option<&str>) -> Option<u16> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|value| ("Authorization", value.as_str())).collect();
    Some(http::request(address, "GET", path, &headers)?.status)
}

#[test]
pub fn host() {
    let port = free_port();
    let elsewhere = |last: u8| SocketAddr::from(([127, 0, 0, last], port));
    let served = served(&at("127.0.0.2", port, ""));
    assert_eq!(status(elsewhere(2), "/metrics", None), Some(200));
    assert_eq!(status(elsewhere(1), "/metrics", None), None);
    // Every interface, which needs a token.
    served.resources.broker(&at("0.0.0.0", port, WITH_TOKEN));
    served.broker.signal(libc::SIGHUP);
    eventually("it answers everywhere", || (status(elsewhere(3), "/health/live", None) == Some(200)).then_some(()));
    assert_eq!(served.broker.listener("admin"), Some(SocketAddr::from(([0, 0, 0, 0], port))));
    assert_eq!(status(elsewhere(3), "/metrics", Some(TOKEN)), Some(200));
    assert_eq!(status(elsewhere(3), "/metrics", None), Some(401));
    for host in ["0.0.0.0", "::", "192.168.0.10"] {
        let told = refused_broker(&at(host, port, ""));
        assert!(told.contains("tokenSecretRef"), "{host}: {told}");
    }
    assert!(refused_broker(&at("everywhere", port, "")).contains("spec.diagnostics.admin.host"));
}

#[test]
pub fn token_secret_ref() {
    let served = served(&at("127.0.0.1", free_port(), WITH_TOKEN));
    let address = served.address("admin");
    let paths = ["/metrics", "/health", "/api/v1/clients", "/api/v1/configuration", "/api/v1/openapi.json"];
    for path in paths {
        assert_eq!(status(address, path, None), Some(401), "{path}");
        assert_eq!(status(address, path, Some(OTHER)), Some(401), "{path}");
    }
    // Probes know no token.
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(status(address, path, None), Some(200), "{path}");
    }
    for path in ["/metrics", "/health", "/api/v1/clients"] {
        assert_eq!(status(address, path, Some(TOKEN)), Some(200), "{path}");
    }
    // Another content of the Secret is another token, at once.
    served.resources.secret("admin-token", &[("token", OTHER.as_bytes())]);
    served.broker.signal(libc::SIGHUP);
    eventually("the other token holds", || (status(address, "/metrics", Some(OTHER)) == Some(200)).then_some(()));
    assert_eq!(status(address, "/metrics", Some(TOKEN)), Some(401));

    // Nobody tells what it is.
    let bearer = format!("Bearer {OTHER}");
    let shown =
        http::request(address, "GET", "/api/v1/configuration", &[("Authorization", &bearer)]).expect("an answer");
    assert!(shown.body.contains("admin-token"), "the Secret's name is told: {}", shown.body);
    let folder = served.resources.path().as_os_str();
    let explained = errand::run(&["explain".as_ref(), "--resources".as_ref(), folder]);
    assert!(explained.stdout.contains("admin-token"), "{}", explained.stdout);
    for text in [&shown.body, &explained.stdout, &explained.stderr, &served.broker.log()] {
        assert!(!text.contains(TOKEN) && !text.contains(OTHER), "{text}");
    }
}

/// References to nothing, and tokens that are none, are refused without being told.
#[test]
fn a_missing_or_short_token_is_refused() {
    let check = |entries: &[(&str, &[u8])]| {
        let resources = Resources::new();
        resources.broker(&at("127.0.0.1", 9600, WITH_TOKEN));
        if !entries.is_empty() {
            resources.secret("admin-token", entries);
        }
        let outcome = errand::run(&["check".as_ref(), resources.path().as_os_str()]);
        assert_eq!(outcome.code, 2, "{}", outcome.stdout);
        assert!(outcome.stderr.contains("tokenSecretRef"), "{}", outcome.stderr);
        outcome.stderr
    };
    check(&[]);
    check(&[("other", b"0123456789abcdef")]);
    assert!(!check(&[("token", b"short-secret")]).contains("short-secret"));
}
