//! Rules that change while clients are connected: they apply to whoever is there, and nobody else is disturbed.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::token::{Signer, audience_claims};
use causeway_tests::users::user;
use causeway_tests::{
    AckKind, Client, Connect, Filter, Packet, Publish, Subscribe, Version, Will, both, eventually, fresh,
};

use crate::guarded::{Guarded, Port, anybody};
use crate::plant::{self, PASSWORD, connect, supervisor};
use crate::{jwt, passwords};

/// Clients of the operators' site may connect, publish and subscribe to what stands here.
pub fn rules(connects: &str, publishes: &str, subscribes: &str) -> String {
    let list = |method: &str, topics: &str| match topics {
        "" => String::new(),
        topics => format!("  - {{method: {method}, topics: [{topics}]}}\n"),
    };
    format!(
        "rules:\n- principals: {{usernames: [supervisor]}}\n  brokerResources:\n  - {{method: Connect}}\n  \
         - {{method: Publish, topics: [\"#\"]}}\n  - {{method: Subscribe, topics: [\"#\"]}}\n\
         - principals: {{usernames: [ann]}}\n  brokerResources:\n  - {{method: Connect, clientIds: [{connects}]}}\n{}{}",
        list("Publish", publishes),
        list("Subscribe", subscribes)
    )
}

pub fn apply(guarded: &Guarded, rules: &str) {
    guarded.apply(|resources| resources.authorization("rules", rules));
}

