//! The OpenAPI document: valid, and true when the API is fuzzed from it.

use std::path::PathBuf;
use std::process::Command;

use causeway_tests::flow::plain_settings;
use causeway_tests::{
    Broker, Client, Connect, Flow, Props, Publish, Resources, Settings, Version, eventually, free_port,
};

use crate::ask::{get, json};
use crate::door;

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
        // What can only be done stands with what it is done to.
        let can_be_read = item.get("get").is_some();
        let listed = if can_be_read { path } else { path.rsplit_once('/').map_or(path.as_str(), |(above, _)| above) };
        assert!(
            path == "/" || index.contains(listed.split("/{").next().unwrap_or(listed)),
            "/ does not list {path}:\n{index}"
        );
    }
    let table = include_str!("../../docs/reference/admin-api.md");
    for path in table.lines().filter_map(|line| line.strip_prefix("| `/")?.split('`').next()) {
        assert!(paths.contains_key(&format!("/{path}")), "docs/reference/admin-api.md has /{path}");
    }
}

/// Something to be found on every path.
fn furnished() -> (Broker, Resources, Vec<Client>) {
    let resources = Resources::new();
    door::ruled(&resources);
    resources.endpoint("plant", &plain_settings(format!("127.0.0.1:{}", free_port()), ""));
    resources.dataflow(&Flow::new("line").from("default", &["in/#"]).to("plant", "${inputTopic}"));
    let broker = Broker::start(Settings::new().resources(&resources));
    let mut client = broker.connect(&Connect::persistent(Version::V5, "line-7"));
    client.subscribe("demo/#", 1);
    for topic in ["demo/hello", "demo/größe", "a"] {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let traced = Props::new().user("traceparent", parent);
        client.publish(Publish::new(topic, "payload").qos(1).retained().props(traced));
    }
    let ann = door::ann(&broker, "pump");
    (broker, resources, vec![client, ann])
}

/// Whatever is there is answered as the document says.
#[test]
fn every_path_is_answered_with_what_the_document_has() {
    let (broker, _resources, _clients) = furnished();
    let document = json(&broker, "/api/v1/openapi.json");
    let trace = eventually("a trace", || {
        let traces = json(&broker, "/api/v1/traces");
        Some(traces["items"][0]["traceId"].as_str()?.to_string())
    });
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("get") else { continue };
        // A broker that is one process has none; the suite `cluster` asks where there is one.
        if path.starts_with("/api/v1/internal-certificates") {
            continue;
        }
        for client_id in ["line-7", "pump"] {
            let path = path.replace("{clientId}", client_id).replace("{topic}", "demo/hello");
            let path = path.replace("{traceId}", &trace).replace("{dataflow}", "line").replace("{endpoint}", "plant");
            let answer = get(&broker, &path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            let kind = answer.header("content-type").unwrap_or_else(|| panic!("{path} of no type"));
            let described = &operation["responses"]["200"]["content"][kind];
            assert!(described.is_object(), "{path} is answered with {kind}: {operation}");
        }
        asked += 1;
    }
    assert!(asked > 15, "{asked} paths");
}

/// Parameters that need each other: OpenAPI has no words for that, so a refusal is in order where each of them is.
const RELATED: &str = "[[operations]]
include-operation-id = \"explainAuthorization\"
checks.positive_data_acceptance.expected-statuses = [\"2xx\", 400, 404]
";

#[test]
fn fuzzing_the_api_from_its_document_finds_nothing() {
    let (mut broker, _resources, _clients) = furnished();
    let settings = broker.data_dir().join("schemathesis.toml");
    std::fs::write(&settings, RELATED).expect("a file for the fuzzer's settings");
    let mut schemathesis = program("schemathesis");
    schemathesis
        .arg("--config-file")
        .arg(&settings)
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
