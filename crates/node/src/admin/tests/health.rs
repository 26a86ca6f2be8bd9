//! Probes and the broker's condition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use identity::CertificateStatus;

use super::fixture::{running, starting};
use crate::admin::Purpose;

#[test]
fn readiness_follows_the_process_and_liveness_does_not() {
    let fixture = starting(None);
    let is = |path: &str, status: u16, body: &str| {
        let answer = fixture.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    };
    is("/health/live", 200, "live\n");
    is("/health/ready", 503, "starting\n");
    let runs = Arc::new(AtomicBool::new(true));
    let probe = Arc::clone(&runs);
    fixture.settings.health.set_ready(Purpose::Broker, move || probe.load(Ordering::Relaxed));
    is("/health/ready", 200, "ready\n");
    runs.store(false, Ordering::Relaxed);
    is("/health/ready", 503, "a partition has stopped: see the log\n");
    assert_eq!(fixture.get("/health").json()["reasonCode"], "BrokerPartitionFailed");
    fixture.settings.health.set_draining();
    is("/health/ready", 503, "draining\n");
    is("/health/live", 200, "live\n");
}

#[test]
fn a_bridge_that_has_stopped_says_so() {
    let fixture = starting(None);
    fixture.settings.health.set_ready(Purpose::Bridge, || false);
    let answer = fixture.get("/health/ready");
    assert_eq!((answer.status, answer.body.as_str()), (503, "dataflows have stopped: see the log\n"));
    let report = fixture.get("/health").json();
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Unavailable".into(), &"BridgeFailed".into()));
}

#[test]
fn the_condition_is_unknown_then_available_then_ends() {
    let fixture = starting(None);
    let seen = |status: u16| {
        let answer = fixture.get("/health");
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")));
        answer.json()
    };
    let report = seen(503);
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Unknown".into(), &"BrokerStarting".into()));
    fixture.settings.health.set_ready(Purpose::Broker, || true);
    let report = seen(200);
    assert_eq!((&report["status"], &report["message"]), (&"Available".into(), &"everything works".into()));
    assert!(report["reasonCode"].is_null() && report["conditions"] == serde_json::json!([]));
    for time in ["lastTransitionTime", "lastUpdateTime"] {
        let text = report[time].as_str().unwrap();
        assert!(text.len() == "2026-01-01T00:00:00Z".len() && text.ends_with('Z'), "{text}");
    }
    fixture.settings.health.set_draining();
    assert_eq!(seen(503)["status"], "Unavailable");
}

#[test]
fn a_refused_configuration_is_told_with_its_problems() {
    let fixture = running();
    let problem = "broker.yaml:3 spec.memoryProfile: \"Huge\" is not one of Tiny, Low, Medium, High".to_owned();
    fixture.settings.configuration.rejected(vec![problem.clone()]);
    let report = fixture.json("/health");
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Degraded".into(), &"ConfigurationRejected".into()));
    assert_eq!(report["conditions"][0]["problems"], serde_json::json!([problem]));
    fixture.settings.configuration.applied(vec!["--workers".to_owned()], SystemTime::now());
    let report = fixture.json("/health");
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Available".into(), &serde_json::Value::Null));
    let pending = &report["conditions"][0];
    assert_eq!(
        (&pending["reasonCode"], &pending["problems"]),
        (&"RestartPending".into(), &serde_json::json!(["--workers"]))
    );
}

#[test]
fn disks_and_certificates_are_told() {
    let fixture = running();
    let reasons = || {
        let report = fixture.json("/health");
        let conditions = report["conditions"].as_array().unwrap();
        conditions.iter().map(|condition| condition["reasonCode"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(reasons().is_empty());
    fixture.figures.lock().unwrap().is_disk_full = true;
    assert_eq!(reasons(), ["DiskFull"]);
    {
        let mut figures = fixture.figures.lock().unwrap();
        (figures.is_disk_full, figures.is_queue_disk_full) = (false, true);
    }
    assert_eq!(reasons(), ["DiskBufferFull"]);
    fixture.figures.lock().unwrap().is_queue_disk_full = false;
    let not_after = SystemTime::now() + Duration::from_secs(3600);
    fixture.certificates.lock().unwrap().push(CertificateStatus {
        listener: "own/8883".to_owned(),
        not_after,
        renewals: 0,
        failures: 0,
    });
    assert_eq!(reasons(), ["CertificateExpiring"]);
}

#[test]
fn an_audit_log_that_cannot_be_written_is_told() {
    let fixture = running();
    fixture.audited.lock().unwrap().is_failing = true;
    let report = fixture.json("/health");
    assert_eq!((&report["status"], &report["reasonCode"]), (&"Degraded".into(), &"AuditLogFailed".into()));
}
