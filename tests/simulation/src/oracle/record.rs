//! What every client sent and saw, in one order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use mqtt::{QoS, ReasonCode};

/// Position in the record: what has the lower one was over when the other began.
pub type Place = usize;

/// A client identifier; shown as `c7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNumber(pub u16);

/// A connection, unique in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionNumber(pub u32);

/// A message, unique in a run; its payload says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V311,
    V5,
}

/// What a client means to publish, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub client: ClientNumber,
    pub topic: String,
    pub qos: QoS,
    pub retain: bool,
    /// Seconds.
    pub expiry: Option<u32>,
    /// Bytes; 0 is one that says nothing, not even its number.
    pub len: usize,
    /// The connection whose will it is.
    pub will_of: Option<ConnectionNumber>,
}

/// What a filter is subscribed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub qos: QoS,
    pub no_local: bool,
    /// Whether retained messages are asked for (retain handling 0) or not (2).
    pub wants_retained: bool,
}

/// A client's answer to a PUBLISH or PUBREL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    PubAck,
    PubRec,
    PubComp,
}

/// How a client learned that a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It closed the transport itself.
    ByClient,
    /// The server sent DISCONNECT.
    Told(ReasonCode),
    /// The server closed in order.
    ByServer,
    /// As a reset would tell: the frontend's process is gone.
    Reset,
}

/// Something a client did (imperative) or saw (past).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Connect {
        frontend: u16,
        version: Version,
        clean_start: bool,
        expiry: u32,
        will: Option<Will>,
    },
    Accepted {
        session_present: bool,
    },
    Refused(ReasonCode),
    Publish {
        message: MessageNumber,
        id: u16,
        dup: bool,
    },
    /// PUBACK, PUBREC.
    Acknowledged {
        message: MessageNumber,
        reason: ReasonCode,
    },
    Release {
        message: MessageNumber,
        id: u16,
    },
    /// PUBCOMP.
    Completed {
        message: MessageNumber,
        reason: ReasonCode,
    },
    Received {
        topic: String,
        message: Option<MessageNumber>,
        len: usize,
        qos: QoS,
        id: u16,
        dup: bool,
        retain: bool,
    },
    Answer {
        how: Answer,
        id: u16,
    },
    /// PUBREL.
    Released {
        id: u16,
    },
    Subscribe {
        id: u16,
        filter: String,
        options: Options,
    },
    Subscribed {
        id: u16,
        filter: String,
        reason: ReasonCode,
    },
    Unsubscribe {
        id: u16,
        filter: String,
    },
    Unsubscribed {
        id: u16,
        filter: String,
        reason: ReasonCode,
    },
    /// Sent, with the session expiry that it sets.
    Disconnect {
        reason: ReasonCode,
        expiry: Option<u32>,
    },
    Closed(Closed),
    /// The server broke the protocol.
    Breach(String),
}

/// A will as CONNECT has it; its message stands among the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will {
    pub message: MessageNumber,
    /// Seconds.
    pub delay: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Duration,
    pub client: ClientNumber,
    pub connection: ConnectionNumber,
    pub what: What,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub messages: Vec<Message>,
    pub entries: Vec<Entry>,
    /// What became of the world meanwhile, with the place of the entry before which it happened.
    pub notes: Vec<(Place, Duration, String)>,
    connections: u32,
}

impl Record {
    /// A connection that begins now.
    pub fn connection(&mut self) -> ConnectionNumber {
        self.connections += 1;
        ConnectionNumber(self.connections)
    }

    /// A message that is about to be published.
    pub fn message(&mut self, message: Message) -> MessageNumber {
        self.messages.push(message);
        MessageNumber(self.messages.len() as u32 - 1)
    }

    pub fn add(&mut self, at: Duration, client: ClientNumber, connection: ConnectionNumber, what: What) {
        self.entries.push(Entry { at, client, connection, what });
    }

    pub fn note(&mut self, at: Duration, text: impl Into<String>) {
        self.notes.push((self.entries.len(), at, text.into()));
    }

    /// Puts notes that came late where they belong by their time.
    pub fn order_notes(&mut self) {
        for (place, at, _) in &mut self.notes {
            *place = self.entries.partition_point(|entry| entry.at < *at);
        }
        self.notes.sort_by_key(|(_, at, _)| *at);
    }

    pub fn of(&self, number: MessageNumber) -> &Message {
        &self.messages[number.0 as usize]
    }

    /// When the last thing happened.
    pub fn end(&self) -> Duration {
        self.entries.last().map_or(Duration::ZERO, |entry| entry.at)
    }

