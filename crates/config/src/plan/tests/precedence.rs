//! Who decides: a flag before a file, a file before the default; and what a data directory remembers.

use super::{HOST, Host, explained, refused, resources, sound, text};
use crate::{Cardinality, ClusterRecord, Durability, Given, Input, LogLevel, Object, ObjectKind, Plan, Request};

const BROKER: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1beta1
kind: Broker
metadata:
  name: default
spec:
  memoryProfile: Tiny
  cardinality:
    frontend: {replicas: 2, workers: 3}
    backendChain: {partitions: 2, redundancyFactor: 2, workers: 3}
  advanced:
    durability: Fsync
    clients:
      maxPacketSizeBytes: 8388608
      subscriberQueueLimit: {length: 7}
  diagnostics:
    logs: {level: warn}
";

fn flag(flag: &str, text: &str) -> Option<Given> {
    Some(Given::flag(flag, text.to_owned()))
}

#[test]
fn a_file_goes_before_the_default_and_says_where() {
    let plan = sound(&resources(&[BROKER]));
    assert_eq!((plan.workers.get(), plan.partitions.get()), (3, 6));
    assert_eq!((plan.durability, plan.log_level), (Durability::Fsync, LogLevel::Warn));
    assert_eq!(explained(&plan, "Broker memoryProfile"), "Tiny (0.yaml:6)");
    assert_eq!(explained(&plan, "Broker cardinality.frontend.workers"), "3 (0.yaml:8)");
    assert_eq!(explained(&plan, "Broker cardinality.backendChain.partitions"), "6 (0.yaml:9)");
    assert_eq!(explained(&plan, "Broker advanced.clients.maxPacketSizeBytes"), "4194304 (memory profile)");
    let notices: Vec<String> = plan.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "0.yaml:8 spec.cardinality.frontend.replicas 2: this process is 1 of 2 frontends; the others take effect with separate processes",
            "0.yaml:9 spec.cardinality.backendChain.redundancyFactor 2: this process is 1 of 2 copies of each partition; the others take effect with separate processes",
            "0.yaml:13 spec.advanced.clients.maxPacketSizeBytes 8388608: the memory profile allows packets of 4194304 bytes, which is what clients are told",
            "0.yaml:14 spec.advanced.clients.subscriberQueueLimit.length 7: has no effect with the queue strategy None, which drops nothing",
        ]
    );
}

#[test]
fn a_flag_goes_before_a_file() {
    let flags = Request {
        workers: flag("--workers", "1"),
        partitions: flag("--partitions", "4"),
        durability: flag("--durability", "async"),
        memory_profile: flag("--memory-profile", "low"),
        queue_strategy: flag("--queue-strategy", "drop-oldest"),
        log_level: flag("--log-level", "trace"),
        ..Request::default()
    };
    let plan = sound(&Input { flags, ..resources(&[BROKER]) });
    assert_eq!((plan.workers.get(), plan.partitions.get()), (1, 4));
    assert_eq!((plan.durability, plan.log_level), (Durability::Async, LogLevel::Trace));
    assert_eq!(plan.clients.max_packet_size.get(), 8_388_608);
    assert_eq!(plan.clients.queue_limit.map(|limit| limit.length.get()), Some(7));
    assert_eq!(explained(&plan, "Broker memoryProfile"), "Low (--memory-profile)");
    assert_eq!(explained(&plan, "Broker cardinality.backendChain.partitions"), "4 (--partitions)");
}

#[test]
fn more_chains_than_there_can_be_partitions_are_taken_as_the_most() {
    let plan = sound(&resources(&[&BROKER.replace("partitions: 2", "partitions: 16")]));
    assert_eq!(plan.partitions.get(), 16);
    let told = plan.notices.iter().any(|notice| notice.to_string().contains("16 x 3 workers: makes 48 chains"));
    assert!(told, "{:?}", plan.notices);
}

#[test]
fn a_data_directory_goes_before_the_default_and_refuses_another_number() {
    let remembered = |n| Some(ClusterRecord { partitions: Cardinality::new(n).unwrap() });
    let plan = Plan::check(&Input::default(), &Host { remembered: remembered(5), ..HOST }).unwrap();
    assert_eq!(explained(&plan, "Broker cardinality.backendChain.partitions"), "5 (data directory)");
    let host = Host { remembered: remembered(6), ..HOST };
    Plan::check(&resources(&[BROKER]), &host).unwrap();
    let host = Host { remembered: remembered(4), ..HOST };
    assert_eq!(
        Plan::check(&resources(&[BROKER]), &host).unwrap_err().to_string(),
        "0.yaml:9 spec.cardinality.backendChain.partitions 2: this data directory was made with 4 partitions, which cannot change, \
         and with the backend chain's workers this asks for 6; choose another --data-dir, or give --partitions 4"
    );
    let flags = Request { partitions: flag("--partitions", "4"), ..Request::default() };
    assert_eq!(Plan::check(&Input { flags, ..resources(&[BROKER]) }, &host).unwrap().partitions.get(), 4);
}

