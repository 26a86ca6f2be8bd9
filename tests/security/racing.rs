//! What happens while rules change: clients are not asked to stand still for it.

use std::sync::atomic::{AtomicBool, Ordering};

use causeway_tests::client::Event;
use causeway_tests::{Client, Filter, Packet, Publish, Settings, Subscribe, Version, eventually, fresh};

use crate::guarded::{Guarded, Port};
use crate::live::{apply, rules, subscriptions_left};
use crate::passwords;
use crate::plant::{self, connect, supervisor};

/// Has other threads end, however this one ends.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Clients subscribe all the time while the rules change all the time: whatever was under way, nothing forbidden is left.
#[test]
fn no_subscription_slips_through_a_change() {
    const CLIENTS: usize = 8;
    const CHANGES: usize = 12;
    let (wide, narrow) = (rules("\"*\"", "\"#\"", "\"#\""), rules("\"*\"", "\"#\"", "\"a/#\""));
    let guarded = plant::ruled(&wide);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let subscribing: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let version = [Version::V311, Version::V5][number % 2];
                let mut ann = guarded.admitted(&connect(version, "ann", &fresh("ann")));
                let stop = &stop;
                scope.spawn(move || {
                    for turn in 0_usize.. {
                        if stop.load(Ordering::Acquire) {
                            break;
                        }
                        let filter = ["a/1", "b/1", "b/#", "$share/g/b/1", "+/1"][turn % 5];
                        ann.subscribe_with(&Subscribe::new(Filter::new(filter, 1)));
                    }
                    ann
                })
            })
            .collect();
        let stopping = Stopping(&stop);
        for change in 0..CHANGES {
            apply(&guarded, if change % 2 == 0 { &narrow } else { &wide });
        }
        apply(&guarded, &narrow);
        drop(stopping);
        let mut clients: Vec<_> = subscribing.into_iter().map(|thread| thread.join().expect("a client")).collect();
        let left = || {
            let all = guarded.api("subscriptions?limit=1000");
            let items = all["items"].as_array().expect("subscriptions").clone();
            items
                .into_iter()
                .filter(|one| !one["filter"].as_str().is_some_and(|filter| filter.starts_with("a/")))
                .collect()
        };
        eventually("no forbidden subscription is left", || {
            let left: Vec<serde_json::Value> = left();
            let internal = |one: &&serde_json::Value| !one["clientId"].as_str().is_some_and(|id| id.starts_with("ann"));
            (left.iter().filter(internal).count() == left.len()).then_some(())
        });
        let mut other = supervisor(&guarded, Version::V5);
        other.publish(Publish::new("b/1", "forbidden").qos(1));
        clients.iter_mut().for_each(Client::quiet);
    });
}

/// From the moment in which the new rules refuse a client's own message, it gets none that they forbid either, though its
/// many subscriptions take a while to end. There are publishers on its worker and on another.
#[test]
fn nothing_forbidden_comes_once_the_rules_are_in_force() {
    const FILTERS: usize = 2000;
    let (wide, narrow) = (rules("\"*\"", "\"#\"", "\"#\""), rules("\"*\"", "\"\"", "\"a/#\""));
    let narrow = narrow.replace("topics: [\"\"]", "topics: [a]");
    let resources = plant::resources();
    resources.authentication("guard", &[passwords::METHOD]);
    resources.authorization("rules", &wide);
    let references = "authenticationRef: guard\n  authorizationRef: rules";
    let guarded = Guarded::with(Settings::new().set("--workers", 2), resources, Port::Plain, references);
    let mut ann = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    let long = "x".repeat(200);
    let topics: Vec<String> = (0..FILTERS).map(|number| format!("b/{number}/{long}")).collect();
    for chunk in topics.chunks(100) {
        let subscribe = chunk.iter().fold(Subscribe::default(), |packet, topic| packet.and(Filter::new(topic, 0)));
        assert_eq!(ann.subscribe_with(&subscribe).codes, vec![0; chunk.len()]);
    }
    let stop = AtomicBool::new(false);
    let publishers: Vec<_> = (0..4).map(|_| supervisor(&guarded, Version::V5)).collect();
    std::thread::scope(|scope| {
        for mut other in publishers {
            let (stop, topics) = (&stop, &topics);
            scope.spawn(move || {
                for (number, topic) in topics.iter().rev().cycle().enumerate() {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    // Not faster than the broker takes them.
                    other.publish(Publish::new(topic, "x").qos(u8::from(number % 16 == 0)));
                }
            });
        }
        let _stopping = Stopping(&stop);
        scope.spawn(|| apply(&guarded, &narrow));
        let mut arrived = 0;
        // What was under way is told before the refusal.
        let refused = |ann: &mut Client, arrived: &mut usize| {
            let id = ann.send_publish(Publish::new("b/probe", "x").qos(1));
            loop {
                match ann.event() {
                    Event::Packet(Packet::Ack(ack)) if ack.packet_id == id => return ack.reason == 0x87,
                    Event::Packet(Packet::Publish(_)) => *arrived += 1,
                    other => panic!("{other:?} among messages"),
                }
            }
        };
        eventually("the rules are in force", || refused(&mut ann, &mut arrived).then_some(()));
        assert!(arrived > 0, "there were messages");
        ann.quiet();
        subscriptions_left(&guarded, &ann, 0);
        ann.quiet();
    });
}
