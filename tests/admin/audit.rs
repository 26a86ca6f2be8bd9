//! Scenes: what becomes of entries of the audit log.

use causeway_tests::freeze::freeze;
use causeway_tests::{Broker, eventually, http};

use crate::ask::json;
use crate::watch::{QUIET, Samples, moved, quiet, still, stirred};

/// A request that is refused, and so an entry.
fn refused(broker: &Broker) {
    let answer = http::request(broker.admin(), "GET", "/metrics", &[("Host", "elsewhere.example")]);
    assert_eq!(answer.expect("an answer").status, 421);
}

/// The log says that entries are missing, and why.
fn gap(broker: &Broker, why: &str) {
    let file = broker.data_dir().join("audit/audit.jsonl");
    let is_gap = |line: &str| line.contains("\"event\":\"gap\"") && line.contains(why);
    eventually("the log says that entries are missing", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.lines().any(is_gap)).then_some(())
    });
}

pub fn entries_are_written(samples: Samples) {
    let (broker, resources) = quiet("  audit:\n    mode: Disabled\n");
    refused(&broker);
    still(&broker, samples);
    resources.broker(QUIET);
    stirred(&broker, samples, || refused(&broker));
}

/// The thread that writes is held.
pub fn entries_find_no_room(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let Some(frozen) = freeze(&broker, "audit") else { return };
    stirred(&broker, samples, || (0..100).for_each(|_| refused(&broker)));
    drop(frozen);
    gap(&broker, "more came at once");
    assert_eq!(json(&broker, "/health")["status"], "Available");
}

/// Something is where the folder was.
pub fn entries_cannot_be_written(samples: Samples) {
    let (broker, _resources) = quiet("");
    still(&broker, samples);
    let folder = broker.data_dir().join("audit");
    eventually("the folder is there", || folder.is_dir().then_some(()));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    std::fs::write(&folder, "in the way").expect("a file in its place");
    refused(&broker);
    moved(&broker, samples);
    let health = json(&broker, "/health");
    assert_eq!((&health["status"], &health["reasonCode"]), (&"Degraded".into(), &"AuditLogFailed".into()), "{health}");
    std::fs::remove_file(&folder).expect("the file goes");
    eventually("it is written again", || {
        refused(&broker);
        (json(&broker, "/health")["status"] == "Available").then_some(())
    });
    gap(&broker, "could not be written");
}
