//! What leads from one plan to another.

use std::collections::BTreeSet;

use super::{Change, Setting};
use crate::{Given, Host, Input, Plan, Request, Text};

const HOST: Host = Host { cores: 4, remembered: None };
const HEAD: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nmetadata: {name: default}\n";

fn plan(ports: &str, broker: &str) -> Plan {
    let yaml =
        format!("{HEAD}kind: BrokerListener\nspec: {{ports: [{ports}]}}\n---\n{HEAD}kind: Broker\nspec: {broker}\n");
    let secret = |text: &str| {
        format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {text}}}\nstringData: {{token: 0123456789abcdef, \
             tls.crt: '-----BEGIN CERTIFICATE-----{text}', tls.key: '-----BEGIN PRIVATE KEY-----'}}\n"
        )
    };
    let text = Text { path: "a.yaml".to_owned(), bytes: (yaml + &secret("one") + &secret("two")).into_bytes() };
    Plan::check(&Input { texts: vec![text], ..Input::default() }, &HOST).unwrap_or_else(|e| panic!("{e}"))
}

/// Removed, added, with another certificate.
fn listeners(old: &str, new: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let change = Change::between(&plan(old, "{}"), &plan(new, "{}"));
    assert!(change.settings.is_empty() && change.waits_for_restart.is_empty());
    let names = |all: Vec<crate::Listener>| all.into_iter().map(|listener| listener.name).collect();
    (change.listeners_removed, names(change.listeners_added), names(change.certificates))
}

#[test]
fn equal_plans_differ_in_nothing_wherever_they_were_written() {
    let old = plan("{port: 1883}", "{memoryProfile: Low}");
    let new = plan("{port: 1883}", "\n\n\n  memoryProfile: Low");
    assert_ne!(old.values, new.values);
    assert!(Change::between(&old, &new).is_empty());
}

#[test]
fn a_listener_that_stays_is_left_alone() {
    const ONE: &str = "{port: 8883, tls: {mode: Manual, manual: {secretRef: one}}}";
    const TWO: &str = "{port: 8883, tls: {mode: Manual, manual: {secretRef: two}}}";
    const OURS: &str = "{port: 8883, tls: {mode: Automatic}}";
    let none: Vec<String> = Vec::new();
    let name = |name: &str| vec![name.to_owned()];
    for (old, new, removed, added, certificates) in [
        ("{port: 1}", "{port: 1}, {port: 2}", none.clone(), name("default/2"), none.clone()),
        ("{port: 2}, {port: 1}", "{port: 1}", name("default/2"), none.clone(), none.clone()),
        ("{port: 1}", "{port: 1, protocol: WebSockets}", name("default/1"), name("default/1"), none.clone()),
        ("{port: 8883}", OURS, name("default/8883"), name("default/8883"), none.clone()),
        (ONE, TWO, none.clone(), none.clone(), name("default/8883")),
        (ONE, OURS, none.clone(), none.clone(), name("default/8883")),
        ("{port: 1}, {port: 2}", "{port: 2}, {port: 1}", none.clone(), none.clone(), none.clone()),
    ] {
        assert_eq!(listeners(old, new), (removed, added, certificates), "{old} -> {new}");
    }
}

#[test]
fn each_setting_is_named_and_no_other() {
    for (spec, expected) in [
        ("{advanced: {clients: {maxKeepAliveSeconds: 9}}}", Setting::Clients),
        ("{diskBackedMessageBuffer: {maxSize: 1G}}", Setting::QueueDisk),
        ("{diagnostics: {sysTopics: {intervalSeconds: 0}}}", Setting::SysInterval),
        ("{diagnostics: {logs: {level: trace}}}", Setting::LogLevel),
        ("{diagnostics: {selfCheck: {mode: Disabled}}}", Setting::SelfCheck),
        ("{diagnostics: {traces: {cacheSizeMegabytes: 1}}}", Setting::Traces),
        ("{diagnostics: {metrics: {prometheusPort: 0}}}", Setting::Admin),
        ("{diagnostics: {admin: {tokenSecretRef: one}}}", Setting::Admin),
        ("{advanced: {clients: {failedLoginsPerAddress: 0}}}", Setting::FailedLogins),
        ("{diagnostics: {audit: {mode: Disabled}}}", Setting::Audit),
        ("{diagnostics: {audit: {maxFiles: 9}}}", Setting::Audit),
    ] {
        let change = Change::between(&plan("{port: 1}", "{}"), &plan("{port: 1}", spec));
        assert_eq!(change.settings, BTreeSet::from([expected]), "{spec}");
        assert!(change.waits_for_restart.is_empty() && change.listeners_added.is_empty());
    }
    let memory = Change::between(&plan("{port: 1}", "{}"), &plan("{port: 1}", "{memoryProfile: Low}"));
    assert_eq!(memory.settings, BTreeSet::from([Setting::Clients, Setting::Memory]));
}

