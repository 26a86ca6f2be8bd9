//! Everything a client can ask for, over memory.

use client::RequestFailed;
use mqtt::client::{Message, NotTaken, UnsubscribeRequest};
use mqtt::{Disconnect, QoS, ReasonCode};

use crate::server::Server;
use crate::{fresh, subscribe, until};

fn message(qos: QoS, body: &str) -> Message {
    Message { qos, ..Message::new("to/server", body.to_owned().into_bytes()) }
}

#[tokio::test]
async fn publishes_complete() {
    let server = Server::default();
    let connection = fresh(&server).await;
    for (qos, body) in [(QoS::AtMostOnce, "0"), (QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2")] {
        assert_eq!(connection.client.publish(message(qos, body)).await, Ok(ReasonCode::Success));
    }
    until("the publish of QoS 0", || server.published().len() == 3).await;
}

#[tokio::test]
async fn many_publishes_are_under_way_at_once_and_in_order() {
    let server = Server::default();
    let connection = fresh(&server).await;
    let mut pending = Vec::new();
    for n in 0..5000 {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][n % 3];
        pending.push(connection.client.submit(message(qos, &n.to_string())).await.unwrap());
    }
    for outcome in pending {
        assert_eq!(outcome.await, Ok(ReasonCode::Success));
    }
    until("the last publish", || server.published().len() == 5000).await;
    let expected: Vec<_> = (0..5000).map(|n| (n.to_string(), false)).collect();
    assert_eq!(server.published(), expected);
}

#[tokio::test]
async fn subscriptions_are_granted_or_refused_one_by_one() {
    let server = Server::default();
    let connection = fresh(&server).await;
    let mut request = subscribe("a/#");
    request.filters.extend(subscribe("refused/x").filters);
    let granted = connection.client.subscribe(request).await.unwrap();
    assert_eq!(granted.codes, [ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized]);
    assert!(!granted.is_complete());
    let request = UnsubscribeRequest { filters: vec!["a/#".to_owned()], ..UnsubscribeRequest::default() };
    assert_eq!(connection.client.unsubscribe(request).await.unwrap().codes, [ReasonCode::Success]);
    let wrong = connection.client.subscribe(subscribe("a/#/b")).await;
    assert!(matches!(wrong, Err(RequestFailed::NotTaken(NotTaken::Topic(_)))), "{wrong:?}");
}

#[tokio::test]
async fn messages_come_and_are_acknowledged_when_the_caller_says_so() {
    let server = Server::default();
    let mut connection = fresh(&server).await;
    for (qos, body) in [(QoS::AtMostOnce, "0"), (QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2")] {
        server.publish(qos, body);
    }
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(connection.messages.next().await.unwrap());
    }
    assert!(server.acknowledged().is_empty());
    for received in &got {
        connection.client.acknowledge(received).await;
    }
    until("the last acknowledgement", || server.acknowledged() == [2, 3]).await;
    assert_eq!(connection.messages.try_next(), None);
}

#[tokio::test]
async fn a_message_can_be_refused() {
    let server = Server::default();
    let mut connection = fresh(&server).await;
    server.publish(QoS::AtLeastOnce, "1");
    let received = connection.messages.next().await.unwrap();
    connection.client.answer(&received, ReasonCode::QuotaExceeded).await;
    until("PUBACK", || server.acknowledged() == [1]).await;
}

#[tokio::test]
async fn disconnect_says_good_bye_after_what_was_handed_over_before() {
    let server = Server::default();
    let mut connection = fresh(&server).await;
    for n in 0..100 {
        drop(connection.client.submit(message(QoS::AtMostOnce, &n.to_string())).await.unwrap());
    }
    let packet = Disconnect { reason: ReasonCode::DisconnectWithWill, ..Disconnect::default() };
    connection.client.disconnect(packet.clone()).await;
    let over = connection.ending.wait().await;
    assert!(matches!(over.end, client::End::Protocol(mqtt::client::End::ByClient)), "{:?}", over.end);
    assert_eq!((server.published().len(), server.disconnects()), (100, vec![packet]));
}

#[tokio::test]
async fn a_client_that_is_dropped_says_good_bye_too() {
    let server = Server::default();
    let connection = fresh(&server).await;
    drop(connection.client.submit(message(QoS::AtMostOnce, "last")).await.unwrap());
    drop(connection);
    until("DISCONNECT", || server.disconnects() == [Disconnect::default()]).await;
    assert_eq!(server.published(), [("last".to_owned(), false)]);
}
