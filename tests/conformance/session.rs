//! Sessions: clean start, session present, expiry, and what a session keeps.

use causeway_tests::{
    Broker, Client, Connect, Filter, Props, Publish, Settings, Subscribe, Version, Will, both, fresh, prop,
};

fn resume(broker: &Broker, v: Version, id: &str) -> Client {
    broker.connect(&Connect::persistent(v, id))
}

both! {
    fn mqtt_3_1_2_4_clean_start_discards_the_session(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("clean"), fresh("clean/start"));
        let mut client = resume(broker, v, &id);
        client.subscribe(&topic, 1);
        client.disconnect();
        broker.client(v).publish(Publish::new(&topic, "queued").qos(1));
        let mut client = broker.connect(&Connect::new(v, &id).clean(true));
        assert!(!client.connack.session_present);
        client.quiet();
        broker.client(v).publish(Publish::new(&topic, "unsubscribed").qos(1));
        client.quiet();
        client.disconnect();
        assert!(!resume(broker, v, &id).connack.session_present, "the clean session left something behind");
    }

    fn mqtt_3_1_2_5_session_is_resumed(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("resume"), fresh("resume"));
        let mut client = resume(broker, v, &id);
        assert!(!client.connack.session_present);
        client.subscribe(&topic, 1);
        client.disconnect();
        let mut client = resume(broker, v, &id);
        assert!(client.connack.session_present);
        broker.client(v).publish(Publish::new(&topic, "still subscribed").qos(1));
        assert_eq!(client.take().payload, b"still subscribed");
    }

    fn mqtt_3_1_2_6_no_session_means_a_new_one(v) {
        let mut client = resume(Broker::shared(), v, &fresh("never-seen"));
        assert!(!client.connack.session_present);
        client.quiet();
    }

    fn mqtt_3_2_2_2_clean_start_has_no_session_present(v) {
        let broker = Broker::shared();
        let id = fresh("present");
        resume(broker, v, &id).disconnect();
        assert!(!broker.connect(&Connect::new(v, &id).clean(true)).connack.session_present);
    }

    fn mqtt_3_2_2_3_session_present_says_what_is_stored(v) {
        let broker = Broker::shared();
        let id = fresh("present");
        for round in 0..3 {
            let client = resume(broker, v, &id);
            assert_eq!(client.connack.session_present, round > 0, "round {round}");
            if round == 1 { client.vanish() } else { client.disconnect() }
        }
    }

    fn mqtt_4_1_0_1_offline_messages_are_kept(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("offline"), fresh("offline"));
        let mut client = resume(broker, v, &id);
        let filters = Subscribe::new(Filter::new(&format!("{topic}/1"), 1)).and(Filter::new(&format!("{topic}/2"), 2));
        client.subscribe_with(&filters);
        client.disconnect();
        let mut publisher = broker.client(v);
        for n in 0..20 {
            for qos in [1, 2] {
                publisher.publish(Publish::new(&format!("{topic}/{qos}"), format!("{n}")).qos(qos));
            }
        }
        let mut client = resume(broker, v, &id);
        let mut seen = [0, 0];
        for _ in 0..40 {
            let message = client.take();
            assert!(!message.dup, "never sent before");
            assert!(message.topic.ends_with(&message.qos.to_string()));
            let next = &mut seen[usize::from(message.qos) - 1];
            assert_eq!(message.text(), next.to_string());
            *next += 1;
        }
        client.quiet();
    }

    /// 4.1: "unsubscribed" is state as well.
    fn unsubscriptions_survive_too(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("unsubscribed"), fresh("unsubscribed"));
        let mut client = resume(broker, v, &id);
        client.subscribe(&topic, 1);
        client.unsubscribe(&[&topic]);
        client.disconnect();
        broker.client(v).publish(Publish::new(&topic, "nobody").qos(1));
        let mut client = resume(broker, v, &id);
        assert!(client.connack.session_present);
        client.quiet();
    }

    fn mqtt_4_5_0_1_messages_go_to_every_matching_session(v) {
        let broker = Broker::shared();
        let topic = fresh("everyone");
        let ids: Vec<String> = (0..3).map(|_| fresh("everyone")).collect();
        for id in &ids {
            let mut client = resume(broker, v, id);
            client.subscribe(&topic, 1);
            client.disconnect();
        }
        let mut online: Vec<Client> = (0..3).map(|_| broker.client(v)).collect();
        online.iter_mut().for_each(|c| c.subscribe(&topic, 2));
        broker.client(v).publish(Publish::new(&topic, "all").qos(2));
        for client in &mut online {
            assert_eq!(client.take().payload, b"all");
        }
        for id in &ids {
            let mut client = resume(broker, v, id);
            assert_eq!(client.take().payload, b"all");
            client.quiet();
        }
    }
}

