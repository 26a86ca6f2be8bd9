//! One dataflow between the broker under test and another one, with a proxy between them that can do harm.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_tests::deadline::{patience, within};
use causeway_tests::flow::plain_settings;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::stream::tcp;
use causeway_tests::{
    Broker, Client, Connect, FaultProxy, Flow, Publish, Resources, Settings, Version, eventually, free_port,
};

use crate::numbered::{PROBE, Series};
use crate::publishing::Publishing;
use crate::recorder::Recorder;

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the broker under test to the other.
    Out,
    /// From the other to the broker under test.
    In,
}

/// What the other broker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    Mosquitto,
    Causeway,
}

/// The other broker. Its address stays over restarts.
pub enum Remote {
    Mosquitto(Mosquitto),
    Causeway(Broker),
}

/// What the endpoint says beside the address, as YAML below `mqttSettings`. Keep alive is short: it is how a dataflow
/// finds out that nobody is there.
pub const SETTINGS: &str = "keepAliveSeconds: 2\nmaxInflightMessages: 100\nsessionExpirySeconds: 3600\n";
/// `maxInflightMessages` of these settings.
pub const IN_FLIGHT: u64 = 100;

/// The first level of topics at the source, and at the destination.
pub const SOURCE: &str = "from";
pub const DESTINATION: &str = "to";

/// Both brokers, the dataflow `cross` between them, and a recorder at its destination.
pub struct Crossing {
    pub local: Broker,
    pub remote: Remote,
    pub proxy: FaultProxy,
    pub resources: Resources,
    pub recorder: Recorder,
    pub way: Way,
}

impl Remote {
    pub fn start(other: Other) -> Self {
        match other {
            Other::Mosquitto => {
                // Not a line for every message.
                let quiet = ["log_type none", "log_type error", "log_type information"];
                let setup = quiet.iter().fold(Setup::plain(), |setup, line| setup.line(line));
                Remote::Mosquitto(Mosquitto::start(setup.line("max_inflight_messages 100")))
            }
            Other::Causeway => Remote::Causeway(Broker::start(fixed())),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Remote::Mosquitto(mosquitto) => mosquitto.front(),
            Remote::Causeway(broker) => broker.mqtt(),
        }
    }

    pub fn kill(&mut self) {
        match self {
            Remote::Mosquitto(mosquitto) => mosquitto.kill(),
            Remote::Causeway(broker) => broker.kill(),
        }
    }

    /// Has it write down what it holds, if it does not anyway.
    pub fn save(&self) {
        let Remote::Mosquitto(mosquitto) = self else { return };
        let saving = ["Saving in-memory database"];
        let before = mosquitto.count(&saving);
        mosquitto.signal(libc::SIGUSR1);
        eventually("mosquitto saves", || (mosquitto.count(&saving) > before).then_some(()));
        // It answers when it has saved: it does one thing after the other.
        mosquitto.client(Version::V5).quiet();
    }

    /// Ends it in order.
    pub fn stop(&mut self) {
        match self {
            Remote::Mosquitto(mosquitto) => mosquitto.stop(),
            Remote::Causeway(broker) => assert!(broker.terminate(libc::SIGTERM).success()),
        }
    }

    pub fn restart(&mut self) {
        match self {
            Remote::Mosquitto(mosquitto) => mosquitto.restart(),
            Remote::Causeway(broker) => broker.restart(),
        }
    }
}

/// A port that stays over restarts.
pub fn fixed() -> Settings {
    Settings::new().mqtt(&format!("127.0.0.1:{}", free_port()))
}

/// The dataflow `cross` from there to there.
pub fn cross(way: Way) -> Flow {
    let [from, to] = if way == Way::Out { ["default", "remote"] } else { ["remote", "default"] };
    Flow::new("cross").from(from, &[&format!("{SOURCE}/#")]).to(to, &format!("{DESTINATION}/${{inputTopic.2+}}"))
}

impl Crossing {
    /// Starts everything and waits until the dataflow carries.
    pub fn start(way: Way, other: Other) -> Self {
        Crossing::with(way, other, SETTINGS, fixed())
    }

    /// The same with other settings of the endpoint and of the local broker.
    pub fn with(way: Way, other: Other, endpoint: &str, settings: Settings) -> Self {
        let remote = Remote::start(other);
        let proxy = FaultProxy::before(remote.address());
        let resources = Resources::new();
        resources.endpoint("remote", &plain_settings(proxy.address(), endpoint));
        resources.dataflow(&cross(way));
        let local = Broker::start(settings.resources(&resources));
        let destination = if way == Way::Out { remote.address() } else { local.mqtt() };
        let recorder = Recorder::start(destination, &format!("{DESTINATION}/#"));
        let crossing = Crossing { local, remote, proxy, resources, recorder, way };
        crossing.await_way();
        crossing
    }

    pub fn source(&self) -> SocketAddr {
        if self.way == Way::Out { self.local.mqtt() } else { self.remote.address() }
    }

    /// Publishes until one arrives: nobody keeps what is published before the dataflow has subscribed.
    pub fn await_way(&self) {
        await_way(self.source(), SOURCE, &self.recorder);
    }

    /// Begins to publish at the source.
    pub fn publish(&self, series: Series) -> Publishing {
        Publishing::start(self.source(), series)
    }

    /// Waits until so many messages have arrived, copies counted.
    pub fn await_arrived(&self, count: u64) {
        within(patience() * 2, &format!("{count} messages arrive"), || (self.recorder.count() >= count).then_some(()));
    }

    /// Waits until all that is published is acknowledged and has arrived, and nothing comes behind it.
    pub fn finish(&self, published: &Publishing) {
        self.finish_within(published, patience() * 3);
    }

    pub fn finish_within(&self, published: &Publishing, limit: Duration) {
        let count = published.series().count;
        within(limit, "everything is published", || published.is_done().then_some(()));
        let what = format!("all {count} messages arrive");
        // Looking for what is missing costs more than counting.
        within(limit, &what, || (self.recorder.count() >= count).then_some(()));
        within(limit, &what, || (self.recorder.missing(published.series(), count) == 0).then_some(()));
        // Whatever is still on its way is in order before a probe.
        self.await_way();
    }
}

/// Publishes below `prefix` until one message arrives, with all that was before it.
pub fn await_way(source: SocketAddr, prefix: &str, recorder: &Recorder) {
    let before = recorder.probes();
    let mut client = Client::over(Box::new(tcp(source)), Version::V5);
    let answer = client.connect(&Connect::fresh(Version::V5));
    assert_eq!(answer.code, 0, "refused: {answer:?}");
    within(patience() * 2, "the dataflow carries", || {
        client.publish(Publish::new(&format!("{prefix}/{PROBE}"), "probe").qos(1));
        std::thread::sleep(Duration::from_millis(50));
        (recorder.probes() > before).then_some(())
    });
}

/// Waits until a publisher has got that far.
pub fn await_acknowledged(published: &Publishing, count: u64) {
    eventually(&format!("{count} messages are published"), || (published.acknowledged() >= count).then_some(()));
}
