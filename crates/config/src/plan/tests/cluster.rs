//! Processes of a cluster, and the plans or problems that come of their flags and resources.

use std::time::Duration;

use super::{HOST, Plan, resources};
use crate::{
    Cardinality, Change, ClusterRecord, ClusterRequest, ClusterRole, Encryption, Given, Host, Input,
    InternalCertificates, InternalTraffic, KeyAlgorithm, KeyRotation, Problems, Request, Setting,
};

const THREE: &str = "backend-0=127.0.0.1:7883,backend-1=127.0.0.1:7884,backend-2=[::1]:7885";
const HEAD: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nmetadata: {name: default}\nkind: ";

/// A process of three backends, with resources; `flags` are others, or the same again.
fn input(role: ClusterRole, name: &str, flags: &[(&str, &str)], yaml: &[&str]) -> Input {
    let given = |flag: &str, text: &str| Given::flag(flag, text.to_owned());
    let mut cluster = ClusterRequest {
        role,
        name: given("--name", name),
        cluster: None,
        internal: None,
        backends: given("--backends", THREE),
        redundancy_factor: None,
        join_token_file: None,
        shortest_internal_duration: None,
    };
    let mut request = Request::default();
    for (flag, text) in flags {
        let given = given(flag, text);
        match *flag {
            "--cluster" => cluster.cluster = Some(given),
            "--internal" => cluster.internal = Some(given),
            "--backends" => cluster.backends = given,
            "--redundancy-factor" => cluster.redundancy_factor = Some(given),
            "--shortest-internal-duration" => cluster.shortest_internal_duration = Some(given),
            "--admin" => request.admin = Some(given),
            "--partitions" => request.partitions = Some(given),
            other => panic!("no such setting: {other}"),
        }
    }
    let texts = resources(yaml).texts;
    Input { flags: Request { cluster: Some(cluster), ..request }, texts, ..Input::default() }
}

fn backend(name: &str, flags: &[(&str, &str)], yaml: &[&str]) -> Result<Plan, Problems> {
    Plan::check(&input(ClusterRole::Backend, name, flags, yaml), &HOST)
}

fn frontend(flags: &[(&str, &str)], yaml: &[&str]) -> Result<Plan, Problems> {
    Plan::check(&input(ClusterRole::Frontend, "frontend-1", flags, yaml), &HOST)
}

fn broker(spec: &str) -> String {
    format!("{HEAD}Broker\nspec:\n  {spec}\n")
}

#[test]
fn a_broker_that_is_alone_has_no_cluster() {
    let plan = super::sound(&Input::default());
    assert_eq!((plan.cluster, plan.internal), (None, InternalTraffic::default()));
}

#[test]
fn who_we_are_and_where_the_others_are() {
    let plan = backend("backend-2", &[], &[]).unwrap();
    let cluster = plan.cluster.as_ref().unwrap();
    assert_eq!((cluster.name.as_str(), cluster.us.name.as_str(), cluster.us.ordinal), ("default", "backend-2", 2));
    assert_eq!(cluster.internal, "[::1]:7885".parse().ok());
    assert_eq!((cluster.backends.len(), cluster.redundancy_factor), (3, 1));
    assert!(plan.listeners.is_empty() && plan.notices.is_empty());
    let plan = frontend(&[("--cluster", "plant-1")], &[]).unwrap();
    let cluster = plan.cluster.as_ref().unwrap();
    assert_eq!((cluster.name.as_str(), cluster.us.ordinal, cluster.internal), ("plant-1", 1, None));
    assert_eq!(plan.listeners.len(), 3);
    let shown = |path: &str| super::explained(&plan, path);
    assert_eq!(shown("--cluster"), "plant-1 (--cluster)");
    assert_eq!(shown("--backends"), format!("{THREE} (--backends)"));
}

#[test]
fn a_backend_accepts_links_where_the_others_dial() {
    let internal = |list: &str| {
        let plan = backend("backend-0", &[("--backends", list)], &[]).unwrap();
        plan.cluster.and_then(|cluster| cluster.internal).map(|address| address.to_string())
    };
    assert_eq!(internal("backend-0=10.0.0.7:1").as_deref(), Some("10.0.0.7:1"));
    assert_eq!(internal("backend-0=localhost:1").as_deref(), Some("127.0.0.1:1"));
    assert_eq!(internal("backend-0=backend-0.causeway:1").as_deref(), Some("0.0.0.0:1"));
    let plan = backend("backend-0", &[("--internal", "[::]:9")], &[]).unwrap();
    assert_eq!(plan.cluster.and_then(|cluster| cluster.internal), "[::]:9".parse().ok());
}

