//! One client of the self-check: the client machine of `mqtt` over a connection in memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt::client::{Event, Machine, Message, NotTaken, Settings, SubscribeRequest, Token, UnsubscribeRequest};
use mqtt::{Connect, Disconnect, ProtocolVersion, QoS, ReasonCode, SubscribeOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout_at};

/// As the metrics of clients know the self-check.
const CATEGORY: (&str, &str) = ("metriccategory", "broker_selftest");
const TRACEPARENT: &str = "traceparent";
const PINGREQ: [u8; 2] = [0xc0, 0];
const PINGRESP: [u8; 2] = [0xd0, 0];

/// A connected client.
#[derive(Debug)]
pub(super) struct Probe {
    stream: DuplexStream,
    machine: Machine,
    buffer: BytesMut,
    /// Messages that came while something else was waited for, and when; a round has few.
    messages: Vec<(Bytes, Instant)>,
    patience: Duration,
}

/// Why an operation failed; for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("no answer in time")]
    Late,
    #[error("the connection is over: {0}")]
    Ended(String),
    #[error("refused with {0:?}")]
    Refused(ReasonCode),
    #[error("the answer to PINGREQ is none")]
    NoPingResponse,
    #[error("not sent: {0}")]
    NotTaken(#[from] NotTaken),
}

impl Probe {
    /// Sends CONNECT and waits for CONNACK; `patience` holds for every operation that follows, too.
    pub(super) async fn connect(
        stream: DuplexStream,
        client_id: &str,
        traceparent: Option<&str>,
        patience: Duration,
    ) -> Result<Self, ProbeError> {
        let machine = Machine::new(Settings { connect_timeout: patience, ..Settings::default() });
        let mut probe = Self { stream, machine, buffer: BytesMut::new(), messages: Vec::new(), patience };
        let mut connect = Connect::new(ProtocolVersion::V5, client_id);
        let category = (CATEGORY.0.to_owned(), CATEGORY.1.to_owned());
        connect.user_properties = [category].into_iter().chain(user_properties(traceparent)).collect();
        let begun = probe.machine.connect(&connect, std::time::Instant::now());
        begun.map_err(|error| ProbeError::Ended(error.to_string()))?;
        probe.until(|event| matches!(event, Event::Connected(_)).then_some(())).await?;
        Ok(probe)
    }

    /// Sends PINGREQ and waits for PINGRESP; nothing else may be under way.
    pub(super) async fn ping(&mut self) -> Result<(), ProbeError> {
        let deadline = Instant::now() + self.patience;
        let mut answer = [0; 2];
        let exchange = async {
            self.stream.write_all(&PINGREQ).await?;
            self.stream.read_exact(&mut answer).await
        };
        match timeout_at(deadline, exchange).await {
            Ok(Ok(_)) if answer == PINGRESP => Ok(()),
            Ok(Ok(_)) => Err(ProbeError::NoPingResponse),
            Ok(Err(error)) => Err(ProbeError::Ended(error.to_string())),
            Err(_) => Err(ProbeError::Late),
        }
    }

    pub(super) async fn subscribe(&mut self, filter: &str, traceparent: Option<&str>) -> Result<(), ProbeError> {
        let options = SubscribeOptions { qos: QoS::AtLeastOnce, ..SubscribeOptions::default() };
        let token = self.machine.subscribe(&SubscribeRequest {
            filters: vec![(filter.to_owned(), options)],
            identifier: None,
            user_properties: user_properties(traceparent).collect(),
        })?;
        self.completion(token).await
    }

    pub(super) async fn unsubscribe(&mut self, filter: &str, traceparent: Option<&str>) -> Result<(), ProbeError> {
        let token = self.machine.unsubscribe(&UnsubscribeRequest {
            filters: vec![filter.to_owned()],
            user_properties: user_properties(traceparent).collect(),
        })?;
        self.completion(token).await
    }

