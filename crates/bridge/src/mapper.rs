//! What a message becomes on its way: topic, properties, QoS, RETAIN.

use std::sync::Arc;

use bytes::Bytes;
use mqtt::client::{Message, MessageProperties, Received};
use mqtt::{Filter, QoS, matches};

use crate::cloud_events::{self, Occasion, Origin};
use crate::dataflow::Dataflow;
use crate::endpoint::{CloudEvents, Hop, Retain};
use crate::hop;
use crate::template::{TopicTemplate, Unresolved};

/// The rule by which a dataflow maps messages.
#[derive(Debug, Clone)]
pub struct Mapper {
    /// Without `$share/.../`.
    filters: Vec<String>,
    topic: TopicTemplate,
    dead_letter: Arc<str>,
    /// What the dataflow is called in trails.
    own: String,
    /// At the source: whether messages that come back are stopped.
    checks: Hop,
    /// At the destination: whether messages are marked.
    stamps: Hop,
    cloud_events: Option<CloudEvents>,
    target: String,
    qos: QoS,
    retain: Retain,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    Forward(Message),
    /// It passed this dataflow before, or is a dead letter of its own.
    Loop,
    /// No filter of the dataflow matches: left over from a subscription of earlier.
    Stray,
    Unresolved(Unresolved),
}

impl Mapper {
    /// `installation` tells this installation from all others.
    pub fn new(dataflow: &Dataflow, installation: &str) -> Self {
        let Dataflow { source, destination, .. } = dataflow;
        let bare =
            |filter: &String| Filter::parse(filter).map_or_else(|_| filter.clone(), |parsed| parsed.filter.into());
        Self {
            filters: dataflow.sources.iter().map(bare).collect(),
            topic: dataflow.topic.clone(),
            dead_letter: dataflow.dead_letter.clone(),
            own: format!("{installation}/{}", dataflow.name),
            checks: source.hop,
            stamps: destination.hop,
            cloud_events: destination.cloud_events,
            target: destination.name.clone(),
            qos: destination.effective_qos(),
            retain: destination.retain,
        }
    }

    /// What the dataflow is called in trails.
    pub(crate) fn own(&self) -> &str {
        &self.own
    }

    /// Maps a message; `occasion` is asked when an attribute is to be made.
    pub(crate) fn map(&self, received: &Received, occasion: impl FnOnce() -> Occasion) -> Mapped {
        if !self.filters.iter().any(|filter| matches(filter, &received.topic)) {
            return Mapped::Stray;
        }
        let comes_back = self.checks == Hop::Checked && hop::has_passed(&received.properties, &self.own);
        if comes_back || received.topic == self.dead_letter {
            return Mapped::Loop;
        }
        let topic = match self.topic.resolve(&received.topic) {
            Ok(topic) => topic,
            Err(unresolved) => return Mapped::Unresolved(unresolved),
        };
        let mut properties = received.properties.clone();
        if let Some(rule) = self.cloud_events {
            properties = self.with_attributes(rule, &properties, &topic, &occasion());
        }
        if self.stamps == Hop::Checked {
            properties = hop::stamp(&properties, &self.own);
        }
        Mapped::Forward(Message {
            topic,
            payload: received.payload.clone(),
            qos: self.qos,
            retain: received.retain && self.retain == Retain::Keep,
            expiry: received.expiry,
            alias: None,
            properties,
        })
    }

