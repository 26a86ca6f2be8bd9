//! A full disk: publishers are told or slowed, readers go on, and it heals by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::deadline::within;
use causeway_tests::{AckKind, Broker, Client, Connect, Packet, Publish, Settings, Version};

/// A small file system in memory, gone with this value.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn new(megabytes: u32) -> Self {
        let path = std::env::temp_dir().join(format!("causeway-disk-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(&path)
            .status()
            .expect("mount");
        assert!(mounted.success(), "this test mounts a tmpfs and needs to be root for it");
        SmallDisk { path }
    }

    /// Takes all the space that is left but `keep` bytes.
    fn fill(&self, keep: u64) -> PathBuf {
        let file = self.path.join("filler");
        let free = free(&self.path).saturating_sub(keep);
        let made = Command::new("fallocate").arg("-l").arg(free.to_string()).arg(&file).status().expect("fallocate");
        assert!(made.success(), "{free} bytes cannot be taken");
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = std::fs::remove_dir(&self.path);
    }
}

fn free(path: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(path).output().expect("df");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().nth(1).and_then(|l| l.trim().parse().ok()).expect("a number of bytes")
}

struct Scene {
    // Fields drop in order: the broker before its disk.
    broker: Broker,
    disk: SmallDisk,
    reader: Connect,
    publisher: Client,
    sent: usize,
    acknowledged: Vec<usize>,
}

const PAYLOAD: usize = 4000;

impl Scene {
    fn new(version: Version) -> Self {
        let disk = SmallDisk::new(256);
        let broker = Broker::start(Settings::new().data_dir(disk.path.join("data")));
        let reader = Connect::persistent(Version::V5, "reader");
        let mut client = broker.connect(&reader);
        client.subscribe("q", 1);
        client.disconnect();
        let publisher = broker.client(version);
        Scene { broker, disk, reader, publisher, sent: 0, acknowledged: Vec::new() }
    }

    fn message(&mut self) -> Publish {
        let text = format!("{:0>PAYLOAD$}", self.sent);
        self.sent += 1;
        Publish::new("q", text).qos(1)
    }

    /// Everything acknowledged is there, in order; what was refused may be absent.
    fn drain(&mut self) {
        let mut client = self.broker.connect(&self.reader);
        assert!(client.connack.session_present);
        let last = *self.acknowledged.last().expect("something acknowledged");
        let mut got = Vec::new();
        while got.last() != Some(&last) {
            got.push(client.take().text().parse::<usize>().expect("a number"));
        }
        let mut wanted = self.acknowledged.iter();
        let mut next = wanted.next();
        for number in &got {
            if Some(number) == next {
                next = wanted.next();
            }
        }
        assert_eq!(next, None, "acknowledged and lost");
        let mut once = got.clone();
        once.dedup();
        assert_eq!(once, got, "delivered twice");
        client.quiet();
    }
}

#[test]
fn a_v5_publisher_is_told_0x97_and_it_heals() {
    let mut scene = Scene::new(Version::V5);
    let filler = scene.disk.fill(3_000_000);
    let mut refused = 0;
    while refused < 20 {
        assert!(scene.sent < 100_000, "the disk is never full");
        let number = scene.sent;
        let message = scene.message();
        match scene.publisher.publish(message) {
            0 => scene.acknowledged.push(number),
            0x97 => refused += 1,
            other => panic!("refused with {other:#04x}"),
        }
    }
    // Readers go on: queued messages are delivered and acknowledged, live QoS 0 traffic passes.
    let broker = &scene.broker;
    let mut live = broker.client(Version::V5);
    live.subscribe("live", 0);
    scene.publisher.publish(Publish::new("live", "passes"));
    assert_eq!(live.take().text(), "passes");
    let mut client = broker.connect(&Connect { version: Version::V5, ..scene.reader.clone() });
    let first = client.expect_publish();
    assert_eq!(first.text().parse::<usize>().expect("a number"), scene.acknowledged[0]);
    client.vanish();
    std::fs::remove_file(filler).expect("the filler goes");
    within(Duration::from_secs(60), "publishing works again", || {
        let number = scene.sent;
        let message = scene.message();
        let reason = scene.publisher.publish(message);
        assert!([0, 0x97].contains(&reason), "{reason:#04x}");
        (reason == 0).then(|| scene.acknowledged.push(number))
    });
    scene.drain();
}

#[test]
fn a_311_publisher_is_slowed_and_it_heals() {
    let mut scene = Scene::new(Version::V311);
    let filler = scene.disk.fill(3_000_000);
    // Until an acknowledgement stays out.
    let waiting = loop {
        assert!(scene.sent < 100_000, "the disk is never full");
        let number = scene.sent;
        let message = scene.message();
        let id = scene.publisher.send_publish(message);
        match scene.publisher.poll(Duration::from_secs(5)) {
            Some(Event::Packet(Packet::Ack(ack))) if ack.packet_id == id => scene.acknowledged.push(number),
            None => break (number, id),
            other => panic!("{other:?} on a full disk"),
        }
    };
    // Others are served meanwhile.
    let mut other = scene.broker.client(Version::V5);
    other.subscribe("other", 0);
    other.publish(Publish::new("other", "passes"));
    assert_eq!(other.take().text(), "passes");
    std::fs::remove_file(filler).expect("the filler goes");
    let (number, id) = waiting;
    scene.publisher.await_ack(AckKind::PubAck, id);
    scene.acknowledged.push(number);
    scene.drain();
}

/// kill -9 on a full disk: what was acknowledged is there after the restart.
#[test]
fn a_full_disk_and_a_kill() {
    let mut scene = Scene::new(Version::V5);
    let filler = scene.disk.fill(2_000_000);
    let mut refused = 0;
    while refused < 3 {
        assert!(scene.sent < 100_000, "the disk is never full");
        let number = scene.sent;
        let message = scene.message();
        match scene.publisher.publish(message) {
            0 => scene.acknowledged.push(number),
            _ => refused += 1,
        }
    }
    scene.broker.kill();
    std::fs::remove_file(filler).expect("the filler goes");
    scene.broker.restart();
    scene.drain();
}
