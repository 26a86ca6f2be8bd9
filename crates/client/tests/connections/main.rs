//! The client over memory, TCP, TLS and WebSocket, against a server of these tests.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod authentication;
mod bounds;
mod ends;
mod memory;
mod server;
mod sessions;
mod tcp;
mod tls;
mod websocket;

use std::time::Duration;

use client::{Client, Connection, Options, Session};
use mqtt::client::{Settings, SubscribeRequest};
use mqtt::{Connect, ProtocolVersion, QoS, SubscribeOptions};
use server::Server;

/// Bounds every wait of a test.
const PATIENCE: Duration = Duration::from_secs(30);

fn options() -> Options {
    let mut connect = Connect::new(ProtocolVersion::V5, "client");
    connect.clean_start = false;
    connect.session_expiry = Some(100);
    Options::new(connect)
}

/// A connection over memory to `server`.
async fn connected(server: &Server, options: &Options, session: Session) -> Connection {
    Client::over(server.stream(), options, session).await.expect("the server accepts")
}

async fn fresh(server: &Server) -> Connection {
    connected(server, &options(), Session::new(Settings::default())).await
}

fn subscribe(filter: &str) -> SubscribeRequest {
    let options = SubscribeOptions { qos: QoS::ExactlyOnce, ..SubscribeOptions::default() };
    SubscribeRequest { filters: vec![(filter.to_owned(), options)], ..SubscribeRequest::default() }
}

/// Waits for a condition with a deadline.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what} did not happen");
}
