//! A partition's state machine, and the same on its log: one iteration is one message, or one client.

use std::time::{Duration, Instant};

use bytes::Bytes;
use causeway_benches::packets::TOPIC;
use causeway_benches::population;
use causeway_benches::subscribers::{self, NOW, Retain, Subscribers, entry, publishes};
use criterion::{Criterion, criterion_group, criterion_main};
use partition::{BatchBuilder, Close, Command, Effects, Entry, Partition, PartitionId, SlotTable};
use replica::bodies::BodySettings;
use replica::log::LogSettings;
use replica::solo::{Durability, Outgoing, Solo, SoloSettings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages between two looks at the clock.
const ROUND: usize = 64;

/// Bytes of payload.
const PAYLOAD: usize = 256;

/// Clients that are connected besides.
const CLIENTS: u32 = 10_000;

/// Topics that have a retained message.
const RETAINED: u64 = 10_000;

/// How often a replica's disk is looked after, as its thread does.
const DISK: Duration = Duration::from_millis(100);

/// A partition that is fed entries.
struct Applied {
    partition: Partition,
    effects: Effects,
    index: u64,
}

impl Applied {
    fn new() -> Self {
        let partition = Partition::new(PartitionId(0), SlotTable::even(1));
        Self { partition, effects: Effects::new(), index: 0 }
    }

    /// Leaves the effects in `effects`.
    fn apply(&mut self, payload: &[u8]) {
        self.effects.clear();
        self.index += 1;
        let entry = Entry { index: self.index, payload };
        self.partition.apply(entry, &mut self.effects).expect("the entry is well-formed");
    }

    fn timed<'a>(&mut self, entries: impl IntoIterator<Item = &'a Vec<u8>>) -> Duration {
        let begun = Instant::now();
        for payload in entries {
            self.apply(payload);
        }
        begun.elapsed()
    }
}

/// Times rounds of [`ROUND`] messages until there were `iterations`, and scales the sum to that number.
fn rounds(iterations: u64, mut round: impl FnMut() -> Duration) -> Duration {
    let count = iterations.div_ceil(ROUND as u64);
    let sum: Duration = (0..count).map(|_| round()).sum();
    sum.mul_f64(iterations as f64 / (count * ROUND as u64) as f64)
}

/// A publish to so many persistent subscribers, and apart from it all their acknowledgements.
fn delivering(c: &mut Criterion) {
    for count in [1, 10, 100] {
        let mut applied = Applied::new();
        applied.apply(&entry(&Subscribers::arrive(count)));
        let mut subscribers = Subscribers::of_effects(&applied.effects);
        assert_eq!(subscribers.count(), count as usize);
        for size in [1, ROUND] {
            let publish = entry(&publishes(size, PAYLOAD));
            let both = |applied: &mut Applied, subscribers: &mut Subscribers| {
                let published = applied.timed(std::iter::repeat_n(&publish, ROUND / size));
                let entries = subscribers.acknowledgements(ROUND, size);
                (published, applied.timed(&entries))
            };
            let mut group = c.benchmark_group(format!("apply/subscribers-{count}/entries-of-{size}"));
            group.bench_function("publish", |b| {
                b.iter_custom(|n| rounds(n, || both(&mut applied, &mut subscribers).0));
            });
            group.bench_function("acknowledgements", |b| {
                b.iter_custom(|n| rounds(n, || both(&mut applied, &mut subscribers).1));
            });
            group.finish();
        }
        // The message of the arrival and none besides.
        assert_eq!(applied.partition.counters().queued, u64::from(count));
    }
}

/// CONNECT and DISCONNECT of a client beside many that stay, in one entry.
fn connecting(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply/open-and-close");
    for (name, expiry) in [("transient", 0), ("persistent", 3600)] {
        let mut applied = Applied::new();
        let mut batch = BatchBuilder::new();
        for number in 0..CLIENTS {
            batch.push(&subscribers::open(subscribers::owner(number), &format!("client-{number:06}"), 0));
        }
        applied.apply(&entry(&batch.take()));
        let mut opened = CLIENTS;
        group.bench_function(name, |b| {
            b.iter_custom(|n| {
                rounds(n, || {
                    let entries: Vec<_> = (opened..opened + ROUND as u32).map(|number| visit(number, expiry)).collect();
                    opened += ROUND as u32;
                    applied.timed(&entries)
                })
            });
        });
        assert_eq!(applied.partition.counters().connected, CLIENTS as usize);
    }
    group.finish();
}

