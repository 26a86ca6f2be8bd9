//! The sessions subscribed to one filter: small for one, ordered by session slot for many.

use crate::address::SessionSlot;
use crate::command::SubscriptionOptions;
use crate::wire::{options_from_bits, options_to_bits};

/// Options of a subscription that has been removed and whose place has not been given back yet.
const VACANT: u8 = u8::MAX;

/// One subscription, 12 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscriber {
    session: SessionSlot,
    identifier: u32,
    options: u8,
}

impl Subscriber {
    pub(super) fn new(session: SessionSlot, options: SubscriptionOptions) -> Self {
        Self { session, identifier: options.identifier.unwrap_or(0), options: options_to_bits(options) }
    }

    pub(super) fn session(&self) -> SessionSlot {
        self.session
    }

    pub(super) fn options(&self) -> Option<SubscriptionOptions> {
        options_from_bits(self.options, self.identifier)
    }

    fn is_vacant(&self) -> bool {
        self.options == VACANT
    }
}

/// Each session at most once.
#[derive(Clone, Debug, Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(Subscriber),
    Many(Box<Crowd>),
}

/// Removal leaves a vacant place, so that a crowd that comes and goes does not move its list each time.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    list: Vec<Subscriber>,
    vacant: usize,
}

impl Subscribers {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.list().iter().filter(|subscriber| !subscriber.is_vacant())
    }

    /// Those of sessions from `session` on.
    pub(super) fn iter_from(&self, session: SessionSlot) -> impl Iterator<Item = &Subscriber> {
        let list = self.list();
        let from = list.partition_point(|subscriber| subscriber.session < session);
        list[from..].iter().filter(|subscriber| !subscriber.is_vacant())
    }

    fn list(&self) -> &[Subscriber] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(crowd) => &crowd.list,
        }
    }

    pub(super) fn get(&self, session: SessionSlot) -> Option<&Subscriber> {
        match self {
            Self::None => None,
            Self::One(one) => (one.session == session).then_some(one),
            Self::Many(crowd) => {
                let at = crowd.find(session).ok()?;
                Some(&crowd.list[at]).filter(|subscriber| !subscriber.is_vacant())
            }
        }
    }

    /// Adds or replaces; whether the session had been there.
    pub(super) fn insert(&mut self, new: Subscriber) -> bool {
        match self {
            Self::None => *self = Self::One(new),
            Self::One(one) if one.session == new.session => {
                *one = new;
                return true;
            }
            Self::One(one) => {
                let mut crowd = Crowd { list: vec![*one], vacant: 0 };
                crowd.insert(new);
                *self = Self::Many(Box::new(crowd));
            }
            Self::Many(crowd) => return crowd.insert(new),
        }
        false
    }

    /// Whether the session had been there.
    pub(super) fn remove(&mut self, session: SessionSlot) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => {
                let found = one.session == session;
                if found {
                    *self = Self::None;
                }
                found
            }
            Self::Many(crowd) => {
                let found = crowd.remove(session);
                if crowd.list.len() == crowd.vacant {
                    *self = Self::None;
                }
                found
            }
        }
    }
}

impl Crowd {
    fn find(&self, session: SessionSlot) -> Result<usize, usize> {
        // Slots mostly rise as subscriptions are made.
        match self.list.last() {
            Some(last) if last.session < session => Err(self.list.len()),
            _ => self.list.binary_search_by_key(&session, |subscriber| subscriber.session),
        }
    }

    fn insert(&mut self, new: Subscriber) -> bool {
        match self.find(new.session) {
            Ok(at) => {
                let had = !self.list[at].is_vacant();
                self.vacant -= usize::from(!had);
                self.list[at] = new;
                had
            }
            Err(at) => {
                self.list.insert(at, new);
                false
            }
        }
    }

    fn remove(&mut self, session: SessionSlot) -> bool {
        let Ok(at) = self.find(session) else { return false };
        if self.list[at].is_vacant() {
            return false;
        }
        self.list[at].options = VACANT;
        self.vacant += 1;
        if self.vacant * 2 > self.list.len() {
            self.list.retain(|subscriber| !subscriber.is_vacant());
            self.list.shrink_to(self.list.len() * 2);
            self.vacant = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use mqtt::{QoS, RetainHandling};

    use super::*;

    fn subscriber(session: u32) -> Subscriber {
        let options = SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
            identifier: None,
        };
        Subscriber::new(SessionSlot(session), options)
    }

    #[test]
    fn a_crowd_stays_ordered_while_it_comes_and_goes() {
        let mut subscribers = Subscribers::default();
        for session in [5, 1, 9, 3, 7] {
            assert!(!subscribers.insert(subscriber(session)));
        }
        assert!(subscribers.insert(subscriber(3)));
        assert!(subscribers.remove(SessionSlot(5)));
        assert!(!subscribers.remove(SessionSlot(5)));
        assert!(subscribers.get(SessionSlot(5)).is_none());
        let sessions = |subscribers: &Subscribers| subscribers.iter().map(|s| s.session.0).collect::<Vec<_>>();
        assert_eq!(sessions(&subscribers), [1, 3, 7, 9]);
        assert!(!subscribers.insert(subscriber(5)));
        assert_eq!(sessions(&subscribers), [1, 3, 5, 7, 9]);
        for session in [1, 3, 5, 7, 9] {
            assert!(subscribers.remove(SessionSlot(session)));
        }
        assert!(subscribers.is_empty());
    }
}
