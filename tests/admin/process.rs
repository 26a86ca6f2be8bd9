//! Scenes: a broker that runs as it should.

use causeway_tests::{Broker, Settings};

use crate::watch::{Samples, moved, value};

pub fn what_runs(samples: Samples) {
    let broker = Broker::start(Settings::all_listeners().set("--workers", 2).set("--partitions", 3));
    moved(&broker, samples);
    for (name, expected) in [
        ("aio_broker_frontend_replicas", 1.0),
        ("aio_broker_frontend_workers", 2.0),
        ("aio_broker_backend_replicas", 3.0),
        ("aio_broker_backend_partitions", 3.0),
        ("aio_broker_backend_workers", 1.0),
        ("aio_broker_version", 1.0),
        ("causeway_build_info", 1.0),
    ] {
        assert!(
            (value(&broker, name) - expected).abs() < f64::EPSILON,
            "{name}: {} for {expected}",
            value(&broker, name)
        );
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    let ends = value(&broker, "causeway_certificate_expiry_timestamp_seconds{listener=\"mqtts\"}");
    assert!(ends > now.as_secs_f64(), "a certificate that ended at {ends}");
}

/// Several routes, so that latencies differ and have a deviation after one round.
pub fn the_self_check_goes_well(samples: Samples) {
    let broker = Broker::start(Settings::new().set("--workers", 2).set("--partitions", 2));
    moved(&broker, samples);
    for (name, routes) in [
        ("aio_broker_connect_route_replication_correctness", 4.0),
        ("aio_broker_publish_route_replication_correctness", 4.0),
        ("aio_broker_subscribe_route_replication_correctness", 8.0),
        ("aio_broker_unsubscribe_route_replication_correctness", 8.0),
        ("aio_broker_ping_correctness", 2.0),
    ] {
        assert!(
            (value(&broker, name) - routes).abs() < f64::EPSILON,
            "{name} is {} on {routes} routes",
            value(&broker, name)
        );
    }
    let sent = value(&broker, "aio_broker_message_delivery_check_total_messages_sent");
    assert!(sent >= 4.0, "{sent} messages on 4 routes");
    assert!(value(&broker, "causeway_self_check_failed_operations").abs() < f64::EPSILON);
    assert!(value(&broker, "aio_broker_message_delivery_check_total_timeouts").abs() < f64::EPSILON);
}
