//! The client machine against a server machine that others wrote: `mqtt-protocol-core`'s.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::BytesMut;
use mqtt::client::{Event, Machine, Message, MessageProperties, Settings, SubscribeRequest};
use mqtt::{Connect, ProtocolVersion, QoS, ReasonCode, SubscribeOptions};
use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, Event as TheirEvent, role};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Qos, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, ConnectReturnCode, SubackReasonCode, SubackReturnCode};

struct Pair {
    machine: Machine,
    server: Connection<role::Server>,
    to_client: BytesMut,
    now: Instant,
    events: Vec<Event>,
    /// What the server was sent.
    published: Vec<Vec<u8>>,
}

impl Pair {
    fn new(version: ProtocolVersion) -> Self {
        let mut server = Connection::new(if version.is_v5() { Version::V5_0 } else { Version::V3_1_1 });
        server.set_auto_pub_response(true);
        server.set_auto_ping_response(true);
        let mut machine = Machine::new(Settings::default());
        let now = Instant::now();
        let connect = Connect { keep_alive: 10, ..Connect::new(version, "client") };
        machine.connect(&connect, now).unwrap();
        Self { machine, server, to_client: BytesMut::new(), now, events: Vec::new(), published: Vec::new() }
    }

    fn run(&mut self) {
        loop {
            let bytes = self.machine.output(self.now);
            let mut moved = !bytes.is_empty();
            let mut cursor = Cursor::new(&bytes[..]);
            while (cursor.position() as usize) < bytes.len() {
                let events = self.server.recv(&mut cursor);
                self.theirs(events);
            }
            let mut input = self.to_client.split();
            self.machine.receive(&mut input, self.now);
            while let Some(event) = self.machine.event() {
                moved = true;
                if let Event::Message(received) = &event
                    && let Some(receipt) = received.receipt
                {
                    self.machine.acknowledge(receipt, ReasonCode::Success);
                }
                self.events.push(event);
            }
            if !moved && self.to_client.is_empty() {
                return;
            }
        }
    }

    fn theirs(&mut self, events: Vec<TheirEvent>) {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            match event {
                TheirEvent::RequestSendPacket { packet, .. } => {
                    self.to_client.extend_from_slice(&packet.to_continuous_buffer());
                }
                TheirEvent::NotifyPacketReceived(packet) => events.extend(self.answer(packet)),
                TheirEvent::NotifyError(error) => panic!("the server says {error:?}"),
                _ => {}
            }
        }
    }

    /// What a server's application does.
    fn answer(&mut self, packet: Packet) -> Vec<TheirEvent> {
        let answer: Packet = match packet {
            Packet::V5_0Connect(_) => {
                let connack = v5_0::Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success);
                connack.build().unwrap().into()
            }
            Packet::V3_1_1Connect(_) => {
                let connack = v3_1_1::Connack::builder().session_present(false);
                connack.return_code(ConnectReturnCode::Accepted).build().unwrap().into()
            }
            Packet::V5_0Subscribe(subscribe) => {
                let suback = v5_0::Suback::builder().packet_id(subscribe.packet_id());
                suback.reason_codes(vec![SubackReasonCode::GrantedQos2]).build().unwrap().into()
            }
            Packet::V3_1_1Subscribe(subscribe) => {
                let suback = v3_1_1::Suback::builder().packet_id(subscribe.packet_id());
                suback.return_codes(vec![SubackReturnCode::SuccessMaximumQos2]).build().unwrap().into()
            }
            Packet::V5_0Publish(publish) => {
                self.published.push(publish.payload().as_slice().to_vec());
                return Vec::new();
            }
            Packet::V3_1_1Publish(publish) => {
                self.published.push(publish.payload().as_slice().to_vec());
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        self.server.send(answer)
    }

    fn publish_to_client(&mut self, version: ProtocolVersion, qos: Qos, body: &str) {
        let id = (qos != Qos::AtMostOnce).then(|| self.server.acquire_packet_id().unwrap());
        let packet: Packet = if version.is_v5() {
            let publish = v5_0::Publish::builder().topic_name("to/client").unwrap().qos(qos);
            let publish = id.into_iter().fold(publish, |publish, id| publish.packet_id(id));
            publish.payload(body.as_bytes().to_vec()).build().unwrap().into()
        } else {
            let publish = v3_1_1::Publish::builder().topic_name("to/client").unwrap().qos(qos);
            let publish = id.into_iter().fold(publish, |publish, id| publish.packet_id(id));
            publish.payload(body.as_bytes().to_vec()).build().unwrap().into()
        };
        let events = self.server.send(packet);
        self.theirs(events);
    }
}

#[test]
fn both_understand_each_other() {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let mut pair = Pair::new(version);
        pair.run();
        assert!(matches!(pair.events.as_slice(), [Event::Connected(_)]), "{:?}", pair.events);

        let filters = vec![("to/#".to_owned(), SubscribeOptions { qos: QoS::ExactlyOnce, ..Default::default() })];
        let user_properties = vec![("name".to_owned(), "value".to_owned())];
        let request = SubscribeRequest { filters, identifier: None, user_properties: user_properties.clone() };
        pair.machine.subscribe(&request).unwrap();
        let properties = MessageProperties { user: user_properties, ..MessageProperties::default() };
        for n in 0..30u8 {
            let qos = QoS::try_from(n % 3).unwrap();
            let properties = properties.encode().unwrap();
            pair.machine.publish(Message { qos, properties, ..Message::new("to/server", vec![n]) }).unwrap();
        }
        for (n, qos) in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce].into_iter().cycle().take(30).enumerate() {
            pair.publish_to_client(version, qos, &n.to_string());
        }
        pair.run();

        let count = |wanted: fn(&Event) -> bool| pair.events.iter().filter(|event| wanted(event)).count();
        assert_eq!(count(|event| matches!(event, Event::Subscribed { outcome: Ok(_), .. })), 1);
        assert_eq!(count(|event| matches!(event, Event::Published { outcome: Ok(_), .. })), 30);
        assert_eq!(count(|event| matches!(event, Event::Message(_))), 30);
        assert_eq!(count(|event| matches!(event, Event::Ended(_))), 0);
        assert_eq!(pair.published, (0..30).map(|n| vec![n]).collect::<Vec<_>>());
        assert!(pair.machine.is_idle());
        assert_eq!(pair.server.get_stored_packets().len(), 0);
    }
}
