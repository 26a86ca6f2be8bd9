//! TCP: names, addresses and what can be wrong with them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use client::{Client, ConnectError, Endpoint};
use mqtt::client::Settings;
use tokio::net::TcpListener;

use crate::options;
use crate::server::Server;

/// A server on a free port of this machine.
async fn listening() -> (Server, u16) {
    let server = Server::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serving.clone().serve(stream));
        }
    });
    (server, port)
}

async fn error(endpoint: Endpoint) -> ConnectError {
    Client::connect(&endpoint, &options(), Settings::default()).await.unwrap_err()
}

#[tokio::test]
async fn names_are_resolved_and_addresses_tried_in_turn() {
    let (server, port) = listening().await;
    for host in ["localhost", "127.0.0.1"] {
        let endpoint = Endpoint::tcp(host, port);
        let bind = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for endpoint in [Endpoint { bind, ..endpoint.clone() }, endpoint] {
            let connection = Client::connect(&endpoint, &options(), Settings::default()).await.unwrap();
            assert_eq!(connection.accepted.client_id, "client");
        }
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_, port) = listening().await;
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let free = nobody.local_addr().unwrap().port();
    drop(nobody);
    let refused = error(Endpoint::tcp("127.0.0.1", free)).await;
    assert!(refused.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{free}: ")), "{refused}");
    let unknown = error(Endpoint::tcp("no host.invalid", port)).await;
    assert!(unknown.to_string().starts_with("cannot find the host no host.invalid: "), "{unknown}");
    let bind = Some("192.0.2.1".parse().unwrap());
    let elsewhere = error(Endpoint { bind, ..Endpoint::tcp("127.0.0.1", port) }).await;
    assert!(elsewhere.to_string().starts_with("cannot connect from 192.0.2.1: "), "{elsewhere}");
    let bind = Some("::1".parse().unwrap());
    let other = error(Endpoint { bind, ..Endpoint::tcp("127.0.0.1", port) }).await;
    assert!(matches!(other, ConnectError::Resolve { .. }), "{other}");
}

/// A listener whose queue is never emptied does not speak TLS.
#[tokio::test]
async fn every_layer_has_the_same_deadline() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut options = options();
    options.connect_timeout = Duration::from_millis(100);
    let tls = client::tls::TlsOptions {
        verification: client::tls::Verification::Nothing,
        ..client::tls::TlsOptions::default()
    };
    let tls = Some(client::tls::configuration(&tls).unwrap());
    let plain = Endpoint::tcp("127.0.0.1", silent.local_addr().unwrap().port());
    for (endpoint, step) in [
        (Endpoint { tls, ..plain.clone() }, "TLS"),
        (Endpoint { websocket: Some("/".to_owned()), ..plain.clone() }, "WebSocket"),
    ] {
        let late = Client::connect(&endpoint, &options, Settings::default()).await.unwrap_err();
        assert!(matches!(&late, ConnectError::TimedOut { what, .. } if what.contains(step)), "{late}");
    }
}

#[test]
fn endpoints_look_like_urls() {
    let endpoint = Endpoint { websocket: Some("/mqtt".to_owned()), ..Endpoint::tcp("::1", 80) };
    assert_eq!(endpoint.to_string(), "ws://[::1]:80/mqtt");
    assert_eq!(Endpoint::tcp("host", 1883).to_string(), "mqtt://host:1883");
}
