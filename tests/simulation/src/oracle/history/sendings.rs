//! What became of each message that was sent.

use std::collections::BTreeMap;

use crate::oracle::record::{ConnectionNumber, MessageNumber, Place, Record, What};

/// The PUBLISH packets of a message, and the server's answers.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// Every PUBLISH, in order; at least one.
    pub sent: Vec<(Place, ConnectionNumber)>,
    /// The first PUBACK or PUBREC that says yes: the server answers for it.
    pub acknowledged: Option<Place>,
    /// The first that says no.
    pub refused: Option<Place>,
    /// PUBCOMP.
    pub completed: Option<Place>,
}

impl Sending {
    pub fn first(&self) -> Place {
        self.sent[0].0
    }

    /// Whether it was sent on more than one connection.
    pub fn has_moved(&self) -> bool {
        self.sent.iter().any(|(_, connection)| *connection != self.sent[0].1)
    }
}

pub(super) fn read(record: &Record) -> BTreeMap<MessageNumber, Sending> {
    let mut sendings: BTreeMap<MessageNumber, Sending> = BTreeMap::new();
    for (place, entry) in record.entries.iter().enumerate() {
        match &entry.what {
            What::Publish { message, .. } => {
                sendings.entry(*message).or_default().sent.push((place, entry.connection));
            }
            What::Acknowledged { message, reason } => {
                let Some(sending) = sendings.get_mut(message) else { continue };
                let answer = if reason.is_error() { &mut sending.refused } else { &mut sending.acknowledged };
                answer.get_or_insert(place);
            }
            What::Completed { message, .. } => {
                let Some(sending) = sendings.get_mut(message) else { continue };
                sending.completed.get_or_insert(place);
            }
            _ => {}
        }
    }
    sendings
}
