//! While a client is being judged: what it sends waits, what changes meanwhile counts, and who leaves leaves nothing behind.

use std::sync::{Arc, Condvar, Mutex};

use causeway_tests::https_server::{Answered, Server};
use causeway_tests::{
    Client, Connect, Filter, Packet, Publish, Resources, Subscribe, Version, Will, both, eventually, fresh,
};
use serde_json::json;

use crate::custom;
use crate::guarded::{Guarded, Port};

/// A server that takes its time for some: it answers about them when it is told to.
struct Slow {
    server: Server,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Slow {
    fn start() -> Self {
        let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let held = Arc::clone(&gate);
        let server = Server::https(move |seen| {
            let enhanced = seen.body["enhancedAuthentication"]["data"].as_str();
            let username = seen.body["username"].as_str().unwrap_or_default();
            if username.starts_with("slow") || enhanced == Some("c2xvdw==") {
                let (is_open, opened) = &*held;
                let is_open = is_open.lock().expect("the gate");
                drop(opened.wait_timeout_while(is_open, causeway_tests::deadline::patience(), |open| !*open));
            }
            match username {
                "stranger" | "slow stranger" => Answered::With(403, "{}".into()),
                _ => Answered::With(200, json!({ "attributes": { "site": "north" } }).to_string()),
            }
        });
        Slow { server, gate }
    }

    fn answers(&self) {
        *self.gate.0.lock().expect("the gate") = true;
        self.gate.1.notify_all();
    }

    fn asked(&self, count: usize) {
        eventually("the server is asked", || (self.server.seen().len() >= count).then_some(()));
    }
}

const EVERYTHING: &str = "rules:\n- principals: {attributes: [{site: north}]}\n  brokerResources:\n  - {method: Connect}\n  \
                          - {method: Publish, topics: [\"#\"]}\n  - {method: Subscribe, topics: [\"#\"]}\n";

fn guarded(slow: &Slow) -> Guarded {
    let resources = Resources::new();
    let method = custom::method(&resources, &slow.server).replace("timeoutSeconds: 1", "timeoutSeconds: 9");
    Guarded::ruled(resources, Port::Plain, &[&method], EVERYTHING)
}

/// CONNECT and what follows at once, in one write.
fn pipelined(version: Version, username: &str, topic: &str) -> Vec<u8> {
    let mut bytes = Connect::fresh(version).user(username).encode();
    bytes.extend(Subscribe::new(Filter::new(topic, 0)).encode(version, 7));
    bytes.extend(Publish::new(topic, format!("of {username}")).qos(1).packet_id(8).encode(version));
    bytes
}

/// The next CONNACK says so.
fn answered(client: &mut Client, code: u8) {
    match client.recv() {
        Packet::ConnAck(answer) => assert_eq!(answer.code, code, "{answer:?}"),
        other => panic!("{other:?} before CONNACK"),
    }
}

both! {
    fn what_a_client_sends_meanwhile_waits_for_the_verdict(version) {
        let slow = Slow::start();
        let guarded = guarded(&slow);
        let topic = fresh("topic");
        let mut listener = guarded.admitted(&Connect::fresh(version).user("listener"));
        listener.subscribe(&topic, 1);
        let mut good = guarded.raw(version);
        good.send(&pipelined(version, "slow", &topic));
        let mut bad = guarded.raw(version);
        bad.send(&pipelined(version, "stranger", &topic));
        answered(&mut bad, if version.is_v5() { 0x87 } else { 5 });
        bad.expect_closed();
        slow.asked(3);
        listener.quiet();
        slow.answers();
        answered(&mut good, 0);
        assert!(matches!(good.recv(), Packet::SubAck(_)));
        // Its own message and the acknowledgement, in any order.
        let mut rest = [good.recv(), good.recv()];
        rest.sort_by_key(|packet| matches!(packet, Packet::Ack(_)));
        assert!(matches!(&rest, [Packet::Publish(own), Packet::Ack(_)] if own.text() == "of slow"), "{rest:?}");
        assert_eq!(listener.take().text(), "of slow");
        listener.quiet();
    }

    fn rules_that_change_meanwhile_count(version) {
        let slow = Slow::start();
        let guarded = guarded(&slow);
        let mut client = guarded.raw(version);
        client.send_connect(&Connect::fresh(version).user("slow"));
        slow.asked(1);
        guarded.apply(|resources| resources.authorization("rules", "rules: []\n"));
        slow.answers();
        // Refused, or let in and sent away at once.
        let packets = client.drain_to_close();
        let is_in = |packet: &Packet| matches!(packet, Packet::ConnAck(answer) if answer.code == 0);
        if packets.iter().any(is_in) {
            let last = packets.last();
            assert!(!version.is_v5() || matches!(last, Some(Packet::Disconnect { reason: 0x87, .. })), "{packets:?}");
        }
        assert!(guarded.api("clients")["items"].as_array().is_some_and(Vec::is_empty));
    }

    fn methods_that_change_meanwhile_count(version) {
        let slow = Slow::start();
        let guarded = guarded(&slow);
        let mut client = guarded.raw(version);
        client.send_connect(&Connect::fresh(version).user("slow"));
        slow.asked(1);
        guarded.apply(|resources| {
            crate::passwords::keep(resources, &causeway_tests::users::user("ann", "correct horse", &[]));
            resources.authentication("guard", &[crate::passwords::METHOD]);
        });
        slow.answers();
        drop(client.drain_to_close());
        assert!(guarded.api("clients")["items"].as_array().is_some_and(Vec::is_empty));
    }

    /// It has connected and gone, if it is let in; if it is not, it was never there.
    fn who_leaves_meanwhile_is_judged_all_the_same(version) {
        for (username, wills) in [("slow", 1), ("slow stranger", 0)] {
            let slow = Slow::start();
            let guarded = guarded(&slow);
            let mut listener = guarded.admitted(&Connect::fresh(version).user("listener"));
            listener.subscribe("wills/#", 1);
            let connect = Connect::new(version, &fresh("gone")).user(username).will(Will::new("wills/gone", "x"));
            let mut client = guarded.raw(version);
            client.send_connect(&connect);
            slow.asked(2);
            client.vanish();
            let mut next = guarded.raw(version);
            next.send_connect(&Connect::fresh(version).user("slow"));
            slow.asked(3);
            slow.answers();
            answered(&mut next, 0);
            for _ in 0..wills {
                assert_eq!(listener.take().topic, "wills/gone");
            }
            listener.quiet();
            let path = format!("/api/v1/sessions/{}", connect.client_id);
            let left = || causeway_tests::http::get(guarded.broker.admin(), &path).expect("an answer").0;
            eventually("no session is left", || (left() == 404).then_some(()));
        }
    }

    /// Twice the same client at once: one of them is left, and it works.
    fn of_two_with_one_name_one_is_left(version) {
        let slow = Slow::start();
        let guarded = guarded(&slow);
        let connect = Connect::new(version, &fresh("twice")).user("slow");
        let mut both = [(); 2].map(|()| {
            let mut client = guarded.raw(version);
            client.send_connect(&connect);
            client
        });
        slow.asked(2);
        slow.answers();
        both.iter_mut().for_each(|client| answered(client, 0));
        let found = || guarded.api("clients")["items"].as_array().map(Vec::len);
        eventually("one of them is left", || (found() == Some(1)).then_some(()));
        let working = both.iter_mut().filter_map(|client| {
            client.try_send(&[0xc0, 0]).ok()?;
            matches!(client.event(), causeway_tests::client::Event::Packet(Packet::PingResp)).then_some(())
        });
        assert_eq!(working.count(), 1);
    }
}

/// Rules change, and methods do, while a re-authentication is under way.
#[test]
fn what_changes_during_a_renewal_counts() {
    let slow = Slow::start();
    let guarded = guarded(&slow);
    let enhanced = || Connect::fresh(Version::V5).enhanced("OURS", "fast");
    let mut stays = guarded.admitted(&enhanced());
    let mut goes = guarded.admitted(&enhanced());
    stays.send_renewal("OURS", "slow");
    goes.send_renewal("OURS", "slow");
    slow.asked(4);
    let only = EVERYTHING.replace("{method: Connect}", &format!("{{method: Connect, clientIds: [{}]}}", stays.id));
    guarded.apply(|resources| resources.authorization("rules", &only));
    goes.expect_disconnect(0x87);
    stays.quiet();
    slow.answers();
    stays.await_packet("AUTH 0x00", |packet| matches!(packet, Packet::Auth { reason: 0, .. }).then_some(()));
    stays.quiet();
}

/// A second AUTH before the first is answered is against the protocol.
#[test]
fn one_renewal_at_a_time() {
    let slow = Slow::start();
    let guarded = guarded(&slow);
    let mut client = guarded.admitted(&Connect::fresh(Version::V5).enhanced("OURS", "fast"));
    client.send_renewal("OURS", "slow");
    slow.asked(2);
    client.send_renewal("OURS", "slow");
    client.expect_disconnect(0x82);
    slow.answers();
}