both! {
    fn subscriptions_end_and_publishes_are_refused(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"a/#\", \"b/#\"", "\"a/#\", \"b/#\""));
        let mut ann = guarded.admitted(&connect(version, "ann", &fresh("ann")));
        let mut other = supervisor(&guarded, version);
        ann.subscribe("a/+", 1);
        ann.subscribe("b/+", 1);
        ann.subscribe("$share/group/b/#", 1);
        other.publish(Publish::new("b/1", "first").qos(1));
        assert_eq!((ann.take().text(), ann.take().text()), ("first", "first"));
        apply(&guarded, &rules("\"*\"", "\"a/#\"", "\"a/#\""));
        // It stays, with what it may still have.
        other.publish(Publish::new("b/1", "second").qos(1));
        other.publish(Publish::new("a/1", "third").qos(1));
        assert_eq!(ann.take().text(), "third");
        ann.quiet();
        other.subscribe("b/#", 1);
        let reason = ann.publish(Publish::new("b/2", "from ann").qos(1));
        assert_eq!(reason, if version.is_v5() { 0x87 } else { 0 });
        assert_eq!(ann.publish(Publish::new("a/2", "from ann").qos(1)) & 0x80, 0);
        assert_eq!(ann.take().text(), "from ann");
        other.quiet();
        let codes = ann.subscribe_with(&Subscribe::new(Filter::new("b/1", 1))).codes;
        assert_eq!(codes, [if version.is_v5() { 0x87 } else { 0x80 }]);
        subscriptions_left(&guarded, &ann, 1);
        // Allowed again: it asks again.
        apply(&guarded, &rules("\"*\"", "\"a/#\", \"b/#\"", "\"a/#\", \"b/#\""));
        ann.subscribe("b/+", 1);
        assert_eq!(ann.publish(Publish::new("b/3", "again").qos(1)) & 0x80, 0);
        assert_eq!(ann.take().text(), "again");
        ann.quiet();
    }

    fn only_who_may_no_longer_connect_is_sent_away(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let mut stays = guarded.admitted(&connect(version, "ann", "tenant-1"));
        let mut goes = guarded.admitted(&connect(version, "ann", "visitor-1"));
        let topic = fresh("will");
        let will = Will::new(&topic, "gone").qos(1);
        let mut goes_too = guarded.admitted(&connect(version, "ann", "visitor-2").will(will));
        let mut other = supervisor(&guarded, version);
        other.subscribe(&topic, 1);
        stays.subscribe("a/#", 1);
        apply(&guarded, &rules("\"tenant-*\"", "\"#\"", "\"#\""));
        goes.expect_disconnect(0x87);
        goes_too.expect_disconnect(0x87);
        assert_eq!(other.take().text(), "gone");
        other.publish(Publish::new("a/1", "still here").qos(1));
        assert_eq!(stays.take().text(), "still here");
        stays.quiet();
        guarded.refused(&connect(version, "ann", "visitor-1"), 0x87);
        connected(&guarded, 2);
    }

    /// The rules are what they were, but the client is another: its attributes stand in a file that has changed.
    fn other_attributes_count_for_who_is_there(version) {
        let guarded = plant::guarded();
        let users = |attributes: &[(&str, &str)]| {
            user("pump", PASSWORD, attributes) + &user("supervisor", PASSWORD, &[])
        };
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        let mut other = supervisor(&guarded, version);
        pump.subscribe("orders/north/+", 1);
        pump.subscribe("public/#", 1);
        other.subscribe("alarms/#", 1);
        guarded.apply(|resources| passwords::keep(resources, &users(&[("role", "device"), ("site", "south")])));
        subscriptions_left(&guarded, &pump, 1);
        other.publish(Publish::new("orders/north/1", "not any more").qos(1));
        other.publish(Publish::new("public/a", "still").qos(1));
        assert_eq!(pump.take().text(), "still");
        let reason = pump.publish(Publish::new("alarms/fire/north", "x").qos(1));
        assert_eq!(reason, if version.is_v5() { 0x87 } else { 0 });
        pump.publish(Publish::new("alarms/fire/south", "now").qos(1));
        assert_eq!(other.take().topic, "alarms/fire/south");
        // Without them no rule is for it.
        guarded.apply(|resources| passwords::keep(resources, &users(&[])));
        pump.expect_disconnect(0x87);
        guarded.refused(&connect(version, "pump", "pump-1"), 0x87);
        other.quiet();
    }

    /// A message of QoS 2 that is under way when the rules change is brought to its end.
    fn what_is_under_way_is_finished(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"a/#\"", "\"a/#\""));
        let mut ann = guarded.admitted(&connect(version, "ann", &fresh("ann")));
        let mut other = supervisor(&guarded, version);
        ann.subscribe("a/in", 2);
        other.publish(Publish::new("a/in", "in").qos(2));
        let message = ann.expect_publish();
        ann.ack(AckKind::PubRec, message.packet_id);
        ann.expect_ack(AckKind::PubRel, message.packet_id);
        let out = ann.send_publish(Publish::new("a/out", "out").qos(2));
        ann.expect_ack(AckKind::PubRec, out);
        other.subscribe("a/#", 2);
        apply(&guarded, &rules("\"*\"", "", ""));
        ann.ack(AckKind::PubComp, message.packet_id);
        ann.ack(AckKind::PubRel, out);
        ann.expect_ack(AckKind::PubComp, out);
        ann.quiet();
    }

    /// A will was allowed when it was left, and is not any more when it is due.
    fn a_will_is_judged_by_the_rules_of_now(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"wills/#\"", "\"#\""));
        let with_will = |topic: &str| connect(version, "ann", &fresh("ann")).will(Will::new(topic, topic).qos(1));
        let kept = guarded.admitted(&with_will("wills/kept"));
        let taken = guarded.admitted(&with_will("wills/taken"));
        let mut other = supervisor(&guarded, version);
        other.subscribe("wills/#", 1);
        apply(&guarded, &rules("\"*\"", "\"wills/kept\"", "\"#\""));
        taken.vanish();
        connected(&guarded, 2);
        kept.vanish();
        assert_eq!(other.take().text(), "wills/kept");
        other.quiet();
    }

    /// The session slept through the change: it gets neither its forbidden subscription, nor what waited from it.
    fn a_session_that_comes_back_has_what_is_allowed_then(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let persistent = Connect::persistent(version, &fresh("ann")).user("ann").password(PASSWORD.as_bytes());
        let mut ann = guarded.admitted(&persistent);
        ann.subscribe("a/#", 1);
        ann.subscribe("b/#", 1);
        ann.subscribe("$share/group/b/#", 1);
        ann.disconnect();
        let mut other = supervisor(&guarded, version);
        for number in 0..5 {
            other.publish(Publish::new(&format!("a/{number}"), format!("a {number}")).qos(1));
            other.publish(Publish::new(&format!("b/{number}"), format!("b {number}")).qos(1));
        }
        apply(&guarded, &rules("\"*\"", "\"#\"", "\"a/#\""));
        let (mut ann, answer) = guarded.knock(&persistent);
        assert!(answer.code == 0 && answer.session_present, "{answer:?}");
        // Order is kept within a topic, and these are five.
        let mut texts = ann.take_texts(5);
        texts.sort();
        assert_eq!(texts, ["a 0", "a 1", "a 2", "a 3", "a 4"]);
        subscriptions_left(&guarded, &ann, 1);
        other.publish(Publish::new("b/1", "not any more").qos(1));
        other.publish(Publish::new("a/1", "still").qos(1));
        assert_eq!(ann.take().text(), "still");
        ann.quiet();
        ann.disconnect();
        // With the old rules back, what ended has ended.
        apply(&guarded, &rules("\"*\"", "\"#\"", "\"#\""));
        let (mut ann, _) = guarded.knock(&persistent);
        other.publish(Publish::new("b/1", "nobody asked for it").qos(1));
        other.publish(Publish::new("a/1", "still").qos(1));
        assert_eq!(ann.take().text(), "still");
        ann.quiet();
    }

    /// What waited for a forbidden subscription takes no place from what may be given, whatever the client's window is.
    fn what_may_not_be_given_does_not_stand_in_the_way(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let persistent = Connect::persistent(version, &fresh("ann")).user("ann").password(PASSWORD.as_bytes());
        let persistent = if version.is_v5() { persistent.receive_maximum(2) } else { persistent };
        let mut ann = guarded.admitted(&persistent);
        ann.subscribe("a/#", 2);
        ann.subscribe("b/#", 2);
        ann.disconnect();
        let mut other = supervisor(&guarded, version);
        for number in 0..300_u32 {
            other.publish(Publish::new("b/1", number.to_string()).qos(if number % 2 == 0 { 1 } else { 2 }));
            if number % 100 == 50 {
                other.publish(Publish::new("a/1", number.to_string()).qos(2));
            }
        }
        apply(&guarded, &rules("\"*\"", "\"#\"", "\"a/#\""));
        let (mut ann, _) = guarded.knock(&persistent);
        assert_eq!(ann.take_texts(3), ["50", "150", "250"]);
        ann.quiet();
        let waiting = || guarded.api(&format!("sessions/{}", ann.id))["queuedMessages"].as_u64();
        eventually("nothing waits for it any more", || (waiting() == Some(0)).then_some(()));
    }

    /// Somebody else comes with its client id: the session is his, and what he may not have is not.
    fn a_session_is_judged_by_who_comes_for_it(version) {
        let guarded = plant::guarded();
        let as_shared = |username: &str| {
            Connect::persistent(version, "pump-shared").user(username).password(PASSWORD.as_bytes())
        };
        let mut operator = guarded.admitted(&as_shared("ann"));
        operator.subscribe("telemetry/#", 1);
        operator.subscribe("alarms/+/north", 1);
        operator.disconnect();
        let mut other = supervisor(&guarded, version);
        other.publish(Publish::new("telemetry/valve", "for operators").qos(1));
        let (mut pump, answer) = guarded.knock(&as_shared("pump"));
        assert_eq!(answer.code, 0);
        pump.subscribe("public/#", 1);
        other.publish(Publish::new("telemetry/valve", "for operators as well").qos(1));
        other.publish(Publish::new("public/a", "for everybody").qos(1));
        assert_eq!(pump.take().text(), "for everybody");
        pump.quiet();
        subscriptions_left(&guarded, &pump, 1);
    }

    /// The work of a group goes on with those that may do it, and none of it is lost.
    fn a_group_loses_a_member_and_no_message(version) {
        const MESSAGES: usize = 200;
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let mut ann = guarded.admitted(&connect(version, "ann", &fresh("ann")));
        let mut member = supervisor(&guarded, version);
        let mut other = supervisor(&guarded, version);
        ann.subscribe("$share/group/work/#", 1);
        member.subscribe("$share/group/work/#", 1);
        let send = |other: &mut Client, numbers: std::ops::Range<usize>| {
            numbers.for_each(|number| {
                other.publish(Publish::new("work/1", number.to_string()).qos(1));
            });
        };
        send(&mut other, 0..MESSAGES / 2);
        apply(&guarded, &rules("\"*\"", "\"#\"", "\"other/#\""));
        subscriptions_left(&guarded, &ann, 0);
        send(&mut other, MESSAGES / 2..MESSAGES);
        let mut seen = BTreeSet::new();
        eventually("all of the work", || {
            for (client, allowed) in [(&mut ann, MESSAGES / 2), (&mut member, MESSAGES)] {
                while let Some(Event::Packet(Packet::Publish(message))) = client.poll(Duration::from_millis(10)) {
                    client.complete(&message);
                    let number: usize = message.text().parse().expect("a number");
                    assert!(number < allowed, "{number} for who may not have it");
                    seen.insert(number);
                }
            }
            (seen.len() == MESSAGES).then_some(())
        });
    }

    /// Many subscriptions, looked through in several steps.
    fn of_many_subscriptions_the_right_ones_end(version) {
        const EACH: usize = 400;
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let mut ann = guarded.admitted(&connect(version, "ann", &fresh("ann")));
        for site in ["a", "b"] {
            let long = "x".repeat(200);
            for chunk in (0..EACH).collect::<Vec<_>>().chunks(100) {
                let mut subscribe = Subscribe::default();
                for number in chunk {
                    subscribe = subscribe.and(Filter::new(&format!("{site}/{number}/{long}"), 1));
                }
                assert!(ann.subscribe_with(&subscribe).codes.iter().all(|code| *code == 1));
            }
        }
        subscriptions_left(&guarded, &ann, 2 * EACH);
        apply(&guarded, &rules("\"*\"", "\"#\"", "\"a/#\""));
        subscriptions_left(&guarded, &ann, EACH);
        ann.quiet();
    }
}

