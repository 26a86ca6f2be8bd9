//! Messages that a destination refuses: for good, and they are kept as dead letters; for now, and they are tried again.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_tests::deadline::{patience, within};
use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::property::Value;
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer};
use causeway_tests::users::user;
use causeway_tests::{
    Ack, AckKind, Broker, Client, Flow, Props, Publish, Resources, Settings, Version, eventually, prop,
};

use crate::crossing::{Way, cross, fixed};
use crate::here::Here;
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;

/// Codes of PUBACK that stand, with their names.
const FOR_GOOD: &[(u8, &str)] = &[
    (0x80, "UnspecifiedError"),
    (0x83, "ImplementationSpecificError"),
    (0x87, "NotAuthorized"),
    (0x90, "TopicNameInvalid"),
    (0x99, "PayloadFormatInvalid"),
];

/// A subscriber of dead letters.
pub fn letters(here: &Here) -> Client {
    let mut client = here.client();
    client.subscribe("dataflow/deadletter/+", 1);
    client
}

/// A message with every property that crosses.
fn rich(topic: &str, payload: &str) -> Publish {
    let props = Props::new()
        .byte(prop::PAYLOAD_FORMAT, 1)
        .str(prop::CONTENT_TYPE, "text/plain")
        .str(prop::RESPONSE_TOPIC, "answers")
        .bin(prop::CORRELATION_DATA, b"\x00\x01")
        .user("b", "2")
        .user("a", "1")
        .user("b", "3");
    Publish::new(topic, payload).props(props)
}

fn user_property<'a>(message: &'a Publish, name: &str) -> &'a str {
    let found = message.props.users().into_iter().find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no user property {name} on {message:?}")).1
}

/// A letter keeps the message, and says where it came from and why it went no further.
pub fn assert_letter(letter: &Publish, dataflow: &str, sent: &Publish, reason: &str) {
    assert_eq!(letter.topic, format!("dataflow/deadletter/{dataflow}"));
    assert_eq!(letter.payload, sent.payload);
    let kept = |message: &Publish| -> Vec<(u8, Value)> {
        message.props.0.iter().filter(|(_, value)| !is_told(value)).cloned().collect()
    };
    let sorted = |mut props: Vec<(u8, Value)>| {
        // User properties keep their order; where they stand among the others is nobody's business.
        props.sort_by_key(|(id, _)| *id);
        props
    };
    assert_eq!(sorted(kept(letter)), sorted(kept(sent)));
    assert_eq!(user_property(letter, "causeway-topic"), sent.topic);
    assert_eq!(user_property(letter, "causeway-dataflow"), dataflow);
    let why = user_property(letter, "causeway-reason");
    assert!(why.contains(reason), "{why} for {reason}");
}

fn is_told(value: &Value) -> bool {
    matches!(value, Value::Pair(name, _) if name.starts_with("causeway-"))
}

/// PUBACK of that code to what goes to a topic, a friendly one to everything else.
fn refusing(topic: &'static str, code: u8) -> ScriptedServer {
    ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Publish(publish) if publish.topic == topic => {
            Reply::With(Ack::new(AckKind::PubAck, publish.packet_id).reason(code).encode(heard.version))
        }
        _ => Reply::Usual,
    })
}

/// Payloads of what a server was sent on a topic.
pub fn texts(server: &ScriptedServer, topic: &str) -> Vec<String> {
    let on_topic = server.published().into_iter().filter(|publish| publish.topic == topic);
    on_topic.map(|publish| publish.text().to_string()).collect()
}

/// Publishes a bad message among good ones, and takes its letter.
pub fn refused(here: &Here) -> (Publish, Publish) {
    let mut letters = letters(here);
    here.publish(Publish::new("in/good", "0"));
    let bad = rich("in/bad", "no good");
    here.publish(bad.clone());
    for number in 1..=3 {
        here.publish(Publish::new("in/good", number.to_string()));
    }
    (letters.take(), bad)
}

#[test]
fn what_is_refused_for_good_becomes_a_dead_letter_and_the_others_go_on() {
    for (code, name) in FOR_GOOD {
        let server = refusing("out/bad", *code);
        let here = Here::up(&server, "");
        let (letter, bad) = refused(&here);
        assert_letter(&letter, "upward", &bad, name);
        assert_eq!(user_property(&letter, "causeway-source"), "default");
        assert_eq!(user_property(&letter, "causeway-destination"), "remote");
        eventually("the good ones arrive", || (texts(&server, "out/good").len() == 4).then_some(()));
        assert_eq!(texts(&server, "out/good"), ["0", "1", "2", "3"], "{code:#04x}");
        assert_eq!(texts(&server, "out/bad").len(), 1, "{code:#04x}: it was tried again");
    }
}