    fn with_attributes(&self, rule: CloudEvents, list: &Bytes, topic: &str, occasion: &Occasion) -> Bytes {
        let mut properties = MessageProperties::decode(list);
        cloud_events::apply(rule, &mut properties, Origin { target: &self.target, topic }, occasion);
        // What was decoded from a list can be written as one, and so can a topic.
        properties.encode().unwrap_or_else(|_| list.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use mqtt::client::PayloadFormat;

    use super::*;
    use crate::credentials::Credentials;
    use crate::endpoint::{Address, Endpoint, Kind, Version};

    fn endpoint(name: &str) -> Endpoint {
        Endpoint {
            name: name.into(),
            address: Address::Remote(client::Endpoint::tcp(name, 1883)),
            version: Version::Auto,
            credentials: Credentials::Anonymous,
            client_id_prefix: None,
            qos: QoS::AtLeastOnce,
            retain: Retain::Keep,
            session_expiry: 600,
            keep_alive: 60,
            max_inflight: 100,
            cloud_events: None,
            kind: Kind::Custom,
            hop: Hop::Off,
        }
    }

    fn dataflow(topic: &str, destination: Endpoint) -> Dataflow {
        Dataflow {
            name: "flow".into(),
            profile: "default".into(),
            instance: 0,
            instances: 1,
            sources: vec!["in/#".into(), "$share/g/other/+".into()],
            source: Arc::new(Endpoint { hop: Hop::Checked, ..endpoint("from") }),
            destination: Arc::new(destination),
            topic: topic.parse().unwrap(),
            dead_letter: "in/dead".into(),
        }
    }

    fn properties() -> MessageProperties {
        MessageProperties {
            payload_format: Some(PayloadFormat::Utf8),
            content_type: Some("text/plain".into()),
            response_topic: Some("answers".into()),
            correlation_data: Some(Bytes::from_static(&[0, 1, 255])),
            user: vec![("b".into(), "2".into()), ("a".into(), "1".into()), ("b".into(), "3".into())],
        }
    }

    fn received(topic: &str, properties: &MessageProperties) -> Received {
        Received {
            topic: topic.into(),
            payload: Bytes::from_static(b"body"),
            qos: QoS::AtLeastOnce,
            retain: true,
            dup: false,
            expiry: Some(77),
            alias: None,
            subscription_ids: vec![5],
            properties: properties.encode().unwrap(),
            packet_id: Some(1),
            receipt: None,
        }
    }

    fn occasion() -> Occasion {
        Occasion { now: SystemTime::UNIX_EPOCH, id: [0; 16] }
    }

    fn map(dataflow: &Dataflow, received: &Received) -> Mapped {
        Mapper::new(dataflow, "here").map(received, occasion)
    }

    #[test]
    fn every_property_goes_along() {
        let got = map(&dataflow("out/${inputTopic.2}", endpoint("to")), &received("in/x", &properties()));
        let Mapped::Forward(message) = got else { panic!("{got:?}") };
        assert_eq!(MessageProperties::decode(&message.properties), properties());
        assert_eq!((&*message.topic, &message.payload[..], message.expiry), ("out/x", &b"body"[..], Some(77)));
        assert!(message.retain && message.qos == QoS::AtLeastOnce && message.alias.is_none());
    }

    #[test]
    fn retain_and_qos_are_the_destinations() {
        let destination = Endpoint { retain: Retain::Never, qos: QoS::AtMostOnce, ..endpoint("to") };
        let got = map(&dataflow("out", destination), &received("in/x", &properties()));
        assert!(matches!(got, Mapped::Forward(Message { retain: false, qos: QoS::AtMostOnce, .. })), "{got:?}");
    }

    #[test]
    fn a_message_that_comes_back_is_stopped() {
        let flow = dataflow("in/back", Endpoint { hop: Hop::Checked, ..endpoint("to") });
        let Mapped::Forward(once) = map(&flow, &received("in/x", &properties())) else { panic!() };
        let back = Received { properties: once.properties.clone(), ..received("in/back", &properties()) };
        assert_eq!(map(&flow, &back), Mapped::Loop);
        // Another dataflow takes it, as does one whose source does not check.
        assert!(matches!(map(&Dataflow { name: "other".into(), ..flow.clone() }, &back), Mapped::Forward(_)));
        let blind = Dataflow { source: Arc::new(endpoint("from")), ..flow };
        assert!(matches!(map(&blind, &back), Mapped::Forward(_)));
    }

    #[test]
    fn what_is_not_meant_is_not_taken() {
        let flow = dataflow("out/${inputTopic.3}", endpoint("to"));
        assert_eq!(map(&flow, &received("elsewhere", &properties())), Mapped::Stray);
        assert_eq!(map(&flow, &received("in/dead", &properties())), Mapped::Loop);
        assert_eq!(map(&flow, &received("other/x", &properties())), Mapped::Unresolved(Unresolved::Level(3)));
        assert!(matches!(map(&flow, &received("in/x/y", &properties())), Mapped::Forward(_)));
    }

    #[test]
    fn events_are_completed_for_the_destination() {
        let destination = Endpoint { cloud_events: Some(CloudEvents::CreateOrRemap), ..endpoint("to") };
        let got = map(&dataflow("out", destination), &received("in/x", &properties()));
        let Mapped::Forward(message) = got else { panic!("{got:?}") };
        let user = MessageProperties::decode(&message.properties).user;
        let value = |name: &str| user.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("source"), Some("aio://to"));
        assert_eq!(value("subject"), Some("out"));
        assert_eq!(value("datacontenttype"), Some("text/plain"));
        assert_eq!(user[..3], properties().user[..]);
    }
}