#[test]
fn what_waits_for_a_restart_is_told_and_the_rest_applies() {
    let started = plan("{port: 1}", "{}");
    let asked = plan(
        "{port: 1}",
        "{advanced: {durability: Fsync}, cardinality: {frontend: {replicas: 1, workers: 5}}, diagnostics: {logs: {level: warn}}}",
    );
    let change = Change::between(&started, &asked);
    let told: Vec<String> = change.waits_for_restart.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["workers: 5 waits for a restart, 2 runs", "durability: Fsync waits for a restart, Async runs"]);
    assert_eq!(change.settings, BTreeSet::from([Setting::LogLevel]));
    let running = asked.clone().under(&started);
    assert_eq!((running.workers, running.log_level), (started.workers, asked.log_level));
    // It waits on, however often the same is asked for.
    let again = Change::between(&running, &asked);
    assert_eq!((again.settings.len(), again.waits_for_restart.len()), (0, 2));
    assert!(Change::between(&running, &started).waits_for_restart.is_empty());
}

#[test]
fn flags_and_resources_differ_alike() {
    let with = |level: Option<&str>| {
        let flags =
            Request { log_level: level.map(|l| Given::flag("--log-level", l.to_owned())), ..Request::default() };
        Plan::check(&Input { flags, ..Input::default() }, &HOST).unwrap()
    };
    assert_eq!(Change::between(&with(None), &with(Some("warn"))).settings, BTreeSet::from([Setting::LogLevel]));
}

#[test]
fn dataflows_that_say_something_else_are_told_wherever_they_are_written() {
    const GROUP: &str = "apiVersion: connectivity.iotoperations.azure.com/v1";
    let plan = |margin: &str, host: &str, count: u16, topic: &str| {
        let yaml = format!(
            "{margin}---\n{GROUP}\nkind: DataflowEndpoint\nmetadata: {{name: far}}\nspec: {{endpointType: Mqtt, mqttSettings: \
             {{host: '{host}', authentication: {{method: Anonymous}}}}}}\n---\n{GROUP}\nkind: DataflowProfile\n\
             metadata: {{name: default}}\nspec: {{instanceCount: {count}}}\n---\n{GROUP}\nkind: Dataflow\n\
             metadata: {{name: out}}\nspec: {{operations: [\
             {{operationType: Source, sourceSettings: {{endpointRef: default, dataSources: [a]}}}}, \
             {{operationType: Destination, destinationSettings: {{endpointRef: far, dataDestination: {topic}}}}}]}}\n"
        );
        let text = Text { path: "a.yaml".to_owned(), bytes: yaml.into_bytes() };
        Plan::check(&Input { texts: vec![text], ..Input::default() }, &HOST).unwrap_or_else(|e| panic!("{e}"))
    };
    let before = plan("", "a:1", 1, "b");
    assert!(Change::between(&before, &plan("\n\n", "a:1", 1, "b")).is_empty());
    for after in [plan("", "a:2", 1, "b"), plan("", "a:1", 2, "b"), plan("", "a:1", 1, "c")] {
        assert_eq!(Change::between(&before, &after).settings, BTreeSet::from([Setting::Dataflows]));
    }
}

/// A plan with a port for each kind of guard, behind the resources that come after it.
fn guarded(resources: &str) -> Plan {
    let listener = "{port: 1}, {port: 2, authenticationRef: names, authorizationRef: rules}, \
                    {port: 3, authenticationRef: certificates, authorizationRef: rules, tls: {mode: Automatic}}, \
                    {port: 4, authenticationRef: names, tls: {mode: Automatic}}";
    let yaml = format!("{HEAD}kind: BrokerListener\nspec: {{ports: [{listener}]}}\n{resources}");
    let text = Text { path: "a.yaml".to_owned(), bytes: yaml.into_bytes() };
    Plan::check(&Input { texts: vec![text], ..Input::default() }, &HOST).unwrap_or_else(|e| panic!("{e}"))
}

/// Those resources: users, authorities, revocation lists, methods beside X509, rules.
struct Guards {
    users: &'static str,
    authority: &'static str,
    revoked: &'static str,
    beside: &'static str,
    cache: &'static str,
    topic: &'static str,
    margin: &'static str,
}

const GUARDS: Guards =
    Guards { users: "ann", authority: "A", revoked: "R", beside: "", cache: "Enabled", topic: "a", margin: "" };

