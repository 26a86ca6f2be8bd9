//! The subscription index with a million subscriptions: its memory, matching, and a subscription more or less.

use std::hint::black_box;
use std::time::{Duration, Instant};

use causeway_benches::population::{self, FULL, Sessions};
use causeway_benches::subscribers::entry;
use criterion::{Criterion, criterion_group, criterion_main};
use partition::{BatchBuilder, Effects, Entry, Partition, Resolved};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Topics of the random look-ups: more than any cache of the processor holds the index entries of.
const RANDOM: usize = 262_144;

/// Topics that are published to all the time.
const HOT: usize = 1000;

fn matching(c: &mut Criterion) {
    let partition = populated();
    let routes = partition.routes();
    let random = population::topics(RANDOM, 1);
    let hot = population::topics(HOT, 2);
    let mut resolved = Resolved::default();
    let mut receivers = 0;
    for topic in &random {
        routes.resolve(topic, &mut resolved);
        receivers += resolved.targets.len();
    }
    println!("receivers per topic: {:.2}", receivers as f64 / RANDOM as f64);

    let mut group = c.benchmark_group("match");
    for (name, topics) in [("random", &random), ("hot-1000", &hot)] {
        let mut topics = topics.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let topic = topics.next().expect("it begins again");
                routes.resolve(black_box(topic), &mut resolved);
                black_box(resolved.targets.len())
            });
        });
    }
    let found = hot.iter().map(|topic| {
        let mut found = Resolved::default();
        routes.resolve(topic, &mut found);
        found
    });
    let found: Vec<_> = found.collect();
    let mut found = found.iter().cycle();
    group.bench_function("is-what-was-found-still-valid", |b| {
        b.iter(|| routes.vouches_for(black_box(found.next().expect("it begins again"))));
    });
    group.finish();
    subscribing(c, partition);
}

/// One iteration is a SUBSCRIBE and the UNSUBSCRIBE that takes it back, each an entry of its own.
fn subscribing(c: &mut Criterion, mut partition: Partition) {
    let mut effects = Effects::new();
    let mut index = 1_000_000;
    let mut group = c.benchmark_group("subscribe-and-unsubscribe");
    for (name, changed) in [("exact", "new-"), ("wildcard", "+/new-")] {
        let entries: Vec<_> = (0..1024)
            .map(|session| {
                let filter = format!("{changed}{}", population::topic(session * 977));
                let (mut subscribe, mut unsubscribe) = (BatchBuilder::new(), BatchBuilder::new());
                population::push_subscribe(&mut subscribe, session, &filter);
                population::push_unsubscribe(&mut unsubscribe, session, &filter);
                [entry(&subscribe.take()), entry(&unsubscribe.take())]
            })
            .collect();
        let mut entries = entries.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                for payload in entries.next().expect("it begins again") {
                    index += 1;
                    partition.apply(Entry { index, payload }, &mut effects).expect("the entry is well-formed");
                    effects.clear();
                }
            });
        });
    }
    group.finish();
    assert_eq!(partition.counters().subscriptions as u64, FULL);
}

/// Builds both populations and says what they take.
fn populated() -> Partition {
    let before = resident_bytes();
    let _one = report(Sessions::One, before);
    let before = resident_bytes();
    report(Sessions::Many, before)
}

fn report(sessions: Sessions, before: u64) -> Partition {
    let begun = Instant::now();
    let partition = population::partition(FULL, sessions);
    let per = |total: f64| total / FULL as f64;
    println!(
        "{sessions:?} session(s): {:.0} bytes and {:.0} ns per subscription, writing and decoding the command included",
        per((resident_bytes() - before) as f64),
        per(begun.elapsed().as_nanos() as f64),
    );
    partition
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number is that of resident pages") * rustix::param::page_size() as u64
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = matching
}
criterion_main!(benches);
