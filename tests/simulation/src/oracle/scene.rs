//! A record made by hand, for the rules' tests: what clients would do and see, a line each.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt::{QoS, ReasonCode};

use super::history::LONG;
use super::record::{
    Answer, ClientNumber, Closed, ConnectionNumber, Message, MessageNumber, Options, Record, Version, What, Will,
};
use super::{Circumstances, History, RULES, Violation};

/// See the module. A second passes with every entry.
#[derive(Debug, Default)]
pub struct Scene {
    pub record: Record,
    pub circumstances: Circumstances,
    clients: BTreeMap<ConnectionNumber, ClientNumber>,
    next_id: u16,
    ids: BTreeMap<(ConnectionNumber, MessageNumber), u16>,
}

/// How a filter is subscribed to.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub qos: u8,
    pub no_local: bool,
}

impl Held {
    pub fn at(qos: u8) -> Self {
        Self { qos, no_local: false }
    }
}

/// How a message comes.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    pub qos: u8,
    pub id: u16,
    pub dup: bool,
    pub retain: bool,
}

impl Scene {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, connection: ConnectionNumber, what: What) {
        let at = Duration::from_secs(self.record.entries.len() as u64);
        let client = self.clients[&connection];
        self.record.add(at, client, connection, what);
    }

    /// CONNECT, not answered.
    pub fn connect(&mut self, client: u16, clean_start: bool, expiry: u32, will: Option<Will>) -> ConnectionNumber {
        let connection = self.record.connection();
        self.clients.insert(connection, ClientNumber(client));
        self.add(connection, What::Connect { frontend: 0, version: Version::V5, clean_start, expiry, will });
        connection
    }

    pub fn accept(&mut self, connection: ConnectionNumber, session_present: bool) {
        self.add(connection, What::Accepted { session_present });
    }

    /// A connection with a new session that is kept.
    pub fn persistent(&mut self, client: u16) -> ConnectionNumber {
        let connection = self.connect(client, true, LONG, None);
        self.accept(connection, false);
        connection
    }

    /// A connection with a session that ends with it.
    pub fn transient(&mut self, client: u16) -> ConnectionNumber {
        let connection = self.connect(client, true, 0, None);
        self.accept(connection, false);
        connection
    }

    /// Another connection of a session that is kept.
    pub fn resume(&mut self, client: u16) -> ConnectionNumber {
        let connection = self.connect(client, false, LONG, None);
        self.accept(connection, true);
        connection
    }

    /// The frontend is gone.
    pub fn lose(&mut self, connection: ConnectionNumber) {
        self.add(connection, What::Closed(Closed::Reset));
    }

    pub fn subscribe(&mut self, connection: ConnectionNumber, filter: &str, qos: u8) {
        self.subscribe_with(connection, filter, Held::at(qos));
    }

    pub fn subscribe_with(&mut self, connection: ConnectionNumber, filter: &str, held: Held) {
        let id = self.begin_subscribe(connection, filter, held);
        self.add(connection, What::Subscribed { id, filter: filter.into(), reason: ReasonCode::Success });
    }

    /// SUBSCRIBE, not answered.
    pub fn begin_subscribe(&mut self, connection: ConnectionNumber, filter: &str, held: Held) -> u16 {
        let id = self.id();
        let options = Options { qos: qos(held.qos), no_local: held.no_local, wants_retained: true };
        self.add(connection, What::Subscribe { id, filter: filter.into(), options });
        id
    }

    pub fn unsubscribe(&mut self, connection: ConnectionNumber, filter: &str) {
        let id = self.id();
        self.add(connection, What::Unsubscribe { id, filter: filter.into() });
        self.add(connection, What::Unsubscribed { id, filter: filter.into(), reason: ReasonCode::Success });
    }

    /// A message, and its PUBLISH.
    pub fn publish(&mut self, connection: ConnectionNumber, topic: &str, level: u8) -> MessageNumber {
        let message = self.message(self.clients[&connection].0, topic, level);
        self.send(connection, message);
        message
    }

    pub fn message(&mut self, client: u16, topic: &str, level: u8) -> MessageNumber {
        self.record.message(Message {
            client: ClientNumber(client),
            topic: topic.into(),
            qos: qos(level),
            retain: false,
            expiry: None,
            len: 10,
            will_of: None,
        })
    }

    /// A message that is retained, and its PUBLISH.
    pub fn retain(&mut self, connection: ConnectionNumber, topic: &str, len: usize) -> MessageNumber {
        let message = self.message(self.clients[&connection].0, topic, 1);
        let kept = &mut self.record.messages[message.0 as usize];
        (kept.retain, kept.len) = (true, len);
        self.send(connection, message);
        message
    }

    pub fn send(&mut self, connection: ConnectionNumber, message: MessageNumber) {
        let id = self.id();
        let dup = self.ids.insert((connection, message), id).is_some();
        self.add(connection, What::Publish { message, id, dup });
    }

    pub fn acknowledge(&mut self, connection: ConnectionNumber, message: MessageNumber) {
        self.add(connection, What::Acknowledged { message, reason: ReasonCode::Success });
    }

    /// A message comes as it was published, and is answered to the end.
    pub fn deliver(&mut self, connection: ConnectionNumber, message: MessageNumber) {
        let (id, level) = (self.id(), self.record.of(message).qos as u8);
        self.come(connection, message, Coming { qos: level, id, dup: false, retain: false });
        self.finish(connection, id, level);
    }

    /// A message comes, and is not answered.
    pub fn come(&mut self, connection: ConnectionNumber, message: MessageNumber, coming: Coming) {
        let Message { topic, len, .. } = self.record.of(message).clone();
        let Coming { qos: level, id, dup, retain } = coming;
        let message = (len > 0).then_some(message);
        self.add(connection, What::Received { topic, message, len, qos: qos(level), id, dup, retain });
    }

    /// The client's answers to a message of an identifier.
    pub fn finish(&mut self, connection: ConnectionNumber, id: u16, level: u8) {
        match level {
            0 => {}
            1 => self.add(connection, What::Answer { how: Answer::PubAck, id }),
            _ => {
                self.add(connection, What::Answer { how: Answer::PubRec, id });
                self.add(connection, What::Released { id });
                self.add(connection, What::Answer { how: Answer::PubComp, id });
            }
        }
    }

    fn id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }

    /// What a rule has against it.
    pub fn violations(&self, rule: &str) -> Vec<Violation> {
        let rule = RULES.iter().find(|known| known.name == rule).expect("a rule");
        (rule.check)(&History::of(&self.record), &self.circumstances)
    }
}

fn qos(level: u8) -> QoS {
    QoS::try_from(level).expect("a quality of service")
}
