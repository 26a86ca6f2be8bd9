//! What is refused: wrong parameters, unknown paths, other methods; each with a problem document.

use causeway_tests::{Broker, http};

use crate::ask::{assert_problem, get, request};

#[test]
fn wrong_parameters_are_named() {
    let broker = Broker::shared();
    for (path, place) in [
        ("/api/v1/clients?bogus=1", "bogus"),
        ("/api/v1/clients?limit=0", "limit"),
        ("/api/v1/clients?limit=1001", "limit"),
        ("/api/v1/clients?limit=-1", "limit"),
        ("/api/v1/clients?limit=", "limit"),
        ("/api/v1/clients?limit=1e2", "limit"),
        ("/api/v1/clients?limit=99999999999999999999", "limit"),
        ("/api/v1/clients?prefix=%ff", "prefix"),
        ("/api/v1/clients?prefix=a&prefix=b", "prefix"),
        ("/api/v1/clients/nobody?force=true", "force"),
        ("/api/v1/sessions?connected=yes", "connected"),
        ("/api/v1/sessions?persistent=", "persistent"),
        ("/api/v1/subscriptions?topic=a/%2B", "topic"),
        ("/api/v1/subscriptions?topic=", "topic"),
        ("/api/v1/retained?filter=a%23", "filter"),
        ("/api/v1/retained?filter=", "filter"),
        ("/api/v1/retained?filter=$share/g/a", "filter"),
        ("/api/v1/retained/a/%23", "topic"),
        ("/api/v1/retained/a%00b", "topic"),
        ("/api/v1/retained/a?payloadLimit=many", "payloadLimit"),
        ("/api/v1/traces?limit=0", "limit"),
        ("/api/v1/listeners?limit=1", "limit"),
        ("/api/v1/configuration?x=1", "x"),
        ("/health?verbose=1", "verbose"),
    ] {
        let response = get(broker, path);
        assert_eq!(response.status, 400, "{path}: {}", response.body);
        assert_problem(&response, 400, place);
    }
}

#[test]
fn every_wrong_parameter_is_told_at_once() {
    let response = get(Broker::shared(), "/api/v1/clients?limit=0&bogus=1&after=%ff");
    for place in ["limit", "bogus", "after"] {
        assert_problem(&response, 400, place);
    }
}

#[test]
fn a_place_that_no_page_gave_is_404() {
    let broker = Broker::shared();
    assert_problem(&get(broker, "/api/v1/subscriptions?after=nonsense"), 404, "after");
}

#[test]
fn unknown_paths_are_404() {
    let broker = Broker::shared();
    for path in ["/nowhere", "/api", "/api/v2/clients", "/api/v1/client", "/metrics/", "/api/v1/clients/a/b", "//"] {
        let response = get(broker, path);
        assert_eq!(response.status, 404, "{path}");
        assert_problem(&response, 404, "path");
    }
}

#[test]
fn other_methods_are_405_with_what_is_allowed() {
    let broker = Broker::shared();
    for (method, path, allowed) in [
        ("POST", "/api/v1/clients", "GET"),
        ("DELETE", "/api/v1/clients", "GET"),
        ("PUT", "/api/v1/clients/someone", "DELETE"),
        ("PATCH", "/api/v1/retained/a/b", "DELETE"),
        ("DELETE", "/api/v1/sessions/someone", "GET"),
        ("POST", "/metrics", "GET"),
        ("DELETE", "/health", "GET"),
    ] {
        let response = request(broker, method, path);
        assert_eq!(response.status, 405, "{method} {path}: {}", response.body);
        assert_problem(&response, 405, "method");
        let allow = response.header("allow").unwrap_or_else(|| panic!("no Allow to {method} {path}"));
        assert!(allow.split(',').any(|name| name.trim() == allowed), "{method} {path}: {allow}");
    }
}

#[test]
fn a_request_that_is_too_long_is_431() {
    let broker = Broker::shared();
    let long = "x".repeat(20_000);
    let response = http::request(broker.admin(), "GET", "/health", &[("X-Long", &long)]).expect("an answer");
    assert_eq!(response.status, 431, "{}", response.head);
    let many: Vec<(String, String)> = (0..80).map(|n| (format!("X-{n}"), "y".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let response = http::request(broker.admin(), "GET", "/health", &many).expect("an answer");
    assert_eq!(response.status, 431, "{}", response.head);
    assert_eq!(get(broker, "/health").status, 200);
}

/// HEAD is GET without a body.
#[test]
fn head_is_answered_without_a_body() {
    let broker = Broker::shared();
    for path in ["/health", "/metrics", "/api/v1/clients"] {
        let response = request(broker, "HEAD", path);
        assert_eq!((response.status, response.body.as_str()), (200, ""), "{path}");
    }
}

/// Every answer tells browsers and proxies to keep nothing and to guess nothing.
#[test]
fn answers_are_not_stored_and_not_guessed() {
    let broker = Broker::shared();
    for path in ["/", "/health", "/metrics", "/api/v1/clients", "/nowhere"] {
        let response = get(broker, path);
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}
