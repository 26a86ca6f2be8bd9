//! One process of a cluster: `causeway frontend` or `causeway backend`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::broker::program;
use crate::deadline::{eventually, patience, within};
use crate::network::Machine;
use crate::stream::tcp;
use crate::{Client, ConnAck, Connect, Version, http, process};

/// A process with a name of its own; ends with this value.
pub struct NodeProcess {
    name: String,
    /// After the name of the role; `--data-dir` and `--admin` are added.
    arguments: Vec<String>,
    root: PathBuf,
    child: Option<Child>,
    listeners: BTreeMap<String, SocketAddr>,
    /// Where it runs, if not on the machine of the test.
    machine: Option<Arc<Machine>>,
}

impl NodeProcess {
    /// A process that is not started yet. The first argument is its role.
    pub fn new(name: &str, root: &Path, arguments: Vec<String>) -> Self {
        let root = root.join(name);
        fs::create_dir_all(&root).expect("a temporary directory");
        NodeProcess { name: name.into(), arguments, root, child: None, listeners: BTreeMap::new(), machine: None }
    }

    /// Has it run on a machine of its own from its next start on.
    pub fn on(mut self, machine: Option<Arc<Machine>>) -> Self {
        self.machine = machine;
        self
    }

    /// The machine it runs on; panics where it is that of the test.
    pub fn machine(&self) -> &Machine {
        self.machine.as_deref().expect("a process on a machine of its own")
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Everything it has logged and printed so far, over all restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.root.join("log")).unwrap_or_default()).into_owned()
    }

    /// Its arguments at the next start.
    pub fn arguments_mut(&mut self) -> &mut Vec<String> {
        &mut self.arguments
    }

    /// Gives one of its flags another value at the next start, or takes it away.
    pub fn set(&mut self, flag: &str, value: Option<&str>) {
        if let Some(at) = self.arguments.iter().position(|word| word == flag) {
            self.arguments.drain(at..at + 2);
        }
        self.arguments.extend(value.into_iter().flat_map(|value| [flag.to_string(), value.to_string()]));
    }

    /// Waits until one line of its log has all of these in it.
    pub fn says(&self, parts: &[&str]) {
        within(patience() * 2, &format!("{} says {parts:?}", self.name), || {
            let log = self.log();
            log.lines().any(|line| parts.iter().all(|part| line.contains(part))).then_some(())
        });
    }

    /// Starts it and waits for its end; tells its exit code and what this start said.
    pub fn refuses(&mut self) -> (Option<i32>, String) {
        let before = self.log().len();
        self.launch();
        let status = within(patience() * 2, &format!("{} ends", self.name), || self.exited());
        (status.code(), self.log().split_off(before))
    }

    /// Starts it and does not wait.
    pub fn launch(&mut self) {
        self.kill();
        let _ = fs::remove_file(self.data_dir().join("listeners.json"));
        let log = File::options().create(true).append(true).open(self.root.join("log")).expect("a log file");
        let mut command = Command::new(program());
        command.args(&self.arguments).arg("--data-dir").arg(self.data_dir()).args(["--admin", "127.0.0.1:0"]);
        let both = log.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        if let Some(machine) = &self.machine {
            machine.host(&mut command);
        }
        let child = process::spawn(command).expect("the program starts");
        process::remember(child.id(), self.root.clone());
        self.child = Some(child);
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    pub fn wait_until_ready(&mut self) {
        self.wait_until_ready_within(patience() * 3);
    }

    pub fn wait_until_ready_within(&mut self, limit: Duration) {
        self.listeners = within(limit, &format!("{} is ready", self.name), || {
            if let Some(status) = self.exited() {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            let listeners = self.written_listeners()?;
            let admin = *listeners.get("admin")?;
            (self.ask(admin, "/health/ready")?.0 == 200).then_some(listeners)
        });
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("the state of the process")
    }

    fn written_listeners(&self) -> Option<BTreeMap<String, SocketAddr>> {
        let text = fs::read_to_string(self.data_dir().join("listeners.json")).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        let address = |value: &serde_json::Value| value.as_str()?.parse().ok();
        Some(json.as_object()?.iter().filter_map(|(name, value)| Some((name.clone(), address(value)?))).collect())
    }

    /// Where one of its listeners is: `mqtt`, `admin`, `internal`.
    pub fn listener(&self, name: &str) -> SocketAddr {
        *self.listeners.get(name).unwrap_or_else(|| panic!("{} has no listener {name}", self.name))
    }

    pub fn mqtt(&self) -> SocketAddr {
        self.listener("mqtt")
    }

    pub fn admin(&self) -> SocketAddr {
        self.listener("admin")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running process").id()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && self.exited().is_none()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::forget(child.id());
            process::signal(&child, libc::SIGKILL);
            child.wait().expect("the end of the process");
        }
    }

    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Asks it to end and waits for that.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a running process");
        process::signal(&child, libc::SIGTERM);
        let status = eventually("the process drains and ends", || child.try_wait().expect("the state of the process"));
        process::forget(child.id());
        status
    }

    /// Sends a signal and goes on.
    pub fn signal(&self, signal: i32) {
        process::signal(self.child.as_ref().expect("a running process"), signal);
    }

    /// The answer of its admin endpoint, as JSON.
    pub fn get(&self, path: &str) -> Option<serde_json::Value> {
        let (code, body) = self.ask(self.admin(), path)?;
        (code == 200).then(|| serde_json::from_str(&body).expect("JSON"))
    }

    /// One value of its metrics: of the first sample that begins so, labels included.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let (_, text) = self.ask(self.admin(), "/metrics")?;
        let line = text.lines().find(|line| !line.starts_with('#') && line.starts_with(sample))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// One of its metrics, all samples whose labels contain `labels` added up.
    pub fn sum(&self, name: &str, labels: &str) -> Option<f64> {
        self.there(|| http::metric(self.admin(), name, labels))
    }

    fn ask(&self, admin: SocketAddr, path: &str) -> Option<(u16, String)> {
        self.there(|| http::get(admin, path))
    }

    /// Does something on the machine it runs on: its admin endpoint is on that one's loopback.
    fn there<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.machine {
            Some(machine) => machine.within(work),
            None => work(),
        }
    }

    /// A connection on which nothing has been said yet.
    pub fn raw(&self, version: Version) -> Client {
        Client::over(Box::new(tcp(self.mqtt())), version)
    }

    /// A new client with a clean session.
    pub fn client(&self, version: Version) -> Client {
        self.connect(&Connect::fresh(version))
    }

    /// Connects; panics unless accepted.
    pub fn connect(&self, connect: &Connect) -> Client {
        let (client, answer) = self.attempt(connect);
        assert_eq!(answer.code, 0, "refused: {answer:?}");
        client
    }

    /// Connects and returns whatever CONNACK says.
    pub fn attempt(&self, connect: &Connect) -> (Client, ConnAck) {
        let mut client = self.raw(connect.version);
        let answer = client.connect(connect);
        (client, answer)
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the last words of {}", self.name);
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
