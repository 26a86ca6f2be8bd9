//! Subscriptions: from when on they may be there, from when on they are.

use std::collections::BTreeMap;

use mqtt::{Filter, QoS};

use super::connections::{Connection, Life, LifeNumber};
use crate::oracle::record::{ConnectionNumber, Options, Place, Record, What};

/// A subscription of one session. A client subscribes to a filter with the same options always, so that doing it again
/// changes nothing.
#[derive(Clone, Debug)]
pub struct Grant {
    /// As the client wrote it.
    pub filter: String,
    pub options: Options,
    /// SUBSCRIBE: it may be there.
    pub possible: Place,
    /// SUBACK: it is there.
    pub certain: Option<Place>,
    /// UNSUBSCRIBE: it may be gone.
    pub may_end: Option<Place>,
    /// UNSUBACK: it is gone.
    pub ended: Option<Place>,
}

impl Grant {
    pub fn share(&self) -> Option<&str> {
        Filter::parse(&self.filter).ok()?.share
    }

    pub fn matches(&self, topic: &str) -> bool {
        Filter::parse(&self.filter).is_ok_and(|filter| mqtt::matches(filter.filter, topic))
    }

    /// Whether it is there all the time from one place to the other.
    pub fn is_certain(&self, from: Place, until: Place) -> bool {
        self.certain.is_some_and(|certain| certain < from) && self.may_end.is_none_or(|end| end > until)
    }

    /// Whether it may be there at some time from one place to the other.
    pub fn is_possible(&self, from: Place, until: Place) -> bool {
        self.possible < until && self.ended.is_none_or(|end| end > from)
    }

    pub fn qos(&self, published: QoS) -> QoS {
        self.options.qos.min(published)
    }
}

/// A SUBSCRIBE or UNSUBSCRIBE by which it is answered; several may be under way for one filter.
type Request = (ConnectionNumber, u16);

pub(super) fn read(record: &Record, connections: &BTreeMap<ConnectionNumber, Connection>, lives: &mut [Life]) {
    let mut asked: BTreeMap<Request, Place> = BTreeMap::new();
    for (place, entry) in record.entries.iter().enumerate() {
        let life = connections.get(&entry.connection).and_then(|connection| connection.life);
        let Some(number) = life else { continue };
        if lives[number].certain == place {
            lives[number].grants = inherited(lives, number);
        }
        let grants = &mut lives[number].grants;
        match &entry.what {
            What::Subscribe { filter, options, id } => {
                asked.insert((entry.connection, *id), place);
                if !grants.iter().any(|grant| grant.filter == *filter && grant.may_end.is_none()) {
                    grants.push(Grant {
                        filter: filter.clone(),
                        options: *options,
                        possible: place,
                        certain: None,
                        may_end: None,
                        ended: None,
                    });
                }
            }
            What::Subscribed { filter, reason, id } if !reason.is_error() => {
                let asked = asked.remove(&(entry.connection, *id)).unwrap_or(place);
                let is_it = |grant: &&mut Grant| grant.filter == *filter && grant.possible <= asked;
                let granted = grants.iter_mut().rev().find(is_it);
                if let Some(grant) = granted.filter(|grant| grant.may_end.is_none()) {
                    grant.certain.get_or_insert(place);
                }
            }
            What::Unsubscribe { filter, id } => {
                asked.insert((entry.connection, *id), place);
                for grant in grants.iter_mut().filter(|grant| grant.filter == *filter) {
                    grant.may_end.get_or_insert(place);
                }
            }
            What::Unsubscribed { filter, reason, id } if !reason.is_error() => {
                let Some(left) = asked.remove(&(entry.connection, *id)) else { continue };
                for grant in grants.iter_mut().filter(|grant| grant.filter == *filter && grant.possible < left) {
                    grant.ended.get_or_insert(place);
                }
            }
            _ => {}
        }
    }
}

/// What an old session was subscribed to may be this one's, if it is the old one after all.
fn inherited(lives: &[Life], number: LifeNumber) -> Vec<Grant> {
    let old = lives[number].inherits.map(|old| lives[old].grants.iter());
    old.into_iter().flatten().map(|grant| Grant { certain: None, ..grant.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use mqtt::ReasonCode;

    use super::super::History;
    use crate::oracle::Scene;
    use crate::oracle::record::What;
    use crate::oracle::scene::Held;

    #[test]
    fn who_cannot_know_whether_the_session_is_another_may_have_the_old_subscriptions() {
        let mut scene = Scene::new();
        let first = scene.persistent(1);
        scene.subscribe(first, "a", 1);
        scene.lose(first);
        let unanswered = scene.connect(1, true, crate::oracle::history::LONG, None);
        scene.lose(unanswered);
        scene.resume(1);
        let history = History::of(&scene.record);
        assert_eq!(history.lives.len(), 2);
        let grant = &history.lives[1].grants[0];
        assert!(grant.filter == "a" && grant.certain.is_none() && grant.ended.is_none());
    }

    #[test]
    fn answers_belong_to_their_identifiers_where_several_are_under_way() {
        let mut scene = Scene::new();
        let (reader, filter) = (scene.transient(1), || "a".to_owned());
        let reason = ReasonCode::Success;
        let first = scene.begin_subscribe(reader, "a", Held::at(1));
        scene.add(reader, What::Unsubscribe { id: 91, filter: filter() });
        let second = scene.begin_subscribe(reader, "a", Held::at(1));
        scene.add(reader, What::Unsubscribe { id: 92, filter: filter() });
        let third = scene.begin_subscribe(reader, "a", Held::at(1));
        for what in [
            What::Subscribed { id: first, filter: filter(), reason },
            What::Unsubscribed { id: 91, filter: filter(), reason },
            What::Subscribed { id: second, filter: filter(), reason },
        ] {
            scene.add(reader, what);
        }
        let known = |scene: &Scene| {
            let history = History::of(&scene.record);
            let grants = &history.lives[0].grants;
            grants.iter().map(|grant| (grant.certain.is_some(), grant.ended.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(known(&scene), [(false, true), (false, false), (false, false)]);
        scene.add(reader, What::Unsubscribed { id: 92, filter: filter(), reason });
        scene.add(reader, What::Subscribed { id: third, filter: filter(), reason });
        assert_eq!(known(&scene), [(false, true), (false, true), (true, false)]);
    }
}
