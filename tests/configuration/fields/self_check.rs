//! `diagnostics.selfCheck`: whether the broker tries itself, how often, and how long it waits for an answer.

use causeway_tests::deadline::{eventually, patience, within};
use causeway_tests::{Publish, freeze};

use super::served::{Served, V, refused_broker};

const ROUTE: &str = "aio_broker_connect_route_replication_correctness";
const TOPICS: &str = "azedge/dmqtt/selftest/#";

fn self_check(fields: &str) -> String {
    format!("diagnostics:\n  selfCheck: {{{fields}}}\n")
}

fn rounds(served: &Served) -> Option<f64> {
    served.metric("causeway_self_check_rounds_total", "")
}

#[test]
pub fn mode() {
    let served = Served::by(&self_check("mode: Disabled"));
    let mut exact = served.broker.client(V);
    exact.subscribe(TOPICS, 0);
    let mut all = served.broker.client(V);
    all.subscribe("#", 0);
    all.subscribe("azedge/+/selftest/#", 0);
    assert_eq!((rounds(&served), served.metric(ROUTE, "")), (Some(0.0), None));
    exact.quiet();

    served.change(&self_check("mode: Enabled"));
    // Who asks for them by name sees its messages; wildcards do not show them to anybody.
    assert!(exact.take().topic.starts_with("azedge/dmqtt/selftest/"));
    eventually("a round has ended", || (rounds(&served) == Some(1.0)).then_some(()));
    assert!(served.metric(ROUTE, "") >= Some(1.0));
    for name in ["connect", "publish", "subscribe", "unsubscribe", "ping", "message_delivery_check"] {
        assert!(served.metric(&format!("aio_broker_{name}_latency_last_value_ms"), "").is_some(), "{name}");
    }
    all.quiet();
    // And nobody else publishes there.
    let mut liar = served.broker.client(V);
    assert_eq!(liar.publish(Publish::new("azedge/dmqtt/selftest/0/0/0", "a lie").qos(1)), 0x87);

    served.change(&self_check("mode: Disabled"));
    eventually("nothing is told of routes any more", || served.metric(ROUTE, "").is_none().then_some(()));
}

/// Two brokers whose partition stands still: one has given up while the other still waits, and gets its answer.
#[test]
pub fn interval_and_timeout() {
    let with =
        |interval: u32, timeout: u32| self_check(&format!("intervalSeconds: {interval}, timeoutSeconds: {timeout}"));
    let (hasty, patient) = (Served::by(&with(300, 5)), Served::by(&with(300, 120)));
    let failed = |served: &Served| served.metric("causeway_self_check_failed_operations", "");
    for served in [&hasty, &patient] {
        eventually("the first round has ended", || (rounds(served) == Some(1.0)).then_some(()));
        assert_eq!(failed(served), Some(0.0));
    }
    let frozen = [&hasty, &patient].map(|served| freeze::freeze(&served.broker, "partition-0"));
    // The next round is due after another 30 seconds at most, no longer after 300.
    hasty.change(&with(30, 5));
    patient.change(&with(30, 120));
    let holds = frozen.iter().all(Option::is_some);
    if holds {
        let gave_up = |served: &Served| served.broker.log().contains("no answer in time");
        within(patience() * 4, "the hasty one gives up", || gave_up(&hasty).then_some(()));
        assert!(!gave_up(&patient), "the patient one has given up, too");
    }
    drop(frozen);
    for served in [&hasty, &patient] {
        within(patience() * 4, "a second round has ended", || (rounds(served) >= Some(2.0)).then_some(()));
    }
    assert_eq!(failed(&patient), Some(0.0), "{}", patient.broker.log());
    if holds {
        assert!(failed(&hasty) > Some(0.0));
        assert_eq!(hasty.health()["reasonCode"], "BrokerProbeFailed", "{}", hasty.health());
        assert!(hasty.metric(ROUTE, "backend_chain=\"0\"") < hasty.metric("aio_broker_frontend_workers", ""));
    }
}

#[test]
fn out_of_range_is_refused() {
    let told = refused_broker(&self_check("mode: Sometimes, intervalSeconds: 29, timeoutSeconds: 121"));
    for field in ["mode", "intervalSeconds", "timeoutSeconds"] {
        assert!(told.contains(&format!("spec.diagnostics.selfCheck.{field}")), "{told}");
    }
}
