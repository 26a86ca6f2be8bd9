//! WebSocket, against a server that looks at the upgrade.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use client::{Client, ConnectError, Endpoint};
use futures_util::{SinkExt, StreamExt};
use mqtt::client::{Message, Settings};
use mqtt::{QoS, ReasonCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::{self, Bytes};

use crate::options;
use crate::server::Server;

/// Bytes in a frame from the server; packets do not keep to them (MQTT-6.0.0-2).
const FRAME_BYTES: usize = 3;

/// Accepts path `/mqtt` only, and notes the sub-protocols that were asked for.
async fn listening(kind: Frames) -> (Server, u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (server, asked) = (Server::default(), Arc::new(Mutex::new(Vec::new())));
    let (serving, noting) = (server.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (near, far) = tokio::io::duplex(1 << 20);
            tokio::spawn(serving.clone().serve(far));
            tokio::spawn(carry(stream, near, noting.clone(), kind));
        }
    });
    (server, port, asked)
}

#[derive(Clone, Copy, PartialEq)]
enum Frames {
    Binary,
    Text,
}

async fn carry(stream: TcpStream, mut bytes: DuplexStream, asked: Arc<Mutex<Vec<String>>>, kind: Frames) {
    // The error type is the library's.
    #[expect(clippy::result_large_err)]
    let check = |request: &Request, mut response: Response| {
        if request.uri().path() != "/mqtt" {
            let mut refusal = ErrorResponse::new(Some("no such path".to_owned()));
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            return Err(refusal);
        }
        let name = request.headers()[header::SEC_WEBSOCKET_PROTOCOL].to_str().unwrap().to_owned();
        asked.lock().unwrap().push(name);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    let Ok(mut frames) = tokio_tungstenite::accept_hdr_async(stream, check).await else { return };
    let mut buffer = [0; 4096];
    loop {
        tokio::select! {
            read = bytes.read(&mut buffer) => {
                let Ok(len @ 1..) = read else { break };
                for part in buffer[..len].chunks(FRAME_BYTES) {
                    let frame = match kind {
                        Frames::Binary => tungstenite::Message::Binary(Bytes::copy_from_slice(part)),
                        Frames::Text => tungstenite::Message::Text("text".into()),
                    };
                    if frames.send(frame).await.is_err() {
                        return;
                    }
                }
            }
            frame = frames.next() => match frame {
                Some(Ok(tungstenite::Message::Binary(part))) => bytes.write_all(&part).await.unwrap(),
                Some(Ok(_)) => {}
                _ => break,
            }
        }
    }
    frames.close(None).await.ok();
}

fn endpoint(port: u16, path: &str) -> Endpoint {
    Endpoint { websocket: Some(path.to_owned()), ..Endpoint::tcp("127.0.0.1", port) }
}

#[tokio::test]
async fn packets_go_through_frames_of_any_size() {
    let (server, port, asked) = listening(Frames::Binary).await;
    let mut connection = Client::connect(&endpoint(port, "mqtt"), &options(), Settings::default()).await.unwrap();
    let large = Message { qos: QoS::ExactlyOnce, ..Message::new("a", vec![b'x'; 200_000]) };
    assert_eq!(connection.client.publish(large).await, Ok(ReasonCode::Success));
    assert_eq!(server.published()[0].0.len(), 200_000);
    server.publish(QoS::AtLeastOnce, "y".repeat(1000));
    let received = connection.messages.next().await.unwrap();
    assert_eq!(received.payload.len(), 1000);
    assert_eq!(*asked.lock().unwrap(), ["mqtt"], "MQTT-6.0.0-3");
    connection.client.disconnect(mqtt::Disconnect::default()).await;
    connection.ending.wait().await;
    assert_eq!(server.disconnects().len(), 1);
}

#[tokio::test]
async fn a_refused_upgrade_is_told() {
    let (_, port, _) = listening(Frames::Binary).await;
    let error = Client::connect(&endpoint(port, "/other"), &options(), Settings::default()).await.unwrap_err();
    let ConnectError::WebSocket { reason, .. } = error else { panic!("{error}") };
    assert!(reason.starts_with("the server answered 404"), "{reason}");
}

/// MQTT-6.0.0-1
#[tokio::test]
async fn a_text_frame_ends_the_connection() {
    let (_, port, _) = listening(Frames::Text).await;
    let error = Client::connect(&endpoint(port, "/mqtt"), &options(), Settings::default()).await.unwrap_err();
    assert!(error.to_string().contains("MQTT-6.0.0-1"), "{error}");
}
