//! What is not taken is not read, and who waits for the server waits.

use std::time::Duration;

use client::Session;
use mqtt::QoS;
use mqtt::client::{Message, Settings};

use crate::server::{Manners, Server};
use crate::{connected, options, until};

#[tokio::test]
async fn every_message_waits_for_its_taker() {
    let server = Server::default();
    let mut options = options();
    options.message_buffer = 1;
    let mut connection = connected(&server, &options, Session::new(Settings::default())).await;
    for n in 0..20_000u32 {
        let qos = if n % 2 == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        server.publish(qos, n.to_string());
    }
    for n in 0..20_000u32 {
        let received = connection.messages.next().await.unwrap();
        assert_eq!(received.payload, n.to_string());
        connection.client.acknowledge(&received).await;
    }
    until("the acknowledgements", || server.acknowledged().len() == 10_000).await;
}

/// Keep alive goes on, and silence means nothing, while messages wait for their taker.
#[tokio::test(start_paused = true)]
async fn a_slow_taker_does_not_lose_the_connection() {
    let server = Server::default();
    let mut options = options();
    options.message_buffer = 1;
    options.connect.keep_alive = 10;
    let mut connection = connected(&server, &options, Session::new(Settings::default())).await;
    (0..10_000).for_each(|n| server.publish(QoS::AtMostOnce, n.to_string()));
    for n in 0..10_000 {
        if n % 1000 == 0 {
            tokio::time::sleep(Duration::from_secs(500)).await;
        }
        assert_eq!(connection.messages.next().await.unwrap().payload, n.to_string());
    }
}

#[tokio::test]
async fn submitting_waits_while_the_queue_is_full() {
    let server = Server::with(Manners { withholds_puback: true, ..Manners::default() });
    let settings = Settings { queue_messages: 10, ..Settings::default() };
    let connection = connected(&server, &options(), Session::new(settings)).await;
    let message = Message { qos: QoS::AtLeastOnce, ..Message::new("a", "x") };
    let mut pending = Vec::new();
    let full = async {
        loop {
            pending.push(connection.client.submit(message.clone()).await.unwrap());
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(300), full).await.is_err());
    assert!(pending.len() <= 10 + 256 + 64, "{} were taken", pending.len());
    assert_eq!(server.published().len(), 10);
    // A request of another kind is not kept waiting by them.
    assert!(connection.client.subscribe(crate::subscribe("a")).await.unwrap().is_complete());
}
