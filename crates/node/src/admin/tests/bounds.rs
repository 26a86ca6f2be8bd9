//! What the server bears of a client.

use std::net::TcpStream;

use super::fixture::{running, starting};

const MAX_HEADER_BYTES: usize = 16 * 1024;

#[test]
fn oversized_headers_are_refused() {
    let fixture = running();
    let long = "a".repeat(MAX_HEADER_BYTES + 1);
    let answer = fixture.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = "A: b\r\n".repeat(200);
    let answer = fixture.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(fixture.get("/health/live").status, 200);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let fixture = running();
    let problem = fixture.problem("/api/v2/clients", 404);
    assert_eq!(problem["problems"][0]["text"], "/api/v2/clients");
    fixture.problem("/api/v1/clients/", 404);
    for (method, path, allowed) in [
        ("POST", "/metrics", "GET,HEAD"),
        ("PUT", "/api/v1/clients", "GET,HEAD"),
        ("OPTIONS", "/api/v1/clients/a", "GET,HEAD,DELETE"),
        ("TRACE", "/api/v1/retained/a/b", "GET,HEAD,DELETE"),
        ("DELETE", "/health/live", "GET,HEAD"),
    ] {
        let answer = fixture.ask(method, path, "Host: localhost\r\nContent-Length: 0\r\n");
        answer.problem(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{answer:?}");
    }
}

#[test]
fn head_is_get_without_a_body() {
    let fixture = running();
    for path in ["/health/live", "/metrics", "/api/v1/clients", "/"] {
        let answer = fixture.ask("HEAD", path, "Host: localhost\r\n");
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert!(length > 0, "{path}");
    }
}

#[test]
fn answers_are_not_kept_or_guessed_at() {
    let fixture = running();
    for path in ["/health/live", "/metrics", "/nothing"] {
        let answer = fixture.get(path);
        let headers = ["cache-control", "x-content-type-options"].map(|name| answer.header(name));
        assert_eq!(headers, [Some("no-store"), Some("nosniff")], "{path}");
    }
}

#[test]
fn stopping_closes_the_port() {
    let fixture = starting(None);
    let address = fixture.address;
    fixture.admin.stop();
    assert!(TcpStream::connect(address).is_err());
}
