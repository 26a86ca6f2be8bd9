//! `causeway check` tells whether files are good, `causeway explain` what is in effect and why; neither starts anything.

use std::fs;
use std::path::{Path, PathBuf};

use causeway_tests::errand::{Explained, explain, run};
use causeway_tests::pki::TestAuthority;
use causeway_tests::resources::resource;
use causeway_tests::{Broker, Resources, Settings, free_port};

const TOKEN: &str = "nobody-is-to-see-this-token";

fn accepted(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/config/tests/accepted").join(name)
}

/// A directory of good files, with a secret of each kind.
fn good() -> (Resources, String) {
    let resources = Resources::new();
    resources.broker(
        "memoryProfile: Low\ndiagnostics:\n  admin:\n    tokenSecretRef: admin-token\n  logs:\n    level: warn\n",
    );
    resources.listener(
        "plant",
        "ports:\n- port: 18883\n  tls:\n    mode: Manual\n    manual:\n      secretRef: server\n- port: 18884\n",
    );
    resources.secret("admin-token", &[("token", TOKEN.as_bytes())]);
    let pair = TestAuthority::new("check test CA").server("checked");
    resources.secret("server", &[("tls.crt", pair.chain.as_bytes()), ("tls.key", pair.key.as_bytes())]);
    (resources, pair.key)
}

#[test]
fn check_takes_good_files() {
    let (resources, _) = good();
    let outcome = run(&["check".as_ref(), resources.path().as_os_str()]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("2 files, no problems"), "{}", outcome.stdout);
    // One file of them is checked as what it is, with the secrets beside it.
    let one = resources.path().join("plant.yaml");
    let outcome = run(&["check".as_ref(), one.as_os_str()]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "1 file, no problems\n"), "{}", outcome.stderr);
    fs::remove_dir_all(resources.path().join("secrets/server")).expect("the secret goes");
    let outcome = run(&["check".as_ref(), one.as_os_str()]);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    assert!(outcome.stderr.contains("plant.yaml:11 spec.ports[0].tls.manual.secretRef"), "{}", outcome.stderr);
}

/// As Azure's documentation has them, and as people have them after a while.
#[test]
fn check_takes_broker_config_files_as_they_are() {
    for name in ["encrypt-internal-traffic.json", "internal-certificates.json", "everything.json"] {
        let file = accepted(name);
        let outcome = run(&["check".as_ref(), "--broker-config-file".as_ref(), file.as_os_str()]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{name}");
        assert!(outcome.stdout.ends_with("1 file, no problems\n"), "{name}: {}", outcome.stdout);
        // And the broker itself starts with it.
        let broker = Broker::start(Settings::new().set("--broker-config-file", file.display()));
        broker.client(causeway_tests::Version::V5).quiet();
    }
    // Beside a Broker in a resource it is one too many.
    let (resources, _) = good();
    let file = accepted("everything.json");
    let both = ["check".as_ref(), resources.path().as_os_str(), "--broker-config-file".as_ref(), file.as_os_str()];
    let outcome = run(&both);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("broker.yaml:") && outcome.stderr.contains("everything.json"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn check_tells_all_problems_at_once() {
    let resources = Resources::new();
    resources.write(
        "broker.yaml",
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\n\
         kind: Broker\n\
         metadata:\n  name: default\n\
         spec:\n\
         \x20 memoryProfil: Low\n\
         \x20 cardinality:\n\
         \x20   frontend: {replicas: 1, workers: 99}\n\
         \x20   backendChain: {partitions: 1, redundancyFactor: 1}\n\
         \x20 diagnostics:\n\
         \x20   logs: {level: noisy}\n",
    );
    resources.listener(
        "one",
        "ports:\n- port: many\n- port: 2\n  tls:\n    mode: Manual\n    manual:\n      secretRef: nowhere\n",
    );
    resources.listener("two", "ports:\n- port: 2\n  protocol: Mqt\n");
    let outcome = run(&["check".as_ref(), resources.path().as_os_str()]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    for (place, words) in [
        ("broker.yaml:6 spec memoryProfil:", "did you mean memoryProfile?"),
        ("broker.yaml:8 spec.cardinality.frontend.workers", "16"),
        ("broker.yaml:11 spec.diagnostics.logs.level", "info"),
        ("one.yaml:7 spec.ports[0].port", "many"),
        ("two.yaml:8 spec.ports[0].protocol", "did you mean Mqtt"),
    ] {
        let line = outcome.stderr.lines().find(|line| line.contains(place));
        let line = line.unwrap_or_else(|| panic!("nothing of {place}: {}", outcome.stderr));
        assert!(line.contains(words), "{words}: {line}");
    }
    // The broker says the same, and leaves nothing behind.
    let resources_flag = Settings::new().resources(&resources);
    let Err(failure) = Broker::try_start(resources_flag) else { panic!("the broker starts") };
    assert_eq!(failure.status.code(), Some(2));
    for line in outcome.stderr.lines() {
        assert!(failure.output.contains(line), "{line}: {}", failure.output);
    }
}

/// What cannot be read is the problem, not what would be missing without it.
#[test]
fn a_file_that_is_no_yaml_is_told_alone() {
    let resources = Resources::new();
    resources.write("plant.yaml", "kind: BrokerListener\nspec: [\n");
    let settings = Settings::new().mqtt("off").resources(&resources);
    let Err(failure) = Broker::try_start(settings) else { panic!("the broker starts") };
    let problems: Vec<&str> = failure.output.lines().filter(|line| line.starts_with("causeway: ")).collect();
    assert!(problems.len() == 1 && problems[0].contains("plant.yaml:"), "{problems:#?}");
}

/// Every file that is known to be broken, by its own problem.
#[test]
fn check_refuses_each_broken_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/config/tests/broken");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the broken files") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension == "expected") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let json = path.extension().is_some_and(|extension| extension == "json");
        let words: Vec<&std::ffi::OsStr> = match json {
            true => vec!["check".as_ref(), "--broker-config-file".as_ref(), path.as_os_str()],
            false => vec!["check".as_ref(), path.as_os_str()],
        };
        let outcome = run(&words);
        assert_eq!(outcome.code, 2, "{name}: {}", outcome.stdout);
        assert!(outcome.stderr.contains(&name), "{name}: {}", outcome.stderr);
        count += 1;
    }
    assert!(count >= 60, "{count} broken files");
}

