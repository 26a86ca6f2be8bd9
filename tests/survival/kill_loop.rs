//! kill -9 again and again, at random moments, under load; then the oracle.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_tests::deadline::within;
use causeway_tests::random::Random;
use causeway_tests::{Broker, Settings, Version};

use crate::marks::{Setter, Wills, check_retained};
use causeway_tests::oracle::{Consumer, Manner, Producer, check, missing};

/// How a round ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Kill,
    Terminate,
}

/// Messages a producer sends in a round at most, so that the end is not a matter of the machine's speed.
const LIMIT: usize = 600;

struct Scene {
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
    setters: Vec<Setter>,
    wills: Wills,
}

impl Scene {
    fn new(broker: &Broker) -> Self {
        let (old, new) = (Version::V311, Version::V5);
        let mut consumers = vec![
            Consumer::new("all-2", new, "t/#", 2, Manner::Prompt),
            Consumer::new("all-1", old, "t/#", 1, Manner::Prompt),
            Consumer::new("lazy-2", new, "t/#", 2, Manner::Lazy),
            Consumer::new("lazy-1", old, "t/0/+", 1, Manner::Lazy),
            Consumer::new("away-2", old, "t/#", 2, Manner::Away),
            Consumer::new("away-1", new, "t/1/+", 1, Manner::Away),
            Consumer::new("exact-2", new, "t/2/1", 2, Manner::Prompt),
            Consumer::new("wills", new, "will/#", 2, Manner::Prompt),
        ];
        consumers.iter_mut().for_each(|c| c.subscribe(broker.mqtt()));
        let producers = [(old, 1), (new, 1), (old, 2), (new, 2)]
            .into_iter()
            .enumerate()
            .map(|(n, (v, qos))| Producer::new(n, v, qos));
        Scene {
            producers: producers.collect(),
            consumers,
            setters: (0..3).map(|n| Setter::new(n, if n == 0 { old } else { new })).collect(),
            wills: Wills::default(),
        }
    }

    /// Everybody at work until `end` has run.
    fn round(&mut self, broker: &mut Broker, away: bool, limit: usize, end: impl FnOnce(&mut Broker, &AtomicBool)) {
        let stop = AtomicBool::new(false);
        let address = broker.mqtt();
        std::thread::scope(|scope| {
            for producer in &mut self.producers {
                scope.spawn(|| producer.run(address, &stop, limit));
            }
            for consumer in self.consumers.iter_mut().filter(|c| !(away && c.manner == Manner::Away)) {
                scope.spawn(|| consumer.run(address, &stop));
            }
            for setter in &mut self.setters {
                scope.spawn(|| setter.run(address, &stop));
            }
            end(broker, &stop);
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// Lets everybody finish on a broker that lives on.
    fn finish(&mut self, broker: &mut Broker) {
        // First the producers, with nobody new to say anything.
        self.round(broker, false, 0, |_, _| {});
        let owed = self.wills.owed.len();
        within(causeway_tests::deadline::patience() * 6, "everything owed has arrived", || {
            self.round(broker, false, 0, |_, _| {});
            let lost: usize = self.consumers.iter().map(|c| missing(&self.producers, c)).sum();
            let wills = self.consumers.iter().find(|c| c.name == "wills").map_or(0, Consumer::count);
            (lost == 0 && wills >= owed).then_some(())
        });
        self.round(broker, false, 0, |_, _| {});
    }

    fn check(&mut self, broker: &Broker) -> Vec<String> {
        let mut wrong = check_retained(broker, &self.setters);
        let at = self.consumers.iter().position(|c| c.name == "wills").expect("the consumer of wills");
        let consumer = self.consumers.remove(at);
        wrong.extend(consumer.errors.iter().map(|e| format!("wills: {e}")));
        let mut counts: BTreeMap<&str, usize> = self.wills.owed.iter().map(|w| (w.as_str(), 0)).collect();
        for (text, _) in consumer.received.values().flatten() {
            match counts.get_mut(text.as_str()) {
                Some(count) => *count += 1,
                None => wrong.push(format!("an invented will: {text}")),
            }
        }
        wrong.extend(counts.iter().filter(|(_, n)| **n != 1).map(|(will, n)| format!("will {will} came {n} times")));
        wrong.extend(check(&self.producers, &self.consumers));
        wrong
    }
}

/// The default number of kills, or `CAUSEWAY_TEST_KILLS`.
fn kills(default: usize) -> usize {
    std::env::var("CAUSEWAY_TEST_KILLS").ok().and_then(|s| s.parse().ok()).unwrap_or(default)
}

/// `CAUSEWAY_TEST_END=term` replaces every kill by a clean end.
fn forced(end: End) -> End {
    if std::env::var("CAUSEWAY_TEST_END").is_ok_and(|v| v == "term") { End::Terminate } else { end }
}

fn run(settings: Settings, rounds: usize, end: End) {
    let seed = Random::seed();
    eprintln!("CAUSEWAY_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let end = forced(end);
    let mut broker = Broker::start(settings);
    let mut scene = Scene::new(&broker);
    for round in 0..rounds {
        // The will of a client that stays is owed by a broker that dies; one that ends well need not send it.
        let stayed = (end == End::Kill).then(|| {
            let version = if round % 2 == 0 { Version::V5 } else { Version::V311 };
            scene.wills.stay(&broker, round, version)
        });
        scene.wills.leave(&broker, round, 1);
        scene.wills.leave(&broker, round, 3);
        let moment = Duration::from_millis(5 + random.below(500));
        scene.round(&mut broker, round % 2 == 1, LIMIT, |broker, _| {
            std::thread::sleep(moment);
            match end {
                End::Kill => broker.kill(),
                End::Terminate => assert!(broker.terminate(libc::SIGTERM).success()),
            }
        });
        drop(stayed);
        broker.restart();
        let wrong = check_retained(&broker, &scene.setters);
        assert!(wrong.is_empty(), "after round {round} (killed after {moment:?}):\n{}", wrong.join("\n"));
    }
    scene.finish(&mut broker);
    let wrong = scene.check(&broker);
    let sent: u64 = scene.producers.iter().flat_map(|p| &p.topics).map(|t| t.count).sum();
    let acknowledged: usize = scene.producers.iter().flat_map(|p| &p.topics).map(|t| t.acknowledged.len()).sum();
    eprintln!("{rounds} rounds, {sent} messages sent, {acknowledged} acknowledged");
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(acknowledged as u64 == sent, "{acknowledged} of {sent} acknowledged in the end");
}

/// A sleep stands here for a moment chosen at random, not for waiting.
#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    run(Settings::new(), kills(20), End::Kill);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_with_several_partitions() {
    run(Settings::new().set("--partitions", 3).set("--workers", 2), kills(10), End::Kill);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_with_fsync() {
    run(Settings::new().set("--durability", "fsync"), kills(10), End::Kill);
}

#[test]
fn nothing_acknowledged_is_lost_by_a_clean_restart() {
    run(Settings::new(), kills(5), End::Terminate);
}

/// Killed while it starts: the log is replayed as often as it takes.
#[test]
fn kill_9_during_start() {
    let mut broker = Broker::start(Settings::new());
    let mut scene = Scene::new(&broker);
    scene.round(&mut broker, true, LIMIT, |broker, _| {
        std::thread::sleep(Duration::from_millis(300));
        broker.kill();
    });
    let mut random = Random::new(Random::seed());
    for _ in 0..kills(10) {
        broker.kill_during_start(Duration::from_millis(random.below(60)));
    }
    broker.restart();
    scene.finish(&mut broker);
    let wrong = scene.check(&broker);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
