//! What is done and refused at the endpoint is in the audit log, with who asked.

use serde_json::json;

use super::fixture::{running, starting};

#[test]
fn changes_are_recorded_and_questions_are_not() {
    let fixture = running();
    fixture.json("/api/v1/clients/a");
    assert_eq!(fixture.delete("/api/v1/clients/a%2Fb").status, 204);
    fixture.delete("/api/v1/clients/a%2Fb").problem(404);
    assert_eq!(fixture.delete("/api/v1/retained/demo/hello").status, 204);
    let by = "admin endpoint, without a token";
    let expected = [
        json!({ "event": "clientDisconnected", "by": by, "client": "a/b" }),
        json!({ "event": "retainedDeleted", "by": by, "topic": "demo/hello" }),
    ];
    assert_eq!(fixture.audited(), expected);
}

#[test]
fn who_shows_the_token_is_told_from_who_does_not() {
    const TOKEN: &str = "correct-horse-battery";
    let fixture = starting(Some(TOKEN));
    // Before the broker runs there is nothing that could be changed.
    fixture.problem("/", 401);
    fixture.run(super::broker::Broker::default());
    fixture.problem("/metrics?token=abc", 401);
    assert_eq!(fixture.get("/health/ready").status, 200);
    let shown = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n");
    let foreign = format!("{shown}Origin: http://evil.example\r\n");
    fixture.ask("DELETE", "/api/v1/clients/a", &foreign).problem(403);
    assert_eq!(fixture.ask("DELETE", "/api/v1/clients/a", &shown).status, 204);
    let (with, without) = ("admin endpoint, with its token", "admin endpoint, without a token");
    let expected = [
        json!({ "event": "requestRefused", "by": without, "request": "GET /metrics", "why": "token" }),
        json!({ "event": "requestRefused", "by": with, "request": "DELETE /api/v1/clients/a", "why": "origin" }),
        json!({ "event": "clientDisconnected", "by": with, "client": "a" }),
    ];
    assert_eq!(fixture.audited(), expected);
}
