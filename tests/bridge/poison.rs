//! Messages over which a server ends the connection, and connections that end for other reasons.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_tests::deadline::{patience, within};
use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer, usual};
use causeway_tests::wire::frame;
use causeway_tests::{Broker, FaultProxy, Publish, Resources, eventually};

use crate::crossing::{Way, await_way, cross, fixed};
use crate::dead_letters::{assert_letter, letters, refused, texts};
use crate::here::Here;
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;

/// Servers that announce nothing, as Azure Event Grid, end the connection instead, with the reason in DISCONNECT: the
/// message that they do it for every time must not stop all others.
#[test]
fn what_a_server_ends_the_connection_for_becomes_a_dead_letter() {
    for (code, name) in [(0x95_u8, "PacketTooLarge"), (0x87, "NotAuthorized"), (0x99, "PayloadFormatInvalid")] {
        let server = ScriptedServer::start(move |heard: &Heard| match &heard.packet {
            FromClient::Publish(publish) if publish.topic == "out/bad" => Reply::Close(frame(0xe0, &[code])),
            _ => Reply::With(usual(heard)),
        });
        let here = Here::up(&server, "");
        let (letter, bad) = refused(&here);
        assert_letter(&letter, "upward", &bad, name);
        eventually("the good ones arrive", || {
            let good = texts(&server, "out/good");
            ["0", "1", "2", "3"].iter().all(|text| good.iter().any(|one| one == text)).then_some(())
        });
    }
}

/// Many good ones are under way with the bad one when the connection ends: they arrive, and it alone is dead.
#[test]
fn those_under_way_with_a_poisonous_message_arrive() {
    const COUNT: usize = 200;
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Publish(publish) if publish.text() == "100" => Reply::Close(frame(0xe0, &[0x95])),
        _ => Reply::Usual,
    });
    let here = Here::up(&server, "");
    let mut letters = letters(&here);
    let mut client = here.client();
    for number in 0..COUNT {
        client.send_publish(Publish::new("in/a", number.to_string()).qos(1));
    }
    assert_eq!(letters.take().text(), "100");
    let expected: BTreeSet<usize> = (0..COUNT).filter(|number| *number != 100).collect();
    let arrived = eventually("the others arrive", || {
        let texts = texts(&server, "out/a");
        let numbers: Vec<usize> =
            texts.iter().map(|text| text.parse().expect("a number")).filter(|n| *n != 100).collect();
        (numbers.iter().copied().collect::<BTreeSet<_>>() == expected).then_some(numbers)
    });
    let mut seen = BTreeSet::new();
    let mut last: Vec<usize> = arrived.into_iter().rev().filter(|number| seen.insert(*number)).collect();
    last.reverse();
    assert!(last.is_sorted(), "last copies: {last:?}");
    letters.quiet();
}

/// A server ends connections for its own reasons too, as at the end of a token, with the same words and in the middle of
/// traffic: no message is to blame.
#[test]
fn connections_that_end_for_other_reasons_bury_no_message() {
    const COUNT: usize = 300;
    let published = AtomicU64::new(0);
    let server = ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Publish(_) if published.fetch_add(1, Ordering::SeqCst) % 50 == 49 => {
            Reply::Close(frame(0xe0, &[0x87]))
        }
        _ => Reply::Usual,
    });
    let here = Here::up(&server, "");
    let mut letters = letters(&here);
    let mut client = here.client();
    for number in 0..COUNT {
        client.publish(Publish::new("in/a", number.to_string()).qos(1));
    }
    within(patience() * 2, "all arrive", || {
        let numbers: BTreeSet<String> = texts(&server, "out/a").into_iter().collect();
        (numbers.len() == COUNT).then_some(())
    });
    letters.quiet();
}

/// Without DISCONNECT, as before MQTT 5, a reset is the network's as well as the server's.
#[test]
fn connections_of_3_1_1_that_are_reset_bury_no_message() {
    const COUNT: u64 = 3_000;
    const RESETS: u64 = 12;
    let mosquitto = Mosquitto::start(Setup::plain().line("log_type none").line("log_type error"));
    let proxy = FaultProxy::before(mosquitto.front());
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(proxy.address(), "mqttVersion: V3\nkeepAliveSeconds: 2\n"));
    resources.dataflow(&cross(Way::Out));
    let local = Broker::start(fixed().resources(&resources));
    let letters = Recorder::start(local.mqtt(), "dataflow/deadletter/+");
    let recorder = Recorder::start(mosquitto.back(), "to/#");
    await_way(local.mqtt(), "from", &recorder);
    let published = Publishing::start(local.mqtt(), Series::new("from", COUNT).per_second(1_000));
    for part in 1..=RESETS {
        within(patience() * 2, "some arrive", || (recorder.distinct() >= part * COUNT / (RESETS + 4)).then_some(()));
        let before = proxy.accepted();
        proxy.cut();
        within(patience() * 2, "the dataflow connects again", || (proxy.accepted() > before).then_some(()));
    }
    within(patience() * 3, "all arrive", || (recorder.missing(published.series(), COUNT) == 0).then_some(()));
    await_way(local.mqtt(), "from", &recorder);
    recorder.verdict(&published).assert_whole();
    assert_eq!(letters.count(), 0);
}
