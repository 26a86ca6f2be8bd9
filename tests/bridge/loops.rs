//! Messages that would go round for ever: refused where that can be seen beforehand, stopped where it cannot.

use causeway_tests::flow::plain_settings;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Broker, Client, Flow, Publish, Resources, Settings, Version, errand, free_port};

use crate::here::{Here, taken_from};

const HOP: &str = "causeway-hop";

/// Both ways over one server, which goes by two names, so that what is written does not tell.
fn round_trip(remote: &Mosquitto, settings: &str) -> Here {
    let resources = Resources::new();
    let port = remote.front().port();
    resources.endpoint("there", &plain_settings(format!("127.0.0.1:{port}"), settings));
    resources.endpoint("again", &plain_settings(format!("localhost:{port}"), settings));
    resources.dataflow(&Flow::new("upward").from("default", &["loop/#"]).to("there", "${inputTopic}"));
    resources.dataflow(&Flow::new("downward").from("again", &["loop/#"]).to("default", "${inputTopic}"));
    let here = Here::start(resources);
    here.takes("loop/#", 1);
    taken_from(remote, "downward");
    here
}

/// Takes messages until this one comes, and returns the texts up to it.
fn up_to(client: &mut Client, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.last().is_none_or(|text| text != last) {
        texts.push(client.take().text().to_string());
    }
    texts
}

#[test]
fn a_message_that_comes_back_goes_no_further() {
    let remote = Mosquitto::start(Setup::plain());
    let here = round_trip(&remote, "");
    let (mut local, mut there) = (here.client(), remote.client(Version::V5));
    local.subscribe("loop/#", 1);
    there.subscribe("loop/#", 1);
    for text in ["one", "two"] {
        here.publish(Publish::new("loop/x", text));
        // Itself, and as it came back.
        assert_eq!((local.take().text(), local.take().text()), (text, text));
    }
    // Their order is kept, so that more of the first would have come before the last.
    assert_eq!(up_to(&mut there, "two"), ["one", "two"]);
    assert_eq!(there.publish(Publish::new("loop/y", "from there").qos(1)), 0);
    assert_eq!(local.take().text(), "from there");
    // Sent up once by the other dataflow, whose trail it had not, and not taken again by the first.
    assert_eq!((there.take().text(), there.take().text()), ("from there", "from there"));
    here.publish(Publish::new("loop/x", "end"));
    assert_eq!(up_to(&mut there, "end"), ["end"]);
}

#[test]
fn the_trail_names_where_a_message_has_been() {
    let server = ScriptedServer::polite();
    let here = Here::up(&server, "");
    here.publish(Publish::new("in/x", "body").props(causeway_tests::Props::new().user("mine", "1")));
    let message = server.publish(0);
    let users = message.props.users();
    assert_eq!(users[0], ("mine", "1"));
    assert_eq!((users.len(), users[1].0), (2, HOP));
    assert!(users[1].1.ends_with("/upward"), "{users:?}");
}

/// Where it is switched off, messages are as they were, and go round.
#[test]
fn without_the_property_a_message_goes_round() {
    let remote = Mosquitto::start(Setup::plain());
    let here = round_trip(&remote, "hopProperty: Disabled\n");
    let mut there = remote.client(Version::V5);
    there.subscribe("loop/#", 1);
    here.publish(Publish::new("loop/x", "again and again"));
    for _ in 0..10 {
        let message = there.take();
        // The endpoint `default` marks what comes to it; this one adds nothing.
        assert!(message.props.users().iter().all(|(_, trail)| !trail.contains("/upward")), "{:?}", message.props);
    }
}

#[test]
fn a_disabled_property_is_not_added() {
    let server = ScriptedServer::polite();
    let here = Here::up(&server, "hopProperty: Disabled\n");
    here.publish(Publish::new("in/x", "body"));
    assert!(server.publish(0).props.users().is_empty());
}

/// Two processes, each with a dataflow to the other: neither can see the whole.
#[test]
fn a_loop_over_two_processes_ends() {
    let ports = [free_port(), free_port()];
    let start = |own: usize| {
        let resources = Resources::new();
        resources.endpoint("other", &plain_settings(format!("127.0.0.1:{}", ports[1 - own]), ""));
        resources.dataflow(&Flow::new("over").from("default", &["loop/#"]).to("other", "${inputTopic}"));
        let settings = Settings::new().resources(&resources).mqtt(&format!("127.0.0.1:{}", ports[own]));
        Here { broker: Broker::start(settings), resources }
    };
    let (first, second) = (start(0), start(1));
    first.takes("loop/#", 1);
    second.takes("loop/#", 1);
    let (mut here, mut there) = (first.client(), second.client());
    here.subscribe("loop/#", 1);
    there.subscribe("loop/#", 1);
    for text in ["one", "two"] {
        first.publish(Publish::new("loop/x", text));
        assert_eq!((here.take().text(), here.take().text()), (text, text));
    }
    assert_eq!(up_to(&mut there, "two"), ["one", "two"]);
}

/// Two dataflows that take each other's messages are refused, with both named.
#[test]
fn a_loop_that_can_be_seen_is_refused() {
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings("127.0.0.1:1884", ""));
    resources.dataflow(&Flow::new("upward").from("default", &["loop/#"]).to("remote", "${inputTopic}"));
    resources.dataflow(&Flow::new("downward").from("remote", &["loop/#"]).to("default", "${inputTopic}"));
    let path = resources.path().display().to_string();
    let outcome = errand::run(&["check", &path]);
    assert_ne!(outcome.code, 0, "{}", outcome.stdout);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("dataflow-upward.yaml") && said.contains("dataflow-downward.yaml"), "{said}");
}
