//! The broker under test: a real process with a data directory of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::deadline::{eventually, patience, within};
use crate::node_process::NodeProcess;
use crate::settings::Settings;
use crate::shape::{BACKEND_FLAGS, behind_flags, is_cluster, with_partitions};
use crate::stream::tcp;
use crate::version::Version;
use crate::websocket::WebSocket;
use crate::{Client, Cluster, ConnAck, Connect, Layout, http, process, reference, tls};

/// A start that came to nothing.
#[derive(Debug)]
pub struct Failure {
    pub status: ExitStatus,
    pub output: String,
}

/// Whether the data directory is this broker's alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Fresh,
    Beside,
}

#[derive(Clone, Copy, Debug, Default)]
struct Addresses {
    mqtt: Option<SocketAddr>,
    mqtts: Option<SocketAddr>,
    ws: Option<SocketAddr>,
    admin: Option<SocketAddr>,
}

/// A running broker; ends with this value.
pub struct Broker {
    settings: Settings,
    root: PathBuf,
    data: PathBuf,
    child: Option<Child>,
    addresses: Addresses,
    /// Where the state is, if not in this process.
    behind: Option<Cluster>,
}

/// The program under test: `CAUSEWAY_BIN`, or the workspace's release binary.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("CAUSEWAY_BIN") {
        return PathBuf::from(path);
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace around this package");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let path = target.join("release/causeway");
    assert!(path.exists(), "{} is not built: run `cargo build --release`, or tests/run", path.display());
    path
}

/// Whether the suites run against mosquitto (see [`reference`]).
pub fn is_reference() -> bool {
    reference::is_mosquitto(&program())
}

