//! Clients that others wrote: mosquitto with certificates and with passwords, paho with a service account's token.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use causeway_tests::pki::client::Issued;
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::token::{Signer, pod_claims};
use causeway_tests::{Publish, Resources, Version, process, prop};

use crate::guarded::{Guarded, Port};
use crate::plant::{self, PASSWORD};
use crate::{passwords, service_account, x509};

const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];

fn mosquitto(guarded: &Guarded, program: &str, version: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &guarded.address().port().to_string(), "-V", version]);
    command.arg("--cafile").arg(guarded.broker.ca_file());
    command
}

fn ran(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Puts a certificate and its key where a program can read them.
fn files(resources: &Resources, name: &str, pair: &Pair) -> [PathBuf; 2] {
    let folder = resources.path().parent().expect("a folder of temporary files");
    let stem = resources.path().file_name().expect("a name").to_string_lossy().into_owned();
    let paths = ["crt", "key"].map(|kind| folder.join(format!("{stem}-{name}.{kind}")));
    fs::write(&paths[0], &pair.chain).expect("a certificate");
    fs::write(&paths[1], &pair.key).expect("a key");
    paths
}

#[test]
fn mosquitto_shows_a_certificate() {
    let (root, stranger) = (TestAuthority::new("Root"), TestAuthority::new("Root"));
    let middle = root.below("Middle");
    let resources = Resources::new();
    x509::trust(&resources, &[&root]);
    let rules = "rules:\n- principals: {usernames: [pump-1]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"devices/{principal.username}\"]}\n  \
                 - {method: Subscribe, topics: [\"devices/{principal.username}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Secured, &[x509::METHOD], rules);
    let good = files(&guarded.resources, "good", &middle.issue(&Issued::named("pump-1")).through(&middle));
    let bad = files(&guarded.resources, "bad", &stranger.issue(&Issued::named("pump-1")));
    let with = |command: &mut Command, [chain, key]: &[PathBuf; 2]| {
        command.arg("--cert").arg(chain).arg("--key").arg(key);
    };
    for version in VERSIONS {
        let mut subscribe = mosquitto(&guarded, "mosquitto_sub", version);
        with(&mut subscribe, &good);
        subscribe.args(["-t", "devices/pump-1", "-q", "1", "-C", "1", "-W", "20"]);
        subscribe.stdout(std::process::Stdio::piped());
        let mut subscriber = process::spawn(subscribe).expect("mosquitto_sub");
        // It says nothing when it has subscribed: what it takes does.
        causeway_tests::eventually("its message", || {
            let mut publish = mosquitto(&guarded, "mosquitto_pub", version);
            with(&mut publish, &good);
            let output = ran(publish.args(["-t", "devices/pump-1", "-q", "1", "-m", version]));
            assert!(output.status.success(), "{}", said(&output));
            subscriber.try_wait().expect("mosquitto_sub's state")
        });
        let output = subscriber.wait_with_output().expect("the end of mosquitto_sub");
        assert!(output.status.success() && said(&output).trim() == version, "{}", said(&output));
        // Somebody else's certificate, and none.
        let mut publish = mosquitto(&guarded, "mosquitto_pub", version);
        with(&mut publish, &bad);
        let output = ran(publish.args(["-t", "devices/pump-1", "-q", "1", "-m", version]));
        assert!(!output.status.success(), "{}", said(&output));
        let mut publish = mosquitto(&guarded, "mosquitto_pub", version);
        let output = ran(publish.args(["-t", "devices/pump-1", "-q", "1", "-m", version]));
        assert!(!output.status.success(), "{}", said(&output));
    }
    good.iter().chain(&bad).for_each(|path| drop(fs::remove_file(path)));
}

#[test]
fn mosquitto_gives_a_password() {
    let guarded = Guarded::ruled(plant::resources(), Port::Secured, &[passwords::METHOD], plant::RULES);
    for version in VERSIONS {
        let publish = |password: &str, topic: &str| {
            let mut publish = mosquitto(&guarded, "mosquitto_pub", version);
            ran(publish.args(["-u", "pump", "-P", password, "-i", "pump-1", "-t", topic, "-q", "1", "-m", "x"]))
        };
        let output = publish(PASSWORD, "telemetry/pump/a");
        assert!(output.status.success(), "{}", said(&output));
        let output = publish("hunter2", "telemetry/pump/a");
        let words = said(&output).to_lowercase();
        assert!(!output.status.success() && words.contains("bad user name or password"), "{words}");
        // What is not allowed is swallowed for the one, and said to the other.
        let output = publish(PASSWORD, "telemetry/valve");
        assert_eq!(said(&output).contains("Not authorized"), version == "mqttv5", "{}", said(&output));
        let mut subscribe = mosquitto(&guarded, "mosquitto_sub", version);
        subscribe.args(["-u", "pump", "-P", PASSWORD, "-i", "pump-1", "-t", "#", "-W", "20"]);
        let output = ran(&mut subscribe);
        assert!(said(&output).to_lowercase().contains("denied"), "{}", said(&output));
    }
}

/// paho-mqtt speaks MQTT 5 with the properties that carry method and token.
#[test]
fn paho_shows_a_service_accounts_token() {
    let signer = Signer::new("RS256", "k1");
    let resources = Resources::new();
    let method = service_account::offline(&resources, &[&signer]);
    let rules = "rules:\n- principals: {attributes: [{namespace: shop}]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"pods/{principal.attributes.pod}\"]}\n  \
                 - {method: Subscribe, topics: [\"pods/{principal.attributes.pod}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    let folder = guarded.broker.data_dir().parent().expect("a folder of the broker").to_path_buf();
    let [token, wrong] = ["token", "wrong"].map(|name| folder.join(name));
    fs::write(&token, signer.sign(&pod_claims())).expect("a token");
    fs::write(&wrong, Signer::new("RS256", "k1").sign(&pod_claims())).expect("a token");
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let installed =
        std::env::var_os("CAUSEWAY_CLIENTS").map_or_else(|| package.join("../target/clients"), PathBuf::from);
    let mut command = Command::new(installed.join("venv/bin/python"));
    command.arg(package.join("security/paho_sat.py"));
    command.args(["127.0.0.1", &guarded.address().port().to_string(), "K8S-SAT"]).args([&token, &wrong]);
    let output = ran(&mut command);
    assert!(output.status.success(), "{}", said(&output));
    // Its token is no session's: another client with the same one is another client.
    let mut other = guarded.admitted(&service_account::shown(&signer.sign(&pod_claims())));
    assert_eq!(other.version, Version::V5);
    assert_eq!(other.connack.props.text(prop::AUTH_METHOD), Some("K8S-SAT"));
    assert_eq!(other.publish(Publish::new("pods/till-5d9c7f", "x").qos(1)) & 0x80, 0);
}