#[test]
fn check_tells_what_is_not_there() {
    let outcome = run(&["check", "/nowhere/at/all"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("/nowhere/at/all"), "{}", outcome.stderr);
    // Without a path it is a wrong use, as clap has it.
    assert_eq!(run(&["check"]).code, 2);
}

fn line<'a>(all: &'a [Explained], path: &str) -> &'a Explained {
    all.iter().find(|line| line.path == path).unwrap_or_else(|| panic!("{path} is not explained: {all:#?}"))
}

#[test]
fn explain_tells_where_each_value_comes_from() {
    let (resources, key) = good();
    let folder = resources.path();
    let all = explain(&[
        "--resources".as_ref(),
        folder.as_os_str(),
        "--log-level".as_ref(),
        "error".as_ref(),
        "--bind".as_ref(),
        "127.0.0.9".as_ref(),
    ]);
    let broker = |field: &str| line(&all, &format!("Broker {field}"));
    // The flag goes before the file.
    let level = broker("diagnostics.logs.level");
    assert_eq!((level.value.as_str(), level.origin.as_str()), ("error", "--log-level"));
    let profile = broker("memoryProfile");
    assert_eq!(profile.value, "Low");
    assert!(profile.origin.ends_with("broker.yaml:6"), "{profile:?}");
    let packet = broker("advanced.clients.maxPacketSizeBytes");
    assert_eq!((packet.value.as_str(), packet.origin.as_str()), ("16777216", "memory profile"));
    let receive = broker("advanced.clients.receiveMaximum");
    assert_eq!((receive.value.as_str(), receive.origin.as_str()), ("1000", "default"));
    assert_eq!(broker("cardinality.frontend.workers").origin, "half the cores");
    let token = broker("diagnostics.admin.tokenSecretRef");
    assert_eq!(token.value, "admin-token");
    let listener = |field: &str| line(&all, &format!("BrokerListener/plant ports[0].{field}"));
    assert!(listener("port").origin.contains("plant.yaml:7"), "{:?}", listener("port"));
    assert!(listener("port").origin.contains("127.0.0.9:18883"), "{:?}", listener("port"));
    assert_eq!(listener("tls.manual.secretRef").value, "server");
    // Secrets are named, and never told.
    let text = format!("{all:?}");
    assert!(!text.contains(TOKEN) && !text.contains("PRIVATE KEY") && !text.contains("BEGIN"), "{text}");
    assert!(!text.contains(key.lines().nth(1).expect("a line of the key")), "{text}");
}

/// What the broker then does is what was explained.
#[test]
fn explain_tells_what_the_broker_does() {
    let resources = Resources::new();
    let port = free_port();
    resources.write(
        "all.yaml",
        &(resource("Broker", "default", "advanced:\n  clients:\n    receiveMaximum: 77\n")
            + "---\n"
            + &resource("BrokerListener", "plant", &format!("ports:\n- port: {port}\n"))),
    );
    let explained = explain(&["--resources".as_ref(), resources.path().as_os_str()]);
    let settings = Settings::new().mqtt("off").resources(&resources);
    let broker = Broker::start(settings);
    let shown = causeway_tests::http::request(broker.admin(), "GET", "/api/v1/configuration", &[]).expect("an answer");
    let shown = shown.json();
    for item in shown["items"].as_array().expect("a list") {
        let path = item["path"].as_str().expect("a path");
        // What the harness asks for by flags is another.
        if item["origin"].as_str().is_some_and(|origin| origin.starts_with("--")) {
            continue;
        }
        assert_eq!(item["value"].as_str(), Some(line(&explained, path).value.as_str()), "{path}");
    }
    assert_eq!(line(&explained, "Broker advanced.clients.receiveMaximum").value, "77");
}

#[test]
fn explain_of_a_data_directory_tells_what_it_remembers() {
    let (resources, mut broker) = (Resources::new(), Broker::start(Settings::new().set("--partitions", 3)));
    broker.kill();
    let data = broker.data_dir().as_os_str();
    let all = explain(&["--data-dir".as_ref(), data]);
    let partitions = line(&all, "Broker cardinality.backendChain.partitions");
    assert_eq!((partitions.value.as_str(), partitions.origin.as_str()), ("3", "data directory"));
    // Problems are as those of check.
    resources.broker("memoryProfile: None\n");
    let outcome = run(&["explain".as_ref(), "--resources".as_ref(), resources.path().as_os_str()]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.contains("broker.yaml:6 spec.memoryProfile"), "{}", outcome.stderr);
}
