//! `memoryProfile`: the largest packet, and when publishers are slowed.

use causeway_tests::deadline::eventually;
use causeway_tests::{Client, Connect, Publish, prop};

use super::served::{Served, V};

const MIB: u32 = 1024 * 1024;
const MESSAGE: usize = 256 * 1024;

fn largest(served: &Served) -> Option<u32> {
    served.broker.client(V).connack.props.number(prop::MAXIMUM_PACKET_SIZE)
}

fn used_percent(served: &Served) -> f64 {
    served.metric("aio_broker_buffer_pool_used_percent", "name=\"publish\"").expect("a gauge")
}

/// Publishes until it is refused, or 64 MiB are out; whether it was refused.
fn is_refused(publisher: &mut Client) -> bool {
    (0..256).any(|_| {
        let reason = publisher.publish(Publish::new("memory", vec![0; MESSAGE]).qos(1));
        assert!(reason == 0 || reason == 0x97, "{reason:#04x}");
        reason == 0x97
    })
}

#[test]
pub fn profile() {
    let served = Served::by(
        "memoryProfile: Tiny\ncardinality:\n  frontend:\n    replicas: 1\n  backendChain:\n    partitions: 1\n    redundancyFactor: 1\n",
    );
    assert_eq!(largest(&served), Some(4 * MIB));
    // A reader that takes everything into its own hands and reads nothing.
    let mut stuck = served.broker.connect(&Connect::fresh(V).receive_maximum(u16::MAX));
    stuck.subscribe("memory", 1);
    let mut publisher = served.broker.client(V);
    assert!(is_refused(&mut publisher), "16 MiB are never full");
    let full = used_percent(&served);
    assert!((75.0..100.0).contains(&full), "refused at {full} %");
    assert!(served.metric("aio_broker_backpressure_packets_rejected_memory", "").expect("a counter") >= 1.0);

    // The same bytes are a quarter of what they were, and publishes are taken again.
    let rest =
        "\ncardinality:\n  frontend:\n    replicas: 1\n  backendChain:\n    partitions: 1\n    redundancyFactor: 1\n";
    served.change(&format!("memoryProfile: Low{rest}"));
    eventually("the gauge has the new measure", || (used_percent(&served) < 30.0).then_some(()));
    assert_eq!(publisher.publish(Publish::new("memory", vec![0; MESSAGE]).qos(1)), 0);
    assert_eq!(largest(&served), Some(16 * MIB));
    served.change(&format!("memoryProfile: High{rest}"));
    assert_eq!(largest(&served), Some(256 * MIB));
    served.change(rest);
    assert_eq!(largest(&served), Some(64 * MIB));
    drop(stuck);
}
