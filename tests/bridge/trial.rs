//! `causeway dataflow test`: endpoints are tried step by step, no message moves, and running dataflows do not notice.

use std::collections::BTreeSet;

use causeway_tests::deadline::within;
use causeway_tests::errand::{self, Outcome};
use causeway_tests::identity_server::{Arced, Mint};
use causeway_tests::pki::TestAuthority;
use causeway_tests::{Flow, Resources, free_port, http};
use serde_json::{Value, json};

use crate::identity::scene::{Local, Remote, endpoint, system_identity};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;
use crate::shown::{self, LONG};

const AUDIENCE: &str = "api://plant";
const ANONYMOUS: &str = "method: Anonymous\n";

/// Runs it with these arguments behind `dataflow test`, in JSON: its exit code and what it says of each end.
fn trial(resources: &Resources, agent: &Arced, arguments: &[&str]) -> (i32, Vec<Value>) {
    let Outcome { code, stdout, stderr } = run(resources, agent, &[arguments, &["--json"]].concat());
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{code} {e}: {stdout}{stderr}"));
    (code, told.as_array().expect("a list").clone())
}

fn run(resources: &Resources, agent: &Arced, arguments: &[&str]) -> Outcome {
    let path = resources.path().display().to_string();
    errand::run_with(&agent.variables(), &[&["dataflow", "test", "--resources", &path], arguments].concat())
}

/// Its steps, as `TCP passed`.
fn steps(end: &Value) -> Vec<String> {
    let steps = end["steps"].as_array().unwrap_or_else(|| panic!("no steps: {end}"));
    let word = |step: &Value, name: &str| step[name].as_str().unwrap_or_else(|| panic!("no {name}: {step}")).to_owned();
    steps.iter().map(|step| format!("{} {}", word(step, "step"), word(step, "outcome"))).collect()
}

/// Who is connected there, by client identifier and moment.
fn guests(remote: &Remote) -> BTreeSet<String> {
    let guests = remote.guests();
    guests.iter().map(|guest| format!("{} {}", guest["clientId"], guest["connectedAt"])).collect()
}

fn sessions(remote: &Remote) -> BTreeSet<String> {
    let answer = http::request(remote.broker.admin(), "GET", "/api/v1/sessions?limit=1000", &[]).expect("an answer");
    let items = answer.json()["items"].as_array().expect("a list").clone();
    let ids = items.iter().filter_map(|session| session["clientId"].as_str());
    // The publisher comes and goes.
    ids.filter(|id| !id.starts_with("publisher")).map(str::to_owned).collect()
}

#[test]
fn every_step_is_told_and_nobody_is_disturbed() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, AUDIENCE);
    let agent = Arced::start(&mint);
    let resources = Local::resources(&remote, "", &system_identity(Some(AUDIENCE)));
    // What the broker reaches within itself, the errand reaches at an address.
    let inside = "host: aio-broker:18883\nauthentication:\n  method: Anonymous\ntls:\n  mode: Disabled\n";
    resources.endpoint("default", inside);
    // A share that somebody else took would be missing.
    let flow = Flow::new("downward").from("remote", &["$share/plant/orders/#"]);
    resources.dataflow(&flow.to("default", "arrived/${inputTopic.2+}"));
    let local = Local::start(resources, &agent.variables());
    for name in ["upward", "downward"] {
        shown::up(&local.broker, name);
    }
    let recorder = Recorder::start(local.broker.mqtt(), "arrived/+");
    let series = Series { topics: 1, ..Series::new("orders", 2000).per_second(200) };
    let published = Publishing::start(remote.broker.mqtt(), series);
    let (there, known) = (guests(&remote), sessions(&remote));
    let address = local.broker.mqtt().to_string();
    let (code, ends) = trial(&local.resources, &agent, &["downward", "--local", &address]);
    assert!(!published.is_done(), "messages crossed all the while");
    let [source, destination] = ends.try_into().expect("two ends");
    assert_eq!(code, 0, "{source:#} {destination:#}");
    assert_eq!((&source["end"], &source["endpoint"]), (&json!("source"), &json!("remote")));
    let expected = ["DNS passed", "TCP passed", "TLS passed", "WebSocket skipped"];
    assert_eq!(steps(&source)[1..5], expected, "{source:#}");
    let [first, last] = [0, 6].map(|at| source["steps"][at].clone());
    assert_eq!((&first["outcome"], &last["outcome"]), (&json!("passed"), &json!("passed")), "{source:#}");
    assert!(first["note"].as_str().is_some_and(|note| note.contains("good until")), "{first}");
    assert_eq!((&destination["end"], &destination["endpoint"]), (&json!("destination"), &json!("default")));
    let expected = ["DNS passed", "TCP passed", "TLS skipped", "WebSocket skipped"];
    assert_eq!(steps(&destination)[1..5], expected, "{destination:#}");
    let told = destination["steps"][6]["why"].as_str().unwrap_or_default();
    assert!(told.contains("cannot be tried without moving data"), "{destination:#}");
    within(LONG, "all numbers arrive", || {
        (published.is_done() && recorder.missing(published.series(), 2000) == 0).then_some(())
    });
    recorder.verdict(&published).assert_once();
    assert_eq!(guests(&remote), there, "the running dataflows stay connected as they were");
    assert_eq!(sessions(&remote), known, "the trial leaves no session behind");
    for name in ["upward", "downward"] {
        let counts = &shown::dataflow(&local.broker, name).expect("a dataflow")["instances"][0]["counts"];
        for end in [shown::SOURCE, shown::DESTINATION] {
            assert_eq!(counts[end], json!({ "connections": 1, "failures": 0, "sessionsLost": 0 }), "{name} {end}");
        }
    }
}