/// A session begun in one version goes on in the other.
#[test]
fn sessions_cross_versions() {
    let broker = Broker::shared();
    for (first, second) in [(Version::V311, Version::V5), (Version::V5, Version::V311)] {
        let (id, topic) = (fresh("cross"), fresh("cross"));
        let mut client = resume(broker, first, &id);
        client.subscribe(&topic, 1);
        client.disconnect();
        let props = Props::new().user("k", "v");
        broker.client(Version::V5).publish(Publish::new(&topic, "cross").qos(1).props(props));
        let mut client = resume(broker, second, &id);
        assert!(client.connack.session_present, "{first:?} to {second:?}");
        assert_eq!(client.take().payload, b"cross");
    }
}

/// MQTT 3.1.2.11.2: absent means 0, and 0 ends the session with the connection.
#[test]
fn mqtt_3_1_2_23_session_without_expiry_ends_with_its_connection() {
    let broker = Broker::shared();
    for connect in
        [Connect::new(Version::V5, &fresh("short")), Connect::new(Version::V5, &fresh("short")).session_expiry(0)]
    {
        let connect = connect.clean(false);
        broker.connect(&connect).disconnect();
        assert!(!broker.connect(&connect).connack.session_present);
        broker.connect(&connect).vanish();
    }
}

#[test]
fn mqtt_3_1_2_23_session_is_stored_while_its_expiry_runs() {
    let broker = Broker::shared();
    for expiry in [60, u32::MAX] {
        let connect = Connect::new(Version::V5, &fresh("stored")).clean(false).session_expiry(expiry);
        broker.connect(&connect).vanish();
        let client = broker.connect(&connect);
        assert!(client.connack.session_present, "expiry {expiry}");
    }
}

/// The will of a session is published when it ends, which says when to look.
#[test]
fn mqtt_4_1_0_2_session_is_discarded_when_its_expiry_is_over() {
    let broker = Broker::shared();
    let (id, topic, ended) = (fresh("expires"), fresh("expires"), fresh("expires/will"));
    let mut witness = broker.client(Version::V5);
    witness.subscribe(&ended, 1);
    let will = Will::new(&ended, "ended").qos(1).props(Props::new().u32(prop::WILL_DELAY, 3600));
    let connect = Connect::new(Version::V5, &id).clean(false).session_expiry(1).will(will);
    let mut client = broker.connect(&connect);
    client.subscribe(&topic, 1);
    client.vanish();
    assert_eq!(witness.take().payload, b"ended");
    let mut client = broker.connect(&Connect::new(Version::V5, &id).clean(false).session_expiry(1));
    assert!(!client.connack.session_present);
    broker.client(Version::V5).publish(Publish::new(&topic, "too late").qos(1));
    client.quiet();
}

