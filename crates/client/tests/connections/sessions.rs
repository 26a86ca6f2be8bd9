//! A session over several connections.

use client::{Client, End, Failed, RequestFailed, Session};
use mqtt::client::{Message, RequestError, Settings};
use mqtt::{ConnAck, Disconnect, QoS, ReasonCode};

use crate::server::{Manners, Server};
use crate::{connected, fresh, options, until};

fn message(body: &'static str) -> Message {
    Message { qos: QoS::AtLeastOnce, ..Message::new("a", body) }
}

#[tokio::test]
async fn a_publish_completes_on_the_next_connection() {
    let server = Server::with(Manners { withholds_puback: true, ..Manners::default() });
    let mut first = fresh(&server).await;
    let sent = first.client.submit(message("sent")).await.unwrap();
    until("the first PUBLISH", || server.published().len() == 1).await;
    server.close();
    let over = first.ending.wait().await;
    assert!(matches!(over.end, End::Protocol(mqtt::client::End::Closed)) && !over.session.is_idle());

    // A server that refuses leaves the session as it is.
    let connack = ConnAck { reason: ReasonCode::ServerBusy, ..ConnAck::default() };
    let busy = Server::with(Manners { connack, ..Manners::default() });
    let Failed { session, .. } = Client::over(busy.stream(), &options(), over.session).await.unwrap_err();

    server.behave(Manners::default());
    let second = connected(&server, &options(), session).await;
    assert!(second.accepted.session_present);
    assert_eq!(sent.await, Ok(ReasonCode::Success));
    assert_eq!(server.published(), [("sent".to_owned(), false), ("sent".to_owned(), true)]);
}

#[tokio::test]
async fn a_publish_fails_when_its_session_is_dropped() {
    let server = Server::with(Manners { withholds_puback: true, ..Manners::default() });
    let mut connection = fresh(&server).await;
    let sent = connection.client.submit(message("sent")).await.unwrap();
    until("the PUBLISH", || server.published().len() == 1).await;
    server.close();
    drop(connection.ending.wait().await);
    assert_eq!(sent.await, Err(RequestFailed::Failed(RequestError::ConnectionLost)));
}

/// A QoS 2 message that was received and not taken comes with the session, because the server will not send it again.
#[tokio::test]
async fn messages_nobody_took_are_there_on_the_next_connection() {
    let server = Server::default();
    let mut options = options();
    options.message_buffer = 1;
    let mut first = connected(&server, &options, Session::new(Settings::default())).await;
    for body in ["a", "b", "c"] {
        server.publish(QoS::ExactlyOnce, body);
    }
    let mut got = vec![first.messages.next().await.unwrap()];
    // One waits in the buffer, one for the buffer.
    first.client.disconnect(Disconnect::default()).await;
    let over = first.ending.wait().await;
    while let Some(received) = first.messages.next().await {
        got.push(received);
    }
    assert_eq!(got.len(), 2);
    let mut second = connected(&server, &options, over.session).await;
    got.push(second.messages.next().await.unwrap());
    assert_eq!(got.iter().map(|received| received.payload.to_vec()).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
}
