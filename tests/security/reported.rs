//! Every denial is counted and written down: also those that come of a change, long after CONNECT.

use causeway_tests::token::{Signer, audience_claims};
use causeway_tests::users::user;
use causeway_tests::{Connect, Filter, Publish, Resources, Subscribe, Version, Will, both, eventually, prop};
use serde_json::json;

use crate::audited::{line, lines};
use crate::custom::{self, Scripted};
use crate::guarded::{Guarded, Port, anybody, login};
use crate::live::{apply, rules};
use crate::plant::{self, PASSWORD, connect, supervisor};
use crate::{jwt, passwords};

/// Waits until a counter stands at this much more than `before`; further it must not go meanwhile.
fn grown(guarded: &Guarded, name: &str, before: f64, by: f64) {
    eventually(&format!("{name} grows by {by}"), || (count(guarded, name) >= before + by).then_some(()));
    assert_eq!(count(guarded, name), before + by, "{name}");
}

fn count(guarded: &Guarded, name: &str) -> f64 {
    guarded.metric(name, "").unwrap_or(0.0)
}

const FORBIDDEN: &str = "aio_broker_authorization_deny";
const DENIED: &str = "aio_broker_authentication_deny";
const UNDECIDED: &str = "aio_broker_authentication_failures";

both! {
    fn what_the_rules_forbid(version) {
        let guarded = plant::guarded();
        guarded.refused(&connect(version, "pump", "valve"), 0x87);
        grown(&guarded, FORBIDDEN, 0.0, 1.0);
        guarded.refused(&connect(version, "pump", "pump-1").will(Will::new("telemetry/valve", "x")), 0x87);
        grown(&guarded, FORBIDDEN, 1.0, 1.0);
        let mut pump = guarded.admitted(&connect(version, "pump", "pump-1"));
        pump.subscribe_with(&Subscribe::new(Filter::new("telemetry/#", 1)).and(Filter::new("public/#", 1)).and(Filter::new("#", 0)));
        grown(&guarded, FORBIDDEN, 2.0, 2.0);
        for qos in 0..=2 {
            pump.publish(Publish::new("telemetry/valve", "x").qos(qos));
        }
        pump.quiet();
        grown(&guarded, FORBIDDEN, 4.0, 3.0);
        assert_eq!(count(&guarded, DENIED), 0.0);
    }

    fn what_other_rules_take_away(version) {
        let guarded = plant::ruled(&rules("\"*\"", "\"#\"", "\"#\""));
        let broker = &guarded.broker;
        let persistent = Connect::persistent(version, "tenant-1").user("ann").password(PASSWORD.as_bytes());
        let mut ann = guarded.admitted(&persistent);
        ann.subscribe("a/#", 1);
        ann.subscribe("b/#", 1);
        ann.disconnect();
        supervisor(&guarded, version).publish(Publish::new("b/1", "not any more").qos(1));
        let with_will = connect(version, "ann", "tenant-2").will(Will::new("wills/taken", "x").qos(1));
        let leaves_will = guarded.admitted(&with_will);
        let mut visitor = guarded.admitted(&connect(version, "ann", "visitor-1"));
        assert_eq!(count(&guarded, FORBIDDEN), 0.0);
        apply(&guarded, &rules("\"tenant-*\"", "\"a/#\"", "\"a/#\""));
        let props = visitor.expect_disconnect(0x87);
        assert!(!props.has(prop::REASON_STRING), "more than the code: {props:?}");
        let told = line(broker, &[("what", "connect"), ("client", "visitor-1"), ("username", "ann")]);
        assert_eq!((&told["event"], &told["listener"]), (&json!("denied"), &json!("door/0")));
        grown(&guarded, FORBIDDEN, 0.0, 1.0);
        leaves_will.vanish();
        line(broker, &[("what", "will"), ("client", "tenant-2"), ("topic", "wills/taken")]);
        grown(&guarded, FORBIDDEN, 1.0, 1.0);
        let mut ann = guarded.admitted(&persistent);
        line(broker, &[("what", "subscribe"), ("client", "tenant-1"), ("filter", "b/#")]);
        line(broker, &[("what", "receive"), ("client", "tenant-1"), ("topic", "b/1")]);
        grown(&guarded, FORBIDDEN, 2.0, 2.0);
        assert_eq!(count(&guarded, DENIED), 0.0);
        // Another password: that is no matter of rules.
        let others = user("supervisor", PASSWORD, &[]) + &user("ann", "battery staple", &[]);
        guarded.apply(|resources| passwords::keep(resources, &others));
        let props = ann.expect_disconnect(0x87);
        assert!(!props.has(prop::REASON_STRING), "more than the code: {props:?}");
        line(broker, &[("what", "authenticate"), ("client", "tenant-1"), ("reasonCode", "0x87")]);
        grown(&guarded, DENIED, 0.0, 1.0);
        assert_eq!(count(&guarded, FORBIDDEN), 4.0);
    }

    /// Who is refused, and who nothing could be found out about, are two things.
    fn a_login_that_fails(version) {
        let scripted = Scripted::start();
        let resources = Resources::new();
        let method = custom::method(&resources, &scripted.server);
        let guarded = Guarded::by(resources, Port::Plain, &[&method]);
        scripted.answers(403, r#"{"reason":134}"#);
        guarded.refused(&login(version, "ann", "secret"), 0x86);
        grown(&guarded, DENIED, 0.0, 1.0);
        let refused = |reason: &str| guarded.metric("causeway_authentication_refused_total", reason).unwrap_or(0.0);
        assert_eq!((refused("denied"), refused("unavailable")), (1.0, 0.0));
        assert_eq!(count(&guarded, UNDECIDED), 0.0);
        scripted.answers(500, "");
        let undecided = login(version, "ann", "secret");
        guarded.refused(&undecided, 0x88);
        line(&guarded.broker, &[("what", "authenticate"), ("client", &undecided.client_id), ("reasonCode", "0x88")]);
        grown(&guarded, UNDECIDED, 0.0, 1.0);
        assert_eq!(count(&guarded, DENIED), 1.0);
        assert_eq!((refused("denied"), refused("unavailable")), (1.0, 1.0));
    }
}

#[test]
fn a_renewal_that_fails() {
    let signer = Signer::new("ES256", "k1");
    let resources = Resources::new();
    let method = jwt::filed(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let mut client = guarded.admitted(&jwt::shown(&signer.sign(&audience_claims())));
    client.send_renewal("OAUTH2-JWT", Signer::new("ES256", "k1").sign(&audience_claims()));
    let props = client.expect_disconnect(0x87);
    assert!(!props.has(prop::REASON_STRING), "more than the code: {props:?}");
    let told = line(&guarded.broker, &[("what", "authenticate"), ("client", &client.id), ("reasonCode", "0x87")]);
    // Who it was proved to be, not who it would be now.
    assert_eq!(told["username"], audience_claims()["sub"], "{told}");
    grown(&guarded, DENIED, 0.0, 1.0);
    let scripted = Scripted::start();
    let resources = Resources::new();
    let method = custom::method(&resources, &scripted.server);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let mut client = guarded.admitted(&anybody(Version::V5).enhanced("OURS", "abc"));
    scripted.answers(503, "");
    assert_eq!(client.renew("OURS", "xyz"), 0x18);
    grown(&guarded, UNDECIDED, 0.0, 1.0);
    assert_eq!(count(&guarded, DENIED), 0.0);
}

/// A client that asks for the same again and again fills no disk.
#[test]
fn the_same_denied_publish_is_written_down_once() {
    let guarded = plant::guarded();
    let mut pump = guarded.admitted(&connect(Version::V5, "pump", "pump-1"));
    for topic in ["telemetry/valve", "telemetry/valve", "telemetry/valve", "telemetry/last"] {
        assert_eq!(pump.publish(Publish::new(topic, "x").qos(1)), 0x87);
    }
    line(&guarded.broker, &[("what", "publish"), ("topic", "telemetry/last")]);
    let all = lines(&guarded.broker);
    assert_eq!(all.iter().filter(|line| line["topic"] == "telemetry/valve").count(), 1, "{all:?}");
    grown(&guarded, FORBIDDEN, 0.0, 4.0);
}
