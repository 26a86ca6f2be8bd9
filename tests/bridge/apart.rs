//! `causeway bridge`: dataflows in a process of their own, which is killed again and again.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use causeway_tests::bridge_process::BridgeProcess;
use causeway_tests::flow::plain_settings;
use causeway_tests::random::Random;
use causeway_tests::{Broker, Flow, Resources, Settings, eventually};

use crate::crossing::{DESTINATION, IN_FLIGHT, Other, Remote, SETTINGS, SOURCE, Way, await_way};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;

const COUNT: u64 = 3_000;
const ENDS: u64 = 6;

/// Two brokers and the process between them: over TLS to the one that is local to it, plain to the other.
struct Apart {
    local: Broker,
    remote: Remote,
    bridge: BridgeProcess,
    /// Held while the bridge reads it.
    _resources: Resources,
    recorder: Recorder,
    way: Way,
}

impl Apart {
    fn start(way: Way, other: Other) -> Self {
        let local = Broker::start(Settings::all_listeners());
        let remote = Remote::start(other);
        let resources = Resources::new();
        let authority = fs::read_to_string(local.ca_file()).expect("the broker's authority");
        resources.config_map("authority", &[("ca.crt", &authority)]);
        let near = format!(
            "host: localhost:{}\nauthentication:\n  method: Anonymous\ntls:\n  trustedCaCertificateConfigMapRef: authority\n\
             {SETTINGS}",
            local.mqtts().port()
        );
        resources.endpoint_of("hostType: LocalBroker", "near", &near);
        resources.endpoint("remote", &plain_settings(remote.address(), SETTINGS));
        let [from, to] = if way == Way::Out { ["near", "remote"] } else { ["remote", "near"] };
        let flow = Flow::new("cross").from(from, &[&format!("{SOURCE}/#")]);
        resources.dataflow(&flow.to(to, &format!("{DESTINATION}/${{inputTopic.2+}}")));
        let destination = if way == Way::Out { remote.address() } else { local.mqtt() };
        let recorder = Recorder::start(destination, &format!("{DESTINATION}/#"));
        let bridge = BridgeProcess::start(&resources, local.mqtts());
        let apart = Apart { local, remote, bridge, _resources: resources, recorder, way };
        apart.await_way();
        apart
    }

    fn source(&self) -> SocketAddr {
        if self.way == Way::Out { self.local.mqtt() } else { self.remote.address() }
    }

    fn await_way(&self) {
        await_way(self.source(), SOURCE, &self.recorder);
    }

    fn publish(&self) -> Publishing {
        Publishing::start(self.source(), Series::new(SOURCE, COUNT).per_second(1_000))
    }

    fn await_arrived(&self, count: u64) {
        eventually(&format!("{count} messages arrive"), || (self.recorder.count() >= count).then_some(()));
    }

    fn finish(&self, published: &Publishing) {
        eventually("everything is published", || published.is_done().then_some(()));
        eventually("all messages arrive", || (self.recorder.missing(published.series(), COUNT) == 0).then_some(()));
        self.await_way();
    }
}

/// A sleep stands here for a moment chosen at random, not for waiting.
fn survives(way: Way, other: Other, end: fn(&mut BridgeProcess)) {
    let seed = Random::seed();
    eprintln!("CAUSEWAY_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut apart = Apart::start(way, other);
    let published = apart.publish();
    for part in 1..=ENDS {
        apart.await_arrived(part * COUNT / (2 * ENDS));
        std::thread::sleep(Duration::from_millis(random.below(100)));
        end(&mut apart.bridge);
        apart.bridge.restart();
    }
    apart.finish(&published);
    let verdict = apart.recorder.verdict(&published);
    verdict.assert_whole();
    assert!(verdict.duplicates <= ENDS * IN_FLIGHT, "{} duplicates", verdict.duplicates);
}

fn terminate(bridge: &mut BridgeProcess) {
    assert!(bridge.terminate().success());
}

#[test]
fn nothing_to_mosquitto_is_lost_by_kill_9_of_the_bridge() {
    survives(Way::Out, Other::Mosquitto, BridgeProcess::kill);
}

#[test]
fn nothing_from_mosquitto_is_lost_by_kill_9_of_the_bridge() {
    survives(Way::In, Other::Mosquitto, BridgeProcess::kill);
}

#[test]
fn nothing_to_causeway_is_lost_by_kill_9_of_the_bridge() {
    survives(Way::Out, Other::Causeway, BridgeProcess::kill);
}

#[test]
fn nothing_from_causeway_is_lost_by_kill_9_of_the_bridge() {
    survives(Way::In, Other::Causeway, BridgeProcess::kill);
}

#[test]
fn nothing_to_causeway_is_lost_by_sigterm_of_the_bridge() {
    survives(Way::Out, Other::Causeway, terminate);
}

#[test]
fn nothing_from_causeway_is_lost_by_sigterm_of_the_bridge() {
    survives(Way::In, Other::Causeway, terminate);
}
