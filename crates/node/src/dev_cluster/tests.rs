//! Who is started where and with what, and that processes end and come back as they are to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use config::{ClusterRole, Encryption};

use super::child::Process;
use super::greeting::greeting;
use super::layout::{Layout, Member, Ports};
use super::run::checked;
use crate::arguments::{Arguments, DevClusterFlags, Errand};

fn flags(line: &[&str]) -> DevClusterFlags {
    match Arguments::try_parse_from(["causeway", "dev-cluster"].iter().chain(line)).unwrap().errand {
        Some(Errand::DevCluster(flags)) => *flags,
        other => panic!("{other:?}"),
    }
}

fn layout(line: &[&str]) -> Layout {
    Layout::of(&flags(line), Path::new("/c")).unwrap()
}

fn words(member: &Member) -> String {
    member.arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_process_has_its_name_its_ports_and_its_folder() {
    let layout = layout(&["--frontends", "2", "--backends", "2", "--partitions", "3"]);
    let lines: Vec<String> = layout.members.iter().map(words).collect();
    let list = "backend-0=127.0.0.1:7883,backend-1=127.0.0.1:7884";
    assert_eq!(
        lines,
        [
            format!(
                "backend --name backend-0 --cluster dev --backends {list} --data-dir /c/backend-0 --join-token-file \
                 /c/backend-0/backend.token --admin 127.0.0.1:9600 --internal 127.0.0.1:7883 --partitions 3"
            ),
            format!(
                "backend --name backend-1 --cluster dev --backends {list} --data-dir /c/backend-1 --join-token-file \
                 /c/backend-0/backend.token --admin 127.0.0.1:9601 --internal 127.0.0.1:7884 --partitions 3"
            ),
            format!(
                "frontend --name frontend-0 --cluster dev --backends {list} --data-dir /c/frontend-0 --join-token-file \
                 /c/backend-0/frontend.token --admin 127.0.0.1:9602 --mqtt 127.0.0.1:1883 --mqtts 127.0.0.1:8883 --ws \
                 127.0.0.1:8083 --partitions 3"
            ),
            format!(
                "frontend --name frontend-1 --cluster dev --backends {list} --data-dir /c/frontend-1 --join-token-file \
                 /c/backend-0/frontend.token --admin 127.0.0.1:9603 --mqtt 127.0.0.1:1884 --mqtts 127.0.0.1:8884 --ws \
                 127.0.0.1:8084 --partitions 3"
            ),
        ]
    );
    assert_eq!(layout.members[3].log, PathBuf::from("/c/logs/frontend-1.log"));
}

#[test]
fn no_two_have_one_port() {
    for line in [&["--base-port", "0"][..], &["--base-port", "1"], &["--base-port", "57787"], &[]] {
        let line = [&["--frontends", "16", "--backends", "16"], line].concat();
        let layout = layout(&line);
        let ports: Vec<u16> = layout.addresses().map(|(_, address)| address.port()).collect();
        assert_eq!((ports.len(), ports.iter().collect::<BTreeSet<_>>().len()), (96, 96), "{line:?}");
        assert!(!ports.contains(&0));
    }
    let error = Layout::of(&flags(&["--base-port", "65000"]), Path::new("/c")).unwrap_err().to_string();
    assert!(error.starts_with("--base-port 65000: give 1 to 57814"), "{error}");
}

#[test]
fn every_process_understands_its_flags() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("broker.json");
    let write = |text: &str| fs::write(&config, text).unwrap();
    let line = ["--broker-config-file", config.to_str().unwrap(), "--shortest-internal-duration", "5s"];
    let checked = || checked(&Layout::of(&flags(&line), dir.path()).unwrap());
    let certs = |duration: &str| {
        format!(
            r#"{{"advanced": {{"internalCerts": {{"duration": "{duration}", "renewBefore": "2s",
                "privateKey": {{"algorithm": "Ed25519", "rotationPolicy": "Always"}}}}}}}}"#
        )
    };
    write(&certs("6s"));
    let internal = checked().unwrap();
    assert_eq!((internal.encryption, internal.certificates.duration), (Encryption::Enabled, Duration::from_secs(6)));
    write(&certs("4s"));
    let error = checked().unwrap_err().to_string();
    assert!(error.ends_with("duration \"4s\": give 5s or more"), "{error}");
    write("{}");
    let layout = Layout::of(&flags(&["--redundancy-factor", "9"]), dir.path()).unwrap();
    let error = super::run::checked(&layout).unwrap_err().to_string();
    assert_eq!(error, "--redundancy-factor 9: give a number of copies from 1 to 5");
}

