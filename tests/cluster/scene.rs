//! Producers and consumers at work on several frontends while something happens.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use causeway_tests::deadline::{patience, within};
use causeway_tests::oracle::{Consumer, Manner, Producer, check, missing};
use causeway_tests::{Cluster, Version};

/// Messages a producer sends in a round at most, unless more is asked for.
const LIMIT: usize = 1500;

/// Those who publish and those who receive, spread over the frontends.
pub struct Scene {
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
    limit: usize,
    /// Connections that ended though the test went on.
    lost: AtomicUsize,
}

impl Scene {
    pub fn new(cluster: &Cluster) -> Self {
        let (old, new) = (Version::V311, Version::V5);
        let mut consumers = vec![
            Consumer::new("all-2", new, "t/#", 2, Manner::Prompt),
            Consumer::new("all-1", old, "t/#", 1, Manner::Prompt),
            Consumer::new("lazy-2", new, "t/#", 2, Manner::Lazy),
            Consumer::new("lazy-1", old, "t/0/+", 1, Manner::Lazy),
            Consumer::new("exact-2", new, "t/2/1", 2, Manner::Prompt),
        ];
        for (n, consumer) in consumers.iter_mut().enumerate() {
            consumer.subscribe(address(cluster, n));
        }
        let producers = [(old, 1), (new, 1), (old, 2), (new, 2)];
        let producers = producers.into_iter().enumerate().map(|(n, (version, qos))| Producer::new(n, version, qos));
        Scene { producers: producers.collect(), consumers, limit: LIMIT, lost: AtomicUsize::new(0) }
    }

    /// The same for a round that lasts long: each producer sends as many messages at most.
    pub fn lasting(cluster: &Cluster, limit: usize) -> Self {
        Scene { limit, ..Scene::new(cluster) }
    }

    /// Everybody at work while `during` runs; who loses the connection comes back. Returns how many connections ended.
    pub fn round(&mut self, cluster: &mut Cluster, during: impl FnOnce(&mut Cluster)) -> usize {
        let stop = AtomicBool::new(false);
        let (lost, limit) = (&self.lost, self.limit);
        lost.store(0, Ordering::Relaxed);
        let addresses: Vec<SocketAddr> = (0..8).map(|n| address(cluster, n)).collect();
        std::thread::scope(|scope| {
            for (n, producer) in self.producers.iter_mut().enumerate() {
                let (at, stop) = (addresses[n], &stop);
                scope.spawn(move || {
                    let mut left = limit;
                    loop {
                        producer.run(at, stop, left);
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        left = limit / 3;
                        lost.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                    }
                });
            }
            for (n, consumer) in self.consumers.iter_mut().enumerate() {
                let (at, stop) = (addresses[n], &stop);
                scope.spawn(move || {
                    loop {
                        consumer.run(at, stop);
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        lost.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                    }
                });
            }
            // Also where `during` panics: those at work would never end.
            let _end = End(&stop);
            during(cluster);
        });
        lost.load(Ordering::Relaxed)
    }

    /// Messages acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.producers.iter().flat_map(|producer| &producer.topics).map(|sent| sent.acknowledged.len()).sum()
    }

    /// Lets everybody finish on a cluster that lives on, then compares.
    pub fn judge(mut self, cluster: &mut Cluster) {
        let stop = AtomicBool::new(true);
        within(patience() * 3, "every producer has its acknowledgements", || {
            for (n, producer) in self.producers.iter_mut().enumerate() {
                producer.run(address(cluster, n), &stop, 0);
            }
            self.producers.iter().all(Producer::is_done).then_some(())
        });
        within(patience() * 3, "every consumer has what was acknowledged", || {
            for (n, consumer) in self.consumers.iter_mut().enumerate() {
                consumer.run(address(cluster, n), &stop);
            }
            self.consumers.iter().all(|consumer| missing(&self.producers, consumer) == 0).then_some(())
        });
        let wrong = check(&self.producers, &self.consumers);
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(self.acknowledged() > 0, "nothing was published at all");
    }
}

/// Says at its end that everybody may stop.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn address(cluster: &Cluster, n: usize) -> SocketAddr {
    cluster.frontends[n % cluster.frontends.len()].mqtt()
}