#[test]
fn what_is_wrong_with_flags_is_told_with_what_would_be_right() {
    for (name, flag, text, expected) in [
        ("backend-3", "--admin", "off", "--name backend-3: --backends does not name it; it has backend-0 to backend-2"),
        (
            "backend",
            "--admin",
            "off",
            "--name backend: give small letters, digits, - and ., with -0 to -9999 at the end, as pods of a StatefulSet are called: backend-0",
        ),
        (
            "backend-0",
            "--cluster",
            "A",
            "--cluster A: give 1 to 63 small letters, digits and -, with a letter or digit at both ends",
        ),
        (
            "backend-0",
            "--internal",
            "off",
            "--internal off: give IP:PORT, such as 0.0.0.0:7883; the others dial 127.0.0.1:7883",
        ),
        (
            "backend-0",
            "--internal",
            "127.0.0.1:0",
            "--internal 127.0.0.1:0: give IP:PORT, such as 0.0.0.0:7883; the others dial 127.0.0.1:7883",
        ),
        (
            "backend-0",
            "--internal",
            "127.0.0.1:9600",
            "--internal 127.0.0.1:9600: --admin has this address; give another",
        ),
        ("backend-0", "--redundancy-factor", "6", "--redundancy-factor 6: give a number of copies from 1 to 5"),
        (
            "backend-0",
            "--redundancy-factor",
            "4",
            "--redundancy-factor 4: --backends names 3, and each copy needs its own; give 3 or less, or name more",
        ),
        (
            "backend-0",
            "--backends",
            "backend-0",
            "--backends backend-0: give NAME=HOST:PORT, such as backend-0=10.0.0.7:7883",
        ),
        ("backend-0", "--shortest-internal-duration", "0s", "--shortest-internal-duration 0s: give 1s to 1m"),
    ] {
        assert_eq!(backend(name, &[(flag, text)], &[]).unwrap_err().to_string(), expected);
    }
    let both = Plan::check(&input(ClusterRole::Backend, "x", &[("--cluster", "A"), ("--backends", "b")], &[]), &HOST);
    let both = both.unwrap_err();
    let places: Vec<&str> = both.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["--name", "--cluster", "--backends"]);
}

#[test]
fn copies_come_from_the_broker_unless_a_flag_says_otherwise() {
    let three = broker(
        "cardinality: {frontend: {replicas: 2}, backendChain: {partitions: 2, redundancyFactor: 3, workers: 2}}",
    );
    let plan = frontend(&[], &[&three]).unwrap();
    assert_eq!((plan.cluster.as_ref().map(|cluster| cluster.redundancy_factor), plan.partitions.get()), (Some(3), 4));
    let told = plan.values.iter().find(|told| told.path.ends_with("redundancyFactor")).unwrap();
    assert_eq!((told.value.as_str(), told.note.as_deref()), ("3", None));
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    let plan = backend("backend-0", &[], &[&three]).unwrap();
    assert_eq!(plan.cluster.map(|cluster| cluster.redundancy_factor), Some(3));
    let plan = backend("backend-0", &[("--redundancy-factor", "1")], &[&three]).unwrap();
    assert_eq!(plan.cluster.map(|cluster| cluster.redundancy_factor), Some(1));
    let four = three.replace("redundancyFactor: 3", "redundancyFactor: 4");
    let refused = frontend(&[], &[&four]).unwrap_err().to_string();
    assert!(refused.ends_with(
        "redundancyFactor 4: --backends names 3, and each copy needs its own; give 3 or less, or name more"
    ));
}

#[test]
fn every_process_comes_to_the_same_number_of_partitions() {
    for cores in [1, 64] {
        let host = Host { cores, ..HOST };
        let plan = Plan::check(&input(ClusterRole::Frontend, "frontend-0", &[], &[]), &host).unwrap();
        assert_eq!(plan.partitions.get(), 4);
    }
    let remembered = Some(ClusterRecord { partitions: Cardinality::new(3).unwrap() });
    let host = Host { remembered, ..HOST };
    let plan = Plan::check(&input(ClusterRole::Backend, "backend-0", &[], &[]), &host).unwrap();
    assert_eq!(plan.partitions.get(), 3);
    let other =
        Plan::check(&input(ClusterRole::Backend, "backend-0", &[("--partitions", "5")], &[]), &host).unwrap_err();
    assert!(other.to_string().starts_with("--partitions 5: this data directory was made with 3"), "{other}");
}

#[test]
fn certificates_are_as_the_broker_says() {
    let spec = "advanced:
    encryptInternalTraffic: Disabled
    internalCerts: {duration: 72h, renewBefore: 1h, privateKey: {algorithm: Ed25519, rotationPolicy: Never}}";
    let plan = frontend(&[], &[&broker(spec)]).unwrap();
    assert_eq!(plan.internal.encryption, Encryption::Disabled);
    let expected = InternalCertificates {
        duration: Duration::from_secs(72 * 3600),
        renew_before: Duration::from_secs(3600),
        algorithm: KeyAlgorithm::Ed25519,
        rotation: KeyRotation::Never,
    };
    assert_eq!(plan.internal.certificates, expected);
    assert!(plan.notices[0].to_string().starts_with("internal traffic is not encrypted"), "{:?}", plan.notices);
    for path in ["encryptInternalTraffic", "internalCerts.duration", "internalCerts.privateKey.algorithm"] {
        let path = format!("Broker advanced.{path}");
        assert_eq!(
            plan.values.iter().find(|told| told.path == path).and_then(|told| told.note.clone()),
            None,
            "{path}"
        );
    }
    // The same properties alone, as JSON.
    let mut input = input(ClusterRole::Backend, "backend-0", &[], &[]);
    input.broker_config = Some(super::text(
        "broker.json",
        r#"{"advanced": {"encryptInternalTraffic": "Disabled", "internalCerts": {"duration": "72h", "renewBefore": "1h",
            "privateKey": {"algorithm": "Ed25519", "rotationPolicy": "Never"}}}}"#,
    ));
    assert_eq!(Plan::check(&input, &HOST).unwrap().internal, plan.internal);
}

