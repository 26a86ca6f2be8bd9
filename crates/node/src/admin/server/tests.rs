//! Answers by path and condition, and the bounds on requests, over a real socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{Admin, MAX_HEADER_BYTES};
use crate::admin::{Family, Health, Kind, MetricsSource};

struct Fixture {
    admin: Admin,
    address: SocketAddr,
    health: Health,
    metrics: MetricsSource,
}

fn fixture() -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (health, metrics) = (Health::default(), MetricsSource::default());
    let admin = Admin::start(listener, health.clone(), metrics.clone()).unwrap();
    Fixture { admin, address, health, metrics }
}

impl Fixture {
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // A server that refuses a request early may close before all of it is written.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// Status and body.
    fn get(&self, path: &str) -> (String, String) {
        let answer = self.raw(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.to_owned(), body.to_owned())
    }
}

#[test]
fn readiness_follows_the_process_and_liveness_does_not() {
    let fixture = fixture();
    let is = |path: &str, status: &str, body: &str| {
        assert_eq!(fixture.get(path), (status.to_owned(), body.to_owned()));
    };
    is("/health/live", "200", "live\n");
    is("/health/ready", "503", "starting\n");
    fixture.health.set_ready(|| true);
    is("/health/ready", "200", "ready\n");
    fixture.health.set_draining();
    is("/health/ready", "503", "draining\n");
    is("/health/live", "200", "live\n");
}

#[test]
fn metrics_are_the_process_and_what_is_provided() {
    let fixture = fixture();
    let (status, before) = fixture.get("/metrics");
    assert_eq!(status, "200");
    assert!(before.contains("\ncauseway_build_info{version="), "{before}");
    assert!(before.contains("\nprocess_cpu_seconds_total "), "{before}");
    fixture.metrics.provide(|| vec![Family::single("clients", "Clients.", Kind::Gauge, 3.0)]);
    assert!(fixture.get("/metrics").1.ends_with("\nclients 3\n"));
}

#[test]
fn other_paths_and_methods_are_refused() {
    let fixture = fixture();
    assert_eq!(fixture.get("/").0, "404");
    assert_eq!(fixture.get("/metrics?x=1").0, "200");
    let answer = fixture.raw("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("allow: GET, HEAD"), "{answer}");
}

#[test]
fn oversized_headers_are_refused() {
    let fixture = fixture();
    let long = "a".repeat(MAX_HEADER_BYTES + 1);
    let answer = fixture.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = "A: b\r\n".repeat(200);
    let answer = fixture.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(fixture.get("/health/live").0, "200");
}

#[test]
fn stopping_closes_the_port() {
    let fixture = fixture();
    let address = fixture.address;
    fixture.admin.stop();
    assert!(TcpStream::connect(address).is_err());
}
