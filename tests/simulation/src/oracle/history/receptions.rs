//! What came to each session, and whether it was new.
//!
//! What arrives on a connection after its client has begun another is no reception: it may have been under way for any time, and a
//! client that keeps to MQTT does not read it. Who has not answered it gets it again.

use std::collections::BTreeMap;

use mqtt::QoS;

use super::connections::{Connection, LifeNumber};
use crate::oracle::record::{ClientNumber, ConnectionNumber, MessageNumber, Place, Record, What};

/// A PUBLISH that came.
#[derive(Clone, Debug)]
pub struct Reception<'r> {
    pub place: Place,
    pub life: LifeNumber,
    pub connection: ConnectionNumber,
    pub topic: &'r str,
    /// `None` where the payload names none of ours.
    pub message: Option<MessageNumber>,
    pub len: usize,
    pub qos: QoS,
    pub id: u16,
    pub dup: bool,
    /// Sent because of a SUBSCRIBE.
    pub retain: bool,
    pub novelty: Novelty,
}

/// What an application makes of it that keeps to MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// Another message.
    New,
    /// With QoS 1, sent again under the identifier that it came with; with QoS 2, known by an identifier that is held.
    Again,
}

pub(super) fn read<'r>(record: &'r Record, connections: &BTreeMap<ConnectionNumber, Connection>) -> Vec<Reception<'r>> {
    let mut receptions: Vec<Reception<'r>> = Vec::new();
    let mut held: BTreeMap<(LifeNumber, u16), MessageNumber> = BTreeMap::new();
    let mut known: BTreeMap<(LifeNumber, u16, MessageNumber), ()> = BTreeMap::new();
    let mut latest: BTreeMap<ClientNumber, ConnectionNumber> = BTreeMap::new();
    for (place, entry) in record.entries.iter().enumerate() {
        let life = connections.get(&entry.connection).and_then(|connection| connection.life);
        if matches!(entry.what, What::Connect { .. }) {
            latest.insert(entry.client, entry.connection);
        }
        let Some(life) = life.filter(|_| latest.get(&entry.client) == Some(&entry.connection)) else { continue };
        match &entry.what {
            What::Received { topic, message, len, qos, id, dup, retain } => {
                let is_again = match (qos, message) {
                    (QoS::AtMostOnce, _) | (_, None) => false,
                    (QoS::AtLeastOnce, Some(message)) => known.insert((life, *id, *message), ()).is_some() && *dup,
                    (QoS::ExactlyOnce, Some(message)) => held.insert((life, *id), *message) == Some(*message),
                };
                receptions.push(Reception {
                    place,
                    life,
                    connection: entry.connection,
                    topic,
                    message: *message,
                    len: *len,
                    qos: *qos,
                    id: *id,
                    dup: *dup,
                    retain: *retain,
                    novelty: if is_again { Novelty::Again } else { Novelty::New },
                });
            }
            What::Released { id } => {
                held.remove(&(life, *id));
            }
            _ => {}
        }
    }
    receptions
}
