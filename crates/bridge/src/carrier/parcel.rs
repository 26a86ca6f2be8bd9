//! A message on its way, with all that is to be known of it until it is acknowledged.

use std::time::Duration;

use mqtt::ReasonCode;
use mqtt::client::{Message, Received, ServerLimits};
use tokio::time::Instant;

use crate::dataflow::{Dataflow, Side};
use crate::dead_letter::{Extent, Story, letter};
use crate::endpoint::Hop;

pub(super) struct Parcel {
    pub received: Received,
    /// What it becomes; `None` when it is not forwarded.
    outgoing: Option<Message>,
    /// When it came.
    at: Instant,
    /// Why it was not taken last.
    pub reason: String,
    pub code: Option<ReasonCode>,
    extent: Extent,
    /// How often a connection ended that may have ended because of it.
    pub blamed: u32,
}

impl Parcel {
    pub fn new(received: Received, outgoing: Option<Message>, at: Instant) -> Self {
        Self { received, outgoing, at, reason: String::new(), code: None, extent: Extent::Whole, blamed: 0 }
    }

    /// Whether it is the message that came again.
    pub fn is(&self, received: &Received) -> bool {
        self.received.topic == received.topic && self.received.payload == received.payload
    }

    /// Since it came.
    pub fn age(&self, now: Instant) -> Duration {
        now - self.at
    }

    /// The message as it goes out now, within what the server grants; `None` when it has expired (MQTT-3.3.2-5).
    pub fn message(&self, limits: &ServerLimits, now: Instant) -> Option<Message> {
        let outgoing = self.outgoing.as_ref()?;
        let expiry = match outgoing.expiry {
            None => None,
            Some(seconds) => {
                let age = u32::try_from(self.age(now).as_secs()).unwrap_or(u32::MAX);
                // MQTT-3.3.2-6; one that came with 0 is passed on with what it came with.
                Some(seconds.checked_sub(age).filter(|&left| left > 0 || seconds == 0)?)
            }
        };
        Some(Message {
            qos: outgoing.qos.min(limits.maximum_qos),
            retain: outgoing.retain && limits.retain_available,
            expiry,
            ..outgoing.clone()
        })
    }

    /// The message as a dead letter; `own` is what the dataflow is called in trails.
    pub fn letter(&self, dataflow: &Dataflow, own: &str) -> Message {
        let endpoint = match dataflow.dead_letter_side() {
            Side::Source => &dataflow.source,
            Side::Destination => &dataflow.destination,
        };
        let story = Story {
            dataflow: &dataflow.name,
            source: &dataflow.source.name,
            destination: &dataflow.destination.name,
            reason: &self.reason,
            code: self.code,
            hop: (endpoint.hop == Hop::Checked).then_some(own),
        };
        letter(&dataflow.dead_letter, &self.received, story, self.extent)
    }

    pub fn is_bare(&self) -> bool {
        self.extent == Extent::Bare
    }

    /// The dead letter topic does not take it whole.
    pub fn lay_bare(&mut self) {
        self.extent = Extent::Bare;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mqtt::QoS;
    use std::num::NonZeroU16;

    use super::*;

    fn limits() -> ServerLimits {
        ServerLimits {
            receive_maximum: NonZeroU16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: 1000,
            topic_alias_maximum: 0,
            wildcard_subscriptions: true,
            subscription_identifiers: true,
            shared_subscriptions: true,
        }
    }

    fn received(topic: &str, payload: &'static str) -> Received {
        Received {
            topic: topic.into(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos: QoS::AtLeastOnce,
            retain: true,
            dup: false,
            expiry: None,
            alias: None,
            subscription_ids: Vec::new(),
            properties: Bytes::new(),
            packet_id: Some(1),
            receipt: None,
        }
    }

    fn parcel(expiry: Option<u32>, at: Instant) -> Parcel {
        let outgoing = Message { qos: QoS::AtLeastOnce, retain: true, expiry, ..Message::new("out", "body") };
        Parcel::new(received("in", "body"), Some(outgoing), at)
    }

    #[test]
    fn the_time_here_is_taken_off_the_expiry() {
        let at = Instant::now();
        let left = |expiry, seconds| {
            let message = parcel(expiry, at).message(&limits(), at + Duration::from_secs(seconds));
            message.map(|message| message.expiry)
        };
        assert_eq!([left(None, 1_000_000), left(Some(60), 0)], [Some(None), Some(Some(60))]);
        assert_eq!([left(Some(60), 59), left(Some(60), 60), left(Some(60), 61)], [Some(Some(1)), None, None]);
        assert_eq!([left(Some(0), 0), left(Some(0), 1)], [Some(Some(0)), None]);
    }

    #[test]
    fn a_message_keeps_within_what_the_server_grants() {
        let now = Instant::now();
        let sent = |limits: ServerLimits| {
            let message = parcel(None, now).message(&limits, now).unwrap();
            (message.qos, message.retain)
        };
        assert_eq!(sent(limits()), (QoS::AtLeastOnce, true));
        assert_eq!(sent(ServerLimits { maximum_qos: QoS::AtMostOnce, ..limits() }), (QoS::AtMostOnce, true));
        assert_eq!(sent(ServerLimits { retain_available: false, ..limits() }), (QoS::AtLeastOnce, false));
    }

    /// Identifiers come round: another message may come by the same one.
    #[test]
    fn a_message_is_known_by_topic_and_payload() {
        let parcel = parcel(None, Instant::now());
        assert!(parcel.is(&received("in", "body")));
        assert!(!parcel.is(&received("in", "other")) && !parcel.is(&received("other", "body")));
    }
}