#[test]
fn what_is_printed_can_be_pasted() {
    let layout = layout(&["--frontends", "2", "--backends", "1"]);
    let ids = BTreeMap::from([("backend-0", Some(7)), ("frontend-0", Some(8)), ("frontend-1", None)]);
    let expected = "\
# Try it: subscribe at frontend-0 in one terminal, publish at frontend-1 in another.
mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'demo/#'
mosquitto_pub -h 127.0.0.1 -p 1884 -t demo/hello -m 'hello, across processes'
# The certificates by which they know each other, and a new one for backend-0:
'/my bin/causeway' certs status --admin http://127.0.0.1:9600
'/my bin/causeway' certs rotate --admin http://127.0.0.1:9600
# A process that is killed is started again:
kill -9 7       # backend-0: internal 127.0.0.1:7883, admin http://127.0.0.1:9600
kill -9 8       # frontend-0: mqtt 127.0.0.1:1883, mqtts 127.0.0.1:8883, ws 127.0.0.1:8083, admin http://127.0.0.1:9601
                # frontend-1: mqtt 127.0.0.1:1884, mqtts 127.0.0.1:8884, ws 127.0.0.1:8084, admin http://127.0.0.1:9602
# Logs: tail -F /c/logs/*.log
# Ctrl-C ends them all; their data stays in /c
";
    let place = ("/my bin/causeway", Path::new("/c"));
    assert_eq!(greeting(&layout, Encryption::Enabled, place, &ids), expected);
    let plain = greeting(&layout, Encryption::Disabled, place, &ids);
    assert!(plain.contains("# What they say to each other is not encrypted") && !plain.contains("certs"), "{plain}");
}

/// A shell in the place of a process; `$0` and `$1` are what a process is told of who started it.
fn shell(dir: &Path, script: &str) -> Member {
    let admin = "127.0.0.1:9".parse().unwrap();
    Member {
        role: ClusterRole::Backend,
        name: "backend-0".to_owned(),
        admin,
        ports: Ports::Backend { internal: admin },
        data_dir: dir.to_owned(),
        log: dir.join("logs/backend-0.log"),
        arguments: ["-c", script].map(OsString::from).into(),
    }
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "too late");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const SHELL: &str = "/bin/sh";

#[test]
fn a_process_that_ends_is_started_again_and_its_output_kept() {
    let dir = tempfile::tempdir().unwrap();
    let member = shell(dir.path(), "echo out of $$ $0 $1; exec sleep 600");
    let mut process = Process::start(Path::new(SHELL), member).unwrap();
    let first = process.id().unwrap();
    let log = dir.path().join("logs/backend-0.log");
    let says = |id: u32| format!("out of {id} --parent {}\n", std::process::id());
    let said = || fs::read_to_string(&log).unwrap_or_default();
    until(|| (said() == says(first)).then_some(()));
    assert_eq!(process.ended().unwrap(), None);
    let pid = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // What the clock says is ours to say.
    let now = Instant::now();
    until(|| {
        process.look_after(Path::new(SHELL), now);
        process.id().is_none().then_some(())
    });
    process.look_after(Path::new(SHELL), now + Duration::from_millis(499));
    assert_eq!(process.id(), None);
    process.look_after(Path::new(SHELL), now + Duration::from_millis(500));
    let second = process.id().unwrap();
    until(|| (said() == says(first) + &says(second)).then_some(()));
    assert_eq!(process.last_words(), format!("  {}  {}", says(first), says(second).trim_end()));

    process.tell_to_end();
    let status = until(|| process.ended().unwrap());
    assert!(!status.success());
    process.look_after(Path::new(SHELL), now + Duration::from_secs(3600));
    assert_eq!(process.id(), None, "it was told to end");
}

#[test]
fn one_that_does_not_listen_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
    let mut process = Process::start(Path::new(SHELL), shell(dir.path(), script)).unwrap();
    until(|| (process.last_words() == "  deaf").then_some(()));
    process.tell_to_end();
    assert_eq!(process.ended().unwrap(), None);
    process.kill();
    assert_eq!(process.id(), None);
}

#[test]
fn what_cannot_be_started_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Process::start(Path::new("/nowhere"), shell(dir.path(), "")).unwrap_err().to_string();
    assert!(error.starts_with("cannot start backend-0: "), "{error}");
}
