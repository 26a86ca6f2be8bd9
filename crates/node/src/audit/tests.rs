//! The log over real files.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use auth::{Denial, Wanted};
use config::Audit as Settings;
use mqtt::ReasonCode;
use serde_json::{Value, json};

use super::keeper::{Keeper, Wishes};
use super::recorder::{ACTIONS, REFUSALS, queue};
use super::{Action, Asker, Audit, AuditCounted};

const SMALL: Settings = Settings { max_bytes: 64 << 10, files: 3 };
const PEER: &str = "192.0.2.7:50123";

fn peer() -> SocketAddr {
    PEER.parse().unwrap()
}

fn denial(wanted: Wanted) -> Denial {
    Denial {
        wanted,
        client_id: "pump".into(),
        username: Some("ann".into()),
        listener: "default/1883".into(),
        peer: peer(),
        why: "no rule is for it".into(),
    }
}

fn publish(number: usize) -> Denial {
    denial(Wanted::Publish(format!("a/{number:06}").into()))
}

/// The lines of one file, without their times, which are checked to be some.
fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let time = line.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')), "{time}");
        line
    };
    text.lines().map(line).collect()
}

fn until(audit: &Audit, holds: impl Fn(AuditCounted) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds(audit.recorder().counted()) {
        assert!(Instant::now() < deadline, "{:?}", audit.recorder().counted());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn every_entry_is_a_line_with_what_there_is_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path(), Some(SMALL)).unwrap();
    let deny = audit.sink();
    deny(denial(Wanted::Authenticate(ReasonCode::BadUserNameOrPassword)));
    deny(Denial { username: None, ..denial(Wanted::Connect) });
    for wanted in [Wanted::Publish, Wanted::Will, Wanted::Subscribe, Wanted::Receive] {
        deny(denial(wanted("a/\"b\"\n".into())));
    }
    audit.record(Action::Started { version: "1.2.3" });
    audit.record(Action::ConfigurationApplied { by: Asker::Files, changes: vec!["LogLevel".to_owned()] });
    audit.record(Action::ConfigurationRefused { by: Asker::Signal, problems: vec!["a.yaml:1 x".to_owned()] });
    audit.record(Action::ClientDisconnected { by: Asker::Token(peer()), client_id: "c".to_owned() });
    audit.record(Action::RetainedDeleted { by: Asker::Anybody(peer()), topic: "t".to_owned() });
    let request = "GET /metrics".to_owned();
    audit.record(Action::RequestRefused { by: Asker::Anybody(peer()), request, why: "token" });
    audit.record(Action::Ended { signal: "SIGTERM".to_owned() });
    audit.stop();

    let denied = |more: Value| {
        let mut line = json!({ "event": "denied", "client": "pump", "username": "ann", "listener": "default/1883",
            "peer": PEER, "why": "no rule is for it" });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let mut connect = denied(json!({ "what": "connect" }));
    connect.as_object_mut().unwrap().remove("username");
    let (with_token, without) = ("admin endpoint, with its token", "admin endpoint, without a token");
    let expected = [
        denied(json!({ "what": "authenticate", "reasonCode": "0x86" })),
        connect,
        denied(json!({ "what": "publish", "topic": "a/\"b\"\n" })),
        denied(json!({ "what": "will", "topic": "a/\"b\"\n" })),
        denied(json!({ "what": "subscribe", "filter": "a/\"b\"\n" })),
        denied(json!({ "what": "receive", "topic": "a/\"b\"\n" })),
        json!({ "event": "started", "version": "1.2.3" }),
        json!({ "event": "configurationApplied", "by": "changed files", "changes": ["LogLevel"] }),
        json!({ "event": "configurationRefused", "by": "SIGHUP", "problems": ["a.yaml:1 x"] }),
        json!({ "event": "clientDisconnected", "by": with_token, "peer": PEER, "client": "c" }),
        json!({ "event": "retainedDeleted", "by": without, "peer": PEER, "topic": "t" }),
        json!({ "event": "requestRefused", "by": without, "peer": PEER, "request": "GET /metrics", "why": "token" }),
        json!({ "event": "ended", "signal": "SIGTERM" }),
    ];
    assert_eq!(lines(folder.path(), "audit.jsonl"), expected);
}

#[test]
fn only_the_owner_may_read_it() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("audit");
    let audit = Audit::open(&folder, Some(SMALL)).unwrap();
    audit.record(Action::Started { version: "1" });
    audit.stop();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("audit.jsonl"))), (0o700, 0o600));
}

