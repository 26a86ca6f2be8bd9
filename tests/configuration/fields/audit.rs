//! `diagnostics.audit`: whether what was denied and done is written down, and how much of it is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use causeway_tests::deadline::eventually;
use causeway_tests::{Connect, http};

use super::served::{Served, V, refused_broker};

const KIB: u64 = 1024;

fn audit(fields: &str) -> String {
    let lines: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!("diagnostics:\n  audit:\n{lines}")
}

impl Served {
    fn audit_folder(&self) -> PathBuf {
        self.broker.data_dir().join("audit")
    }

    /// Sizes of the files by their names; one that goes while this looks is none.
    fn audit_files(&self) -> BTreeMap<String, u64> {
        let entries = std::fs::read_dir(self.audit_folder()).into_iter().flatten().flatten();
        let size = |entry: std::fs::DirEntry| {
            Some((entry.file_name().into_string().expect("a name"), entry.metadata().ok()?.len()))
        };
        entries.filter_map(size).collect()
    }

    /// The lines of the file that is written.
    fn audit_lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.audit_folder().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }

    /// An administrator sends a client away: something to write down.
    fn send_away(&self, client_id: &str) {
        let mut client = self.broker.connect(&Connect::new(V, client_id));
        let path = format!("/api/v1/clients/{client_id}");
        let answer = http::request(self.address("admin"), "DELETE", &path, &[]).expect("an answer");
        assert_eq!(answer.status, 204, "{}", answer.body);
        client.expect_disconnect(0x98);
    }

    fn is_written(&self, client_id: &str) -> bool {
        self.audit_lines().iter().any(|line| line.contains("clientDisconnected") && line.contains(client_id))
    }

    fn becomes_written(&self, client_id: &str) {
        self.send_away(client_id);
        eventually(&format!("{client_id} is written down"), || self.is_written(client_id).then_some(()));
    }

    /// Requests that the admin endpoint refuses, a KiB each in the audit log, until `enough`.
    fn fill_until(&self, what: &str, enough: impl Fn(&BTreeMap<String, u64>) -> bool) {
        let path = format!("/{}", "x".repeat(900));
        eventually(what, || {
            for _ in 0..20 {
                let elsewhere = [("Host", "elsewhere.example")];
                let answer = http::request(self.address("admin"), "GET", &path, &elsewhere).expect("an answer");
                assert_eq!(answer.status, 421, "{}", answer.body);
            }
            enough(&self.audit_files()).then_some(())
        });
    }
}

#[test]
pub fn mode() {
    let usual = Served::by("{}");
    usual.becomes_written("first");
    assert!(usual.audit_lines()[0].contains("\"event\":\"started\""), "{:?}", usual.audit_lines());
    assert_eq!(usual.audit_files().into_keys().collect::<Vec<_>>(), ["audit.jsonl"]);

    let mut served = Served::by(&audit("mode: Disabled"));
    served.send_away("unseen");
    served.change(&audit("mode: Enabled"));
    served.becomes_written("seen");
    assert!(!served.is_written("unseen"), "{:?}", served.audit_lines());
    // Turning it off is the last that it says.
    served.change(&audit("mode: Disabled"));
    served.send_away("again-unseen");
    eventually("it falls silent", || {
        served.audit_lines().last().is_some_and(|line| line.contains("\"event\":\"silenced\"")).then_some(())
    });
    served.change(&audit("mode: Enabled"));
    served.becomes_written("again-seen");
    assert!(!served.is_written("again-unseen"), "{:?}", served.audit_lines());

    // Off from the start, there is nothing at all, not even of its end.
    served.resources.broker(&audit("mode: Disabled"));
    std::fs::remove_dir_all(served.audit_folder()).expect("the folder goes");
    served.broker.restart();
    served.send_away("never-seen");
    served.broker.terminate(libc::SIGTERM);
    assert!(!served.audit_folder().exists(), "{:?}", served.audit_files());
    assert!(refused_broker(&audit("mode: Sometimes")).contains("spec.diagnostics.audit.mode"));
}

#[test]
pub fn max_size() {
    let served = Served::by(&audit("maxSize: 64Ki"));
    served.fill_until("another file is begun", |files| files.contains_key("audit.1.jsonl"));
    let full = served.audit_files()["audit.1.jsonl"];
    // A file is full when what is to be written next, 16 KiB and a line at most, does not fit any more.
    assert!((40 * KIB..=64 * KIB).contains(&full), "{full} bytes");

    served.change(&audit("maxSize: 100k"));
    served.fill_until("the next one is longer", |files| files.contains_key("audit.2.jsonl"));
    let full = served.audit_files()["audit.1.jsonl"];
    assert!((80_000..=100_000).contains(&full), "{full} bytes");
    served.change(&audit("maxSize: 64Ki"));
    served.fill_until("the next one is shorter", |files| files.contains_key("audit.3.jsonl"));
    let full = served.audit_files()["audit.1.jsonl"];
    assert!((40 * KIB..=64 * KIB).contains(&full), "{full} bytes");
    // Nothing is lost between files.
    assert_eq!(served.metric("causeway_audit_dropped_total", ""), Some(0.0));
    for size in ["65535", "63Ki", "2Gi", "64", "much"] {
        assert!(
            refused_broker(&audit(&format!("maxSize: {size}"))).contains("spec.diagnostics.audit.maxSize"),
            "{size}"
        );
    }
}

/// The files there are when no more of them come.
fn kept(served: &Served, oldest: &str) -> Vec<String> {
    let written = || served.metric("causeway_audit_entries_total", "").expect("a counter");
    served.fill_until("there are as many files as there may be", |files| files.contains_key(oldest));
    // Enough for two files more.
    let enough = written() + 160.0;
    served.fill_until("more is written", |_| written() >= enough);
    served.audit_files().into_keys().collect()
}

#[test]
pub fn max_files() {
    let fields = |files: u32| audit(&format!("maxSize: 64Ki\nmaxFiles: {files}"));
    let served = Served::by(&fields(3));
    assert_eq!(kept(&served, "audit.2.jsonl"), ["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]);
    // The newest are those that stay.
    let newest = |served: &Served| std::fs::metadata(served.audit_folder().join("audit.1.jsonl")).expect("a file");
    let before = std::os::unix::fs::MetadataExt::ino(&newest(&served));
    served.change(&fields(2));
    eventually("the oldest is gone", || (!served.audit_files().contains_key("audit.2.jsonl")).then_some(()));
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&newest(&served)), before);
    assert_eq!(kept(&served, "audit.1.jsonl"), ["audit.1.jsonl", "audit.jsonl"]);
    served.change(&fields(4));
    assert_eq!(kept(&served, "audit.3.jsonl").len(), 4);
    // One file only: the one that is written.
    served.change(&fields(1));
    assert_eq!(kept(&served, "audit.jsonl"), ["audit.jsonl"]);
    assert!(served.audit_files()["audit.jsonl"] <= 64 * KIB);
    for files in ["0", "101"] {
        let told = refused_broker(&audit(&format!("maxFiles: {files}")));
        assert!(told.contains("spec.diagnostics.audit.maxFiles"), "{told}");
    }
}
