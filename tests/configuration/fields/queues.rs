//! `diskBackedMessageBuffer.maxSize`: how much queues may hold.

use causeway_tests::deadline::eventually;
use causeway_tests::{Client, Connect, Publish, both};

use super::served::{Served, V};

fn bound(size: &str) -> String {
    format!("diskBackedMessageBuffer:\n  maxSize: {size}\n")
}

/// Publishes 100 kB pieces until one is refused; how many were taken.
fn taken(publisher: &mut Client, most: usize) -> usize {
    (0..most).take_while(|_| publisher.publish(Publish::new("q", vec![0; 100_000]).qos(1)) != 0x97).count()
}

#[test]
pub fn max_size() {
    let served = Served::by(&bound("1M"));
    let away = Connect::persistent(V, "away");
    let mut reader = served.broker.connect(&away);
    reader.subscribe("q", 1);
    reader.disconnect();
    let mut publisher = served.broker.client(V);
    let first = taken(&mut publisher, 100);
    // 1M is 1,000,000 bytes; the next publish is refused when they are reached.
    assert!((9..=11).contains(&first), "{first} pieces of 100 kB");
    let rejected = || served.metric("aio_broker_backpressure_packets_rejected_disk", "").expect("a counter");
    let full = || served.metric("causeway_queue_disk_full", "");
    eventually("the refusal is counted", || (rejected() >= 1.0).then_some(()));
    eventually("the bound is told", || (full() == Some(1.0)).then_some(()));
    assert!(served.metric("causeway_disk_publishes_refused_total", "reason=\"queue_limit\"") >= Some(1.0));
    assert!(served.metric("aio_broker_total_disk_backed_message_buffer_usage", "") >= Some(900_000.0));
    // What is not queued is not concerned.
    assert!(publisher.publish(Publish::new("nobody", "x").qos(1)) < 0x80);

    // A higher bound takes effect while the broker runs.
    served.change(&bound("2M"));
    let second = eventually("it is taken again", || match taken(&mut publisher, 100) {
        0 => None,
        count => Some(count),
    });
    assert!((8..=11).contains(&second), "{second} pieces more");

    // And shorter queues are.
    let mut reader = served.broker.connect(&away);
    for _ in 0..first + second {
        reader.take();
    }
    eventually("it is taken after draining", || {
        (publisher.publish(Publish::new("q", "after").qos(1)) == 0).then_some(())
    });
    assert_eq!(reader.take().text(), "after");
    eventually("the bound is no longer reached", || (full() == Some(0.0)).then_some(()));
}

both! {
    /// Without the object queues may fill the disk.
    fn without_it_there_is_no_such_bound(v) {
        let served = Served::by("{}");
        let away = Connect::persistent(v, "away");
        let mut reader = served.broker.connect(&away);
        reader.subscribe("q", 1);
        reader.disconnect();
        assert_eq!(taken(&mut served.broker.client(v), 30), 30);
        assert_eq!(served.metric("causeway_queue_disk_full", ""), Some(0.0));
    }
}
