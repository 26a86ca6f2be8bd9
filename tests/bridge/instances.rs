//! Several instances of a profile; dataflows that come, go and change while others run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::deadline::patience;
use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::{Heard, ScriptedServer};
use causeway_tests::{Client, Flow, Packet, Publish, Resources, Version, eventually};

use crate::here::{Here, connected, taken_from};

/// The numbers that come, in the order of their value.
fn numbers(client: &mut Client, count: usize) -> Vec<u32> {
    let number = |_| client.take().text().parse::<u32>().expect("a number");
    let mut found: Vec<u32> = (0..count).map(number).collect();
    found.sort_unstable();
    found
}

#[test]
fn instances_share_what_comes_from_a_remote() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "clientIdPrefix: plant-7-\n");
    resources.profile("several", "instanceCount: 3");
    let flow = Flow::new("downward").from("remote", &["in/#", "also/+"]).to("default", "out/${inputTopic}");
    resources.dataflow(&flow.with("profileRef: several"));
    let here = Here::start(resources);
    for instance in 1..=3 {
        let name = format!("plant-7-downward-{instance}");
        connected(&remote, &format!("as {name}"));
        taken_from(&remote, &name);
    }
    // One group for all, and for both filters.
    let group = remote.says(&["$share/", "/in/#"]);
    let group = group.split('/').nth(1).expect("a group").to_string();
    assert_eq!(remote.count(&[&format!("$share/{group}/in/#")]), remote.count(&["/in/#"]));
    assert_eq!(remote.count(&[&format!("$share/{group}/also/+")]), remote.count(&["/also/+"]));

    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    let mut source = remote.client(Version::V5);
    (0..60).for_each(|number| assert_eq!(source.publish(Publish::new("in/x", number.to_string()).qos(1)), 0));
    assert_eq!(numbers(&mut sink, 60), (0..60).collect::<Vec<_>>());
    // Everybody has his part.
    for instance in 1..=3 {
        assert!(remote.count(&["Sending PUBLISH to", &format!("downward-{instance} ")]) > 0, "nothing for {instance}");
    }
    sink.quiet();
}

#[test]
fn instances_share_what_comes_from_here() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.profile("several", "instanceCount: 4");
    let flow = Flow::new("upward").from("default", &["in/#"]).to("remote", "out");
    resources.dataflow(&flow.with("profileRef: several"));
    let here = Here::start(resources);
    let sessions = server.hears("four sessions", |heard| {
        let mut ids: Vec<String> = heard.iter().filter_map(client_id).collect();
        ids.sort_unstable();
        (ids.len() == 4).then_some(ids)
    });
    for (index, id) in sessions.iter().enumerate() {
        assert!(id.contains("-upward") && id.ends_with(&format!("-{}", index + 1)), "{sessions:?}");
    }
    here.takes_topic("in/x", 4);
    (0..40).for_each(|number| here.publish(Publish::new("in/x", number.to_string())));
    let found = server.hears("every message", |_| (server.published().len() >= 40).then(|| server.published()));
    let mut found: Vec<u32> = found.iter().map(|message| message.text().parse().expect("a number")).collect();
    found.sort_unstable();
    assert_eq!(found, (0..40).collect::<Vec<_>>());
}

fn client_id(heard: &Heard) -> Option<String> {
    if let FromClient::Connect(connect) = &heard.packet { Some(connect.client_id.clone()) } else { None }
}

/// More instances and fewer: when those that go have gone, each message comes once again.
#[test]
fn the_number_of_instances_changes_live() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "clientIdPrefix: plant-7-\n");
    resources.profile("several", "instanceCount: 1");
    let flow = Flow::new("downward").from("remote", &["in/#"]).to("default", "out/${inputTopic}");
    resources.dataflow(&flow.with("profileRef: several"));
    let here = Here::start(resources);
    taken_from(&remote, "plant-7-downward");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    let mut source = remote.client(Version::V5);
    let mut send = |range: std::ops::Range<u32>| {
        range.for_each(|number| assert_eq!(source.publish(Publish::new("in/x", number.to_string()).qos(1)), 0));
    };
    send(0..20);
    assert_eq!(numbers(&mut sink, 20), (0..20).collect::<Vec<_>>());
    here.resources.profile("several", "instanceCount: 3");
    (1..=3).for_each(|instance| taken_from(&remote, &format!("plant-7-downward-{instance}")));
    says(&remote, "Received DISCONNECT from plant-7-downward", 1);
    send(20..50);
    assert_eq!(numbers(&mut sink, 30), (20..50).collect::<Vec<_>>());
    here.resources.profile("several", "instanceCount: 2");
    says(&remote, "Received DISCONNECT from plant-7-downward-3", 1);
    send(50..70);
    assert_eq!(numbers(&mut sink, 20), (50..70).collect::<Vec<_>>());
}

/// Waits until mosquitto has said exactly this so often: a name may be the beginning of another.
fn says(remote: &Mosquitto, whole: &str, times: usize) {
    let said = || remote.log().lines().filter(|line| *line == whole).count();
    eventually(whole, || (said() >= times).then_some(()));
}

