//! The OpenAPI document: valid, and true when the API is fuzzed from it.

use std::path::PathBuf;
use std::process::Command;

use causeway_tests::{Broker, Connect, Publish, Settings, Version};

use crate::ask::{get, json};

/// A program of the Python environment that tests/run makes.
fn program(name: &str) -> Command {
    let clients = std::env::var_os("CAUSEWAY_CLIENTS").expect("CAUSEWAY_CLIENTS: see tests/run");
    let path = PathBuf::from(clients).join("venv/bin").join(name);
    assert!(path.exists(), "{} is not installed: see tests/run", path.display());
    Command::new(path)
}

/// Runs it to its end; panics with what it said unless it is content.
fn must_pass(mut command: Command) -> String {
    let output = command.output().expect("the program runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

fn document_file(broker: &Broker) -> PathBuf {
    let path = broker.data_dir().join("openapi.json");
    std::fs::write(&path, get(broker, "/api/v1/openapi.json").body).expect("a file for the document");
    path
}

#[test]
fn the_document_is_valid() {
    let broker = Broker::start(Settings::new());
    let mut validator = program("openapi-spec-validator");
    validator.arg(document_file(&broker));
    must_pass(validator);
}

#[test]
fn the_document_has_every_path_once_with_its_own_name() {
    let document = json(Broker::shared(), "/api/v1/openapi.json");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", document["openapi"]);
    let paths = document["paths"].as_object().expect("paths");
    let index = get(Broker::shared(), "/").body;
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_string()), "{name} twice");
        }
        assert!(
            path == "/" || index.contains(path.split("/{").next().unwrap_or(path)),
            "/ does not list {path}:\n{index}"
        );
    }
    let table = include_str!("../../docs/reference/admin-api.md");
    for path in table.lines().filter_map(|line| line.strip_prefix("| `/")?.split('`').next()) {
        assert!(paths.contains_key(&format!("/{path}")), "docs/reference/admin-api.md has /{path}");
    }
}

/// Something to be found on every path.
fn furnished() -> (Broker, Vec<causeway_tests::Client>) {
    let broker = Broker::start(Settings::new());
    let mut client = broker.connect(&Connect::persistent(Version::V5, "line-7"));
    client.subscribe("demo/#", 1);
    for topic in ["demo/hello", "demo/größe", "a"] {
        client.publish(Publish::new(topic, "payload").qos(1).retained());
    }
    (broker, vec![client])
}

#[test]
fn fuzzing_the_api_from_its_document_finds_nothing() {
    let (mut broker, _clients) = furnished();
    let mut schemathesis = program("schemathesis");
    schemathesis
        .arg("run")
        .arg(document_file(&broker))
        .args(["--url", &format!("http://{}", broker.admin())])
        .args(["--checks", "all"])
        .args(["--max-examples", "20", "--seed", "7", "--phases", "coverage,fuzzing"])
        // Its own health checks are about how fast it makes examples: the machine may be busy.
        .args(["--request-timeout", "15", "--suppress-health-check", "all", "--generation-database", "none"])
        .args(["--warnings", "off", "--no-color"])
        .current_dir(broker.data_dir());
    must_pass(schemathesis);
    assert!(broker.is_running());
    assert_eq!(get(&broker, "/health").status, 200);
    assert!(!broker.log().contains("panicked"), "{}", broker.log());
}