/// DISCONNECT may shorten the life of a session (3.14.2.2.2).
#[test]
fn session_expiry_is_changed_in_disconnect() {
    let broker = Broker::shared();
    let connect = Connect::new(Version::V5, &fresh("shortened")).clean(false).session_expiry(3600);
    broker.connect(&connect).disconnect_with(0, Props::new().u32(prop::SESSION_EXPIRY, 0));
    assert!(!broker.connect(&connect).connack.session_present);

    let connect = Connect::new(Version::V5, &fresh("lengthened")).clean(false).session_expiry(1);
    let mut long = Connect::new(Version::V5, &connect.client_id).clean(false);
    long = long.session_expiry(3600);
    broker.connect(&connect).disconnect_with(0, Props::new().u32(prop::SESSION_EXPIRY, 3600));
    // Another session with the old expiry is gone before this one is looked for.
    let ended = fresh("lengthened/will");
    let mut witness = broker.client(Version::V5);
    witness.subscribe(&ended, 1);
    let will = Will::new(&ended, "ended").qos(1).props(Props::new().u32(prop::WILL_DELAY, 3600));
    broker.connect(&Connect::new(Version::V5, &fresh("other")).clean(false).session_expiry(2).will(will)).vanish();
    witness.take();
    assert!(broker.connect(&long).connack.session_present);
}

/// 3.14.2.2.2: raising it from zero is a protocol error.
#[test]
fn session_expiry_cannot_be_raised_from_zero_in_disconnect() {
    let broker = Broker::shared();
    let topic = fresh("raised/will");
    let mut witness = broker.client(Version::V5);
    witness.subscribe(&topic, 0);
    let id = fresh("raised");
    let mut client = broker.connect(&Connect::new(Version::V5, &id).will(Will::new(&topic, "error")));
    client.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 60]);
    client.expect_disconnect(0x82);
    assert_eq!(witness.take().payload, b"error", "a protocol error publishes the will");
    assert!(!broker.connect(&Connect::new(Version::V5, &id).clean(false)).connack.session_present);
}

/// Asking beyond the limit is clamped, and CONNACK says so.
#[test]
fn session_expiry_is_clamped_to_the_servers_maximum() {
    let broker = Broker::start(Settings::new().set("--max-session-expiry", 100));
    for (asked, answer) in [(3600, Some(100)), (u32::MAX, Some(100))] {
        let client = broker.connect(&Connect::fresh(Version::V5).session_expiry(asked));
        assert_eq!(client.connack.props.number(prop::SESSION_EXPIRY), answer);
    }
    let client = broker.connect(&Connect::fresh(Version::V5).session_expiry(50));
    assert!([None, Some(50)].contains(&client.connack.props.number(prop::SESSION_EXPIRY)));
}

#[test]
fn clamped_session_expiry_is_enforced_for_both_versions() {
    let broker = Broker::start(Settings::new().set("--max-session-expiry", 1));
    let ended = fresh("clamped/will");
    let mut witness = broker.client(Version::V5);
    witness.subscribe(&ended, 1);
    let (old, new) = (fresh("clamped"), fresh("clamped"));
    resume(&broker, Version::V311, &old).disconnect();
    let will = Will::new(&ended, "ended").qos(1).props(Props::new().u32(prop::WILL_DELAY, 3600));
    broker.connect(&Connect::persistent(Version::V5, &new).will(will)).vanish();
    witness.take();
    assert!(!resume(&broker, Version::V5, &new).connack.session_present);
    assert!(!resume(&broker, Version::V311, &old).connack.session_present);
}

/// Retained messages are not part of a session.
#[test]
fn mqtt311_3_1_2_7_retained_messages_outlive_the_session() {
    let broker = Broker::shared();
    let topic = fresh("outlives");
    for v in [Version::V311, Version::V5] {
        let mut client = broker.client(v);
        client.publish(Publish::new(&topic, "kept").qos(1).retained());
        client.disconnect();
        let mut reader = broker.client(v);
        reader.subscribe(&topic, 1);
        assert_eq!(reader.take().payload, b"kept");
    }
}
