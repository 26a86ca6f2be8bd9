//! `causeway dev-cluster`: real processes on loopback, looked after and ended together.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use causeway_tests::broker::program;
use causeway_tests::deadline::{patience, within};
use causeway_tests::{Client, Connect, Publish, Version, errand, eventually, http, oracle, process};

/// One of them, with a directory of its own; ends with this value.
struct DevCluster {
    root: PathBuf,
    child: Option<Child>,
}

impl DevCluster {
    fn start(flags: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("causeway-dev-cluster-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).expect("a temporary directory");
        let mut cluster = DevCluster { root, child: None };
        cluster.again(flags);
        cluster
    }

    /// Starts it on the data of before, and waits until it says that it is ready.
    fn again(&mut self, flags: &[&str]) {
        let log = File::create(self.root.join("log")).expect("a log file");
        let mut command = Command::new(program());
        command.args(["dev-cluster", "--base-port", "0", "--data-dir"]).arg(self.root.join("data")).args(flags);
        let both = log.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        let child = process::spawn(command).expect("the program starts");
        process::remember(child.id(), self.root.clone());
        self.child = Some(child);
        within(patience() * 4, "the cluster is ready", || {
            assert!(self.ended().is_none(), "it ended: {}", self.said());
            self.said().contains("\"ready\"").then_some(())
        });
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().expect("a started cluster").try_wait().expect("its state")
    }

    /// What it has printed since its start.
    fn said(&self) -> String {
        fs::read_to_string(self.root.join("log")).unwrap_or_default()
    }

    fn listener(&self, name: &str) -> SocketAddr {
        let text = fs::read_to_string(self.root.join("data/listeners.json")).expect("a file of listeners");
        let all: BTreeMap<String, SocketAddr> = serde_json::from_str(&text).expect("names and addresses");
        *all.get(name).unwrap_or_else(|| panic!("no {name} in {all:?}"))
    }

    /// The process that has this listener's member as its name, now.
    fn pids(&self) -> BTreeMap<String, i32> {
        let lines = self.said();
        let of = |line: &str| {
            let (command, rest) = line.split_once('#')?;
            let pid = command.trim().strip_prefix("kill -9 ")?.parse().ok()?;
            Some((rest.split_once(':')?.0.trim().to_string(), pid))
        };
        lines.lines().filter_map(of).collect()
    }

    fn client(&self, frontend: usize, connect: &Connect) -> Client {
        let address = self.listener(&format!("frontend-{frontend}/mqtt"));
        eventually("a client is let in", || oracle::open(address, connect))
    }

    fn end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a started cluster");
        process::signal(&child, libc::SIGTERM);
        let status = within(patience() * 3, "the cluster ends", || child.try_wait().expect("its state"));
        process::forget(child.id());
        status
    }
}

impl Drop for DevCluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::forget(child.id());
            process::signal(&child, libc::SIGKILL);
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- what it said\n{}", self.said());
        }
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

fn is_running(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(pid, 0) == 0 }
}

