//! Whether a client may: by a hundred rules, one of which is for it, with twenty topics each.

use std::hint::black_box;
use std::sync::Arc;

use auth::authorization::{Authorization, BrokerResource, DecisionCache, DeniedPublish, Principals, Rule, Rules};
use auth::{Policy, Principal};
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULES: usize = 100;
const TOPICS: usize = 20;

fn policy(cache: DecisionCache) -> Policy {
    let rule = |n: usize| Rule {
        principals: Principals { usernames: vec![format!("user-{n}")], ..Principals::default() },
        broker: vec![
            BrokerResource::Connect { client_ids: vec!["{principal.username}-*".to_owned()] },
            BrokerResource::Publish { topics: (0..TOPICS).map(|t| format!("site/{n}/line/{t}/+/value")).collect() },
            BrokerResource::Subscribe { topics: vec!["clients/{principal.clientId}/#".to_owned()] },
        ],
        state_store: Vec::new(),
    };
    let rules = Rules { rules: (0..RULES).map(rule).collect() };
    let authorization = Authorization::compile("bench", rules, cache, DeniedPublish::Acknowledge);
    Policy::new(None, Some(Arc::new(authorization.expect("rules"))))
}

fn decisions(c: &mut Criterion) {
    let client = Principal::declared("user-7-pump", Some("user-7"));
    let topics: Vec<String> = (0..1000).map(|n| format!("site/7/line/{}/{n}/value", TOPICS - 1)).collect();
    let mut group = c.benchmark_group("decide");

    let mut open = Policy::open().rights(&client);
    group.bench_function("publish-without-rules", |b| b.iter(|| open.publish(black_box(&topics[0])).is_ok()));
    let mut warm = policy(DecisionCache::Enabled).rights(&client);
    group.bench_function("publish-remembered", |b| b.iter(|| warm.publish(black_box(&topics[0])).is_ok()));
    let mut next = topics.iter().cycle();
    group.bench_function("publish-never-the-same-topic", |b| {
        b.iter(|| warm.publish(black_box(next.next().expect("it begins again"))).is_ok());
    });
    let mut cold = policy(DecisionCache::Disabled).rights(&client);
    group.bench_function("publish-without-cache", |b| b.iter(|| cold.publish(black_box(&topics[0])).is_ok()));
    group.bench_function("subscribe", |b| {
        b.iter(|| warm.subscribe(black_box("clients/user-7-pump/commands/#")).is_some());
    });
    let policy = policy(DecisionCache::Enabled);
    group.bench_function("connect", |b| {
        b.iter(|| policy.rights(black_box(&client)).connect(&client).is_some());
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
