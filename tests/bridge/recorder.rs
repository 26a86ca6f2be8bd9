//! A subscriber that writes down which numbered messages came, over any number of broker deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::{Ack, AckKind, Client, Connect, Filter, Packet, Publish, Subscribe, Version, fresh};

use crate::numbered::{PROBE, Series, TURN, open};
use crate::publishing::Publishing;
use crate::verdict::Verdict;

/// A subscriber with a session that writes down what arrives, over any number of broker deaths; ends with this value.
pub struct Recorder {
    state: Arc<Record>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Record {
    stop: AtomicBool,
    arrived: Mutex<Arrived>,
}

#[derive(Default)]
struct Arrived {
    /// Numbers by topic, in the order they came.
    numbers: BTreeMap<String, Vec<u64>>,
    count: u64,
    probes: u64,
    errors: Vec<String>,
}

impl Recorder {
    /// Subscribes, and writes down from then on.
    pub fn start(address: SocketAddr, filter: &str) -> Self {
        let connect = Connect::persistent(Version::V5, &fresh("recorder"));
        let mut client = open(address, &connect).expect("a broker to record at");
        let answer = client.subscribe_with(&Subscribe::new(Filter::new(filter, 1)));
        assert_eq!(answer.codes, [1], "the recorder's subscription to {filter}");
        let state = Arc::new(Record::default());
        let thread = std::thread::spawn({
            let state = state.clone();
            move || record(&state, address, &connect, client)
        });
        Recorder { state, thread: Some(thread) }
    }

    /// Messages that have come so far, every copy counted.
    pub fn count(&self) -> u64 {
        self.state.arrived.lock().expect("the record").count
    }

    /// Messages that have come so far, whatever their topics, each counted once.
    pub fn distinct(&self) -> u64 {
        let arrived = self.state.arrived.lock().expect("the record");
        arrived.numbers.values().flatten().collect::<BTreeSet<_>>().len() as u64
    }

    pub fn probes(&self) -> u64 {
        self.state.arrived.lock().expect("the record").probes
    }

    pub fn has_topic(&self, topic: &str) -> bool {
        self.state.arrived.lock().expect("the record").numbers.contains_key(topic)
    }

    /// How many of the first `count` messages of a series are not there yet.
    pub fn missing(&self, series: &Series, count: u64) -> usize {
        let arrived = self.state.arrived.lock().expect("the record");
        let there: BTreeSet<u64> = arrived.numbers.values().flatten().copied().filter(|n| *n < count).collect();
        debug_assert!(count <= series.count);
        count as usize - there.len()
    }

    /// Compares what was sent with what came.
    pub fn verdict(&self, published: &Publishing) -> Verdict {
        let arrived = self.state.arrived.lock().expect("the record");
        let mut verdict = Verdict { wrong: published.errors(), ..Verdict::default() };
        verdict.wrong.extend(arrived.errors.iter().cloned());
        let series = published.series();
        let mut there = BTreeSet::new();
        for (topic, numbers) in &arrived.numbers {
            there.extend(numbers.iter().copied());
            let own = |n: &u64| *n < series.count && topic.ends_with(&format!("/t{}", series.topic(*n)));
            if let Some(number) = numbers.iter().find(|n| !own(n)) {
                verdict.wrong.push(format!("message {number} on {topic}"));
            }
            verdict.judge(topic, numbers);
        }
        verdict.duplicates = arrived.count - there.len() as u64;
        let lost: Vec<u64> = (0..published.acknowledged()).filter(|n| !there.contains(n)).collect();
        if !lost.is_empty() {
            verdict.wrong.push(format!(
                "{} acknowledged messages lost, first {:?}",
                lost.len(),
                &lost[..lost.len().min(5)]
            ));
        }
        verdict
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn record(state: &Record, address: SocketAddr, connect: &Connect, client: Client) {
    let mut client = Some(client);
    while !state.stop.load(Ordering::Relaxed) {
        match client.take() {
            Some(mut connected) => {
                let _ = listen(state, &mut connected);
            }
            None => {
                std::thread::sleep(TURN);
                client = open(address, connect);
                let Some(again) = &client else { continue };
                if !again.connack.session_present {
                    state.arrived.lock().expect("the record").errors.push("the recorder's session is gone".into());
                }
            }
        }
    }
}

/// Writes down until the connection is over.
fn listen(state: &Record, client: &mut Client) -> io::Result<()> {
    let mut acks = Vec::new();
    while !state.stop.load(Ordering::Relaxed) {
        match client.poll(if acks.is_empty() { TURN } else { Duration::from_millis(1) }) {
            Some(Event::Packet(Packet::Publish(message))) => {
                acks.extend(Ack::new(AckKind::PubAck, message.packet_id).encode(Version::V5));
                state.arrived.lock().expect("the record").note(&message);
                if acks.len() >= 4 * 50 {
                    client.try_send(&acks)?;
                    acks.clear();
                }
            }
            Some(Event::Packet(Packet::Disconnect { .. }) | Event::Closed) => return Ok(()),
            Some(Event::Packet(other)) => {
                state.arrived.lock().expect("the record").errors.push(format!("{other:?} to a recorder"));
            }
            None => {
                client.try_send(&acks)?;
                acks.clear();
            }
        }
    }
    client.try_send(&acks)
}

impl Arrived {
    fn note(&mut self, message: &Publish) {
        if message.topic.ends_with(PROBE) {
            self.probes += 1;
            return;
        }
        if message.qos != 1 {
            self.errors.push(format!("a message of QoS {} on {}", message.qos, message.topic));
        }
        let number = message.text().split(':').next().and_then(|n| n.parse().ok());
        let Some(number) = number else {
            self.errors.push(format!("an invented message on {}: {}", message.topic, message.text()));
            return;
        };
        self.count += 1;
        self.numbers.entry(message.topic.clone()).or_default().push(number);
    }
}