/// Names and sizes of what is in the folder.
fn sizes(folder: &Path) -> Vec<(String, u64)> {
    let entry = |entry: Result<fs::DirEntry, _>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
    };
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    all.sort();
    all
}

fn topics(folder: &Path, name: &str) -> Vec<String> {
    lines(folder, name).iter().filter_map(|line| Some(line["topic"].as_str()?.to_owned())).collect()
}

#[test]
fn files_are_bounded_in_size_and_number_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut written = 0;
    // Each start goes on in the file that is there, and 6 x 300 lines are more than three files hold.
    for start in 0..6 {
        let before = sizes(path);
        let audit = Audit::open(path, Some(SMALL)).unwrap();
        for _ in 0..300 {
            (audit.sink())(publish(written));
            written += 1;
        }
        audit.stop();
        if start == 1 {
            assert_eq!((before.len(), topics(path, "audit.1.jsonl").first().unwrap().as_str()), (1, "a/000000"));
        }
    }
    let files = sizes(path);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]);
    assert!(files.iter().all(|(_, bytes)| *bytes <= SMALL.max_bytes), "{files:?}");
    // What is kept is the newest, whole and in order.
    let kept: Vec<String> =
        ["audit.2.jsonl", "audit.1.jsonl", "audit.jsonl"].into_iter().flat_map(|name| topics(path, name)).collect();
    let expected: Vec<String> = (written - kept.len()..written).map(|number| format!("a/{number:06}")).collect();
    assert_eq!(kept, expected);

    // Fewer files: the others go at once, and the one that is left is begun anew when it is full.
    let audit = Audit::open(path, Some(Settings { files: 1, ..SMALL })).unwrap();
    for number in 0..500 {
        (audit.sink())(publish(number));
    }
    audit.stop();
    let files = sizes(path);
    assert!(files.len() == 1 && files[0].1 <= SMALL.max_bytes, "{files:?}");
    assert_eq!(topics(path, "audit.jsonl").last().unwrap(), "a/000499");
}

#[test]
fn half_a_line_of_a_process_that_was_killed_does_not_swallow_the_next() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("audit.jsonl"), "{\"time\":\"20").unwrap();
    let audit = Audit::open(folder.path(), Some(SMALL)).unwrap();
    audit.record(Action::Started { version: "1" });
    audit.stop();
    let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let (half, line) = text.split_once('\n').unwrap();
    assert!(half == "{\"time\":\"20" && serde_json::from_str::<Value>(line).is_ok(), "{text}");
}

#[test]
fn a_file_that_somebody_took_away_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path(), Some(SMALL)).unwrap();
    audit.record(Action::Started { version: "1" });
    until(&audit, |counted| counted.written == 1);
    fs::rename(folder.path().join("audit.jsonl"), folder.path().join("taken")).unwrap();
    audit.record(Action::Started { version: "2" });
    audit.stop();
    assert_eq!(lines(folder.path(), "taken"), [json!({ "event": "started", "version": "1" })]);
    assert_eq!(lines(folder.path(), "audit.jsonl"), [json!({ "event": "started", "version": "2" })]);
}

/// The first entry is lost, the second is written behind a line that says so.
fn lost_and_found(folder: &Path, repair: impl FnOnce()) {
    let audit = Audit::open(folder, Some(SMALL)).unwrap();
    (audit.sink())(publish(1));
    until(&audit, |counted| counted.unwritable == 1 && counted.is_failing);
    repair();
    (audit.sink())(publish(2));
    until(&audit, |counted| counted.written == 1 && !counted.is_failing);
    let counted = audit.recorder().counted();
    assert_eq!((counted.unwritable, counted.crowded_out), (1, 0));
    audit.stop();
    let lines = lines(folder, "audit.jsonl");
    let gap = json!({ "event": "gap", "missing": 1, "why": "the file could not be written" });
    assert!(lines.len() == 2 && lines.contains(&gap), "{lines:?}");
    assert_eq!(topics(folder, "audit.jsonl"), ["a/000002"]);
}