/// Waits until so many clients are connected.
fn connected(guarded: &Guarded, count: usize) {
    let found = || guarded.api("clients")["items"].as_array().map(Vec::len);
    eventually(&format!("{count} clients"), || (found() == Some(count)).then_some(()));
}

/// Waits until the session has so many subscriptions.
pub fn subscriptions_left(guarded: &Guarded, client: &Client, count: usize) {
    let found = || guarded.api(&format!("sessions/{}", client.id))["subscriptions"].as_u64();
    eventually(&format!("{count} subscriptions"), || (found() == Some(count as u64)).then_some(()));
}

/// The port itself refers to other rules, then to none: the same as a change of the rules.
#[test]
fn another_policy_on_the_port_is_a_change_too() {
    let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"a/#\""));
    let mut ann = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    ann.subscribe("a/#", 1);
    guarded.apply(|resources| {
        resources.authorization("others", &rules("\"*\"", "\"#\"", "\"b/#\""));
        resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n  authorizationRef: others\n");
    });
    subscriptions_left(&guarded, &ann, 0);
    ann.subscribe("b/#", 1);
    guarded.apply(|resources| {
        resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n");
    });
    ann.subscribe("c/#", 1);
    ann.quiet();
}

/// The port begins to ask who somebody is: who has not said it has to go.
#[test]
fn a_port_that_begins_to_ask_keeps_nobody_who_was_not_asked() {
    let resources = plant::resources();
    resources.authentication("guard", &[passwords::METHOD]);
    let guarded = Guarded::start(resources, Port::Plain, "protocol: Mqtt");
    let mut old = guarded.admitted(&anybody(Version::V311));
    let mut new = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    let door = guarded.address();
    let asking = "ports:\n- port: 0\n  authenticationRef: guard\n";
    guarded.apply(|resources| resources.listener("door", asking));
    // A password that nobody looked at proves nothing.
    old.expect_disconnect(0x87);
    new.expect_disconnect(0x87);
    assert_eq!(guarded.address(), door, "the same socket");
    guarded.refused(&anybody(Version::V5), 0x87);
    let mut asked = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    // And ceases to: who has said it stays.
    guarded.apply(|resources| resources.listener("door", "ports:\n- port: 0\n"));
    asked.quiet();
    guarded.admitted(&anybody(Version::V311)).quiet();
}