impl Guards {
    fn plan(&self) -> Plan {
        const GROUP: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1";
        let Self { users, authority, revoked, beside, cache, topic, margin } = self;
        guarded(&format!(
            "{margin}---\n{GROUP}\nkind: BrokerAuthentication\nmetadata: {{name: names}}\nspec: {{authenticationMethods: [\
             {{method: UserPassword, userPasswordSettings: {{passwordSecretRef: users}}}}]}}\n\
             ---\n{GROUP}\nkind: BrokerAuthentication\nmetadata: {{name: certificates}}\nspec: {{authenticationMethods: [\
             {{method: X509, x509Settings: {{crlConfigMap: crl}}}}{beside}]}}\n\
             ---\n{GROUP}\nkind: BrokerAuthorization\nmetadata: {{name: rules}}\nspec: {{authorizationPolicies: {{\
             cache: {cache}, rules: [{{principals: {{usernames: [ann]}}, brokerResources: [\
             {{method: Publish, topics: [{topic}]}}]}}]}}}}\n\
             ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: users}}\nstringData: {{users: {users}}}\n\
             ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: crl}}\ndata: {{crl: {revoked}}}\n\
             ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: client-ca}}\n\
             data: {{ca.crt: '-----BEGIN CERTIFICATE-----{authority}'}}\n"
        ))
    }
}

#[test]
fn ports_whose_guards_say_something_else_are_named_and_no_others() {
    const CUSTOM: &str = ", {method: Custom, customSettings: {endpoint: 'https://auth'}}";
    const TWO: &str = ", {method: Custom, customSettings: {endpoint: 'https://auth'}}, \
                       {method: Custom, customSettings: {endpoint: 'https://auth'}}";
    let beside = |beside| Guards { beside, ..GUARDS };
    for (what, old, new, policies, certificates) in [
        ("nothing", GUARDS, GUARDS, "", ""),
        ("the place", GUARDS, Guards { margin: "\n\n\n", ..GUARDS }, "", ""),
        ("users", GUARDS, Guards { users: "bob", ..GUARDS }, "2 4", ""),
        ("an authority", GUARDS, Guards { authority: "B", ..GUARDS }, "3", "3"),
        ("a revocation", GUARDS, Guards { revoked: "S", ..GUARDS }, "3", "3"),
        // A certificate is no longer needed; one more method makes no difference to that.
        ("another method", GUARDS, beside(CUSTOM), "3", "3"),
        ("a third method", beside(CUSTOM), beside(TWO), "3", ""),
        ("the cache", GUARDS, Guards { cache: "Disabled", ..GUARDS }, "2 3", ""),
        ("a rule", GUARDS, Guards { topic: "b", ..GUARDS }, "2 3", ""),
    ] {
        let change = Change::between(&old.plan(), &new.plan());
        let named = |listeners: &[crate::Listener]| {
            let names = listeners.iter().map(|listener| listener.name.trim_start_matches("default/").to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            (named(&change.policies), named(&change.certificates)),
            (policies.into(), certificates.into()),
            "{what}"
        );
        assert_eq!(change.is_empty(), policies.is_empty(), "{what}");
        assert!(change.listeners_added.is_empty() && change.listeners_removed.is_empty(), "{what}");
    }
}

#[test]
fn a_port_that_gets_another_guard_is_named() {
    let one = "{port: 1}";
    let plan = |port: &str| {
        let guards = "---\napiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthentication\nmetadata: {name: one}\n\
                      spec: {authenticationMethods: [{method: X509, x509Settings: {trustedClientCaCert: \
                      azure-iot-operations-aio-ca-trust-bundle}}]}\n---\n\
                      apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerAuthentication\nmetadata: {name: two}\n\
                      spec: {authenticationMethods: [{method: X509, x509Settings: {trustedClientCaCert: \
                      azure-iot-operations-aio-ca-trust-bundle}}]}\n";
        let yaml = format!("{HEAD}kind: BrokerListener\nspec: {{ports: [{one}, {port}]}}\n{guards}");
        let text = Text { path: "a.yaml".to_owned(), bytes: yaml.into_bytes() };
        Plan::check(&Input { texts: vec![text], ..Input::default() }, &HOST).unwrap_or_else(|e| panic!("{e}"))
    };
    let port = |guard: &str| plan(&format!("{{port: 2, tls: {{mode: Automatic}}{guard}}}"));
    let (open, first, second) = (port(""), port(", authenticationRef: one"), port(", authenticationRef: two"));
    for (old, new, certificates) in [(&open, &first, 1), (&first, &open, 1), (&first, &second, 0)] {
        let change = Change::between(old, new);
        assert_eq!((change.policies.len(), change.certificates.len()), (1, certificates));
        assert_eq!(change.policies[0].name, "default/2");
    }
}