/// The entry in which the `number`th client to be opened comes and goes; a client comes again after [`CLIENTS`] others.
fn visit(number: u32, expiry: u32) -> Vec<u8> {
    let client_id = format!("visitor-{:06}", number % CLIENTS);
    let (owner, epoch) = (subscribers::owner(number), subscribers::epoch(number));
    let mut batch = BatchBuilder::new();
    batch.push(&subscribers::open(owner, &client_id, expiry));
    batch.push(&Command::Close(Close { client_id: &client_id, epoch, session_expiry: None, publish_will: false }));
    entry(&batch.take())
}

/// A retained message takes the place of that of its topic; nobody is subscribed.
fn retaining(c: &mut Criterion) {
    let payload = [b'x'; PAYLOAD];
    let set = |number: u64| subscribers::publish(&population::topic(number * 97), &payload, Retain::Yes).to_frame();
    let frames: Vec<_> = (0..RETAINED).map(set).collect();
    let mut group = c.benchmark_group("apply/set-retained");
    for size in [1, ROUND] {
        let mut applied = Applied::new();
        let entries: Vec<_> = frames.chunks_exact(size).map(|frames| entry(&frames.concat())).collect();
        applied.timed(&entries);
        let mut entries = entries.iter().cycle();
        group.bench_function(format!("entries-of-{size}"), |b| {
            b.iter_custom(|n| rounds(n, || applied.timed(entries.by_ref().take(ROUND / size))));
        });
    }
    group.finish();
}

/// A partition on its log, and the subscriber of its topic.
struct Logged {
    solo: Solo,
    out: Outgoing,
    looked: Instant,
    _dir: tempfile::TempDir,
}

impl Logged {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory to work in");
        let (solo, _) = Solo::open(SoloSettings {
            dir: dir.path().to_path_buf(),
            partition: PartitionId(0),
            slots: SlotTable::even(1),
            durability: Durability::Async,
            log: LogSettings::default(),
            bodies: BodySettings::default(),
            compact_after_bytes: 64 << 20,
            reserve_bytes: 0,
        })
        .expect("an empty directory can be opened");
        Self { solo, out: Outgoing::default(), looked: Instant::now(), _dir: dir }
    }

    /// Leaves the answers in `out`.
    fn run(&mut self, batches: &mut Vec<Bytes>) {
        self.out.answers.clear();
        self.solo.run(batches, NOW, &mut self.out).expect("the disk has room");
        if self.looked.elapsed() >= DISK {
            self.looked = Instant::now();
            self.solo.look_after_disk().expect("the disk has room");
        }
    }
}

/// From the batches of the workers to the answers with their bodies: an entry has so many publishes, and the
/// acknowledgements of as many before.
fn running(c: &mut Criterion) {
    let mut group = c.benchmark_group("run-on-log/256B");
    for size in [1, 8, ROUND] {
        let mut logged = Logged::new();
        logged.run(&mut vec![Subscribers::arrive(1)]);
        let mut subscribers = Subscribers::of_answers(&logged.out.answers);
        let publish = publishes(size, PAYLOAD);
        logged.run(&mut vec![publish.clone()]);
        group.bench_function(format!("entries-of-{size}"), |b| {
            b.iter_custom(|n| {
                rounds(n, || {
                    let batches: Vec<_> = (0..ROUND / size).map(|_| acknowledgements(&mut subscribers, size)).collect();
                    let mut turn = Vec::with_capacity(2);
                    let begun = Instant::now();
                    for acknowledgements in batches {
                        turn.extend([acknowledgements, publish.clone()]);
                        logged.run(&mut turn);
                    }
                    begun.elapsed()
                })
            });
        });
        assert_eq!(logged.solo.counters().queued, 1 + size as u64, "what was acknowledged has gone from {TOPIC}");
    }
    group.finish();
}

fn acknowledgements(subscribers: &mut Subscribers, messages: usize) -> Bytes {
    let mut batch = BatchBuilder::new();
    for _ in 0..messages {
        subscribers.push_acknowledgements(&mut batch);
    }
    batch.take()
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = delivering, connecting, retaining, running
}
criterion_main!(benches);