#[test]
fn a_cluster_of_processes_serves_clients_and_keeps_their_data() {
    let shape = ["--frontends", "2", "--backends", "2"];
    let mut cluster = DevCluster::start(&shape);
    let before = cluster.pids();
    let names: Vec<&str> = before.keys().map(String::as_str).collect();
    assert_eq!(names, ["backend-0", "backend-1", "frontend-0", "frontend-1"], "{}", cluster.said());
    for name in ["frontend-0/mqtt", "frontend-1/mqtts", "frontend-1/ws", "backend-1/internal", "backend-0/admin"] {
        let address = cluster.listener(name).to_string();
        assert!(cluster.said().contains(&address), "{name} is not told: {}", cluster.said());
    }

    let connect = Connect::persistent(Version::V5, "stays");
    let mut receiver = cluster.client(0, &connect);
    receiver.subscribe("a/+", 1);
    let mut sender = cluster.client(1, &Connect::fresh(Version::V311));
    sender.publish(Publish::new("a/1", "across").qos(1));
    assert_eq!(receiver.take().text(), "across");
    receiver.disconnect();
    sender.publish(Publish::new("a/2", "kept").qos(1));
    sender.publish(Publish::new("b", "retained").qos(1).retained());

    let admin = format!("http://{}", cluster.listener("backend-0/admin"));
    let status = errand::run(&["certs", "status", "--admin", &admin]);
    assert!(status.code == 0 && status.stdout.contains("member        frontend frontend-1"), "{status:?}");

    assert!(cluster.end().success(), "{}", cluster.said());
    for (name, pid) in &before {
        assert!(!is_running(*pid), "{name} runs on");
    }
    cluster.again(&shape);
    let mut receiver = cluster.client(1, &connect);
    assert!(receiver.connack.session_present);
    assert_eq!(receiver.take().text(), "kept");
    receiver.subscribe("b", 0);
    assert_eq!(receiver.take().text(), "retained");
}

#[test]
fn a_process_that_is_killed_is_started_again() {
    let cluster = DevCluster::start(&["--frontends", "1", "--backends", "2"]);
    let mut client = cluster.client(0, &Connect::persistent(Version::V5, "stays"));
    client.subscribe("a", 1);
    let pids = cluster.pids();
    for name in ["backend-1", "frontend-0"] {
        // SAFETY: a process that the cluster has started, by its number.
        unsafe { libc::kill(pids[name], libc::SIGKILL) };
        within(patience() * 2, "the cluster tells of it", || {
            let said = cluster.said();
            let of = |what: &str| said.lines().any(|line| line.contains(what) && line.contains(name));
            (of("a process ended; it is started again") && of("started a process again")).then_some(())
        });
        let admin = cluster.listener(&format!("{name}/admin"));
        within(patience() * 2, &format!("{name} is ready again"), || {
            (http::get(admin, "/health/ready")?.0 == 200).then_some(())
        });
    }
    let mut client = cluster.client(0, &Connect::persistent(Version::V5, "stays"));
    assert!(client.connack.session_present);
    client.publish(Publish::new("a", "after all").qos(1));
    assert_eq!(client.take().text(), "after all");
}

#[test]
fn nothing_outlives_a_cluster_that_is_killed() {
    let mut cluster = DevCluster::start(&["--frontends", "1", "--backends", "1"]);
    let pids = cluster.pids();
    assert_eq!(pids.len(), 2);
    let mut child = cluster.child.take().expect("a started cluster");
    process::signal(&child, libc::SIGKILL);
    child.wait().expect("its end");
    process::forget(child.id());
    for (name, pid) in pids {
        eventually(&format!("{name} ends"), || (!is_running(pid)).then_some(()));
    }
}

#[test]
fn flags_that_cannot_be_are_refused_before_anything_starts() {
    let dir = std::env::temp_dir().join(format!("causeway-dev-refused-{}", std::process::id()));
    let run = |flags: &[&str]| {
        let dir = dir.display().to_string();
        errand::run(&[&["dev-cluster", "--data-dir", &dir], flags].concat())
    };
    // Somebody whose answers would be taken for those of the first backend.
    let somebody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = (somebody.local_addr().expect("its address").port() - 9600 + 1883).to_string();
    for (flags, sentence) in [
        (&["--redundancy-factor", "4"][..], "--redundancy-factor 4: --backends names 3, and each copy needs its own"),
        (&["--partitions", "17"], "--partitions 17: "),
        (&["--base-port", "60000"], "--base-port 60000: give 1 to "),
        (&["--backends", "0"], "1..=16"),
        (&["--base-port", &base], "(backend-0/admin): another program uses the port; choose others with --base-port"),
    ] {
        let outcome = run(flags);
        assert!(outcome.code != 0 && outcome.stderr.contains(sentence), "{flags:?}: {outcome:?}");
    }
    let _ = fs::remove_dir_all(&dir);
}
