//! Scenes: memory and disk run short.

use causeway_tests::deadline::patience;
use causeway_tests::disk::SmallDisk;
use causeway_tests::{Broker, Client, Connect, Publish, Settings, Version, eventually};

use crate::ask::json;
use crate::watch::{QUIET, Samples, moved, quiet, quiet_with, still, stirred, value};

const V: Version = Version::V5;

/// Publishes until the broker says that it takes no more.
fn publish_until_refused(publisher: &mut Client, topic: &str, payload: &[u8]) {
    for _ in 0..10_000 {
        match publisher.publish(Publish::new(topic, payload).qos(1)) {
            0x97 => return,
            reason => assert!(reason < 0x80, "refused with {reason:#04x}"),
        }
    }
    panic!("10000 messages on {topic} and no end");
}

pub fn memory_is_short(samples: Samples) {
    let (broker, _resources) = quiet("memoryProfile: Tiny\n");
    still(&broker, samples);
    let mut stuck = broker.connect(&Connect::fresh(V).receive_maximum(1));
    stuck.subscribe("heavy", 1);
    let mut publisher = broker.client(V);
    publish_until_refused(&mut publisher, "heavy", &vec![7; 100_000]);
    moved(&broker, samples);
    let percent = value(&broker, "aio_broker_buffer_pool_used_percent");
    assert!((70.0..=100.0).contains(&percent), "{percent} % where back-pressure begins at 75");
}

pub fn a_reader_of_qos_0_does_not_read(samples: Samples) {
    let (broker, _resources) = quiet("memoryProfile: Tiny\n");
    still(&broker, samples);
    let mut stuck = broker.client(V);
    stuck.subscribe("flood", 0);
    let mut publisher = broker.client(V);
    let payload = vec![7; 100_000];
    stirred(&broker, samples, || {
        for _ in 0..100 {
            publisher.send_publish(Publish::new("flood", &payload));
        }
        publisher.settle();
    });
}

fn reason(broker: &Broker) -> String {
    json(broker, "/health")["reasonCode"].as_str().unwrap_or_default().to_string()
}

pub fn queues_hold_what_they_may(samples: Samples) {
    let (broker, resources) = quiet("diskBackedMessageBuffer:\n  maxSize: 300K\n");
    still(&broker, samples);
    let connect = Connect::persistent(V, "reader");
    let mut reader = broker.connect(&connect);
    reader.subscribe("queued", 1);
    reader.disconnect();
    let mut publisher = broker.client(V);
    publish_until_refused(&mut publisher, "queued", &[7; 10_000]);
    moved(&broker, samples);
    assert_eq!(reason(&broker), "DiskBufferFull");
    assert!(publisher.publish(Publish::new("elsewhere", "nobody queues this").qos(1)) < 0x80);
    resources.broker(&format!("{QUIET}diskBackedMessageBuffer:\n  maxSize: 10M\n"));
    eventually("there is room again", || (value(&broker, "causeway_queue_disk_full") < 1.0).then_some(()));
    eventually("publishes are taken again", || {
        (publisher.publish(Publish::new("queued", "more").qos(1)) < 0x80).then_some(())
    });
    assert_eq!(json(&broker, "/health")["status"], "Available");
}

pub fn the_disk_is_full(samples: Samples) {
    let disk = SmallDisk::new(256);
    let (broker, _resources) = quiet_with(Settings::new().data_dir(disk.path().join("data")), "");
    still(&broker, samples);
    let mut publisher = broker.client(V);
    let filler = disk.fill(0);
    let payload = vec![7; 100_000];
    // QoS 0, retained: to be stored, and nobody is told that it cannot be.
    let flood: Vec<u8> =
        (0..40).flat_map(|n| Publish::new(&format!("kept/{n}"), &payload).retained().encode(V)).collect();
    let mut floods: Vec<Client> = (0..8).map(|_| broker.client(V)).collect();
    for client in &mut floods {
        client.send_until_stalled(&flood, patience() / 20);
    }
    // QoS 1: those that are under way when the disk is found full are refused.
    for n in 0..2_000 {
        let reason = publisher.publish(Publish::new(&format!("acknowledged/{n}"), &payload).qos(1).retained());
        if reason == 0x97 {
            break;
        }
    }
    moved(&broker, samples);
    assert_eq!(reason(&broker), "DiskFull");
    std::fs::remove_file(filler).expect("the filler goes");
    eventually("the disk has room again", || (value(&broker, "causeway_disk_full") < 1.0).then_some(()));
    drop(broker);
}
