//! Scenes: a part of the broker is held still.

use std::time::Duration;

use causeway_tests::deadline::{patience, within};
use causeway_tests::freeze::freeze;
use causeway_tests::{Connect, Props, Publish, Settings, Version};

use crate::ask::json;
use crate::watch::{Samples, moved, quiet, quiet_with, still, stirred, value};

/// A partition that does not answer: operations fail, health says so, and it is over when it answers again.
pub fn the_self_check_fails(samples: Samples) {
    let (broker, resources) = quiet_with(Settings::new().set("--partitions", 1).set("--workers", 1), "");
    still(&broker, samples);
    let Some(frozen) = freeze(&broker, "partition-0") else { return };
    resources.broker("diagnostics:\n  selfCheck:\n    mode: Enabled\n    intervalSeconds: 30\n    timeoutSeconds: 5\n");
    moved(&broker, samples);
    let health = json(&broker, "/health");
    assert_eq!(health["status"], "Degraded", "{health}");
    assert_eq!(health["reasonCode"], "BrokerProbeFailed", "{health}");
    assert!(health["message"].as_str().is_some_and(|text| text.starts_with("Failed Operation CONNECT (")), "{health}");
    let route = "aio_broker_connect_route_replication_correctness{frontend=\"0\",backend_chain=\"0\"}";
    assert!(value(&broker, route).abs() < f64::EPSILON, "the route of the partition that is held");
    drop(frozen);
    // The next round comes when the interval, 30 seconds at least, is over.
    within(patience() + Duration::from_secs(30), "a round that goes well", || {
        let failed = value(&broker, "causeway_self_check_failed_operations").abs() < f64::EPSILON;
        (failed && value(&broker, "causeway_self_check_rounds_total") >= 2.0).then_some(())
    });
    assert_eq!(json(&broker, "/health")["status"], "Available");
    assert!(value(&broker, route) > 0.5, "the route is right again");
}

/// The thread that collects spans is held: the channel to it fills, publishes go on.
pub fn spans_find_no_room(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let mut client = broker.connect(&Connect::fresh(Version::V5));
    let Some(frozen) = freeze(&broker, "traces") else { return };
    let mut number = 0u64;
    stirred(&broker, samples, || {
        for _ in 0..500 {
            number += 1;
            let parent = format!("00-{number:032x}-{number:016x}-01");
            client.publish(Publish::new("traced", "x").qos(1).props(Props::new().user("traceparent", &parent)));
        }
    });
    drop(frozen);
    client.quiet();
}