/// A method less: who came by it has to go.
#[test]
fn a_method_that_goes_takes_its_clients_along() {
    let signer = Signer::new("ES256", "k1");
    let resources = plant::resources();
    let tokens = jwt::filed(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&tokens, passwords::METHOD]);
    let mut by_token = guarded.admitted(&jwt::shown(&signer.sign(&audience_claims())));
    let mut by_password = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    guarded.apply(|resources| resources.authentication("guard", &[passwords::METHOD, &tokens]));
    by_token.quiet();
    guarded.apply(|resources| resources.authentication("guard", &[passwords::METHOD]));
    by_token.expect_disconnect(0x87);
    by_password.quiet();
}

/// A policy with a mistake changes nothing.
#[test]
fn rules_with_a_mistake_change_nothing() {
    let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
    let mut ann = guarded.admitted(&connect(Version::V5, "ann", &fresh("ann")));
    for wrong in ["\"a-{principal.username}\"", "\"a/{principal.name}\"", "\"a/#/b\"", "\"$share/g/a\""] {
        guarded.resources.authorization("rules", &rules("\"*\"", wrong, ""));
        guarded.broker.signal(libc::SIGHUP);
        let rejected = |as_gauge: f64| guarded.metric("causeway_configuration_rejected", "") == Some(as_gauge);
        eventually("the change is refused", || rejected(1.0).then_some(()));
        assert_eq!(ann.publish(Publish::new("anything", "x").qos(1)) & 0x80, 0);
        // What runs is on the disk again: there is nothing to apply.
        guarded.resources.authorization("rules", &rules("\"*\"", "\"#\"", "\"#\""));
        guarded.broker.signal(libc::SIGHUP);
        eventually("nothing is refused", || rejected(0.0).then_some(()));
    }
}