#[test]
fn a_full_disk_is_counted_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    lost_and_found(folder.path(), || fs::remove_file(&path).unwrap());
}

#[test]
fn a_folder_that_cannot_be_made_is_counted_told_and_survived() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("audit");
    fs::write(&folder, "in the way").unwrap();
    lost_and_found(&folder, || fs::remove_file(&folder).unwrap());
}

#[test]
fn the_queue_is_bounded_and_many_denials_hide_no_action() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, messages) = queue();
    recorder.deny(publish(0));
    assert_eq!(messages.try_recv().ok().map(|_| ()), None, "nothing is wanted yet");
    recorder.state().is_on.store(true, Ordering::Relaxed);
    for number in 0..REFUSALS + 5 {
        recorder.deny(publish(number));
    }
    assert_eq!(recorder.counted().crowded_out, 5);
    let request = |number: usize| format!("GET /{number}");
    let by = Asker::Anybody(peer());
    recorder.record(Action::RequestRefused { by, request: request(0), why: "token" });
    assert_eq!(recorder.counted().crowded_out, 6);
    for number in 0..ACTIONS + 1 {
        recorder.record(Action::ClientDisconnected { by, client_id: number.to_string() });
    }
    assert_eq!(recorder.counted().crowded_out, 7);

    let wishes = Arc::new(Wishes::new(Some(Settings { max_bytes: 16 << 20, files: 1 })));
    let keeper = Keeper::new(folder.path(), messages, Arc::clone(recorder.state()), wishes);
    let state = Arc::clone(recorder.state());
    drop(recorder);
    keeper.run();
    assert_eq!(state.written.load(Ordering::Relaxed), (REFUSALS + ACTIONS) as u64);
    assert_eq!(state.refusals_waiting.load(Ordering::Relaxed), 0);
    let lines = lines(folder.path(), "audit.jsonl");
    let gap = json!({ "event": "gap", "missing": 7, "why": "more came at once than may wait to be written" });
    assert_eq!(lines.iter().filter(|line| **line == gap).count(), 1);
    assert_eq!(lines.len(), REFUSALS + ACTIONS + 1);
}

#[test]
fn it_falls_silent_and_speaks_again_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path(), None).unwrap();
    let deny = audit.sink();
    deny(publish(1));
    audit.set(Some(SMALL));
    deny(publish(2));
    until(&audit, |counted| counted.written == 1);
    audit.set(None);
    until(&audit, |counted| counted.written == 2);
    deny(publish(3));
    audit.set(Some(Settings { files: 2, ..SMALL }));
    deny(publish(4));
    until(&audit, |counted| counted.written == 3);
    audit.set(None);
    audit.stop();
    let lines = lines(folder.path(), "audit.jsonl");
    let told: Vec<_> = lines.iter().map(|line| line["topic"].as_str().or(line["event"].as_str()).unwrap()).collect();
    assert_eq!(told, ["a/000002", "silenced", "a/000004", "silenced"]);
}

#[test]
fn what_strangers_write_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path(), Some(SMALL)).unwrap();
    let long = "é".repeat(30_000);
    let texts = Denial { client_id: long.as_str().into(), ..denial(Wanted::Subscribe(format!("x{long}").into())) };
    (audit.sink())(texts);
    let problems = vec![long.clone(); 100];
    audit.record(Action::ConfigurationRefused { by: Asker::Files, problems });
    audit.stop();
    let lines = lines(folder.path(), "audit.jsonl");
    assert_eq!(lines[0]["client"], json!(format!("{}…", "é".repeat(512))));
    assert_eq!(lines[0]["filter"], json!(format!("x{}…", "é".repeat(511))));
    let problems = lines[1]["problems"].as_array().unwrap();
    assert_eq!((problems.len(), &problems[8]), (9, &json!("and 92 more")));
}
