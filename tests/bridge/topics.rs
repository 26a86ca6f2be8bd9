//! Which messages a dataflow takes, and the topics they get.

use causeway_tests::flow::plain_settings;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Connect, Flow, Publish, Resources, Version};

use crate::here::{Here, taken_from};

/// Publishes to these topics and compares where the messages come out at a server; `None` is nowhere. The last comes out.
fn come_out(template: &str, filters: &[&str], inputs: &[(&str, Option<&str>)]) {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("upward").from("default", filters).to("remote", template));
    let here = Here::start(resources);
    filters.iter().for_each(|filter| here.takes(&filter.replace("$shared/", "$share/"), 1));
    let mut client = here.client();
    for (topic, _) in inputs {
        assert!(client.publish(Publish::new(topic, topic).qos(1)) < 0x80);
    }
    let expected: Vec<_> = inputs.iter().filter_map(|(input, output)| Some(((*output)?, *input))).collect();
    let found = server.hears("every message", |_| {
        let found = server.published();
        (found.len() >= expected.len()).then_some(found)
    });
    let found: Vec<_> = found.iter().map(|message| (message.topic.as_str(), message.text())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_whole_topic() {
    let inputs = [("a/b/c", Some("site-7/a/b/c")), ("b/a", None), ("a//c", Some("site-7/a//c"))];
    come_out("site-7/${inputTopic}", &["a/#"], &inputs);
    come_out("${inputTopic}", &["a/#"], &[("a/b", Some("a/b"))]);
}

#[test]
fn levels_of_the_topic() {
    let inputs = [
        ("plant/line/oven", Some("x/plant/oven")),
        ("plant/line", None),
        ("plant/line/press/2", Some("x/plant/press")),
    ];
    come_out("x/${inputTopic.1}/${inputTopic.3}", &["plant/#"], &inputs);
}

#[test]
fn a_level_and_all_behind_it() {
    let inputs = [("a", None), ("a/b", Some("x/b")), ("a/b/c/d", Some("x/b/c/d"))];
    come_out("x/${inputTopic.2+}", &["a/#"], &inputs);
}

#[test]
fn slashes_around_a_topic_are_no_levels() {
    come_out("x/${inputTopic.1}/${inputTopic.2+}", &["/a/#"], &[("/a/b/c/", Some("x/a/b/c"))]);
}

#[test]
fn without_braces_it_is_text() {
    come_out("x/$inputTopic.2", &["a/b"], &[("a/b", Some("x/$inputTopic.2"))]);
}

#[test]
fn wildcards_and_several_filters() {
    let inputs = [
        ("a/1/c", Some("out/a/1/c")),
        ("a/1/d", None),
        ("b", Some("out/b")),
        ("b/deep/er", Some("out/b/deep/er")),
        ("c/d", Some("out/c/d")),
        ("c/d/e", None),
        ("a/2/c", Some("out/a/2/c")),
    ];
    come_out("out/${inputTopic}", &["a/+/c", "b/#", "c/d"], &inputs);
}

/// One message that two filters match crosses once: the broker sends one copy.
#[test]
fn overlapping_filters_take_a_message_once() {
    come_out("out/${inputTopic}", &["a/#", "a/+"], &[("a/b", Some("out/a/b")), ("a/c", Some("out/a/c"))]);
}

/// What a filter is shared with gets its part, and both spellings are one.
#[test]
fn shared_subscriptions_in_both_spellings() {
    for spelling in ["$share/team/s/#", "$shared/team/s/#"] {
        come_out("out/${inputTopic}", &[spelling], &[("s/1", Some("out/s/1")), ("s/2", Some("out/s/2"))]);
    }
}

/// Two dataflows in one group: each message takes one way, over mosquitto, which is asked in the standard's spelling.
#[test]
fn dataflows_share_at_a_remote() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "");
    resources.dataflow(&Flow::new("first").from("remote", &["$shared/team/s/#"]).to("default", "first/${inputTopic}"));
    resources.dataflow(&Flow::new("second").from("remote", &["$share/team/s/#"]).to("default", "second/${inputTopic}"));
    let here = Here::start(resources);
    ["first", "second"].into_iter().for_each(|dataflow| taken_from(&remote, dataflow));
    assert_eq!(remote.count(&["$share/team/s/#"]), remote.count(&["/team/s/#"]), "another spelling went out");
    let mut sink = here.client();
    sink.subscribe("first/#", 1);
    sink.subscribe("second/#", 1);
    let mut source = remote.client(Version::V5);
    for number in 0..20 {
        source.publish(Publish::new("s/x", number.to_string()).qos(1));
    }
    let mut found: Vec<(String, u32)> = Vec::new();
    while found.len() < 20 {
        let message = sink.take();
        found.push((message.topic.clone(), message.text().parse().expect("a number")));
    }
    let mut numbers: Vec<u32> = found.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    for way in ["first/", "second/"] {
        assert!(found.iter().any(|(topic, _)| topic.starts_with(way)), "nothing took {way}: {found:?}");
    }
}