    /// Publishes with QoS 1 and waits for PUBACK.
    pub(super) async fn publish(
        &mut self,
        topic: &str,
        payload: Bytes,
        traceparent: Option<&str>,
    ) -> Result<(), ProbeError> {
        let user = user_properties(traceparent).collect();
        let properties = mqtt::client::MessageProperties { user, ..Default::default() };
        let properties = properties.encode().map_err(NotTaken::Packet)?;
        let message = Message { qos: QoS::AtLeastOnce, properties, ..Message::new(topic, payload) };
        let token = self.machine.publish(message)?;
        self.completion(token).await
    }

    /// Waits for a message with this payload, and tells when it came; others are of rounds that were given up.
    pub(super) async fn receive(&mut self, payload: &[u8]) -> Result<Instant, ProbeError> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some((_, came)) = self.messages.drain(..).find(|(message, _)| message == payload) {
                return Ok(came);
            }
            self.turn(deadline).await?;
            while let Some(event) = self.machine.event() {
                self.take(event)?;
            }
        }
    }

    /// Says goodbye; nobody waits for what comes of it.
    pub(super) async fn disconnect(mut self) {
        if self.machine.disconnect(&Disconnect::default()).is_ok() {
            let output = self.machine.output(std::time::Instant::now());
            let _ = timeout_at(Instant::now() + self.patience, self.stream.write_all(&output)).await;
        }
    }

    /// Waits for the answer to a request.
    async fn completion(&mut self, wanted: Token) -> Result<(), ProbeError> {
        let code = |codes: &[ReasonCode]| codes.first().copied().unwrap_or_default();
        let outcome = self.until(|event| match event {
            Event::Published { token, outcome } if *token == wanted => Some(outcome.clone()),
            Event::Subscribed { token, outcome } | Event::Unsubscribed { token, outcome } if *token == wanted => {
                Some(outcome.clone().map(|granted| code(&granted.codes)))
            }
            _ => None,
        });
        match outcome.await? {
            Ok(reason) if reason.is_error() => Err(ProbeError::Refused(reason)),
            Ok(_) => Ok(()),
            Err(error) => Err(ProbeError::Ended(error.to_string())),
        }
    }

    async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, ProbeError> {
        let deadline = Instant::now() + self.patience;
        loop {
            while let Some(event) = self.machine.event() {
                if let Some(found) = wanted(&event) {
                    return Ok(found);
                }
                self.take(event)?;
            }
            self.turn(deadline).await?;
        }
    }

    /// Keeps a message and acknowledges it; fails at the end of the connection.
    fn take(&mut self, event: Event) -> Result<(), ProbeError> {
        match event {
            Event::Message(message) => {
                self.messages.push((message.payload, Instant::now()));
                if let Some(receipt) = message.receipt {
                    self.machine.acknowledge(receipt, ReasonCode::Success);
                }
                Ok(())
            }
            Event::Ended(end) => Err(ProbeError::Ended(end.to_string())),
            Event::Connected(_)
            | Event::Challenged(_)
            | Event::Reauthenticated(_)
            | Event::Published { .. }
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. } => Ok(()),
        }
    }

    /// Writes what there is to write, then reads once. Cancel safe up to bytes that a lost connection would lose, too.
    async fn turn(&mut self, deadline: Instant) -> Result<(), ProbeError> {
        let output = self.machine.output(std::time::Instant::now());
        let Self { stream, buffer, .. } = self;
        let exchange = async {
            stream.write_all(&output).await?;
            stream.read_buf(buffer).await
        };
        match timeout_at(deadline, exchange).await {
            Ok(Ok(0)) => self.machine.closed(),
            Ok(Ok(_)) => {
                self.machine.receive(&mut self.buffer, std::time::Instant::now());
            }
            Ok(Err(error)) => return Err(ProbeError::Ended(error.to_string())),
            Err(_) => return Err(ProbeError::Late),
        }
        Ok(())
    }
}

fn user_properties(traceparent: Option<&str>) -> impl Iterator<Item = (String, String)> {
    traceparent.map(|traceparent| (TRACEPARENT.to_owned(), traceparent.to_owned())).into_iter()
}
