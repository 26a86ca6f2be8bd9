//! Runs the suites against Debian's mosquitto instead: a test of the tests, with `CAUSEWAY_BIN=/usr/sbin/mosquitto`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::settings::{Listeners, Settings};

/// Whether that program is mosquitto.
pub fn is_mosquitto(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name == "mosquitto")
}

/// Writes a configuration and returns the command and the addresses it will listen on.
pub fn command(program: &Path, settings: &Settings, data: &Path) -> (Command, [Option<SocketAddr>; 3]) {
    let mqtt = if settings.mqtt.ends_with(":0") { free_port() } else { settings.mqtt.parse().expect("an address") };
    let mut text = format!("listener {} 127.0.0.1\nallow_anonymous true\n", mqtt.port());
    text += &format!("persistence true\npersistence_location {}/\nuser root\n", data.display());
    let mut addresses = [Some(mqtt), None, None];
    if settings.listeners == Listeners::All {
        make_certificates(data);
        let (tls, ws) = (free_port(), free_port());
        let tls_dir = data.join("tls");
        text += &format!(
            "listener {} 127.0.0.1\ncafile {1}/ca.crt\ncertfile {1}/server.crt\nkeyfile {1}/server.key\n",
            tls.port(),
            tls_dir.display()
        );
        text += &format!("listener {} 127.0.0.1\nprotocol websockets\n", ws.port());
        addresses = [Some(mqtt), Some(tls), Some(ws)];
    }
    for (name, value) in &settings.options {
        match name.as_str() {
            "--max-packet-size" => text += &format!("max_packet_size {value}\n"),
            "--max-keep-alive" => text += &format!("max_keepalive {value}\n"),
            "--receive-maximum" => text += &format!("max_inflight_messages {value}\n"),
            "--queue-limit" => text += &format!("max_queued_messages {value}\n"),
            "--sys-interval" => text += &format!("sys_interval {value}\n"),
            other => eprintln!("mosquitto has nothing like {other} {value}"),
        }
    }
    if settings.value("--receive-maximum").is_none() {
        text += "max_inflight_messages 0\n";
    }
    if settings.value("--queue-limit").is_none() {
        text += "max_queued_messages 0\n";
    }
    let file = data.join("mosquitto.conf");
    std::fs::write(&file, text).expect("a configuration file");
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    (command, addresses)
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port")
}

fn make_certificates(data: &Path) {
    let script = "mkdir -p tls && cd tls && [ -f ca.crt ] || {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 30
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > ext
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 30 -extfile ext
    } 2>/dev/null";
    let done = Command::new("sh").arg("-c").arg(script).current_dir(data).status().expect("sh and openssl");
    assert!(done.success(), "openssl makes no certificates");
}
