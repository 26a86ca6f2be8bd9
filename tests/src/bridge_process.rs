//! `causeway bridge`: dataflows in a process of their own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::broker::program;
use crate::deadline::eventually;
use crate::{Resources, http, process};

/// A running bridge; ends with this value.
pub struct BridgeProcess {
    resources: PathBuf,
    local: SocketAddr,
    flags: Vec<String>,
    root: PathBuf,
    child: Option<Child>,
    admin: SocketAddr,
}

impl BridgeProcess {
    /// Starts it on these resources, the local broker being at that address; returns when it is ready.
    pub fn start(resources: &Resources, local: SocketAddr) -> Self {
        Self::start_with(resources, local, &[])
    }

    /// The same with these flags, too.
    pub fn start_with(resources: &Resources, local: SocketAddr, flags: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("causeway-bridges-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).expect("a temporary directory");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (resources, flags) = (resources.path().into(), flags.iter().map(|flag| (*flag).to_owned()).collect());
        let mut bridge = BridgeProcess { resources, local, flags, root, child: None, admin: nowhere };
        bridge.restart();
        bridge
    }

    /// Starts it again on what it kept; returns when it is ready.
    pub fn restart(&mut self) {
        self.kill();
        let data = self.data_dir();
        let _ = fs::remove_file(data.join("listeners.json"));
        let log = File::options().create(true).append(true).open(self.root.join("log")).expect("a log file");
        let mut command = Command::new(program());
        command.arg("bridge").arg("--resources").arg(&self.resources).arg("--data-dir").arg(&data);
        command.args(["--local", &self.local.to_string(), "--admin", "127.0.0.1:0"]).args(&self.flags);
        let both = log.try_clone().expect("a second handle of the log");
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        let mut child = process::spawn(command).expect("the program starts");
        process::remember(child.id(), self.root.clone());
        self.admin = eventually("the bridge is ready", || {
            if let Some(status) = child.try_wait().expect("the state of the bridge") {
                panic!("the bridge ended with {status}:\n{}", self.log());
            }
            let text = fs::read_to_string(data.join("listeners.json")).ok()?;
            let listeners: serde_json::Value = serde_json::from_str(&text).ok()?;
            let admin = listeners["admin"].as_str()?.parse().ok()?;
            (http::get(admin, "/health/ready")?.0 == 200).then_some(admin)
        });
        self.child = Some(child);
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::forget(child.id());
            process::signal(&child, libc::SIGKILL);
            child.wait().expect("the end of the bridge");
        }
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What it has logged and printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.root.join("log")).unwrap_or_default()
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a running bridge");
        process::signal(&child, libc::SIGTERM);
        let status = eventually("the bridge ends", || child.try_wait().expect("the state of the bridge"));
        process::forget(child.id());
        status
    }
}

impl Drop for BridgeProcess {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the bridge's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