    /// The entries at `places`, with those that belong to them: opening and end of their connections, and notes between.
    pub fn excerpt(&self, places: &[Place]) -> String {
        let asked: BTreeSet<Place> = places.iter().copied().collect();
        let entries = places.iter().filter_map(|place| self.entries.get(*place));
        let connections: BTreeSet<_> = entries.map(|entry| entry.connection).collect();
        let is_bound = |entry: &Entry| {
            let is_bound = matches!(entry.what, What::Connect { .. } | What::Accepted { .. } | What::Closed(_));
            is_bound && connections.contains(&entry.connection)
        };
        let shown = self.entries.iter().enumerate();
        let shown = shown.filter(|(place, entry)| asked.contains(place) || is_bound(entry));
        let shown: BTreeMap<Place, bool> = shown.map(|(place, _)| (place, asked.contains(&place))).collect();
        let (first, last) = (shown.keys().next().copied(), shown.keys().last().copied());
        let mut notes =
            self.notes.iter().filter(|(place, ..)| Some(*place) >= first && Some(*place) <= last).peekable();
        let mut lines = String::new();
        for (place, is_asked) in shown {
            while let Some((_, at, note)) = notes.next_if(|(before, ..)| *before <= place) {
                lines.push_str(&format!("    {:>9.3}          -- {note}\n", at.as_secs_f64()));
            }
            if let Some(entry) = self.entries.get(place) {
                let mark = if is_asked { '>' } else { ' ' };
                lines.push_str(&format!("  {mark} {place:>6} {}\n", self.line(entry)));
            }
        }
        lines
    }

    fn line(&self, entry: &Entry) -> String {
        let Entry { at, client, connection, what } = entry;
        format!("{:>9.3} {client}/{connection:<5} {}", at.as_secs_f64(), self.text(what))
    }

    fn text(&self, what: &What) -> String {
        let named = |message: &MessageNumber| format!("{message} {}", self.of(*message));
        match what {
            What::Connect { frontend, version, clean_start, expiry, will } => {
                let will = will.map(|will| format!(" will {} after {} s", named(&will.message), will.delay));
                let clean = if *clean_start { " clean" } else { "" };
                let will = will.unwrap_or_default();
                format!("CONNECT to frontend-{frontend} {version:?}{clean} expiry {expiry}{will}")
            }
            What::Accepted { session_present } => format!("CONNACK session present {session_present}"),
            What::Refused(reason) => format!("CONNACK refused {reason:?}"),
            What::Publish { message, id, dup } => format!("PUBLISH {} id {id}{}", named(message), again(*dup)),
            What::Acknowledged { message, reason } => format!("PUBACK/PUBREC of {message} {reason:?}"),
            What::Release { message, id } => format!("PUBREL of {message} id {id}"),
            What::Completed { message, reason } => format!("PUBCOMP of {message} {reason:?}"),
            What::Received { topic, message, len, qos, id, dup, retain } => {
                let message = message.map_or_else(|| format!("?, {len} bytes"), |message| message.to_string());
                let retain = if *retain { " retained" } else { "" };
                format!("got {message} {topic} qos {} id {id}{}{retain}", *qos as u8, again(*dup))
            }
            What::Answer { how, id } => format!("{how:?} id {id}"),
            What::Released { id } => format!("got PUBREL id {id}"),
            What::Subscribe { id, filter, options } => format!("SUBSCRIBE {filter} {options:?} id {id}"),
            What::Subscribed { id, filter, reason } => format!("SUBACK {filter} {reason:?} id {id}"),
            What::Unsubscribe { id, filter } => format!("UNSUBSCRIBE {filter} id {id}"),
            What::Unsubscribed { id, filter, reason } => format!("UNSUBACK {filter} {reason:?} id {id}"),
            What::Disconnect { reason, expiry } => format!("DISCONNECT {reason:?} expiry {expiry:?}"),
            What::Closed(how) => format!("closed: {how:?}"),
            What::Breach(text) => format!("breach of the protocol: {text}"),
        }
    }

    /// All of it, an entry a line.
    pub fn whole(&self) -> String {
        self.excerpt(&(0..self.entries.len()).collect::<Vec<_>>())
    }
}

fn again(dup: bool) -> &'static str {
    if dup { " DUP" } else { "" }
}

impl fmt::Display for ClientNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Display for ConnectionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("n{}", self.0))
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, topic, qos, retain, expiry, len, .. } = self;
        write!(f, "({client} {topic} qos {}, {len} bytes", *qos as u8)?;
        if *retain {
            write!(f, ", retain")?;
        }
        match expiry {
            Some(seconds) => write!(f, ", expires in {seconds} s)"),
            None => write!(f, ")"),
        }
    }
}
