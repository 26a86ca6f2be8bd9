//! `/health`, `/health/live`, `/health/ready`: the good case, a notice, the end.

use causeway_tests::freeze::freeze;
use causeway_tests::{Broker, Settings, eventually, http};
use serde_json::Value;

use crate::ask::{get, json};
use crate::watch::{QUIET, quiet, value};

/// RFC 3339 in UTC, to the second.
fn is_moment(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'))
}

#[test]
fn a_broker_that_works_says_so() {
    let broker = Broker::start(Settings::new());
    for (path, text) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let response = get(&broker, path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.body.starts_with(text), "{path}: {}", response.body);
        assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{path}");
    }
    let health = json(&broker, "/health");
    assert_eq!((&health["status"], &health["reasonCode"]), (&"Available".into(), &Value::Null), "{health}");
    assert_eq!(health["conditions"], serde_json::json!([]), "{health}");
    assert!(health["message"].as_str().is_some_and(|text| !text.is_empty()), "{health}");
    assert!(is_moment(&health["lastTransitionTime"]) && is_moment(&health["lastUpdateTime"]), "{health}");
    assert!(health["lastTransitionTime"].as_str() <= health["lastUpdateTime"].as_str(), "{health}");
}

#[test]
fn what_waits_for_a_restart_is_a_notice() {
    let (broker, resources) = quiet("");
    resources.broker(&format!("{QUIET}advanced:\n  durability: Fsync\n"));
    let health = eventually("the notice", || {
        let health = json(&broker, "/health");
        (!health["conditions"].as_array()?.is_empty()).then_some(health)
    });
    // The broker serves all the same.
    assert_eq!((&health["status"], &health["reasonCode"]), (&"Available".into(), &Value::Null), "{health}");
    let condition = &health["conditions"][0];
    assert_eq!((&condition["status"], &condition["reasonCode"]), (&"Available".into(), &"RestartPending".into()));
    assert!(condition["problems"].to_string().contains("durability"), "{health}");
    assert!(is_moment(&condition["lastTransitionTime"]), "{health}");
    assert!(value(&broker, "causeway_configuration_restart_pending") >= 1.0);
    resources.broker(QUIET);
    eventually("it is taken back", || (json(&broker, "/health")["conditions"] == serde_json::json!([])).then_some(()));
}

/// A broker that is asked to end while a partition hangs: alive, not ready, and it says why.
#[test]
fn a_broker_that_ends_is_not_ready() {
    let (mut broker, _resources) = quiet("");
    let Some(frozen) = freeze(&broker, "partition-0") else { return };
    broker.signal(libc::SIGTERM);
    let admin = broker.admin();
    let response = eventually("it is not ready", || {
        let response = http::request(admin, "GET", "/health/ready", &[])?;
        (response.status == 503).then_some(response)
    });
    assert_eq!(response.body, "draining\n");
    let response = http::request(admin, "GET", "/health", &[]).expect("an answer");
    assert_eq!(response.status, 503);
    let health = response.json();
    assert_eq!(
        (&health["status"], &health["reasonCode"]),
        (&"Unavailable".into(), &"BrokerDraining".into()),
        "{health}"
    );
    assert_eq!(http::get(admin, "/health/live").map(|(status, _)| status), Some(200));
    drop(frozen);
    eventually("it ends", || (!broker.is_running()).then_some(()));
}