#[test]
fn certificates_of_seconds_are_for_who_says_so() {
    let short = |duration: &str, before: &str| {
        broker(&format!(
            "advanced: {{internalCerts: {{duration: {duration}, renewBefore: {before}, privateKey: {{algorithm: Ec256, rotationPolicy: Always}}}}}}"
        ))
    };
    let refused = frontend(&[], &[&short("5s", "2s")]).unwrap_err().to_string();
    assert_eq!(refused, "0.yaml:5 spec.advanced.internalCerts.duration \"5s\": give 1m or more");
    let flag = [("--shortest-internal-duration", "3s")];
    let plan = frontend(&flag, &[&short("5s", "2s")]).unwrap();
    assert_eq!(plan.internal.certificates.duration, Duration::from_secs(5));
    let refused = frontend(&flag, &[&short("2s", "1s")]).unwrap_err().to_string();
    assert!(refused.ends_with("\"2s\": give 3s or more"), "{refused}");
    let refused = frontend(&flag, &[&short("5s", "5s")]).unwrap_err().to_string();
    assert!(refused.ends_with("renewBefore \"5s\": give less than the duration, which is 5s"), "{refused}");
}

#[test]
fn a_backend_does_not_need_what_ports_refer_to() {
    let listener = format!(
        "{HEAD}BrokerListener\nspec: {{ports: [{{port: 8883, tls: {{mode: Manual, manual: {{secretRef: nowhere}}}}}}]}}\n"
    );
    frontend(&[], &[&listener]).unwrap_err();
    let plan = backend("backend-0", &[], &[&listener]).unwrap();
    assert!(plan.listeners.is_empty());
}

#[test]
fn what_may_not_be_meant_is_noticed() {
    let only = |plan: Plan| {
        assert_eq!(plan.notices.len(), 1, "{:?}", plan.notices);
        plan.notices[0].to_string()
    };
    let plan = backend("backend-2", &[("--partitions", "2")], &[]).unwrap();
    assert_eq!(only(plan), "--name backend-2: holds none of the 2 partitions; ask for more of them");
    let one = broker("cardinality: {frontend: {replicas: 1}, backendChain: {partitions: 4, redundancyFactor: 1}}");
    let told = only(frontend(&[], &[&one]).unwrap());
    assert_eq!(
        told,
        "0.yaml:5 spec.cardinality.frontend.replicas 1: this is frontend 1, counted from 0; it serves nevertheless"
    );
}

#[test]
fn what_changes_in_a_process_that_runs_and_what_waits() {
    let certificates = |duration: &str| {
        broker(&format!(
            "advanced: {{internalCerts: {{duration: {duration}, renewBefore: 1h, privateKey: {{algorithm: Ec256, rotationPolicy: Always}}}}}}"
        ))
    };
    let plan = |yaml: &str| frontend(&[], &[yaml]).unwrap();
    let change = Change::between(&plan(&certificates("72h")), &plan(&certificates("73h")));
    assert_eq!(change.settings.into_iter().collect::<Vec<_>>(), [Setting::InternalCertificates]);
    assert!(change.waits_for_restart.is_empty());
    let (before, after) = (plan(&certificates("72h")), plan(&broker("advanced: {encryptInternalTraffic: Disabled}")));
    let change = Change::between(&before, &after);
    let waiting: Vec<String> = change.waits_for_restart.iter().map(ToString::to_string).collect();
    assert_eq!(waiting, ["encryptInternalTraffic: Disabled waits for a restart, Enabled runs"]);
    let applied = after.under(&before);
    assert_eq!(applied.internal.encryption, Encryption::Enabled);
    assert_eq!(applied.internal.certificates, InternalCertificates::default());
    let copies = |n: u8| {
        let text = format!(
            "cardinality: {{frontend: {{replicas: 2}}, backendChain: {{partitions: 4, redundancyFactor: {n}}}}}"
        );
        plan(&broker(&text))
    };
    let change = Change::between(&copies(1), &copies(2));
    assert_eq!(change.waits_for_restart[0].to_string(), "redundancyFactor: 2 waits for a restart, 1 runs");
}

#[test]
fn a_data_directory_is_called_after_the_process() {
    let folder = |name: &str| input(ClusterRole::Backend, name, &[], &[]).flags.data_dir();
    assert_eq!(folder("backend-1"), std::path::Path::new("./causeway-backend-1-data"));
    assert_eq!(folder("../etc"), std::path::Path::new("./causeway-data"));
}
