//! What a caller holds of a connection: asks and gets answers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use mqtt::client::{
    Challenge, Granted, Message, Receipt, Received, RequestError, SubscribeRequest, UnsubscribeRequest,
};
use mqtt::{Disconnect, ReasonCode};
use tokio::sync::{mpsc, oneshot};

use crate::error::RequestFailed;

/// Requests on their way to the connection's task, of each kind.
pub(crate) const ORDERS_MAX: usize = 256;

/// Where an answer goes.
pub(crate) type Waiter<T> = oneshot::Sender<Result<T, RequestFailed>>;

/// A publish on its way to the machine.
pub(crate) struct PublishOrder {
    pub message: Message,
    pub waiter: Waiter<ReasonCode>,
}

/// Everything else that is asked of a connection.
pub(crate) enum Order {
    Subscribe(SubscribeRequest, Waiter<Granted>),
    Unsubscribe(UnsubscribeRequest, Waiter<Granted>),
    Acknowledge(Receipt, ReasonCode),
    Reauthenticate(Option<Bytes>, Waiter<Challenge>),
    Disconnect(Disconnect),
}

/// A connection to ask for things. Clones ask the same connection; when the last is gone, what can be sent without
/// waiting for the server is sent, and the connection ends in order.
#[derive(Debug, Clone)]
pub struct Client {
    publishes: mpsc::Sender<PublishOrder>,
    orders: mpsc::Sender<Order>,
}

/// A publish that is under way.
#[derive(Debug)]
pub struct Pending {
    outcome: oneshot::Receiver<Result<ReasonCode, RequestFailed>>,
}

/// Its completion: with QoS 0 sent, with QoS 1 and 2 acknowledged. Goes on over a later connection with the same session;
/// fails when the session is dropped.
impl Future for Pending {
    type Output = Result<ReasonCode, RequestFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.outcome).poll(cx)).unwrap_or_else(|_| Err(lost())))
    }
}

fn lost() -> RequestFailed {
    RequestError::ConnectionLost.into()
}

impl Client {
    pub(crate) fn new(publishes: mpsc::Sender<PublishOrder>, orders: mpsc::Sender<Order>) -> Self {
        Self { publishes, orders }
    }

    /// Publishes and waits for the completion.
    ///
    /// # Errors
    /// Not a topic name, refused by the server, beyond its limits, or the session was dropped first.
    pub async fn publish(&self, message: Message) -> Result<ReasonCode, RequestFailed> {
        self.submit(message).await?.await
    }

    /// Hands a message over, in the order of the calls; waits while there is no room.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn submit(&self, message: Message) -> Result<Pending, RequestFailed> {
        let (waiter, outcome) = oneshot::channel();
        self.publishes.send(PublishOrder { message, waiter }).await.map_err(|_| lost())?;
        Ok(Pending { outcome })
    }

    /// Subscribes and waits for the server's answer, in which single filters may be refused.
    ///
    /// # Errors
    /// A filter that is none or beyond the server's limits, or the connection is over.
    pub async fn subscribe(&self, request: SubscribeRequest) -> Result<Granted, RequestFailed> {
        self.ask(|waiter| Order::Subscribe(request, waiter)).await
    }

    /// Unsubscribes and waits for the server's answer.
    ///
    /// # Errors
    /// A filter that is none, or the connection is over.
    pub async fn unsubscribe(&self, request: UnsubscribeRequest) -> Result<Granted, RequestFailed> {
        self.ask(|waiter| Order::Unsubscribe(request, waiter)).await
    }

    /// Authenticates again with the method of CONNECT and waits for the server's verdict.
    ///
    /// # Errors
    /// CONNECT had no method, another exchange is under way, the server ended the connection, or it wants another step
    /// ([`RequestFailed::Challenged`]).
    pub async fn reauthenticate(&self, data: Option<Bytes>) -> Result<Challenge, RequestFailed> {
        self.ask(|waiter| Order::Reauthenticate(data, waiter)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Waiter<T>) -> Order) -> Result<T, RequestFailed> {
        let (waiter, answer) = oneshot::channel();
        self.orders.send(order(waiter)).await.map_err(|_| lost())?;
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Says that the caller has done with a message. One of QoS 0 needs none. Acknowledgements leave in the order in which
    /// the messages came; on a connection that is over none leaves, and the server sends the message again.
    pub async fn acknowledge(&self, received: &Received) {
        self.answer(received, ReasonCode::Success).await;
    }

    /// As `acknowledge`, with a reason; an error refuses the message (version 5).
    pub async fn answer(&self, received: &Received, reason: ReasonCode) {
        if let Some(receipt) = received.receipt {
            self.orders.send(Order::Acknowledge(receipt, reason)).await.ok();
        }
    }

    /// Ends the connection in order, after what can be sent without waiting for the server. What is not complete by then
    /// stays so.
    pub async fn disconnect(&self, packet: Disconnect) {
        self.orders.send(Order::Disconnect(packet)).await.ok();
    }
}
