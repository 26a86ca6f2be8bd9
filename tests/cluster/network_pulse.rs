//! One publisher that waits for each acknowledgement, and two receivers: how long nothing was acknowledged, what came twice.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use causeway_tests::client::Event;
use causeway_tests::deadline::patience;
use causeway_tests::{AckKind, Client, Cluster, Connect, Packet, Publish, Version, fresh};

/// So many that every partition has some of them.
const TOPICS: u64 = 12;

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(2);

/// What `total` is while the publisher still works.
const UNKNOWN: u64 = u64::MAX;

/// At work until it is judged. Its connections must not end.
pub struct Pulse {
    stop: Arc<AtomicBool>,
    publisher: JoinHandle<Duration>,
    total: Arc<AtomicU64>,
    receivers: Vec<(&'static str, JoinHandle<usize>)>,
}

impl Pulse {
    /// The publisher at the first frontend, the receivers at the last.
    pub fn start(cluster: &Cluster) -> Self {
        let (stop, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(UNKNOWN)));
        let (root, last) = (fresh("pulse"), cluster.frontends.len() - 1);
        let transient = Connect::fresh(Version::V5);
        let persistent = Connect::persistent(Version::V5, &fresh("pulse-receiver"));
        let receivers = [("transient", transient), ("persistent", persistent)].map(|(kind, connect)| {
            let mut client = cluster.connect(last, &connect);
            client.subscribe(&format!("{root}/+"), 1);
            let total = Arc::clone(&total);
            (kind, std::thread::spawn(move || receive(client, &total)))
        });
        let client = cluster.client(0, Version::V5);
        let (until, count) = (Arc::clone(&stop), Arc::clone(&total));
        let publisher = std::thread::spawn(move || publish(client, &root, &until, &count));
        Pulse { stop, publisher, total, receivers: receivers.into() }
    }

    /// Ends it, checks that every acknowledged message came to both receivers and in order, and prints the figures.
    pub fn judge(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let longest = self.publisher.join().expect("a publisher that stays connected");
        let count = self.total.load(Ordering::Relaxed);
        let mut line = format!("{what}: {count} messages, longest wait for a PUBACK {:.2} s", longest.as_secs_f64());
        for (kind, receiver) in self.receivers {
            let repeated = receiver.join().expect("a receiver that stays connected and gets everything");
            line = format!("{line}, {kind} session {repeated} duplicates");
        }
        eprintln!("{line}");
    }
}

/// Publishes one message after the other; the longest time that an acknowledgement took.
fn publish(mut client: Client, root: &str, stop: &AtomicBool, total: &AtomicU64) -> Duration {
    let (mut longest, mut number) = (Duration::ZERO, 0);
    while !stop.load(Ordering::Relaxed) {
        let message = Publish::new(&format!("{root}/{}", number % TOPICS), number.to_string()).qos(1);
        let sent = Instant::now();
        let reason = client.publish(message);
        assert!(reason < 0x80, "message {number} is refused with {reason:#04x}");
        longest = longest.max(sent.elapsed());
        number += 1;
        std::thread::sleep(PAUSE);
    }
    total.store(number, Ordering::Relaxed);
    longest
}

/// Receives until everything is there; how much came more than once.
fn receive(mut client: Client, total: &AtomicU64) -> usize {
    let (mut seen, mut newest, mut repeated) = (BTreeSet::new(), HashMap::new(), 0);
    let mut waiting_since = None;
    loop {
        match client.poll(PAUSE * 5) {
            Some(Event::Packet(Packet::Publish(message))) => {
                client.ack(AckKind::PubAck, message.packet_id);
                let number: u64 = message.text().parse().expect("a number");
                if !seen.insert(number) {
                    repeated += 1;
                } else if let Some(newer) = newest.insert(number % TOPICS, number).filter(|newest| *newest > number) {
                    panic!("{number} came after {newer}, of one topic");
                }
            }
            Some(other) => panic!("{other:?} to a receiver"),
            None => {}
        }
        let total = total.load(Ordering::Relaxed);
        if total != UNKNOWN && seen.len() as u64 >= total {
            // What may still come twice is here before the answer to a PING.
            client.settle();
            while let Some(Event::Packet(Packet::Publish(_))) = client.poll(Duration::ZERO) {
                repeated += 1;
            }
            return repeated;
        }
        if total != UNKNOWN && waiting_since.get_or_insert_with(Instant::now).elapsed() > patience() {
            let missing: Vec<u64> = (0..total).filter(|number| !seen.contains(number)).take(5).collect();
            panic!("{} of {total} acknowledged messages came, not {missing:?}", seen.len());
        }
    }
}
