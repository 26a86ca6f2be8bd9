//! Topic aliases (MQTT 5, 3.3.2.3.4), of both directions.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::rc::Rc;

use crate::fan_out::Alias;

/// The most aliases we use towards a client, whatever it allows: each costs us the topic's text.
const MAX_OUTGOING: u16 = 64;

/// Aliases that a client has set for topics it publishes to.
#[derive(Default)]
pub(crate) struct IncomingAliases(Vec<Option<Rc<str>>>);

impl IncomingAliases {
    /// Sets (again) what `alias` stands for. The caller has checked it against the announced maximum.
    pub fn set(&mut self, alias: NonZeroU16, topic: &str) {
        let place = usize::from(alias.get()) - 1;
        if self.0.len() <= place {
            self.0.resize(place + 1, None);
        }
        if self.0[place].as_deref() != Some(topic) {
            self.0[place] = Some(topic.into());
        }
    }

    pub fn topic(&self, alias: NonZeroU16) -> Option<Rc<str>> {
        self.0.get(usize::from(alias.get()) - 1)?.clone()
    }
}

/// Aliases that we use towards a client: for the first topics it gets, as many as it allows.
pub(crate) struct OutgoingAliases {
    maximum: u16,
    numbers: HashMap<Box<str>, NonZeroU16, ahash::RandomState>,
}

impl OutgoingAliases {
    /// MQTT-3.1.2-26, -27: none when the client's Topic Alias Maximum is 0.
    pub fn new(client_maximum: u16) -> Option<Box<Self>> {
        let maximum = client_maximum.min(MAX_OUTGOING);
        (maximum > 0).then(|| Box::new(Self { maximum, numbers: HashMap::default() }))
    }

    /// The alias to send `topic` with, if there is one. An alias that is new counts as told once [`Self::told`] says so.
    pub fn find(&self, topic: &str) -> Option<Alias> {
        if let Some(&number) = self.numbers.get(topic) {
            return Some(Alias { number, known: true });
        }
        let next = self.numbers.len() as u16;
        (next < self.maximum).then(|| NonZeroU16::new(next + 1))?.map(|number| Alias { number, known: false })
    }

    /// The PUBLISH that tells `alias` is in the outbox.
    pub fn told(&mut self, topic: &str, alias: Alias) {
        if !alias.known {
            self.numbers.insert(topic.into(), alias.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mqtt_3_1_2_26_no_alias_above_the_clients_maximum() {
        assert!(OutgoingAliases::new(0).is_none());
        let mut aliases = OutgoingAliases::new(1).unwrap();
        let alias = aliases.find("a").unwrap();
        assert!(!alias.known);
        aliases.told("a", alias);
        assert!(aliases.find("a").unwrap().known);
        assert!(aliases.find("b").is_none());
    }

    #[test]
    fn an_alias_not_yet_told_is_offered_again() {
        let aliases = OutgoingAliases::new(5).unwrap();
        assert_eq!(aliases.find("a").unwrap().number, aliases.find("b").unwrap().number);
    }

    #[test]
    fn an_incoming_alias_can_be_set_again() {
        let mut aliases = IncomingAliases::default();
        let three = NonZeroU16::new(3).unwrap();
        assert_eq!(aliases.topic(three), None);
        aliases.set(three, "a");
        aliases.set(three, "b");
        assert_eq!(aliases.topic(three).as_deref(), Some("b"));
        assert_eq!(aliases.topic(NonZeroU16::new(2).unwrap()), None);
    }
}