/// Somebody publishes all the time while there are more instances, fewer, and one again.
#[test]
fn nothing_is_lost_while_their_number_changes() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "clientIdPrefix: plant-7-\n");
    resources.profile("several", "instanceCount: 1");
    let flow = Flow::new("downward").from("remote", &["in/#"]).to("default", "out/${inputTopic}");
    resources.dataflow(&flow.with("profileRef: several"));
    let here = Here::start(resources);
    taken_from(&remote, "plant-7-downward");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    let ended = Arc::new(AtomicBool::new(false));
    let (mut source, end) = (remote.client(Version::V5), Arc::clone(&ended));
    let publishing = std::thread::spawn(move || {
        let mut number = 0_u32;
        while !end.load(Ordering::SeqCst) {
            assert!(source.publish(Publish::new("in/x", number.to_string()).qos(1)) < 0x80);
            number += 1;
            std::thread::sleep(Duration::from_millis(2));
        }
        number
    });
    here.resources.profile("several", "instanceCount: 3");
    (1..=3).for_each(|instance| taken_from(&remote, &format!("plant-7-downward-{instance}")));
    here.resources.profile("several", "instanceCount: 2");
    says(&remote, "Received DISCONNECT from plant-7-downward-3", 1);
    here.resources.profile("several", "instanceCount: 1");
    // It had one at the beginning.
    says(&remote, "Sending SUBACK to plant-7-downward", 2);
    ended.store(true, Ordering::SeqCst);
    let count = publishing.join().expect("the publisher");
    let mut missing: BTreeSet<u32> = (0..count).collect();
    while !missing.is_empty() {
        match sink.poll(patience()) {
            Some(Event::Packet(Packet::Publish(message))) => {
                sink.complete(&message);
                missing.remove(&message.text().parse().expect("a number"));
            }
            _ => panic!("{} of {count} messages are lost: {missing:?}", missing.len()),
        }
    }
}

/// Two installations with the same resources: what several instances of one share, those of the other get, too.
#[test]
fn two_installations_do_not_share() {
    let remote = Mosquitto::start(Setup::plain());
    let start = || {
        let resources = Resources::new();
        resources.mosquitto("remote", &remote, "");
        resources.profile("several", "instanceCount: 2");
        let flow = Flow::new("downward").from("remote", &["in/#"]).to("default", "out/${inputTopic}");
        resources.dataflow(&flow.with("profileRef: several"));
        Here::start(resources)
    };
    let plants = [start(), start()];
    eventually("four subscriptions", || (remote.count(&["Sending SUBACK to", "-downward-"]) == 4).then_some(()));
    let mut sinks = plants.each_ref().map(Here::client);
    sinks.iter_mut().for_each(|sink| sink.subscribe("out/#", 1));
    let mut source = remote.client(Version::V5);
    (0..20).for_each(|number| assert_eq!(source.publish(Publish::new("in/x", number.to_string()).qos(1)), 0));
    for sink in &mut sinks {
        assert_eq!(numbers(sink, 20), (0..20).collect::<Vec<_>>());
    }
}

/// Two dataflows to one server, `one` and `two`.
fn two(server: &Mosquitto) -> Here {
    let resources = Resources::new();
    resources.mosquitto("remote", server, "clientIdPrefix: plant-7-\n");
    resources.dataflow(&Flow::new("one").from("default", &["one/#"]).to("remote", "out/one"));
    resources.dataflow(&Flow::new("two").from("default", &["two/#"]).to("remote", "out/two"));
    let here = Here::start(resources);
    for name in ["one", "two"] {
        here.takes(&format!("{name}/#"), 1);
        connected(server, &format!("plant-7-{name}"));
    }
    here
}

fn connections(server: &Mosquitto, name: &str) -> usize {
    server.count(&["New client connected", &format!("as plant-7-{name} (")])
}

/// `mode: Disabled` ends both sessions' connections in order, at once; what comes meanwhile waits, and crosses when it is
/// enabled again. The other dataflow notices nothing.
#[test]
fn a_dataflow_is_disabled_and_enabled_live() {
    let remote = Mosquitto::start(Setup::plain());
    let here = two(&remote);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("one/x", "before"));
    assert_eq!(there.take().text(), "before");

    let flow = Flow::new("one").from("default", &["one/#"]).to("remote", "out/one");
    here.resources.dataflow(&flow.clone().with("mode: Disabled"));
    remote.says(&["Received DISCONNECT from plant-7-one"]);
    here.publish(Publish::new("one/x", "meanwhile"));
    here.publish(Publish::new("two/x", "the other"));
    assert_eq!(there.take().text(), "the other");

    here.resources.dataflow(&flow);
    assert_eq!(there.take().text(), "meanwhile");
    assert_eq!((connections(&remote, "one"), connections(&remote, "two")), (2, 1));
}

