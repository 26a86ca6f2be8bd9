//! Connections, and the sessions that they carry on from one to the next.

use std::collections::BTreeMap;

use super::grants::Grant;
use crate::oracle::record::{ClientNumber, Closed, ConnectionNumber, Place, Record, Version, What, Will};
use mqtt::ReasonCode;

/// A session expiry, in seconds, that no run lives to see, clocks that jump included.
pub const LONG: u32 = 30 * 24 * 3600;

/// Position among the lives.
pub type LifeNumber = usize;

/// A CONNECT and what followed.
#[derive(Clone, Debug)]
pub struct Connection {
    pub number: ConnectionNumber,
    pub client: ClientNumber,
    pub frontend: u16,
    pub version: Version,
    pub connect: Place,
    pub clean_start: bool,
    /// Seconds.
    pub expiry: u32,
    pub will: Option<Will>,
    /// CONNACK, and what it said of the session.
    pub accepted: Option<Place>,
    pub session_present: bool,
    pub is_refused: bool,
    pub disconnect: Option<(Place, ReasonCode, Option<u32>)>,
    pub closed: Option<(Place, Closed)>,
    pub life: Option<LifeNumber>,
}

/// How long a session is kept when its connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeping {
    /// Not at all.
    Transient,
    /// For less than [`LONG`]: when it ends is not known exactly, so that nothing is claimed of what it keeps.
    Brief,
    /// To the end of the run.
    Long,
}

impl Keeping {
    fn of(expiry: u32) -> Self {
        match expiry {
            0 => Self::Transient,
            LONG.. => Self::Long,
            _ => Self::Brief,
        }
    }
}

/// A session from its beginning to its end, over any number of connections.
#[derive(Clone, Debug)]
pub struct Life {
    pub client: ClientNumber,
    pub connections: Vec<ConnectionNumber>,
    pub keeping: Keeping,
    /// The CONNECT that may have begun it.
    pub begun: Place,
    /// The CONNACK that says that it has.
    pub certain: Place,
    /// The first thing that the client did that may end it; a session that is not kept long may end at any time.
    pub may_end: Option<Place>,
    /// The CONNACK of the one that has replaced it.
    pub ended: Option<Place>,
    /// The one before, if this may be it.
    pub inherits: Option<LifeNumber>,
    pub grants: Vec<Grant>,
}

impl Connection {
    /// What came on it, and what left: from CONNECT to its end.
    pub fn is_open_at_end(&self) -> bool {
        self.accepted.is_some() && self.closed.is_none()
    }

    /// Whether the client has sent this CONNECT, and cannot know what became of it.
    fn is_unanswered(&self) -> bool {
        self.accepted.is_none() && !self.is_refused
    }
}

pub(super) fn read(record: &Record) -> (BTreeMap<ConnectionNumber, Connection>, Vec<Life>) {
    let mut connections = BTreeMap::new();
    let mut lives = Lives::default();
    for (place, entry) in record.entries.iter().enumerate() {
        if let What::Connect { frontend, version, clean_start, expiry, will } = &entry.what {
            let connection = Connection {
                number: entry.connection,
                client: entry.client,
                frontend: *frontend,
                version: *version,
                connect: place,
                clean_start: *clean_start,
                expiry: *expiry,
                will: *will,
                accepted: None,
                session_present: false,
                is_refused: false,
                disconnect: None,
                closed: None,
                life: None,
            };
            lives.connect(&connection);
            connections.insert(entry.connection, connection);
            continue;
        }
        let Some(connection) = connections.get_mut(&entry.connection) else { continue };
        match &entry.what {
            What::Accepted { session_present } => {
                connection.accepted = Some(place);
                connection.session_present = *session_present;
                lives.accepted(connection);
            }
            What::Refused(_) => connection.is_refused = true,
            What::Disconnect { reason, expiry } => {
                connection.disconnect = Some((place, *reason, *expiry));
                if expiry.is_some_and(|expiry| expiry < LONG) {
                    lives.may_end(connection.client, place);
                }
            }
            What::Closed(how) => connection.closed = Some((place, *how)),
            _ => {}
        }
    }
    (connections, lives.all)
}

#[derive(Default)]
struct Lives {
    all: Vec<Life>,
    clients: BTreeMap<ClientNumber, Now>,
}

/// What a client knows of its session.
#[derive(Default)]
struct Now {
    life: Option<LifeNumber>,
    /// CONNECTs since the last CONNACK that may have begun another session.
    unsure: Option<Place>,
}

impl Lives {
    fn connect(&mut self, connection: &Connection) {
        if connection.clean_start || Keeping::of(connection.expiry) != Keeping::Long {
            self.may_end(connection.client, connection.connect);
        }
        let now = self.clients.entry(connection.client).or_default();
        if connection.clean_start || now.life.is_none() {
            now.unsure.get_or_insert(connection.connect);
        }
    }

    fn may_end(&mut self, client: ClientNumber, place: Place) {
        if let Some(life) = self.clients.get(&client).and_then(|now| now.life) {
            self.all[life].may_end.get_or_insert(place);
        }
    }

    fn accepted(&mut self, connection: &mut Connection) {
        let Some(accepted) = connection.accepted else { return };
        let now = self.clients.entry(connection.client).or_default();
        let unsure = now.unsure.take().filter(|place| *place < connection.connect);
        let keeping = Keeping::of(connection.expiry);
        let old = now.life;
        let is_old = connection.session_present && unsure.is_none() && old.is_some();
        let number = match old {
            Some(number) if is_old => number,
            _ => self.all.len(),
        };
        now.life = Some(number);
        connection.life = Some(number);
        if is_old {
            let life = &mut self.all[number];
            life.keeping = life.keeping.min(keeping);
            life.connections.push(connection.number);
            return;
        }
        if let Some(old) = old {
            let old = &mut self.all[old];
            old.may_end.get_or_insert(connection.connect);
            old.ended.get_or_insert(accepted);
        }
        self.all.push(Life {
            client: connection.client,
            connections: vec![connection.number],
            keeping,
            begun: unsure.unwrap_or(connection.connect),
            certain: accepted,
            may_end: (keeping != Keeping::Long).then_some(accepted),
            ended: None,
            inherits: old.filter(|_| connection.session_present),
            grants: Vec::new(),
        });
    }
}

impl Connection {
    /// Whether a session could be there that this client does not know of.
    pub fn may_have_begun_another(&self) -> bool {
        self.is_unanswered() && Keeping::of(self.expiry) != Keeping::Transient
    }
}
