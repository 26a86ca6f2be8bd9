//! CONNECT, CONNACK, and what of the session goes on.

use bytes::Bytes;
use mqtt::{AckKind, ConnAck, Connect, Packet, QoS, ReasonCode};
use std::num::NonZeroU16;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Connection, End, PATIENCE};
use crate::clients::memory::{Outgoing, Progress};
use crate::clients::{payload, topics};
use crate::oracle::{Closed, Message, Version, What, Will};

impl<S: AsyncRead + AsyncWrite> Connection<'_, S> {
    /// Sends CONNECT and waits for CONNACK.
    pub(super) async fn open(&mut self, frontend: u16) -> Result<(), End> {
        let clean_start = self.habits.dice.happens(self.habits.clean_starts).is_yes();
        let expiry = match self.habits.version {
            Version::V311 if clean_start => 0,
            Version::V311 => u32::MAX,
            Version::V5 => self.habits.session_expiry,
        };
        let mut connect = Connect::new(self.wire.version, self.habits.client.to_string());
        connect.clean_start = clean_start;
        connect.keep_alive = self.habits.keep_alive;
        if self.habits.version == Version::V5 {
            connect.session_expiry = Some(expiry);
            connect.receive_maximum = NonZeroU16::new(self.habits.receive_maximum);
        }
        let will = self.will();
        connect.will = will.as_ref().map(|(_, will)| will.clone());
        let will = will.map(|(will, _)| will);
        if let Err(error) = mqtt::encode::connect(&mut self.wire.output, &connect) {
            self.add(What::Breach(format!("CONNECT cannot be written: {error}")));
            return Err(End::Dropped);
        }
        self.add(What::Connect { frontend, version: self.habits.version, clean_start, expiry, will });
        let connack = tokio::time::timeout_at(Instant::now() + PATIENCE, self.connack());
        let connack = connack.await.unwrap_or(Err(End::Dropped))?;
        if connack.reason.is_error() {
            self.add(What::Refused(connack.reason));
            return Err(End::Dropped);
        }
        self.add(What::Accepted { session_present: connack.session_present });
        if let Some(window) = connack.receive_maximum {
            self.window = window.get().into();
        }
        if connack.session_present {
            self.resume();
        } else {
            self.memory.forget();
            let filters = self.habits.filters.len().min(self.habits.subscribed_from_start);
            (0..filters).for_each(|nth| self.subscribe(nth));
        }
        Ok(())
    }

    async fn connack(&mut self) -> Result<ConnAck, End> {
        loop {
            let taken = self.wire.packet(|packet| match packet {
                Packet::ConnAck(connack) => Ok(*connack),
                other => Err(format!("not CONNACK: {other:?}")),
            });
            match taken.and_then(Option::transpose) {
                Ok(Some(connack)) => return Ok(connack),
                Ok(None) => self.wire.exchange().await.map_err(End::Gone)?,
                Err(breach) => {
                    self.add(What::Breach(breach));
                    return Err(End::Gone(Closed::ByClient));
                }
            }
        }
    }

    /// A will of its own for this connection, perhaps.
    fn will(&mut self) -> Option<(Will, mqtt::Will)> {
        if !self.habits.dice.happens(self.habits.wills).is_yes() {
            return None;
        }
        let dice = &mut self.habits.dice;
        let qos = if dice.happens(50).is_yes() { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        let is_delayed = self.habits.version == Version::V5 && dice.happens(40).is_yes();
        let delay = if is_delayed { dice.among(2..=8) as u32 } else { 0 };
        let (client, len) = (self.habits.client, 20);
        let topic = topics::will(client.0);
        let message =
            Message { client, topic: topic.clone(), qos, retain: false, expiry: None, len, will_of: Some(self.number) };
        let message = self.notebook.message(message);
        let payload = Bytes::from(payload::write(message, len));
        let will = mqtt::Will { topic, payload, qos, retain: false, delay, expiry: None, properties: Vec::new() };
        Some((Will { message, delay }, will))
    }

    /// Sends again what is not complete, in order (MQTT-4.4.0-1, MQTT-4.6.0-1).
    fn resume(&mut self) {
        for Outgoing { message, id, progress, .. } in self.memory.outgoing.clone() {
            match progress {
                Progress::Sent => self.send_publish(message, Some(id), super::deeds::Dup::Yes),
                Progress::Released => {
                    let version = self.wire.version;
                    mqtt::encode::ack(&mut self.wire.output, version, AckKind::PubRel, id, ReasonCode::Success);
                    self.add(What::Release { message, id: id.get() });
                }
            }
        }
    }
}
