//! A cluster to try out, as somebody at a shell has it: started, used across frontends, hurt, ended.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const CAUSEWAY: &str = env!("CARGO_BIN_EXE_causeway");
/// For whatever is waited for; a machine that does much else is slow.
const DEADLINE: Duration = Duration::from_secs(150);

/// Ended with the test; its processes end with it.
struct DevCluster {
    child: Child,
    dir: TempDir,
}

impl DevCluster {
    fn start(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let mut command = Command::new(CAUSEWAY);
        command.args(["dev-cluster", "--base-port", "0", "--data-dir"]).arg(dir.path().join("cluster")).args(more);
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("log"));
        Self { child: command.spawn().unwrap(), dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("cluster")
    }

    fn said(&self, file: &str) -> String {
        fs::read_to_string(self.dir.path().join(file)).unwrap()
    }

    /// Waits until it says where it listens, which it does once all are ready.
    fn ready(&mut self) -> BTreeMap<String, SocketAddr> {
        let path = self.root().join("listeners.json");
        until("ready", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "{}", self.said("log"));
            fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok())
        })
    }

    /// The number of a process, as it is printed for who wants to kill it.
    fn pid(&self, name: &str) -> Pid {
        let out = self.said("out");
        let line = out.lines().find(|line| line.contains(&format!("# {name}: "))).unwrap_or_else(|| panic!("{out}"));
        Pid::from_raw(line.split_whitespace().nth(2).unwrap().parse().unwrap()).unwrap()
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        until("ended", || self.child.try_wait().unwrap())
    }
}

impl Drop for DevCluster {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
        if std::thread::panicking() {
            eprintln!("{}", self.said("log"));
        }
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not {what} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What an errand prints, if it succeeds.
fn causeway(line: &[&str]) -> Option<String> {
    let done = Command::new(CAUSEWAY).args(line).stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
}

fn publish(at: SocketAddr, message: &str) -> Option<String> {
    causeway(&["pub", "-p", &at.port().to_string(), "-q", "1", "-r", "-t", "demo/kept", "-m", message])
}

fn retained(at: SocketAddr) -> Option<String> {
    causeway(&["sub", "-p", &at.port().to_string(), "-q", "1", "-t", "demo/kept", "-C", "1", "-W", "10"])
}

fn is_closed(at: SocketAddr) -> bool {
    TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_err()
}

#[test]
fn is_used_across_frontends_survives_a_kill_and_ends_as_a_whole() {
    let mut cluster = DevCluster::start(&["--frontends", "2", "--backends", "2"]);
    let at = cluster.ready();
    publish(at["frontend-0/mqtt"], "one").unwrap();
    assert_eq!(retained(at["frontend-1/mqtt"]).as_deref(), Some("one\n"));

    let status = causeway(&["certs", "status", "--admin", &format!("http://{}", at["backend-0/admin"])]).unwrap();
    for member in ["backend backend-0", "backend backend-1", "frontend frontend-0", "frontend frontend-1"] {
        assert!(status.contains(&format!("member        {member}, certificate until ")), "{status}");
    }

    for name in ["frontend-1", "backend-0"] {
        kill_process(cluster.pid(name), Signal::KILL).unwrap();
        let again =
            || cluster.said("log").lines().any(|line| line.contains("started a process again") && line.contains(name));
        until("started again", || again().then_some(()));
        until("used again", || publish(at["frontend-1/mqtt"], name));
        assert_eq!(retained(at["frontend-0/mqtt"]), Some(format!("{name}\n")));
    }

    assert!(cluster.end(Signal::TERM).success());
    assert!(at.values().all(|address| is_closed(*address)));
    assert!(!cluster.root().join("listeners.json").exists());
    let log = fs::read_to_string(cluster.root().join("logs/backend-1.log")).unwrap();
    assert!(log.contains("\"ended\""), "told to end, not killed: {log}");
}

#[test]
fn processes_end_with_the_one_that_started_them_however_it_ends() {
    let mut cluster = DevCluster::start(&["--frontends", "1", "--backends", "1"]);
    let at = cluster.ready();
    assert!(!cluster.end(Signal::KILL).success());
    until("closed", || at.values().all(|address| is_closed(*address)).then_some(()));
}

#[test]
fn what_is_wrong_is_told_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("cluster");
    let refused = |line: &[&str]| {
        let told = Command::new(CAUSEWAY).arg("dev-cluster").arg("--data-dir").arg(&root).args(line).output().unwrap();
        assert_eq!(told.status.code(), Some(2));
        assert!(!Path::new(&root).join("logs").exists());
        String::from_utf8(told.stderr).unwrap()
    };
    assert_eq!(
        refused(&["--base-port", "0", "--partitions", "17"]),
        "causeway: --partitions 17: give a number of partitions from 1 to 16\n"
    );
    assert!(refused(&["--base-port", "65535"]).starts_with("causeway: --base-port 65535: give 1 to "));
}
