//! What is denied is not done, and each version of MQTT says so as it can.

use causeway_tests::{AckKind, Client, Filter, Props, Publish, Subscribe, Version, Will, both, prop};

use crate::guarded::{Guarded, PATIENT, Port};
use crate::passwords;
use crate::plant::{self, connect, supervisor};

/// What SUBACK says.
fn asks(client: &mut Client, filter: &str) -> u8 {
    client.subscribe_with(&Subscribe::new(Filter::new(filter, 1))).codes[0]
}

/// The code of a denied subscription.
fn denied(version: Version) -> u8 {
    if version.is_v5() { 0x87 } else { 0x80 }
}

fn listening(guarded: &Guarded, version: Version) -> Client {
    let mut client = supervisor(guarded, version);
    client.subscribe("#", 2);
    client
}

both! {
    fn connect_is_for_those_whom_a_rule_lets(version) {
        let guarded = plant::guarded();
        for (username, client_id, allowed) in [
            ("pump", "pump", true),
            ("pump", "pump-17", true),
            ("pump", "valve", false),
            ("pump", "Pump", false),
            ("ann", "any-name-at-all", true),
            ("stray", "stray", false),
            ("clerk", "clerk-7", false),
            ("clerk", "auditor", true),
            ("clerk", "auditor2", false),
            ("supervisor", "auditor", true),
            ("supervisors", "supervisors", false),
        ] {
            let connect = connect(version, username, client_id);
            if allowed {
                guarded.admitted(&connect).disconnect();
            } else {
                guarded.refused(&connect, 0x87);
            }
        }
    }

    fn publish_is_refused_or_swallowed(version) {
        let guarded = plant::guarded();
        let mut listener = listening(&guarded, version);
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        let told = if version.is_v5() { 0x87 } else { 0 };
        for (topic, allowed) in [
            ("telemetry/pump", true),
            ("telemetry/pump/a/b", true),
            ("telemetry/pump-1/a", false),
            ("telemetry/valve/a", false),
            ("telemetry", false),
            ("clients/pump-1", true),
            ("clients/pump", false),
            ("clients/pump-1/a", false),
            ("alarms/fire/north", true),
            ("alarms/fire/south", false),
            ("alarms/fire/a/north", false),
            ("orders/north/1", false),
            ("own-name", false),
        ] {
            for qos in 0..=2 {
                let reason = pump.publish(Publish::new(topic, format!("{topic} {qos}")).qos(qos));
                let expected = if allowed || qos == 0 { 0 } else { told };
                assert_eq!(reason, expected, "{topic} {qos}");
                if allowed {
                    assert_eq!(listener.take().text(), format!("{topic} {qos}"));
                }
            }
        }
        // What came in between was not allowed.
        pump.publish(Publish::new("clients/pump-1", "last").qos(2));
        assert_eq!(listener.take().text(), "last");
        assert!(guarded.metric("aio_broker_authorization_deny", "") >= Some(24.0));
    }

    /// A denied QoS 2 message takes no part in the exchange: its identifier is free, and PUBREL is answered.
    fn a_denied_qos_2_publish_ends_in_order(version) {
        let guarded = plant::guarded();
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        let id = pump.send_publish(Publish::new("telemetry/valve", "x").qos(2));
        let ack = pump.expect_ack(AckKind::PubRec, id);
        if version.is_v5() {
            assert_eq!(ack.reason, 0x87);
        } else {
            pump.ack(AckKind::PubRel, id);
            pump.expect_ack(AckKind::PubComp, id);
        }
        let again = pump.send_publish(Publish::new("clients/pump-1", "x").qos(2).packet_id(id));
        assert_eq!(pump.expect_ack(AckKind::PubRec, again).reason & 0x80, 0);
        pump.ack(AckKind::PubRel, id);
        pump.expect_ack(AckKind::PubComp, id);
    }

    fn tokens_stand_for_a_level_and_never_for_wildcards(version) {
        let guarded = plant::guarded();
        let mut listener = listening(&guarded, version);
        for (username, topic, allowed) in [
            ("ann", "orders/north/1", true),
            ("ann", "orders/south/1", false),
            // `north/#` cannot be a level.
            ("bob", "orders/north/1", false),
            // `+` is a level called so, which no topic can have.
            ("eve", "orders/north/1", false),
            ("eve", "orders/south/1", false),
        ] {
            let mut client = guarded.admitted(&connect(version, username, &causeway_tests::fresh("operator")));
            client.publish(Publish::new(topic, format!("{username} {topic}")).qos(1));
            client.publish(Publish::new("nothing/of/the/kind", "x").qos(1));
            if allowed {
                assert_eq!(listener.take().text(), format!("{username} {topic}"));
            }
        }
        let mut last = supervisor(&guarded, version);
        last.publish(Publish::new("last", "last").qos(1));
        assert_eq!(listener.take().text(), "last");
        // Who is called as his client is.
        let mut own = guarded.admitted(&connect(version, "supervisor", "supervisor"));
        assert_eq!(own.publish(Publish::new("own-name", "x").qos(1)) & 0x80, 0);
    }

    fn a_filter_must_lie_within_one_that_is_allowed(version) {
        let guarded = plant::guarded();
        let no = denied(version);
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        for (filter, code) in [
            ("orders/north/1", 1),
            ("orders/north/+", 1),
            ("orders/north/#", no),
            ("orders/+/1", no),
            ("orders/#", no),
            ("orders/south/1", no),
            ("#", no),
            ("+/north/1", no),
            ("public", 1),
            ("public/#", 1),
            ("public/+/a/#", 1),
            ("+", no),
            ("$share/group/orders/north/+", 1),
            ("$share/group/orders/north/#", no),
            ("$share/group/#", no),
            ("$share/orders/north/1", no),
            ("$SYS/#", no),
        ] {
            assert_eq!(asks(&mut pump, filter), code, "{filter}");
        }
        let mut auditor = guarded.admitted(&connect(version, "clerk", "auditor"));
        for (filter, code) in [
            ("alarms/+/north", 1),
            ("+/+/north", 1),
            ("+/fire/north", 1),
            ("telemetry/pump/temperature", 1),
            ("telemetry/+/temperature", 1),
            ("telemetry/+/+", no),
            ("+/+/+", no),
            ("+/+/north/#", no),
        ] {
            assert_eq!(asks(&mut auditor, filter), code, "{filter}");
        }
        // One packet, several answers.
        let several = Subscribe::new(Filter::new("alarms/+/north", 1)).and(Filter::new("#", 1)).and(Filter::new("+/+/north", 0));
        assert_eq!(auditor.subscribe_with(&several).codes, [1, no, 0]);
    }

    fn what_was_refused_brings_nothing(version) {
        let guarded = plant::guarded();
        let mut supervisor = supervisor(&guarded, version);
        supervisor.publish(Publish::new("telemetry/valve", "kept").qos(1).retained());
        supervisor.publish(Publish::new("public/kept", "kept for all").qos(1).retained());
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        for filter in ["telemetry/#", "#", "$share/g/#"] {
            assert_eq!(asks(&mut pump, filter), denied(version));
        }
        supervisor.publish(Publish::new("telemetry/valve", "live").qos(1));
        pump.quiet();
        pump.subscribe("public/#", 1);
        assert_eq!(pump.take().text(), "kept for all");
        pump.quiet();
    }

    /// Nor does the broker say about itself what a client may not read, whatever else is in the packet.
    fn values_of_the_broker_are_for_those_who_may_read_them(version) {
        let guarded = plant::ruled(&plant::RULES.replace(r##"topics: ["#"]"##, r##"topics: ["#", "$SYS/#"]"##));
        let both = || Subscribe::new(Filter::new("public/#", 1)).and(Filter::new("$SYS/broker/version", 1));
        let mut supervisor = supervisor(&guarded, version);
        assert_eq!(supervisor.subscribe_with(&both()).codes, [1, 1]);
        assert_eq!(supervisor.take().topic, "$SYS/broker/version");
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        assert_eq!(pump.subscribe_with(&both()).codes, [1, denied(version)]);
        pump.quiet();
    }

    fn a_denied_retained_message_is_not_kept(version) {
        let guarded = plant::guarded();
        let mut supervisor = supervisor(&guarded, version);
        supervisor.publish(Publish::new("public/a", "kept").qos(1).retained());
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        pump.publish(Publish::new("public/b", "not its to keep").qos(1).retained());
        // Neither may it take away what others keep.
        pump.publish(Publish::new("public/a", "").qos(1).retained());
        supervisor.subscribe("public/#", 1);
        assert_eq!(supervisor.take().text(), "kept");
        supervisor.quiet();
    }

    fn a_will_that_is_not_allowed_is_refused_with_its_connect(version) {
        let guarded = plant::guarded();
        let mut listener = listening(&guarded, version);
        for (topic, qos) in [("telemetry/valve", 0), ("telemetry/valve", 1), ("telemetry/valve", 2), ("$SYS/broker", 0)] {
            guarded.refused(&connect(version, "pump", "pump-1").will(Will::new(topic, "gone").qos(qos)), 0x87);
        }
        guarded.refused(&connect(version, "pump", "pump-1").will(Will::new("public/a", "gone").retained()), 0x87);
        let will = Will::new("telemetry/pump", "gone").qos(1);
        guarded.admitted(&connect(version, "pump", "pump-1").will(will)).vanish();
        assert_eq!(listener.take().text(), "gone");
    }
}

/// A topic alias is set by the packet, whatever becomes of its message; and a denied message takes no place among those
/// that are under way.
#[test]
fn a_denied_publish_leaves_the_connection_as_it_should_be() {
    let resources = plant::resources();
    resources.authentication("guard", &[passwords::METHOD]);
    resources.authorization("rules", plant::RULES);
    resources.broker(&PATIENT.replace("clients:\n", "clients:\n    receiveMaximum: 2\n"));
    let guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard\n  authorizationRef: rules");
    let mut listener = listening(&guarded, Version::V5);
    let mut pump = guarded.admitted(&connect(Version::V5, "pump", "pump-1"));
    let aliased =
        |topic: &str, text: &str| Publish::new(topic, text).qos(1).props(Props::new().u16(prop::TOPIC_ALIAS, 1));
    assert_eq!(pump.publish(aliased("telemetry/valve", "x")), 0x87);
    assert_eq!(pump.publish(aliased("", "x")), 0x87);
    assert_eq!(pump.publish(aliased("telemetry/pump", "first")) & 0x80, 0);
    assert_eq!(pump.publish(aliased("", "second")) & 0x80, 0);
    assert_eq!((listener.take().text(), listener.take().text()), ("first", "second"));
    for number in 0..20 {
        assert_eq!(pump.publish(Publish::new("telemetry/valve", "x").qos(1 + number % 2)), 0x87);
    }
    for number in 0..4 {
        assert_eq!(pump.publish(Publish::new("telemetry/pump", "x").qos(1 + number % 2)) & 0x80, 0);
    }
}

/// A setting ends the connection instead, where MQTT 3.1.1 cannot be told.
#[test]
fn a_denied_publish_of_an_old_client_can_end_it() {
    let guarded = plant::ruled(&format!("deniedPublish: Disconnect\n{}", plant::RULES));
    for qos in 1..=2 {
        let mut old = guarded.admitted(&connect(Version::V311, "pump", "pump-1"));
        old.send_publish(Publish::new("telemetry/valve", "x").qos(qos));
        old.expect_closed();
        let mut new = guarded.admitted(&connect(Version::V5, "pump", "pump-2"));
        assert_eq!(new.publish(Publish::new("telemetry/valve", "x").qos(qos)), 0x87);
        new.quiet();
    }
}

/// The setting alone is changed, not the rules.
#[test]
fn what_a_denied_publish_comes_to_can_be_changed() {
    let guarded = plant::guarded();
    let mut old = guarded.admitted(&connect(Version::V311, "pump", "pump-1"));
    assert_eq!(old.publish(Publish::new("telemetry/valve", "x").qos(1)), 0);
    let strict = format!("deniedPublish: Disconnect\n{}", plant::RULES);
    guarded.apply(|resources| resources.authorization("rules", &strict));
    old.quiet();
    old.send_publish(Publish::new("telemetry/valve", "x").qos(1));
    old.expect_closed();
}

/// No rules at all: nobody may do anything.
#[test]
fn without_rules_everything_is_denied() {
    let guarded = plant::ruled("rules: []\n");
    for version in [Version::V311, Version::V5] {
        guarded.refused(&connect(version, "supervisor", "supervisor"), 0x87);
    }
}

/// Decisions that are not remembered are the same decisions.
#[test]
fn the_cache_changes_nothing_but_the_time() {
    let guarded = plant::ruled(&format!("cache: Disabled\n{}", plant::RULES));
    let mut pump = guarded.admitted(&connect(Version::V5, "pump", "pump-1"));
    for _ in 0..3 {
        assert_eq!(pump.publish(Publish::new("telemetry/pump/a", "x").qos(1)) & 0x80, 0);
        assert_eq!(pump.publish(Publish::new("telemetry/valve/a", "x").qos(1)), 0x87);
    }
}
