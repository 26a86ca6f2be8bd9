//! How connections end, and what their callers are told.

use std::time::Duration;

use client::{Client, ConnectError, Connection, End, RequestFailed, Session};
use mqtt::client::{Message, RequestError, Settings};
use mqtt::{ConnAck, Disconnect, QoS, ReasonCode};

use crate::server::{Manners, Server};
use crate::{fresh, options, subscribe, until};

fn is_lost<T: std::fmt::Debug>(result: Result<T, RequestFailed>) -> bool {
    matches!(result, Err(RequestFailed::Failed(RequestError::ConnectionLost)))
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    let connack = ConnAck { reason: ReasonCode::NotAuthorized, ..ConnAck::default() };
    let server = Server::with(Manners { connack, ..Manners::default() });
    let failed = Client::over(server.stream(), &options(), Session::new(Settings::default())).await.unwrap_err();
    let ConnectError::Ended(End::Protocol(mqtt::client::End::Refused { reason, .. })) = failed.error else {
        panic!("{failed}")
    };
    assert_eq!(reason, ReasonCode::NotAuthorized);
}

#[tokio::test]
async fn the_servers_last_words_are_told() {
    let server = Server::default();
    let mut connection = fresh(&server).await;
    server.publish(QoS::AtMostOnce, "before");
    server.disconnect(ReasonCode::SessionTakenOver);
    let over = connection.ending.wait().await;
    let End::Protocol(mqtt::client::End::ByServer(packet)) = &over.end else { panic!("{}", over.end) };
    assert_eq!(packet.reason, ReasonCode::SessionTakenOver);
    assert_eq!(&*connection.messages.next().await.unwrap().payload, b"before", "what came before is there still");
    assert_eq!(connection.messages.next().await, None);
    assert!(is_lost(connection.client.subscribe(subscribe("a")).await));
    assert!(is_lost(connection.client.submit(Message::new("a", "")).await));
}

/// Whichever the connection's task sees first: that, or that nobody is left.
#[tokio::test]
async fn the_last_words_are_the_callers() {
    for _ in 0..50 {
        let server = Server::default();
        let Connection { client, messages, mut ending, .. } = fresh(&server).await;
        client.disconnect(Disconnect { session_expiry: Some(0), ..Disconnect::default() }).await;
        drop((client, messages));
        ending.wait().await;
        assert_eq!(server.disconnects()[0].session_expiry, Some(0));
    }
}

#[tokio::test]
async fn requests_without_an_answer_fail_with_the_connection() {
    let server = Server::with(Manners { deaf: true, ..Manners::default() });
    let mut connection = fresh(&server).await;
    let client = connection.client.clone();
    let asking = tokio::spawn(async move { client.subscribe(subscribe("a")).await });
    tokio::task::yield_now().await;
    server.close();
    assert!(matches!(connection.ending.wait().await.end, End::Protocol(mqtt::client::End::Closed)));
    assert!(is_lost(asking.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_connect_is_given_up() {
    let server = Server::with(Manners { mute: true, ..Manners::default() });
    let settings = Settings { connect_timeout: Duration::from_secs(7), ..Settings::default() };
    let start = tokio::time::Instant::now();
    let failed = Client::over(server.stream(), &options(), Session::new(settings)).await.unwrap_err();
    assert!(matches!(failed.error, ConnectError::Ended(End::Protocol(mqtt::client::End::NoAnswer))), "{failed}");
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_given_up() {
    let server = Server::with(Manners { deaf: true, ..Manners::default() });
    let mut options = options();
    options.connect.keep_alive = 10;
    let mut connection = crate::connected(&server, &options, Session::new(Settings::default())).await;
    let start = tokio::time::Instant::now();
    assert!(matches!(connection.ending.wait().await.end, End::Protocol(mqtt::client::End::KeepAlive)));
    assert_eq!(start.elapsed().as_secs(), 40, "keep alive and the patience for PINGRESP");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_stays() {
    let server = Server::default();
    let mut options = options();
    options.connect.keep_alive = 10;
    let connection = crate::connected(&server, &options, Session::new(Settings::default())).await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_eq!(
        connection.client.publish(Message { qos: QoS::AtLeastOnce, ..Message::new("a", "") }).await.ok(),
        Some(ReasonCode::Success)
    );
}

#[tokio::test]
async fn a_caller_who_gives_up_connecting_leaves_nothing_behind() {
    let server = Server::with(Manners { mute: true, ..Manners::default() });
    let (stream, options) = (server.stream(), options());
    let connecting = Client::over(stream, &options, Session::new(Settings::default()));
    assert!(tokio::time::timeout(Duration::from_millis(50), connecting).await.is_err());
    until("the connection's end", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= 1).await;
}
