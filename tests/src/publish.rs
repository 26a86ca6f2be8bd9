//! The PUBLISH packet, as it is sent and as it is received.

use crate::property::{Props, id};
use crate::wire::{Reader, frame, put_str, put_u16};
use crate::{Version, wire};

const ALLOWED: &[u8] = &[
    id::PAYLOAD_FORMAT,
    id::MESSAGE_EXPIRY,
    id::TOPIC_ALIAS,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
    id::SUBSCRIPTION_ID,
    id::CONTENT_TYPE,
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    pub dup: bool,
    pub qos: u8,
    pub retain: bool,
    pub topic: String,
    /// 0 where there is none.
    pub packet_id: u16,
    pub props: Props,
    pub payload: Vec<u8>,
}

impl Publish {
    pub fn new(topic: &str, payload: impl AsRef<[u8]>) -> Self {
        Publish { topic: topic.into(), payload: payload.as_ref().into(), ..Publish::default() }
    }

    pub fn qos(mut self, qos: u8) -> Self {
        self.qos = qos;
        self
    }

    pub fn packet_id(mut self, packet_id: u16) -> Self {
        self.packet_id = packet_id;
        self
    }

    pub fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    pub fn dup(mut self) -> Self {
        self.dup = true;
        self
    }

    pub fn props(mut self, props: Props) -> Self {
        self.props = props;
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("a payload the test wrote as text")
    }

    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.payload.len() + self.topic.len() + 32);
        put_str(&mut body, &self.topic);
        if self.qos > 0 {
            put_u16(&mut body, self.packet_id);
        }
        if version.is_v5() {
            self.props.put(&mut body);
        }
        body.extend_from_slice(&self.payload);
        frame(0x30 | u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain), &body)
    }

    pub(crate) fn read(flags: u8, body: &[u8], version: Version) -> Publish {
        let mut reader: wire::Reader = Reader::new(body);
        let qos = flags >> 1 & 3;
        let dup = flags & 8 != 0;
        assert!(qos < 3, "[MQTT-3.3.1-4] a PUBLISH with QoS 3");
        assert!(qos > 0 || !dup, "[MQTT-3.3.1-2] a PUBLISH of QoS 0 with DUP");
        let topic = reader.str();
        assert!(!topic.contains(['+', '#']), "[MQTT-3.3.2-2] a PUBLISH to {topic}");
        let packet_id = if qos > 0 { reader.u16() } else { 0 };
        assert!(qos == 0 || packet_id > 0, "[MQTT-2.2.1-4] a PUBLISH with packet identifier 0");
        let props = if version.is_v5() { Props::read(&mut reader, ALLOWED, "PUBLISH") } else { Props::new() };
        let payload = reader.rest().to_vec();
        Publish { dup, qos, retain: flags & 1 != 0, topic, packet_id, props, payload }
    }
}
