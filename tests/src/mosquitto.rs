//! Debian's mosquitto as the broker at the other end: a real process with a configuration made for the test.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::deadline::eventually;
use crate::pki::{Pair, TestAuthority};
use crate::stream::tcp;
use crate::{Client, Connect, Resources, Version, free_port, process};

/// What its front door is to be; it has a plain back door for the test beside it.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Lines of the front door's listener.
    front: Vec<String>,
    /// Lines of the whole broker.
    general: Vec<String>,
    files: Vec<(&'static str, String)>,
    login: Option<(String, String)>,
    host: Option<IpAddr>,
}

impl Setup {
    /// Plain MQTT on 127.0.0.1, for anybody.
    pub fn plain() -> Self {
        Setup::default()
    }

    /// Shows this certificate.
    pub fn tls(mut self, pair: &Pair) -> Self {
        self.files.extend([("server.crt", pair.chain.clone()), ("server.key", pair.key.clone())]);
        self.front("certfile server.crt").front("keyfile server.key")
    }

    /// Wants a certificate of this authority; its common name is then the user. Needs [`Setup::tls`].
    pub fn clients_of(mut self, authority: &TestAuthority) -> Self {
        self.files.push(("clients.crt", authority.certificate.clone()));
        self.front("cafile clients.crt").front("require_certificate true").front("use_identity_as_username true")
    }

    pub fn websockets(self) -> Self {
        self.front("protocol websockets")
    }

    /// Lets in this user alone.
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self.front("password_file users")
    }

    pub fn ipv6(mut self) -> Self {
        self.host = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        self
    }

    /// One more line about the front door.
    pub fn front(mut self, line: &str) -> Self {
        self.front.push(line.into());
        self
    }

    /// One more line about the whole broker: `max_inflight_messages 5`.
    pub fn line(mut self, line: &str) -> Self {
        self.general.push(line.into());
        self
    }
}

/// A running mosquitto; ends with this value.
pub struct Mosquitto {
    setup: Setup,
    dir: PathBuf,
    front: SocketAddr,
    back: SocketAddr,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts it and waits until both doors are open.
    pub fn start(setup: Setup) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("causeway-mosquitto-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory for mosquitto");
        let front = SocketAddr::new(setup.host.unwrap_or(Ipv4Addr::LOCALHOST.into()), free_port());
        let back = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), free_port());
        let mut mosquitto = Mosquitto { setup, dir, front, back, child: None };
        mosquitto.write();
        mosquitto.launch();
        mosquitto
    }

    fn write(&self) {
        for (name, text) in &self.setup.files {
            fs::write(self.dir.join(name), text).expect("a file for mosquitto");
        }
        if let Some((user, password)) = &self.setup.login {
            let mut command = Command::new("mosquitto_passwd");
            command.args(["-b", "-c", "users", user, password]).current_dir(&self.dir);
            let made = command.output().expect("mosquitto_passwd");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let anybody = if self.setup.login.is_some() { "false" } else { "true" };
        let mut lines = vec![
            "per_listener_settings true".to_string(),
            "user root".to_string(),
            "log_type all".to_string(),
            "log_timestamp false".to_string(),
            "max_queued_messages 0".to_string(),
            "persistence true".to_string(),
            format!("persistence_location {}/", self.dir.display()),
        ];
        lines.extend(self.setup.general.iter().cloned());
        lines.push(format!("listener {} {}", self.back.port(), self.back.ip()));
        lines.push("allow_anonymous true".into());
        lines.push(format!("listener {} {}", self.front.port(), self.front.ip()));
        lines.push(format!("allow_anonymous {anybody}"));
        lines.extend(self.setup.front.iter().cloned());
        fs::write(self.dir.join("mosquitto.conf"), lines.join("\n") + "\n").expect("a configuration");
    }

    fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut command = Command::new(program());
        command.args(["-c", "mosquitto.conf"]).current_dir(&self.dir);
        let both = log.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        let mut child = process::spawn(command).expect("mosquitto starts");
        process::remember(child.id(), self.dir.clone());
        eventually("mosquitto listens", || {
            let ended = child.try_wait().expect("the state of mosquitto");
            assert!(ended.is_none(), "mosquitto ended with {ended:?}:\n{}", self.log());
            [self.front, self.back].into_iter().all(|door| TcpStream::connect(door).is_ok()).then_some(())
        });
        self.child = Some(child);
    }

    /// Where a dataflow is to connect.
    pub fn front(&self) -> SocketAddr {
        self.front
    }

    /// Plain MQTT for the test's own clients, whatever the front door is.
    pub fn back(&self) -> SocketAddr {
        self.back
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running mosquitto").id()
    }

    /// Everything it has printed so far, over all restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Waits for a line of its log with all of these words, and returns it.
    pub fn says(&self, words: &[&str]) -> String {
        eventually(&format!("mosquitto says {words:?}"), || {
            let log = self.log();
            log.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_string)
        })
    }

    /// How many lines of its log have all of these words.
    pub fn count(&self, words: &[&str]) -> usize {
        self.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// A client of the test at the back door.
    pub fn client(&self, version: Version) -> Client {
        self.connect(&Connect::fresh(version))
    }

    /// As [`Mosquitto::client`], saying this.
    pub fn connect(&self, connect: &Connect) -> Client {
        let mut client = Client::over(Box::new(tcp(self.back)), connect.version);
        let answer = client.connect(connect);
        assert_eq!(answer.code, 0, "refused: {answer:?}");
        client
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::forget(child.id());
            process::signal(&child, libc::SIGKILL);
            child.wait().expect("the end of mosquitto");
        }
    }

    /// Ends it in order: it writes what it holds.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::signal(&child, libc::SIGTERM);
            eventually("mosquitto ends", || child.try_wait().expect("the state of mosquitto"));
            process::forget(child.id());
        }
    }

    /// Starts it again behind the same doors.
    pub fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Sends a signal to the process and goes on.
    pub fn signal(&self, signal: i32) {
        process::signal(self.child.as_ref().expect("a running mosquitto"), signal);
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("mosquitto.log")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- mosquitto's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Debian puts it where only root looks.
fn program() -> &'static Path {
    let path = Path::new("/usr/sbin/mosquitto");
    if path.exists() { path } else { Path::new("mosquitto") }
}

impl Resources {
    /// An endpoint for its front door without TLS and for anybody; `more` are further lines of the settings.
    pub fn mosquitto(&self, name: &str, mosquitto: &Mosquitto, more: &str) {
        self.endpoint(name, &crate::flow::plain_settings(mosquitto.front(), more));
    }
}
