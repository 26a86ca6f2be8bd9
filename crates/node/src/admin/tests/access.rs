//! Tokens, Host and Origin over the wire.

use config::SecretText;

use super::fixture::{running, starting};

const TOKEN: &str = "correct-horse-battery";

#[test]
fn with_a_token_everything_but_the_probes_asks_for_it() {
    let fixture = starting(Some(TOKEN));
    for path in ["/health/live", "/health/ready"] {
        assert_ne!(fixture.get(path).status, 401, "{path}");
    }
    for path in ["/", "/health", "/metrics", "/api/v1/clients", "/api/v1/openapi.json", "/nothing"] {
        let answer = fixture.get(path);
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"causeway\""), "{path}");
        assert!(!answer.body.contains(TOKEN));
    }
    for shown in ["", "Bearer", "Bearer ", "Bearer x", "Basic correct-horse-battery", "Bearer correct-horse-batterz"] {
        let answer = fixture.ask("GET", "/", &format!("Host: localhost\r\nAuthorization: {shown}\r\n"));
        answer.problem(401);
    }
    let twice = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n");
    fixture.ask("GET", "/", &twice).problem(401);
    for scheme in ["Bearer", "bearer"] {
        // With a token, any name will do: a page that had its own name point here does not know the token.
        let headers = format!("Host: broker.example\r\nAuthorization: {scheme} {TOKEN}\r\n");
        assert_eq!(fixture.ask("GET", "/", &headers).status, 200, "{scheme}");
    }
}

#[test]
fn a_token_is_changed_while_the_endpoint_runs() {
    let fixture = running();
    assert_eq!(fixture.get("/metrics").status, 200);
    fixture.admin.set_token(Some(SecretText::new(TOKEN.to_owned())));
    fixture.problem("/metrics", 401);
    let metrics = fixture.ask("GET", "/metrics", &format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"));
    assert!(metrics.body.contains("\ncauseway_admin_requests_refused_total{reason=\"token\"} 1\n"), "{}", metrics.body);
    fixture.admin.set_token(None);
    assert_eq!(fixture.get("/metrics").status, 200);
}

#[test]
fn without_a_token_only_names_of_this_machine_are_answered_to() {
    let fixture = running();
    for host in [
        "localhost",
        "LOCALHOST:9600",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:9600",
        "192.168.7.1:80",
        "[::1]",
        "[::1]:9600",
        "edge-7",
        "EDGE-7:9600",
    ] {
        assert_eq!(fixture.ask("GET", "/", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example:9600", "edge-7.evil.example", "127.0.0.1.evil.example", "", "[", ":"]
    {
        let problem = fixture.ask("GET", "/", &format!("Host: {host}\r\n")).problem(421);
        assert_eq!(problem["problems"][0]["place"], "header Host", "{host}");
        assert_ne!(fixture.ask("GET", "/health/ready", &format!("Host: {host}\r\n")).status, 421, "{host}");
    }
    fixture.ask("GET", "/", "").problem(421);
    fixture.ask("GET", "/", "Host: localhost\r\nHost: localhost\r\n").problem(421);
    fixture.ask("GET", "http://evil.example/", "Host: localhost\r\n").problem(421);
    assert_eq!(fixture.ask("GET", "http://127.0.0.1/", "Host: localhost\r\n").status, 200);
    assert!(fixture.raw("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
}

#[test]
fn pages_of_other_origins_change_nothing() {
    let fixture = running();
    let delete =
        |origins: &str| fixture.ask("DELETE", "/api/v1/clients/a", &format!("Host: localhost:9600\r\n{origins}"));
    for origin in ["null", "http://evil.example", "https://localhost:9600", "http://localhost", "http://localhost:9601"]
    {
        let problem = delete(&format!("Origin: {origin}\r\n")).problem(403);
        assert_eq!(problem["problems"][0]["place"], "header Origin", "{origin}");
    }
    delete("Origin: http://localhost:9600\r\nOrigin: http://evil.example\r\n").problem(403);
    assert_eq!(fixture.ask("GET", "/", "Host: localhost\r\nOrigin: http://evil.example\r\n").status, 200);
    assert_eq!(delete("Origin: http://localhost:9600\r\n").status, 204);
}
