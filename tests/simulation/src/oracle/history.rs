//! What the record says of sessions, subscriptions, messages and receptions, as far as it is certain.

mod connections;
mod grants;
mod receptions;
mod sendings;

use std::collections::BTreeMap;

pub use connections::{Connection, Keeping, LONG, Life, LifeNumber};
pub use grants::Grant;
pub use receptions::{Novelty, Reception};
pub use sendings::Sending;

use super::record::{ClientNumber, ConnectionNumber, MessageNumber, Place, Record};

/// See the module.
#[derive(Debug)]
pub struct History<'r> {
    pub record: &'r Record,
    pub connections: BTreeMap<ConnectionNumber, Connection>,
    pub lives: Vec<Life>,
    /// Of what was sent; wills are not.
    pub sendings: BTreeMap<MessageNumber, Sending>,
    pub receptions: Vec<Reception<'r>>,
}

impl<'r> History<'r> {
    pub fn of(record: &'r Record) -> Self {
        let (connections, mut lives) = connections::read(record);
        grants::read(record, &connections, &mut lives);
        let receptions = receptions::read(record, &connections);
        Self { record, connections, lives, sendings: sendings::read(record), receptions }
    }

    /// What a life has received of a message, in order.
    pub fn received(&self, life: LifeNumber, message: MessageNumber) -> impl Iterator<Item = &Reception<'r>> {
        self.receptions.iter().filter(move |got| got.life == life && got.message == Some(message))
    }

    /// The earliest place at which a message may have been published.
    pub fn earliest(&self, message: MessageNumber) -> Option<Place> {
        match self.record.of(message).will_of {
            Some(connection) => Some(self.connections.get(&connection)?.connect),
            None => Some(self.sendings.get(&message)?.first()),
        }
    }

    pub fn of_client(&self, client: ClientNumber) -> impl Iterator<Item = &Connection> {
        self.connections.values().filter(move |connection| connection.client == client)
    }
}
