//! MQTT packets as clients send them, and the parts they are made of.

use bytes::{Bytes, BytesMut};
use mqtt::encode::{self, publish};
use mqtt::{
    AckKind, Connect, PacketId, ProtocolVersion, PublishHead, QoS, ReasonCode, RetainHandling, Subscribe,
    SubscribeOptions, Will,
};

/// Seven levels, 57 bytes.
pub const TOPIC: &str = "org-3/region-2/site-07/line-4/machine-09/sensor-1/value-5";

/// A content type and two user properties, as raw bytes.
pub const PROPERTIES: &[u8] = b"\x03\x00\x10application/json\x26\x00\x06source\x00\x05plc-7\
    \x26\x00\x05trace\x00\x104bf92f3577b34da6";

/// The packet identifier of everything that has one.
pub fn packet_id() -> PacketId {
    PacketId::new(0x1234).expect("it is not zero")
}

/// What makes a PUBLISH.
#[derive(Clone, Copy)]
pub struct Shape {
    pub version: ProtocolVersion,
    pub qos: QoS,
    /// Bytes.
    pub payload: usize,
    /// With [`PROPERTIES`] and an expiry interval of a minute.
    pub properties: bool,
}

/// The payload of a message, and the PUBLISH that carries it.
pub struct Message {
    shape: Shape,
    payload: Vec<u8>,
}

impl Message {
    pub fn new(shape: Shape) -> Self {
        Self { shape, payload: vec![b'x'; shape.payload] }
    }

    /// Calls `with` with the head to encode.
    pub fn head<R>(&self, with: impl FnOnce(ProtocolVersion, &PublishHead<'_>) -> R) -> R {
        let Shape { version, qos, properties, .. } = self.shape;
        let head = PublishHead {
            topic: TOPIC,
            qos,
            id: (qos != QoS::AtMostOnce).then(packet_id),
            expiry: properties.then_some(60),
            properties: if properties { &[PROPERTIES] } else { &[] },
            payload: &self.payload,
            ..PublishHead::default()
        };
        with(version, &head)
    }

    /// The packet.
    pub fn packet(&self) -> BytesMut {
        let mut out = BytesMut::new();
        self.head(|version, head| publish(&mut out, version, head));
        out
    }
}

/// A successful PUBACK.
pub fn puback(version: ProtocolVersion) -> BytesMut {
    let mut out = BytesMut::new();
    encode::ack(&mut out, version, AckKind::PubAck, packet_id(), ReasonCode::Success);
    out
}

/// A CONNECT with a will, a user name and a password; in version 5 with an expiry interval and a receive maximum.
pub fn connect(version: ProtocolVersion) -> BytesMut {
    let v5 = version.is_v5();
    let will = Will {
        topic: "org-3/status/client-000123".into(),
        payload: Bytes::from_static(b"offline"),
        qos: QoS::AtLeastOnce,
        retain: true,
        delay: 0,
        expiry: None,
        properties: Vec::new(),
    };
    let connect = Connect {
        version,
        client_id: "client-000123".into(),
        clean_start: false,
        keep_alive: 60,
        will: Some(will),
        username: Some("machine-09".into()),
        password: Some(Bytes::from_static(b"not a secret")),
        session_expiry: v5.then_some(3600),
        receive_maximum: if v5 { 100.try_into().ok() } else { None },
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        user_properties: Vec::new(),
        authentication: None,
    };
    let mut out = BytesMut::new();
    encode::connect(&mut out, &connect).expect("every field is short");
    out
}

/// A SUBSCRIBE for `filters` filters of seven levels.
pub fn subscribe(version: ProtocolVersion, filters: usize) -> BytesMut {
    let options = SubscribeOptions {
        qos: QoS::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    };
    let filters = (0..filters).map(|n| (format!("org-3/region-2/site-07/line-4/machine-{n}/+/#"), options)).collect();
    let subscribe = Subscribe { id: packet_id(), filters, identifier: None };
    let mut out = BytesMut::new();
    encode::subscribe(&mut out, version, &subscribe).expect("every field is short");
    out
}