/// What is dead is done with: it does not come back with the next process.
#[test]
fn a_dead_letter_is_acknowledged_at_the_source() {
    let server = refusing("out/bad", 0x87);
    let mut here = Here::up(&server, "");
    refused(&here);
    eventually("the good ones arrive", || (texts(&server, "out/good").len() == 4).then_some(()));
    assert!(here.broker.terminate(libc::SIGTERM).success());
    here.broker.restart();
    let mut letters = letters(&here);
    here.publish(Publish::new("in/good", "4"));
    eventually("the next one arrives", || texts(&server, "out/good").contains(&"4".to_string()).then_some(()));
    assert_eq!(texts(&server, "out/bad").len(), 1);
    letters.quiet();
}

#[test]
fn dead_letters_go_where_the_dataflow_says() {
    let server = refusing("out/bad", 0x87);
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    let flow = Flow::new("upward").from("default", &["in/#"]).to("remote", "out/${inputTopic.2+}");
    resources.dataflow(&flow.with("deadLetterTopic: graveyard/north"));
    let here = Here::start(resources);
    here.takes("in/#", 1);
    let mut client = here.client();
    client.subscribe("graveyard/#", 1);
    here.publish(Publish::new("in/bad", "x"));
    assert_eq!(client.take().topic, "graveyard/north");
}

/// 0x97 passes: what is refused so is tried again, and nothing overtakes it for good.
#[test]
fn what_is_refused_for_now_is_tried_again_in_order() {
    const REFUSALS: u64 = 4;
    let (refusals, accepted) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::<u64>::new())));
    let server = ScriptedServer::start({
        let (refusals, accepted) = (refusals.clone(), accepted.clone());
        move |heard| {
            let FromClient::Publish(publish) = &heard.packet else { return Reply::Usual };
            let number = publish.text().parse().expect("a number");
            if number >= 20 && refusals.load(Ordering::SeqCst) < REFUSALS && number % 10 == 0 {
                refusals.fetch_add(1, Ordering::SeqCst);
                let quota = Ack::new(AckKind::PubAck, publish.packet_id).reason(0x97);
                return Reply::With(quota.encode(heard.version));
            }
            accepted.lock().expect("what was accepted").push(number);
            Reply::Usual
        }
    });
    let here = Here::up(&server, "");
    let mut letters = letters(&here);
    let mut client = here.client();
    for number in 0..60 {
        client.publish(Publish::new("in/a", number.to_string()).qos(1));
    }
    let last: Vec<u64> = eventually("all are accepted", || {
        let accepted = accepted.lock().expect("what was accepted").clone();
        let mut last: Vec<u64> = Vec::new();
        for number in accepted.iter().rev() {
            if !last.contains(number) {
                last.push(*number);
            }
        }
        last.reverse();
        (last.len() == 60).then_some(last)
    });
    assert_eq!(refusals.load(Ordering::SeqCst), REFUSALS);
    let last = if last.is_sorted() { last } else { settled(&accepted) };
    assert!(last.is_sorted(), "last copies: {last:?}");
    letters.quiet();
}

/// The last copies, as soon as they are in order; those that still come put them there.
fn settled(accepted: &Mutex<Vec<u64>>) -> Vec<u64> {
    eventually("the last copies are in order", || {
        let accepted = accepted.lock().expect("what was accepted").clone();
        let mut last: Vec<u64> = Vec::new();
        for number in accepted.iter().rev().filter(|n| **n < 60) {
            if !last.contains(number) {
                last.push(*number);
            }
        }
        last.reverse();
        last.is_sorted().then_some(last)
    })
}

#[test]
fn a_topic_that_cannot_be_made_becomes_a_dead_letter() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("remote", "out/${inputTopic.5}"));
    let here = Here::start(resources);
    here.takes("in/#", 1);
    let mut letters = letters(&here);
    here.publish(Publish::new("in/2/3/4/first", "1"));
    let short = rich("in/2/3", "short");
    here.publish(short.clone());
    here.publish(Publish::new("in/2/3/4/second", "2"));
    assert_letter(&letters.take(), "upward", &short, "inputTopic");
    let topics = eventually("the others arrive", || {
        let published = server.published();
        (published.len() == 2).then(|| published.into_iter().map(|publish| publish.topic).collect::<Vec<_>>())
    });
    assert_eq!(topics, ["out/first", "out/second"]);
}

/// Dead letters are kept here, whichever way the messages went.
#[test]
fn what_comes_from_a_remote_becomes_a_dead_letter_here() {
    let mosquitto = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    resources.mosquitto("remote", &mosquitto, "");
    resources.dataflow(&Flow::new("down").from("remote", &["in/#"]).to("default", "out/${inputTopic.3}"));
    let here = Here::start(resources);
    crate::here::taken_from(&mosquitto, "down");
    let mut letters = letters(&here);
    let mut listener = here.client();
    listener.subscribe("out/#", 1);
    let mut publisher = mosquitto.client(Version::V5);
    let short = rich("in/2", "short");
    publisher.publish(short.clone().qos(1));
    publisher.publish(Publish::new("in/2/3", "long").qos(1));
    assert_letter(&letters.take(), "down", &short, "inputTopic");
    assert_eq!(listener.take().topic, "out/3");
}