#[test]
fn a_broker_config_file_is_the_broker_and_excludes_another() {
    let config = text("broker.json", "{\n  \"memoryProfile\": \"High\"\n}\n");
    let plan = sound(&Input { broker_config: Some(config.clone()), ..Input::default() });
    assert_eq!(explained(&plan, "Broker memoryProfile"), "High (broker.json:2)");
    let both = Input { broker_config: Some(config), ..resources(&[BROKER]) };
    assert_eq!(
        refused(&both).to_string(),
        "0.yaml:2 kind Broker: broker.json gives the Broker's properties already; leave one of the two out"
    );
}

#[test]
fn problems_come_flags_first_then_file_by_file_by_line() {
    let flags =
        Request { log_level: flag("--log-level", "loud"), workers: flag("--workers", "0"), ..Request::default() };
    let wrong = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nmetadata: {name: default}\nspec:\n  x: 1\n  memoryProfile: y\n";
    let input = Input {
        broker_config: Some(text("b.json", "{\"y\": 1}")),
        texts: vec![text("z.yaml", "- 1\n"), text("a.yaml", wrong)],
        flags,
        ..Input::default()
    };
    let problems = refused(&input);
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "--workers",
            "--log-level",
            "b.json:1",
            "z.yaml:1",
            "a.yaml:2 kind",
            "a.yaml:5 spec",
            "a.yaml:6 spec.memoryProfile"
        ]
    );
}

#[test]
fn a_manifest_goes_before_a_directory_of_the_same_name_and_nothing_of_either_is_shown() {
    let wanted = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
metadata: {name: default}
spec: {diagnostics: {admin: {host: 0.0.0.0, tokenSecretRef: admin}}}
";
    let directory = Object {
        kind: ObjectKind::Secret,
        name: "admin".to_owned(),
        path: "secrets/admin".to_owned(),
        entries: [("token".to_owned(), b"from-the-directory\n".to_vec())].into(),
    };
    let manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: admin}\ndata: {token: ZnJvbS10aGUtbWFuaWZlc3Q=}\n";
    let token = |plan: &Plan| plan.admin.clone().unwrap().token.unwrap().reveal().to_owned();
    let alone = sound(&Input { objects: vec![directory.clone()], ..resources(&[wanted]) });
    assert_eq!(token(&alone), "from-the-directory");
    let input = Input { objects: vec![directory], ..resources(&[wanted, manifest]) };
    let both = sound(&input);
    assert_eq!(token(&both), "from-the-manifest");
    let shown = format!("{both:?} {input:?}");
    assert!(!shown.contains("from-the") && !shown.contains("ZnJvbS"), "{shown}");
    assert_eq!(explained(&both, "Broker diagnostics.admin.tokenSecretRef"), "admin (0.yaml:4)");
}

#[test]
fn manifests_of_others_are_skipped_with_a_notice() {
    let plan = sound(&resources(&[
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1}\n---\napiVersion: v1\nkind: Service\n",
    ]));
    let notices: Vec<String> = plan.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "0.yaml:2 kind Deployment: is of apps, not of the broker; skipped",
            "0.yaml:7 kind Service: is of Kubernetes, not of the broker; skipped"
        ]
    );
}

#[test]
fn the_admin_flag_may_leave_loopback_only_with_a_token() {
    let flags = || Request { admin: flag("--admin", "0.0.0.0:9601"), ..Request::default() };
    let broker = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nmetadata: {name: default}\nspec:\n  diagnostics: {admin: {tokenSecretRef: admin}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: admin}\nstringData: {token: 0123456789abcdef}\n";
    let admin = sound(&Input { flags: flags(), ..resources(&[broker]) }).admin.unwrap();
    assert_eq!(admin.address.to_string(), "0.0.0.0:9601");
    assert!(admin.token.is_some());
    let problems = refused(&Input { flags: flags(), ..Input::default() }).to_string();
    assert!(problems.starts_with("--admin 0.0.0.0:9601: the admin endpoint asks nobody who he is"), "{problems}");
    let off = Request { admin: flag("--admin", "off"), ..Request::default() };
    assert_eq!(sound(&Input { flags: off, ..resources(&[broker]) }).admin, None);
}

#[test]
fn a_file_of_another_kind_does_not_fill_the_screen() {
    let lines: String = (0..1500).map(|n| format!("  x{n}: 1\n")).collect();
    let broker = format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nmetadata: {{name: default}}\nspec:\n{lines}"
    );
    let problems = refused(&resources(&[&broker])).to_string();
    let last = problems.lines().last().unwrap();
    assert_eq!(
        (problems.lines().count(), last),
        (1001, "0.yaml:1004 spec is not the last problem: there are 500 more")
    );
}