impl Broker {
    /// One broker with default settings for all tests of this process.
    pub fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Broker::start(Settings::all_listeners()))
    }

    /// Starts a broker and waits until it is ready.
    pub fn start(settings: Settings) -> Broker {
        Broker::try_start(settings).unwrap_or_else(|f| panic!("the broker ended with {}:\n{}", f.status, f.output))
    }

    /// Starts a broker that may refuse to start.
    ///
    /// # Errors
    /// Its exit status and everything it printed.
    pub fn try_start(settings: Settings) -> Result<Broker, Failure> {
        Broker::new(settings).begin(Start::Fresh)
    }

    /// As [`Broker::try_start`], in a data directory that another broker is using.
    ///
    /// # Errors
    /// Its exit status and everything it printed.
    pub fn try_start_beside(settings: Settings) -> Result<Broker, Failure> {
        Broker::new(settings).begin(Start::Beside)
    }

    fn new(settings: Settings) -> Broker {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("causeway-tests-{}-{number}", std::process::id()));
        let data = settings.data_dir.clone().unwrap_or_else(|| root.join("data"));
        fs::create_dir_all(&root).expect("a temporary directory");
        if settings.data_dir.is_none() {
            fs::create_dir_all(&data).expect("a data directory");
        }
        let settings = if is_cluster() { with_partitions(settings) } else { settings };
        let layout = || Layout { backend_flags: behind_flags(&settings), ..Layout::of(0, 2, 3) };
        let behind = is_cluster().then(|| Cluster::prepare(&layout()).without_broker());
        Broker { settings, root, data, child: None, addresses: Addresses::default(), behind }
    }

    fn begin(mut self, start: Start) -> Result<Broker, Failure> {
        self.launch(start)?;
        Ok(self)
    }

    /// Starts the process; the addresses are known at once for mosquitto only.
    fn spawn(&self, start: Start) -> (Child, Option<Addresses>) {
        let program = program();
        if start == Start::Fresh {
            let _ = fs::remove_file(self.data.join("listeners.json"));
        }
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut fixed = None;
        let mut command = if reference::is_mosquitto(&program) {
            let (command, addresses) = reference::command(&program, &self.settings, &self.data);
            fixed = Some(Addresses { mqtt: addresses[0], mqtts: addresses[1], ws: addresses[2], admin: None });
            command
        } else {
            let mut command = Command::new(self.executable(&program));
            command.args(self.arguments());
            command.envs(self.settings.environment.iter().map(|(name, value)| (name, value)));
            command
        };
        if self.settings.nobody {
            command.uid(65_534);
        }
        if let Some(gate) = &self.settings.sync_gate {
            gate.attach(&mut command);
        }
        let both = log.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        let child = process::spawn(command).unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        process::remember(child.id(), self.root.clone());
        (child, fixed)
    }

    fn arguments(&self) -> Vec<String> {
        let arguments = self.settings.arguments(&self.data);
        let Some(cluster) = &self.behind else { return arguments };
        let mut all = cluster.arguments("frontend", "frontend-0");
        let pairs = arguments.chunks(2).filter(|pair| !BACKEND_FLAGS.contains(&pair[0].as_str()));
        all.extend(pairs.flatten().cloned());
        all
    }

    /// The program, or a copy of it that user nobody can reach.
    fn executable(&self, program: &Path) -> PathBuf {
        if !self.settings.nobody {
            return program.to_path_buf();
        }
        let copy = self.root.join("causeway");
        fs::copy(program, &copy).expect("a copy of the program");
        copy
    }

    fn launch(&mut self, start: Start) -> Result<(), Failure> {
        if let Some(cluster) = &mut self.behind {
            cluster.launch();
        }
        let before = self.log().len();
        let (mut child, fixed) = self.spawn(start);
        let found = within(patience() * 3, "the broker is ready", || {
            if let Some(status) = child.try_wait().expect("the state of the broker") {
                return Some(Err(status));
            }
            // Beside another broker the addresses would be the other one's.
            if start == Start::Beside { None } else { self.ready(fixed).map(Ok) }
        });
        match found {
            Ok(addresses) => self.addresses = addresses,
            Err(status) => {
                process::forget(child.id());
                let output = self.log().get(before..).unwrap_or_default().to_string();
                return Err(Failure { status, output });
            }
        }
        self.child = Some(child);
        Ok(())
    }

    fn ready(&self, fixed: Option<Addresses>) -> Option<Addresses> {
        if let Some(addresses) = fixed {
            let open = [addresses.mqtt, addresses.mqtts, addresses.ws].into_iter().flatten();
            return open.map(std::net::TcpStream::connect).all(|s| s.is_ok()).then_some(addresses);
        }
        let listeners = self.listeners()?;
        let address = |name: &str| listeners.get(name).copied();
        let [mqtt, mqtts, ws, admin] = ["mqtt", "mqtts", "ws", "admin"].map(address);
        let addresses = Addresses { mqtt, mqtts, ws, admin };
        match admin {
            Some(admin) => (http::get(admin, "/health/ready")?.0 == 200).then_some(addresses),
            // The file is written last.
            None => self.settings.admin.is_none().then_some(addresses),
        }
    }

    /// Every address the broker says it listens on now, by the listener's name.
    fn listeners(&self) -> Option<BTreeMap<String, SocketAddr>> {
        let text = fs::read_to_string(self.data.join("listeners.json")).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        let address = |value: &serde_json::Value| value.as_str()?.parse().ok();
        Some(json.as_object()?.iter().filter_map(|(name, value)| Some((name.clone(), address(value)?))).collect())
    }

    /// Where the listener of this name is now: `plant/8883`, `mqtt`, `admin`.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners()?.get(name).copied()
    }

    pub fn mqtt(&self) -> SocketAddr {
        self.addresses.mqtt.expect("a plain listener")
    }

    pub fn mqtts(&self) -> SocketAddr {
        self.addresses.mqtts.expect("a TLS listener")
    }

    pub fn ws(&self) -> SocketAddr {
        self.addresses.ws.expect("a WebSocket listener")
    }

    pub fn admin(&self) -> SocketAddr {
        self.addresses.admin.expect("an admin listener")
    }

    /// One of its metrics, of all samples and all processes together.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let behind = self.behind.iter().flat_map(|cluster| &cluster.backends);
        let addresses = behind.map(NodeProcess::admin).chain([self.admin()]);
        addresses.filter_map(|address| http::metric(address, name, "")).reduce(|a, b| a + b)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.data.join("tls/ca.crt")
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running broker").id()
    }

    fn log_path(&self) -> PathBuf {
        self.root.join("broker.log")
    }

    /// Everything the broker has printed so far, over all restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the broker's status");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("a VmRSS line");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
        kib * 1024
    }

    /// Bytes of disk the data directory uses.
    pub fn disk_used(&self) -> u64 {
        fn walk(path: &Path) -> u64 {
            use std::os::unix::fs::MetadataExt;
            let Ok(entries) = fs::read_dir(path) else { return 0 };
            let sizes = entries.flatten().map(|entry| match entry.metadata() {
                Ok(meta) if meta.is_dir() => walk(&entry.path()),
                Ok(meta) => meta.blocks() * 512,
                Err(_) => 0,
            });
            sizes.sum()
        }
        walk(&self.data)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("the state of the broker").is_none())
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::forget(child.id());
            process::signal(&child, libc::SIGKILL);
            child.wait().expect("the end of the broker");
        }
        if let Some(cluster) = &mut self.behind {
            cluster.kill();
        }
    }

    /// Asks the process to end and waits for it.
    pub fn terminate(&mut self, signal: i32) -> ExitStatus {
        let mut child = self.child.take().expect("a running broker");
        process::signal(&child, signal);
        let status = eventually("the broker drains and ends", || child.try_wait().expect("the state of the broker"));
        process::forget(child.id());
        status
    }

    /// Sends a signal to the process and goes on.
    pub fn signal(&self, signal: i32) {
        process::signal(self.child.as_ref().expect("a running broker"), signal);
    }

    /// Starts again on the same data; ports may change.
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|f| panic!("the broker ended with {}:\n{}", f.status, f.output));
    }

    /// Starts again on the same data, where that may fail.
    ///
    /// # Errors
    /// Exit status and what this start printed.
    pub fn try_restart(&mut self) -> Result<(), Failure> {
        self.kill();
        self.launch(Start::Fresh)
    }

    /// Starts and kills before anybody knows whether it is ready.
    pub fn kill_during_start(&mut self, after: std::time::Duration) {
        self.kill();
        let (mut child, _) = self.spawn(Start::Fresh);
        std::thread::sleep(after);
        process::forget(child.id());
        process::signal(&child, libc::SIGKILL);
        child.wait().expect("the end of the broker");
    }

    /// The settings of the next restart.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// A connection on which nothing has been said yet.
    pub fn raw(&self, version: Version) -> Client {
        Client::over(Box::new(tcp(self.mqtt())), version)
    }

    /// A WebSocket connection on which no MQTT has been said yet.
    pub fn websocket(&self, version: Version) -> Client {
        let socket = WebSocket::open(tcp(self.ws()), "/mqtt", Some("mqtt")).expect("an upgrade");
        Client::over(Box::new(socket), version)
    }

    /// A TLS connection on which no MQTT has been said yet.
    pub fn tls(&self, version: Version) -> Client {
        let config = tls::config(&self.ca_file(), rustls::ALL_VERSIONS, &[]);
        let stream = tls::connect(self.mqtts(), config, "localhost").expect("a TLS handshake");
        Client::over(Box::new(stream), version)
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

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the broker's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// Kept so that a test can ask for a socket of any listener by one name.
pub fn transport(broker: &Broker, name: &str, version: Version) -> Client {
    match name {
        "tcp" => broker.raw(version),
        "tls" => broker.tls(version),
        "ws" => broker.websocket(version),
        other => panic!("no transport {other}"),
    }
}
