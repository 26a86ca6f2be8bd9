//! The last decisions about publishing, so that many rules cost what one does.

use super::named::DecisionCache;
use crate::denial::Denied;

/// Topics remembered for one connection.
const SLOTS: usize = 16;

/// Bytes. A longer topic is decided each time.
const LONGEST: usize = 256;

/// Each topic has one place, by its hash, and takes it from whoever is there: nothing grows, and a client that never
/// publishes to the same topic twice pays for a copy of the topic and no more.
#[derive(Debug)]
pub(crate) struct Recent {
    cache: DecisionCache,
    /// None until the first decision.
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    topic: String,
    allowed: bool,
}

impl Recent {
    pub fn new(cache: DecisionCache) -> Self {
        Self { cache, slots: Vec::new() }
    }

    pub fn decide(&mut self, topic: &str, decide: impl FnOnce(&str) -> bool) -> Result<(), Denied> {
        if self.cache == DecisionCache::Disabled || topic.len() > LONGEST {
            return if decide(topic) { Ok(()) } else { Err(Denied::Anew) };
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Slot::default);
        }
        // Who chooses topics that meet in one place is decided about each time, as without a cache.
        const HASHER: ahash::RandomState = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let slot = &mut self.slots[HASHER.hash_one(topic) as usize % SLOTS];
        // Topics are not empty, so a place that was never taken fits none.
        if slot.topic == topic {
            return if slot.allowed { Ok(()) } else { Err(Denied::Again) };
        }
        slot.allowed = decide(topic);
        slot.topic.clear();
        slot.topic.push_str(topic);
        if slot.allowed { Ok(()) } else { Err(Denied::Anew) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_decision_is_made_once_while_it_is_remembered() {
        let (mut recent, asked) = (Recent::new(DecisionCache::Enabled), Cell::new(0));
        let mut decide = |topic: &str| {
            recent.decide(topic, |topic| {
                asked.set(asked.get() + 1);
                topic != "no"
            })
        };
        assert_eq!(
            [decide("a"), decide("a"), decide("no"), decide("no")],
            [Ok(()), Ok(()), Err(Denied::Anew), Err(Denied::Again)]
        );
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn many_topics_take_no_more_room_and_are_decided_right() {
        let mut recent = Recent::new(DecisionCache::Enabled);
        for round in 0..3 {
            for n in 0..1000 {
                let topic = format!("{round}/{n}");
                assert_eq!(recent.decide(&topic, |_| n % 2 == 0).is_ok(), n % 2 == 0);
            }
        }
        let long = "x".repeat(LONGEST + 1);
        assert_eq!([recent.decide(&long, |_| false), recent.decide(&long, |_| false)], [Err(Denied::Anew); 2]);
        assert_eq!(recent.slots.len(), SLOTS);
        assert!(recent.slots.iter().all(|slot| slot.topic.len() <= LONGEST));
    }

    #[test]
    fn without_a_cache_every_decision_is_made_anew() {
        let (mut recent, asked) = (Recent::new(DecisionCache::Disabled), Cell::new(0));
        for _ in 0..3 {
            let decided = recent.decide("a", |_| {
                asked.set(asked.get() + 1);
                false
            });
            assert_eq!(decided, Err(Denied::Anew));
        }
        assert_eq!((asked.get(), recent.slots.len()), (3, 0));
    }
}
