//! Real clients against the real broker: each with every QoS, retained, will, session resume, shared subscriptions, over
//! every transport it has, in both versions.
//!
//! A script per client does the talking; it exits with 0 when it saw what it should have seen.

mod mosquitto;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use causeway_tests::deadline::{patience, within};
use causeway_tests::{Broker, process};

/// Where tests/run puts what it installs: `target/clients`, or `CAUSEWAY_CLIENTS`.
fn installed() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/clients");
    std::env::var_os("CAUSEWAY_CLIENTS").map_or_else(default, PathBuf::from)
}

fn command(client: &str) -> Command {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
    let (program, script) = match client {
        "paho" => (installed().join("venv/bin/python"), Some(scripts.join("paho_client.py"))),
        "mqttjs" => (PathBuf::from("node"), Some(scripts.join("mqttjs_client.mjs"))),
        "rumqttc" => (installed().join("rumqttc/debug/rumqttc-client"), None),
        other => panic!("no client {other}"),
    };
    assert!(
        client == "mqttjs" || program.exists(),
        "{} is missing: run tests/run, which installs it",
        program.display()
    );
    let mut command = Command::new(program);
    command.args(script);
    command.env("CAUSEWAY_CLIENTS", installed());
    command
}

/// Runs one scenario of one client.
fn run(client: &str, version: u8, transport: &str, scenario: &str) {
    let broker = Broker::shared();
    let address = match transport {
        "tcp" => broker.mqtt(),
        "tls" => broker.mqtts(),
        _ => broker.ws(),
    };
    let mut command = command(client);
    command.args([&version.to_string(), transport, "127.0.0.1", &address.port().to_string()]);
    command.arg(broker.ca_file()).arg(scenario);
    let log = std::env::temp_dir().join(format!("causeway-client-{}", std::process::id()));
    let file = std::fs::File::create(&log).expect("a log file");
    command.stdin(Stdio::null()).stdout(file.try_clone().expect("a handle")).stderr(file);
    let mut child = process::spawn(command).unwrap_or_else(|e| panic!("{client} does not start: {e}"));
    let status =
        within(patience() * 3, &format!("{client} ends its scenario"), || child.try_wait().expect("its state"));
    let output = std::fs::read_to_string(&log).unwrap_or_default();
    let _ = std::fs::remove_file(&log);
    assert!(status.success(), "{client} {version} {transport} {scenario}: {status}\n{output}");
}

macro_rules! scenarios {
    ($client:ident, $($version:ident = $level:literal, $transport:ident);+ $(;)?) => {
        mod $client {
            $(mod $version {
                fn run(scenario: &str) { crate::run(stringify!($client), $level, stringify!($transport), scenario); }
                #[test] fn qos_0() { run("qos0"); }
                #[test] fn qos_1() { run("qos1"); }
                #[test] fn qos_2() { run("qos2"); }
                #[test] fn retained() { run("retained"); }
                #[test] fn will() { run("will"); }
                #[test] fn session_resume() { run("resume"); }
                #[test] fn shared_subscription() { run("shared"); }
            })+
        }
    };
}

scenarios!(paho, v311_tcp = 4, tcp; v5_tcp = 5, tcp; v311_tls = 4, tls; v5_tls = 5, tls; v311_ws = 4, ws; v5_ws = 5, ws);
scenarios!(mqttjs, v311_tcp = 4, tcp; v5_tcp = 5, tcp; v311_tls = 4, tls; v5_tls = 5, tls; v311_ws = 4, ws; v5_ws = 5, ws);
scenarios!(rumqttc, v311_tcp = 4, tcp; v5_tcp = 5, tcp; v311_tls = 4, tls; v5_tls = 5, tls; v311_ws = 4, ws; v5_ws = 5, ws);