/// One endpoint for each way to fail, without any process that runs.
#[test]
fn the_step_that_fails_is_told_with_its_reason() {
    let mint = Mint::new();
    let rules = "rules:\n- principals: {usernames: [5b7a9c1e-0f2d-4e3a-8b6c-7d8e9f0a1b2c]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Subscribe, topics: [\"orders/#\"]}\n";
    let remote = Remote::ruled(&mint, AUDIENCE, Some(rules));
    let agent = Arced::start(&mint);
    let good = system_identity(Some(AUDIENCE));
    let resources = Local::resources(&remote, "", &good);
    let host = remote.host();
    resources.config_map("other-ca", &[("ca.crt", &TestAuthority::new("Another").certificate)]);
    let account = "method: ServiceAccountToken\nserviceAccountTokenSettings: {tokenFile: /nowhere/token}\n";
    for (name, settings) in [
        ("unknown-host", endpoint("nowhere.invalid:8883", ANONYMOUS)),
        ("nobody-there", endpoint(&format!("127.0.0.1:{}", free_port()), ANONYMOUS)),
        ("other-authority", endpoint(&host, &good).replace("remote-ca", "other-ca")),
        ("no-token", endpoint(&host, account)),
        ("other-audience", endpoint(&host, &system_identity(Some("api://elsewhere")))),
    ] {
        resources.endpoint(name, &settings);
    }
    resources.dataflow(&Flow::new("denied-filter").from("remote", &["secret/#"]).to("default", "arrived"));
    for (arguments, at, code, expected) in [
        (&["--endpoint", "no-token"][..], 0, Value::Null, "/nowhere/token cannot be read"),
        (&["--endpoint", "unknown-host"], 1, Value::Null, "nowhere.invalid"),
        (&["--endpoint", "nobody-there"], 2, Value::Null, "refused"),
        (&["--endpoint", "other-authority"], 3, Value::Null, "certificate"),
        (&["--endpoint", "other-audience"], 5, json!("NotAuthorized"), ""),
        (&["denied-filter"], 6, json!("NotAuthorized"), "secret/#"),
    ] {
        let (exit, ends) = trial(&resources, &agent, arguments);
        let steps = ends[0]["steps"].as_array().expect("steps");
        assert_eq!(exit, 1, "{ends:#?}");
        let failed = &steps[at];
        assert_eq!((&failed["outcome"], &failed["code"]), (&json!("failed"), &code), "{arguments:?}: {steps:#?}");
        assert!(failed["text"].as_str().is_some_and(|text| text.contains(expected)), "{arguments:?}: {failed}");
        assert!(steps[..at].iter().all(|step| step["outcome"] != "failed"), "{arguments:?}: {steps:#?}");
        assert!(steps[at + 1..].iter().all(|step| step["outcome"] == "skipped"), "{arguments:?}: {steps:#?}");
        // The same for people.
        let told = run(&resources, &agent, arguments);
        assert!(told.code == 1 && told.stdout.contains("FAILED") && told.stdout.contains(expected), "{}", told.stdout);
        let secrets = mint.made();
        let secrets: Vec<&[u8]> = secrets.iter().map(String::as_bytes).collect();
        causeway_tests::leaks::none_in("the trial", &told.stdout, &secrets);
        causeway_tests::leaks::none_in("the trial", &told.stderr, &secrets);
    }
    // The broker of these resources does not run anywhere that is known.
    let (exit, ends) = trial(&resources, &agent, &["upward"]);
    assert!(exit == 0 && ends[0]["skipped"].as_str().is_some_and(|why| why.contains("--local")), "{exit} {ends:#?}");
    let told = run(&resources, &agent, &["unheard-of"]);
    assert!(told.code == 2 && told.stderr.contains("there is no Dataflow unheard-of"), "{told:?}");
    assert_eq!(remote.guests().len(), 0);
}