/// A message without the level goes where it can be found, with all it had, and why.
#[test]
fn a_topic_that_cannot_be_made_is_a_dead_letter() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("remote", "out/${inputTopic.3}"));
    let elsewhere = Flow::new("other").from("default", &["other/#"]).to("remote", "out/${inputTopic.9}");
    resources.dataflow(&elsewhere.with("deadLetterTopic: lost/and/found"));
    let here = Here::start(resources);
    here.takes("in/#", 1);
    here.takes("other/#", 1);
    let mut letters = here.broker.connect(&Connect::fresh(Version::V5));
    letters.subscribe("dataflow/deadletter/#", 1);
    letters.subscribe("lost/#", 1);

    here.publish(Publish::new("in/short", "body").props(causeway_tests::Props::new().user("mine", "1")));
    let letter = letters.take();
    assert_eq!((letter.topic.as_str(), letter.text()), ("dataflow/deadletter/upward", "body"));
    let users = letter.props.users();
    assert_eq!(users[0], ("mine", "1"));
    let told = |name: &str| users.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    assert_eq!(told("causeway-dataflow"), Some("upward"));
    assert_eq!(told("causeway-topic"), Some("in/short"));
    assert_eq!((told("causeway-source"), told("causeway-destination")), (Some("default"), Some("remote")));
    assert!(told("causeway-reason").is_some_and(|reason| reason.contains("level 3")), "{users:?}");

    here.publish(Publish::new("other/x", "body"));
    assert_eq!(letters.take().topic, "lost/and/found");
}

/// What comes out may be a topic that the destination keeps for itself: nobody makes the broker lie about itself.
#[test]
fn a_topic_of_the_brokers_own_cannot_be_made() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("downward").from("remote", &["in/#"]).to("default", "${inputTopic.2+}"));
    let here = Here::start(resources);
    server.subscription();
    let mut sink = here.client();
    ["$SYS/broker/lie", "azedge/dmqtt/selftest/lie", "good", "dataflow/deadletter/#"]
        .into_iter()
        .for_each(|filter| sink.subscribe(filter, 1));
    for (topic, packet_id) in [("in/$SYS/broker/lie", 1), ("in/azedge/dmqtt/selftest/lie", 2), ("in/good", 3)] {
        server.send(&Publish::new(topic, topic).qos(1).packet_id(packet_id).encode(Version::V5));
    }
    let mut topics = [(); 3].map(|()| sink.take().topic);
    topics.sort_unstable();
    assert_eq!(topics, ["dataflow/deadletter/downward", "dataflow/deadletter/downward", "good"]);
    server.hears("three PUBACK", |_| (server.acknowledged().len() == 3).then_some(()));
}

/// A retained message that is cleared is cleared at the other end.
#[test]
fn what_is_no_longer_retained_is_cleared() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &remote, "");
    let here = Here::up_to("remote", resources);
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("in/state", "on").retained());
    assert_eq!(there.take().text(), "on");
    here.publish(Publish::new("in/state", "").retained());
    assert_eq!(there.take().text(), "");
    let mut later = remote.client(Version::V5);
    later.subscribe("out/#", 1);
    later.quiet();
}
