//! The brokers the tools are pointed at: ours, and Debian's mosquitto.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use causeway_tests::deadline::eventually;
use causeway_tests::pki::TestAuthority;
use causeway_tests::{Broker, Settings, free_port, process};

/// Where to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: &'static str,
    pub plain: SocketAddr,
    pub secured: SocketAddr,
    pub ws: SocketAddr,
    pub ca: PathBuf,
}

/// Both brokers, for as long as a test runs.
pub struct Brokers {
    pub ours: Target,
    pub mosquitto: Target,
    _broker: Broker,
    peer: Child,
    dir: PathBuf,
}

impl Brokers {
    pub fn start() -> Self {
        let broker = Broker::start(Settings::all_listeners());
        let ours = Target {
            name: "causeway",
            plain: broker.mqtt(),
            secured: broker.mqtts(),
            ws: broker.ws(),
            ca: broker.ca_file(),
        };
        let (dir, mosquitto) = mosquitto_files();
        let mut command = Command::new("/usr/sbin/mosquitto");
        command
            .arg("-c")
            .arg(dir.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let peer = process::spawn(command).expect("mosquitto is missing: tests/run installs it");
        process::remember(peer.id(), dir.clone());
        eventually("mosquitto listens", || TcpStream::connect(mosquitto.secured).ok());
        Brokers { ours, mosquitto, _broker: broker, peer, dir }
    }

    pub fn both(&self) -> [&Target; 2] {
        [&self.ours, &self.mosquitto]
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        process::forget(self.peer.id());
        let _ = self.peer.kill();
        let _ = self.peer.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn mosquitto_files() -> (PathBuf, Target) {
    let dir = std::env::temp_dir().join(format!("causeway-mosquitto-{}-{}", std::process::id(), free_port()));
    fs::create_dir_all(&dir).expect("a directory for mosquitto");
    let authority = TestAuthority::new("mosquitto test CA");
    let pair = authority.server("localhost");
    for (name, text) in [("ca.pem", &authority.certificate), ("server.pem", &pair.chain), ("server.key", &pair.key)] {
        fs::write(dir.join(name), text).expect("a certificate");
    }
    let [plain, secured, ws] = [0; 3].map(|_| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let folder = dir.display();
    let text = format!(
        "user root\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nlistener {} 127.0.0.1\n\
         listener {} 127.0.0.1\ncafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n\
         listener {} 127.0.0.1\nprotocol websockets\n",
        plain.port(),
        secured.port(),
        ws.port(),
    );
    fs::write(dir.join("mosquitto.conf"), text).expect("a configuration file");
    let ca = dir.join("ca.pem");
    (dir, Target { name: "mosquitto", plain, secured, ws, ca })
}
