//! What a client is like: drawn from the seed and its number, once.

use std::time::Duration;

use mqtt::QoS;

use super::{Keeping, topics};
use crate::oracle::{ClientNumber, LONG, Options, Version};
use crate::site::dice::Dice;

/// What a client may do next, with its weight among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Publish,
    Retain,
    Subscribe,
    Unsubscribe,
    /// DISCONNECT, sometimes with its will.
    Leave,
    /// Closes without a word.
    Drop,
    /// Connects again, and leaves the old connection as it is.
    TakeOver,
    /// Does not answer what comes, for a while.
    Doze,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Habits {
    pub client: ClientNumber,
    pub version: Version,
    /// Seconds.
    pub session_expiry: u32,
    pub keep_alive: u16,
    pub receive_maximum: u16,
    /// Begins with a clean session at every connection, in percent.
    pub clean_starts: u64,
    /// Connects with a will, in percent.
    pub wills: u64,
    /// Between two deeds, on average.
    pub pace: Duration,
    pub deeds: Vec<(Deed, u64)>,
    /// With what it subscribes, always the same for a filter.
    pub filters: Vec<(String, Options)>,
    /// Of these, those from the start.
    pub subscribed_from_start: usize,
    pub dice: Dice,
}

impl Habits {
    fn quiet(client: u16, dice: Dice) -> Self {
        Self {
            client: ClientNumber(client),
            version: Version::V5,
            session_expiry: LONG,
            keep_alive: 30,
            receive_maximum: 100,
            clean_starts: 0,
            wills: 0,
            pace: Duration::from_millis(400),
            deeds: Vec::new(),
            filters: Vec::new(),
            subscribed_from_start: usize::MAX,
            dice,
        }
    }

    /// A client that stays subscribed to wills, and is lost now and then.
    pub fn watcher(seed: u64, client: u16) -> Self {
        let dice = Dice::new(seed, 1000 + u64::from(client));
        let qos = if client.is_multiple_of(2) { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        let version = if client.is_multiple_of(2) { Version::V5 } else { Version::V311 };
        let options = Options { qos, no_local: false, wants_retained: true };
        Self {
            version,
            session_expiry: expiry(version, LONG),
            deeds: vec![(Deed::Drop, 1), (Deed::TakeOver, 1), (Deed::Doze, 4)],
            filters: vec![(topics::WILLS.into(), options)],
            ..Self::quiet(client, dice)
        }
    }

    /// A member of a shared group, for good.
    pub fn member(seed: u64, client: u16) -> Self {
        let mut dice = Dice::new(seed, 1000 + u64::from(client));
        let options = Options { qos: QoS::ExactlyOnce, no_local: false, wants_retained: false };
        let group = dice.below(2);
        let deeds = vec![(Deed::Drop, 2), (Deed::TakeOver, 1), (Deed::Leave, 1), (Deed::Doze, 4)];
        let filters = vec![(topics::shared(group), options)];
        Self { deeds, filters, receive_maximum: dice.among(2..=40) as u16, ..Self::quiet(client, dice) }
    }

    /// Subscribes and unsubscribes with a session that is not kept, and never ends its connection: of what it misses, all is
    /// known.
    pub fn listener(seed: u64, client: u16) -> Self {
        let dice = Dice::new(seed, 1000 + u64::from(client));
        let with = |qos| Options { qos, no_local: false, wants_retained: true };
        let filters = vec![("t/#".into(), with(QoS::ExactlyOnce)), ("+/1".into(), with(QoS::AtLeastOnce))];
        Self {
            session_expiry: 0,
            clean_starts: 100,
            deeds: vec![(Deed::Subscribe, 3), (Deed::Unsubscribe, 2)],
            filters,
            ..Self::quiet(client, dice)
        }
    }

    /// A client that does everything, some of it more than others.
    pub fn walker(seed: u64, client: u16, keeping: Keeping) -> Self {
        let mut dice = Dice::new(seed, 1000 + u64::from(client));
        let version = if dice.happens(70).is_yes() { Version::V5 } else { Version::V311 };
        let kept = match dice.below(10) {
            0..=5 => LONG,
            6 => dice.among(2..=20) as u32,
            _ => 0,
        };
        let kept = if keeping == Keeping::None { 0 } else { kept };
        let session_expiry = expiry(version, kept);
        let weights = [
            (Deed::Publish, 40 + dice.below(60)),
            (Deed::Retain, dice.below(20)),
            (Deed::Subscribe, 4 + dice.below(8)),
            (Deed::Unsubscribe, dice.below(8)),
            (Deed::Leave, 1 + dice.below(3)),
            (Deed::Drop, 1 + dice.below(4)),
            (Deed::TakeOver, dice.below(3)),
            (Deed::Doze, dice.below(8)),
        ];
        let mut filters: Vec<(String, Options)> = Vec::new();
        for _ in 0..dice.among(1..=4) {
            let filter = topics::filter(&mut dice);
            if filters.iter().all(|(known, _)| *known != filter) {
                let options = options(&mut dice, version);
                filters.push((filter, options));
            }
        }
        Self {
            version,
            session_expiry,
            keep_alive: if dice.happens(50).is_yes() { 30 } else { 10 },
            receive_maximum: dice.among(1..=60) as u16,
            clean_starts: if session_expiry == 0 { 100 } else { 3 },
            wills: dice.below(100),
            pace: dice.duration(Duration::from_millis(60)..=Duration::from_millis(600)),
            deeds: weights.into(),
            subscribed_from_start: dice.below(filters.len() as u64 + 1) as usize,
            filters,
            ..Self::quiet(client, dice)
        }
    }

    /// A client that asks what a topic retains, and does nothing else.
    pub fn asker(topic: String) -> Self {
        let number = 900 + topic.bytes().last().map_or(0, u16::from);
        let options = Options { qos: QoS::AtLeastOnce, no_local: false, wants_retained: true };
        let filters = vec![(topic, options)];
        Self { session_expiry: 0, clean_starts: 100, filters, ..Self::quiet(number, Dice::new(0, number.into())) }
    }

    /// What to do next.
    pub fn choose(&mut self) -> Option<Deed> {
        let all = self.deeds.iter().map(|(_, weight)| weight).sum();
        let mut throw = self.dice.below(all);
        for (deed, weight) in &self.deeds {
            if throw < *weight {
                return Some(*deed);
            }
            throw -= weight;
        }
        None
    }
}

/// Before MQTT 5, a session is either clean or kept.
fn expiry(version: Version, wanted: u32) -> u32 {
    match (version, wanted) {
        (Version::V5, wanted) => wanted,
        (Version::V311, 0) => 0,
        (Version::V311, _) => u32::MAX,
    }
}

fn options(dice: &mut Dice, version: Version) -> Options {
    let qos = match dice.below(8) {
        0 => QoS::AtMostOnce,
        1..=4 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    };
    let is_v5 = version == Version::V5;
    Options { qos, no_local: is_v5 && dice.below(6) == 0, wants_retained: !is_v5 || dice.below(4) > 0 }
}
