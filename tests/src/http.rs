//! One HTTP request at a time, for the admin listener.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// The header lines as sent.
    pub head: String,
    pub body: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", self.body))
    }

    /// A header's value; names in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends a GET and returns status and body, or nothing where the listener does not answer.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let response = request(address, "GET", path, &[])?;
    Some((response.status, response.body))
}

/// Sends a request without a body, or nothing where the listener does not answer.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Response> {
    let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(15))).ok()?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    socket.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    // A server that refuses what it has not read in full resets the connection behind its answer.
    if socket.read_to_end(&mut answer).is_err() && answer.is_empty() {
        return None;
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Response { status, head: head.to_string(), body: body.to_string() })
}

/// The value of one metric, all its samples whose labels contain `labels` added up.
pub fn metric(address: SocketAddr, name: &str, labels: &str) -> Option<f64> {
    let (_, text) = get(address, "/metrics")?;
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (found, with) = series.split_once('{').unwrap_or((series, ""));
        (found == name && with.contains(labels)).then(|| value.parse::<f64>().ok())?
    });
    samples.reduce(|a, b| a + b)
}

/// Messages that sessions have not acknowledged, as their partitions say now: metrics are of a moment ago. Of the first thousand
/// sessions.
pub fn queued(address: SocketAddr) -> Option<u64> {
    let (_, body) = get(address, "/api/v1/sessions?limit=1000")?;
    let sessions: serde_json::Value = serde_json::from_str(&body).ok()?;
    sessions["items"].as_array()?.iter().map(|session| session["queuedMessages"].as_u64()).sum()
}
