//! When certificates are due: their end, failures, and a clock that jumps.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, tempdir};

use super::{Due, Origin, Registry, Reminded, Show};
use crate::handshake::terms;
use crate::key::PrivateKey;
use crate::leaf::Leaf;
use crate::server_tls::Configurations;
use crate::{Authority, AutomaticSettings, KeyAlgorithm, KeyRotation, ServerNames};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

struct Fixture {
    _data: TempDir,
    authority: Authority,
    settings: Arc<AutomaticSettings>,
    registry: Registry,
    now: SystemTime,
}

impl Fixture {
    fn new() -> Self {
        // A whole second, as certificates have them.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let data = tempdir().unwrap();
        let authority = Authority::open(data.path(), now).unwrap();
        let settings = AutomaticSettings {
            folder: "one".to_owned(),
            names: ServerNames::local(None),
            duration: HOUR * 3,
            renew_before: HOUR,
            algorithm: KeyAlgorithm::Ec256,
            rotation: KeyRotation::Always,
        };
        Self { _data: data, authority, settings: Arc::new(settings), registry: Registry::default(), now }
    }

    fn leaf(&self, at: SystemTime) -> (Leaf, Configurations) {
        let key = PrivateKey::make(KeyAlgorithm::Ec256, self.authority.provider()).unwrap();
        let leaf = Leaf::issue(&self.authority, &self.settings, Arc::new(key), at).unwrap();
        let configurations = self.configurations(&leaf);
        (leaf, configurations)
    }

    fn configurations(&self, leaf: &Leaf) -> Configurations {
        Configurations::new(self.authority.provider(), terms(), leaf.certified()).unwrap()
    }

    fn publish(&mut self, listener: &str, at: SystemTime) {
        let (leaf, configurations) = self.leaf(at);
        let not_after = leaf.not_after;
        let origin = Origin::Automatic(self.settings.clone(), leaf);
        self.registry.publish(listener, Show { origin, terms: terms(), not_after }, configurations);
    }

    fn due(&self, at: SystemTime) -> Vec<Due> {
        self.registry.due(&self.authority, at)
    }

    fn due_names(&self, at: SystemTime) -> Vec<String> {
        self.due(at).into_iter().map(|due| due.listener).collect()
    }

    fn idle(&self, at: SystemTime) -> Option<Duration> {
        self.registry.idle(&self.authority, at)
    }
}

#[test]
fn due_at_the_end_less_renew_before_and_not_a_second_earlier() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    assert_eq!(fixture.idle(now), None);
    fixture.publish("one", now);
    fixture.publish("two", now + HOUR);
    assert_eq!(fixture.idle(now), Some(HOUR * 2));
    assert_eq!(fixture.due_names(now + HOUR * 2 - SECOND), [""; 0]);
    assert_eq!(fixture.due_names(now + HOUR * 2), ["one"]);
    assert_eq!(fixture.due_names(now + HOUR * 3), ["one", "two"]);
    // Also when the machine slept far beyond.
    assert_eq!(fixture.due_names(now + HOUR * 100), ["one", "two"]);
    assert_eq!(fixture.idle(now + HOUR * 100), Some(Duration::ZERO));
    fixture.registry.forget("one");
    assert_eq!(fixture.due_names(now + HOUR * 100), ["two"]);
}

#[test]
fn a_renewal_moves_the_date_and_is_counted() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    fixture.publish("one", now);
    let due = fixture.due(now + HOUR * 2).remove(0);
    assert!(fixture.registry.is_current(&due));
    let (leaf, configurations) = fixture.leaf(now + HOUR * 2);
    fixture.registry.renewed(&due, leaf, configurations);
    assert!(!fixture.registry.is_current(&due));
    assert_eq!(fixture.due_names(now + HOUR * 4 - SECOND), [""; 0]);
    assert_eq!(fixture.due_names(now + HOUR * 4), ["one"]);
    let status = fixture.registry.status();
    assert_eq!((status[0].renewals, status[0].failures, status[0].not_after), (1, 0, now + HOUR * 5));
}

#[test]
fn what_was_published_or_forgotten_meanwhile_is_not_overwritten() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    fixture.publish("one", now);
    let due = fixture.due(now + HOUR * 2).remove(0);
    fixture.publish("one", now + HOUR);
    assert!(!fixture.registry.is_current(&due));
    fixture.registry.forget("one");
    assert!(!fixture.registry.is_current(&due));
    fixture.publish("one", now);
    assert!(!fixture.registry.is_current(&due));
}

#[test]
fn failures_are_tried_again_later_and_later() {
    let mut fixture = Fixture::new();
    let now = fixture.now + HOUR * 2;
    fixture.publish("one", fixture.now);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let wait = fixture.registry.failed("one", now);
        assert_eq!(fixture.due_names(now + wait - SECOND), [""; 0]);
        assert_eq!(fixture.due_names(now + wait), ["one"]);
        assert_eq!(fixture.idle(now), Some(wait));
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    assert_eq!(fixture.registry.status()[0].failures, 12);
    // A success begins anew; the count stays.
    let due = fixture.due(now + Duration::from_secs(600)).remove(0);
    let (leaf, configurations) = fixture.leaf(now);
    fixture.registry.renewed(&due, leaf, configurations);
    assert_eq!(fixture.registry.failed("one", now), SECOND);
    assert_eq!(fixture.registry.status()[0].failures, 13);
}

#[test]
fn a_clock_that_is_set_back_delays_nothing_for_long() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    fixture.publish("one", now);
    // Within the time that certificates begin early, all is well; before it, nobody would take this one.
    assert_eq!(fixture.due_names(now - HOUR * 23), [""; 0]);
    assert_eq!(fixture.due_names(now - HOUR * 25), ["one"]);
    fixture.registry.failed("one", now);
    assert_eq!(fixture.due_names(now - HOUR), ["one"]);
}

#[test]
fn a_certificate_that_ends_with_its_authority_is_not_renewed() {
    let mut fixture = Fixture::new();
    let end = fixture.authority.not_after();
    fixture.publish("one", end - HOUR * 2);
    assert_eq!(fixture.registry.status()[0].not_after, end);
    assert_eq!(fixture.due_names(end - SECOND), [""; 0]);
    assert_eq!(fixture.idle(end), None);
}

#[test]
fn a_certificate_that_nobody_here_renews_is_spoken_of_twice() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    fixture.publish("renewed", now);
    let (_, configurations) = fixture.leaf(now);
    let origin = Origin::Manual { secret: "brought".to_owned() };
    let (terms, not_after) = (terms(), now + HOUR * 24 * 30);
    fixture.registry.publish("brought", Show { origin, terms, not_after }, configurations);
    for (day, expected) in [
        (0, Reminded::Not),
        (15, Reminded::Not),
        (16, Reminded::OfTheEndNearing),
        (29, Reminded::OfTheEndNearing),
        (30, Reminded::OfTheEnd),
        (99, Reminded::OfTheEnd),
    ] {
        fixture.registry.remind(&fixture.authority, now + HOUR * 24 * day);
        assert_eq!(fixture.registry.entries["brought"].reminded, expected, "day {day}");
        assert_eq!(fixture.registry.entries["renewed"].reminded, Reminded::Not);
    }
}