#[test]
fn a_change_of_one_leaves_the_other_connected() {
    let remote = Mosquitto::start(Setup::plain());
    let here = two(&remote);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.resources.dataflow(&Flow::new("one").from("default", &["one/#", "more/#"]).to("remote", "out/changed"));
    here.takes("more/#", 1);
    here.publish(Publish::new("more/x", "changed"));
    let message = there.take();
    assert_eq!((message.topic.as_str(), message.text()), ("out/changed", "changed"));
    here.publish(Publish::new("two/x", "the other"));
    assert_eq!(there.take().topic, "out/two");
    assert_eq!(connections(&remote, "two"), 1);
}

/// A filter that is taken out is unsubscribed from, though the session stays.
#[test]
fn a_filter_that_goes_is_unsubscribed_from() {
    let remote = Mosquitto::start(Setup::plain());
    let here = two(&remote);
    here.resources.dataflow(&Flow::new("one").from("default", &["other/#"]).to("remote", "out/one"));
    here.takes("other/#", 1);
    here.takes("one/#", 0);
}

#[test]
fn a_dataflow_that_goes_ends_and_another_comes() {
    let remote = Mosquitto::start(Setup::plain());
    let here = two(&remote);
    here.resources.remove_dataflow("one");
    remote.says(&["Received DISCONNECT from plant-7-one"]);
    here.resources.dataflow(&Flow::new("three").from("default", &["three/#"]).to("remote", "out/three"));
    here.takes("three/#", 1);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("three/x", "third"));
    assert_eq!(there.take().topic, "out/three");
    assert_eq!(connections(&remote, "two"), 1);
}

/// A dataflow that is wrong is refused whole: what runs, runs on.
#[test]
fn a_wrong_change_changes_nothing() {
    let remote = Mosquitto::start(Setup::plain());
    let here = two(&remote);
    here.resources.dataflow(&Flow::new("one").from("default", &["one/#"]).to("nowhere", "out/one"));
    here.says(&["nowhere"]);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("one/x", "still"));
    assert_eq!(there.take().topic, "out/one");
    assert_eq!((connections(&remote, "one"), connections(&remote, "two")), (1, 1));
}

/// What a profile runs has no end at 70.
#[test]
fn a_hundred_dataflows_in_one_profile() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "");
    let names: Vec<String> = (0..100).map(|number| format!("flow-{number}")).collect();
    for name in &names {
        resources
            .dataflow(&Flow::new(name).from("default", &[&format!("in/{name}")]).to("remote", &format!("out/{name}")));
    }
    let here = Here::start(resources);
    names.iter().for_each(|name| here.takes(&format!("in/{name}"), 1));
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    let mut client = here.client();
    for name in &names {
        assert_eq!(client.publish(Publish::new(&format!("in/{name}"), name).qos(1)), 0);
    }
    let mut found: Vec<String> = (0..names.len()).map(|_| there.take().topic).collect();
    found.sort_unstable();
    let mut expected: Vec<String> = names.iter().map(|name| format!("out/{name}")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// A dataflow that is disabled from the beginning does nothing until it is enabled.
#[test]
fn a_dataflow_may_begin_disabled() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    let flow = Flow::new("upward").from("default", &["in/#"]).to("remote", "out");
    resources.dataflow(&flow.clone().with("mode: Disabled"));
    let here = Here::start(resources);
    here.publish(Publish::new("in/x", "too early"));
    assert_eq!((here.subscribed("in/#"), server.heard().len()), (0, 0));
    here.resources.dataflow(&flow);
    here.takes("in/#", 1);
    here.publish(Publish::new("in/x", "in time"));
    assert_eq!(server.publish(0).text(), "in time");
}

/// A setting of an endpoint that changes holds for what comes after, for its dataflows alone.
#[test]
fn an_endpoint_changes_live() {
    let (one, two) = (ScriptedServer::polite(), ScriptedServer::polite());
    let resources = Resources::new();
    resources.endpoint("first", &plain_settings(one.address, ""));
    resources.endpoint("second", &plain_settings(two.address, ""));
    resources.dataflow(&Flow::new("one").from("default", &["in/#"]).to("first", "out/one"));
    resources.dataflow(&Flow::new("two").from("default", &["in/#"]).to("second", "out/two"));
    let here = Here::start(resources);
    here.takes("in/#", 2);
    here.publish(Publish::new("in/x", "before").retained());
    assert!(one.publish(0).retain && two.publish(0).retain);
    here.resources.endpoint("first", &plain_settings(one.address, "retain: Never\nkeepAliveSeconds: 77\n"));
    assert_eq!(one.connect(1).keep_alive, 77);
    here.takes("in/#", 2);
    here.publish(Publish::new("in/x", "after").retained());
    let found = one.hears("what came after", |_| one.published().into_iter().find(|found| found.text() == "after"));
    assert!(!found.retain);
    assert!(two.publish(1).retain);
    let connects = two.heard().iter().filter_map(client_id).count();
    assert_eq!(connects, 1, "the other endpoint's connection ended");
}
