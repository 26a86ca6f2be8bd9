//! `causeway bridge` as a process: what it runs, what it follows, and how it ends.

use causeway_tests::bridge_process::BridgeProcess;
use causeway_tests::flow::plain_settings;
use causeway_tests::{Broker, Flow, Publish, Resources, Settings, Version, errand, eventually, http};

use crate::shown;

/// A broker, and what a bridge beside it is told: dataflows from it to itself, below `in` and below `out`.
struct Beside {
    local: Broker,
    resources: Resources,
}

impl Beside {
    fn new() -> Self {
        let (local, resources) = (Broker::start(Settings::new()), Resources::new());
        resources.endpoint_of("hostType: LocalBroker", "near", &plain_settings(local.mqtt(), ""));
        Beside { local, resources }
    }

    fn flow(&self, name: &str, to: &str, profile: &str) {
        let flow = Flow::new(name).from("near", &[&format!("in/{name}")]).to("near", to);
        self.resources.dataflow(&flow.with(&format!("profileRef: {profile}")));
    }

    fn bridge(&self, flags: &[&str]) -> BridgeProcess {
        BridgeProcess::start_with(&self.resources, self.local.mqtt(), flags)
    }
}

#[test]
fn a_profile_runs_alone() {
    let beside = Beside::new();
    for name in ["one", "two"] {
        beside.resources.profile(name, "instanceCount: 1");
        beside.flow(name, &format!("out/{name}"), name);
    }
    let (one, two) = (beside.bridge(&["--profile", "one"]), beside.bridge(&["--profile", "two"]));
    for (bridge, runs, rests) in [(&one, "one", "two"), (&two, "two", "one")] {
        shown::up(bridge, runs);
        let other = shown::dataflow(bridge, rests).expect("a dataflow of the other profile");
        assert_eq!(other["instances"], serde_json::json!([]), "{other:#}");
        assert_eq!(http::metric(bridge.admin(), "aio_dataflow_active_dataflows", ""), Some(1.0));
    }
    let (mut publisher, mut sink) = (beside.local.client(Version::V5), beside.local.client(Version::V5));
    sink.subscribe("out/#", 1);
    for name in ["one", "two"] {
        assert_eq!(publisher.publish(Publish::new(&format!("in/{name}"), name).qos(1)), 0);
        assert_eq!(sink.take_texts(1), [name]);
    }
    // Each came once.
    sink.quiet();
}

#[test]
fn an_unknown_profile_is_refused() {
    let beside = Beside::new();
    beside.flow("one", "out/one", "default");
    let path = beside.resources.path().display().to_string();
    let data = beside.local.data_dir().join("bridge").display().to_string();
    let outcome = errand::run(&["bridge", "--resources", &path, "--data-dir", &data, "--profile", "none"]);
    assert!(outcome.code != 0 && outcome.stderr.contains("--profile"), "{outcome:?}");
}

#[test]
fn a_dataflow_changes_while_the_process_runs() {
    let beside = Beside::new();
    beside.flow("one", "out/before", "default");
    let mut bridge = beside.bridge(&[]);
    shown::up(&bridge, "one");
    let (mut publisher, mut sink) = (beside.local.client(Version::V5), beside.local.client(Version::V5));
    sink.subscribe("out/#", 1);
    let mut crosses = || {
        assert_eq!(publisher.publish(Publish::new("in/one", "body").qos(1)), 0);
        sink.take().topic
    };
    assert_eq!(crosses(), "out/before");
    beside.flow("one", "out/after", "default");
    eventually("the dataflow's new topic", || (crosses() == "out/after").then_some(()));
    beside.resources.remove_dataflow("one");
    eventually("the dataflow ends", || shown::dataflow(&bridge, "one").is_none().then_some(()));
    assert_eq!(http::get(bridge.admin(), "/health/ready").expect("an answer").0, 200);
    assert!(bridge.terminate().success());
}

#[test]
fn two_on_one_data_directory_are_refused() {
    let beside = Beside::new();
    beside.flow("one", "out/one", "default");
    let mut bridge = beside.bridge(&[]);
    shown::up(&bridge, "one");
    let [path, data] = [beside.resources.path(), &bridge.data_dir()].map(|path| path.display().to_string());
    let second = errand::run(&["bridge", "--resources", &path, "--data-dir", &data, "--admin", "127.0.0.1:0"]);
    assert!(second.code != 0 && second.stderr.contains("another causeway uses the data directory"), "{second:?}");
    shown::up(&bridge, "one");
    assert!(bridge.terminate().success());
}
