//! Many clients that publish all the time and never connect again: a lost connection fails the test.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::Event;
use crate::{AckKind, Client, Packet, Publish};

const THREADS: usize = 10;

/// Publishers, each with a topic of its own, `live/NUMBER`.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<(usize, usize)>>>,
}

impl Crowd {
    pub fn start(clients: Vec<Client>) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut lots: Vec<Vec<(usize, Client)>> = (0..THREADS).map(|_| Vec::new()).collect();
        for (number, client) in clients.into_iter().enumerate() {
            lots[number % THREADS].push((number, client));
        }
        let threads = lots
            .into_iter()
            .map(|lot| {
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                std::thread::spawn(move || publish(lot, &stop, &acknowledged))
            })
            .collect();
        Crowd { stop, acknowledged, threads }
    }

    /// Messages acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Everything that was acknowledged: number of the publisher, number of its message.
    pub fn end(self) -> BTreeSet<(usize, usize)> {
        self.stop.store(true, Ordering::Release);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a crowd that is whole")).collect()
    }
}

/// Every client of the lot publishes one message a round and takes its acknowledgement: what was acknowledged.
fn publish(mut lot: Vec<(usize, Client)>, stop: &AtomicBool, acknowledged: &AtomicUsize) -> Vec<(usize, usize)> {
    let mut done = Vec::new();
    let mut sequence = 0;
    while !stop.load(Ordering::Acquire) {
        let sent: Vec<u16> = lot
            .iter_mut()
            .map(|(number, client)| {
                client.send_publish(Publish::new(&format!("live/{number}"), format!("{number} {sequence}")).qos(1))
            })
            .collect();
        for ((number, client), packet_id) in lot.iter_mut().zip(sent) {
            let ack = client.expect_ack(AckKind::PubAck, packet_id);
            assert!(ack.reason < 0x80, "{}: PUBACK {:#04x}", client.id, ack.reason);
            done.push((*number, sequence));
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        sequence += 1;
    }
    for (_, client) in lot {
        client.disconnect();
    }
    done
}

/// Who takes everything that the crowd publishes, on a thread of its own.
pub struct Collector {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Client, BTreeSet<(usize, usize)>)>,
}

impl Collector {
    /// `subscriber` has to be subscribed to `live/#` with QoS 1.
    pub fn start(subscriber: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Collector { stop, thread: std::thread::spawn(move || collect(subscriber, &told)) }
    }

    /// The subscriber, and what it has been given.
    pub fn end(self) -> (Client, BTreeSet<(usize, usize)>) {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the collector")
    }
}

fn collect(mut subscriber: Client, stop: &AtomicBool) -> (Client, BTreeSet<(usize, usize)>) {
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Acquire) {
        match subscriber.poll(Duration::from_millis(100)) {
            Some(Event::Packet(Packet::Publish(message))) => {
                subscriber.complete(&message);
                let text = message.text();
                let (number, sequence) = text.split_once(' ').expect("two numbers");
                seen.insert((number.parse().expect("a number"), sequence.parse().expect("a number")));
            }
            Some(Event::Packet(_)) | None => {}
            Some(Event::Closed) => panic!("the subscriber's connection is lost"),
        }
    }
    (subscriber, seen)
}