#[test]
fn what_the_rules_of_another_causeway_deny_becomes_a_dead_letter() {
    const RULES: &str = r#"rules:
- principals: {usernames: [bridge]}
  brokerResources:
  - {method: Connect}
  - {method: Publish, topics: ["out/good"]}
"#;
    let theirs = Resources::new();
    theirs.secret("users", &[("users", user("bridge", "correct horse", &[]).as_bytes())]);
    theirs.authentication("guard", &["method: UserPassword\nuserPasswordSettings:\n  passwordSecretRef: users\n"]);
    theirs.authorization("rules", RULES);
    theirs.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n  authorizationRef: rules\n");
    let remote = Broker::start(Settings::new().resources(&theirs));
    let door = remote.listener("door/0").expect("a listener called door/0");
    let resources = Resources::new();
    resources.secret("login", &[("username", b"bridge"), ("password", b"correct horse")]);
    let settings = format!(
        "host: {door}\nauthentication:\n  method: UsernamePassword\n  usernamePasswordSettings:\n    secretRef: login\n\
         tls:\n  mode: Disabled\n"
    );
    resources.endpoint("remote", &settings);
    let here = Here::up_to("remote", resources);
    let mut listener = remote.client(Version::V5);
    listener.subscribe("out/#", 1);
    let (letter, bad) = refused(&here);
    assert_letter(&letter, "upward", &bad, "NotAuthorized");
    assert_eq!(listener.take_texts(4), ["0", "1", "2", "3"]);
}

#[test]
fn what_the_access_list_of_mosquitto_denies_becomes_a_dead_letter() {
    let lists = Resources::new();
    let list = lists.path().join("access");
    fs::write(&list, "topic readwrite out/good\n").expect("an access list");
    let mosquitto = Mosquitto::start(Setup::plain().front(&format!("acl_file {}", list.display())));
    let resources = Resources::new();
    resources.mosquitto("remote", &mosquitto, "");
    let here = Here::up_to("remote", resources);
    let mut listener = mosquitto.client(Version::V5);
    listener.subscribe("out/#", 1);
    let (letter, bad) = refused(&here);
    assert_letter(&letter, "upward", &bad, "NotAuthorized");
    assert_eq!(listener.take_texts(4), ["0", "1", "2", "3"]);
}

/// A message that is refused is forwarded or kept, whatever becomes of the broker meanwhile.
#[test]
fn no_dead_letter_is_lost_by_kill_9() {
    const COUNT: u64 = 1_500;
    let server = refusing("to/t3", 0x87);
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&cross(Way::Out));
    let mut local = Broker::start(fixed().resources(&resources));
    let letters = Recorder::start(local.mqtt(), "dataflow/deadletter/cross");
    let mut probe = local.client(Version::V5);
    eventually("the dataflow carries", || {
        probe.publish(Publish::new("from/probe", "probe").qos(1));
        (!server.published().is_empty()).then_some(())
    });
    let published = Publishing::start(local.mqtt(), Series::new("from", COUNT).per_second(500));
    for part in 1..=4 {
        eventually("some are refused", || (letters.distinct() >= part * COUNT / 25).then_some(()));
        local.kill();
        local.restart();
    }
    within(patience() * 2, "all are published", || published.is_done().then_some(()));
    within(patience() * 2, "every fifth is kept", || (letters.distinct() >= COUNT / 5).then_some(()));
    let number = |publish: &Publish| publish.text().split(':').next().and_then(|text| text.parse::<u64>().ok());
    let taken = || -> BTreeSet<u64> {
        server.published().iter().filter(|publish| publish.topic != "to/t3").filter_map(number).collect()
    };
    let expected: BTreeSet<u64> = (0..COUNT).filter(|number| number % 5 != 3).collect();
    eventually("the others arrive", || (taken() == expected).then_some(()));
    assert_eq!(letters.distinct(), COUNT / 5);
}

/// Nothing says that it is gone: the connection stands, PINGREQ is answered, and no PUBLISH ever is.
#[test]
fn a_server_that_acknowledges_nothing_is_given_up() {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Publish(_) if heard.connection == 0 => Reply::Nothing,
        _ => Reply::Usual,
    });
    let here = Here::up(&server, "keepAliveSeconds: 5\n");
    here.publish(Publish::new("in/a", "1"));
    let again = within(Duration::from_secs(100), "the message comes again on another connection", || {
        let heard = server.heard();
        let publish = |one: &Heard| matches!(&one.packet, FromClient::Publish(publish) if publish.text() == "1");
        heard.iter().find(|one| one.connection > 0 && publish(one)).map(|one| one.packet.clone())
    });
    let FromClient::Publish(again) = again else { panic!("no PUBLISH") };
    assert_eq!(again.topic, "out/a");
    letters(&here).quiet();
}
