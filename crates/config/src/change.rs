//! The difference between two plans: what is to be done while the process runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Listener, Plan};

/// What must happen for a running process to become what the new plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Names of listeners to close. One that is altered (address, protocol, TLS on or off) is here and among the added.
    pub listeners_removed: Vec<String>,
    /// Listeners to open.
    pub listeners_added: Vec<Listener>,
    /// Listeners that stay as they are, with another certificate or other settings for making one.
    pub certificates: Vec<Listener>,
    /// Settings to take from the new plan.
    pub settings: BTreeSet<Setting>,
    /// What stays as it is until the process is started again.
    pub waits_for_restart: Vec<Waiting>,
}

/// A part of a plan that can change while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// [`Plan::clients`].
    Clients,
    /// [`Plan::memory`].
    Memory,
    /// [`Plan::queue_disk_bytes`].
    QueueDisk,
    /// [`Plan::sys_interval`].
    SysInterval,
    /// [`Plan::log_level`].
    LogLevel,
    /// [`Plan::self_check`].
    SelfCheck,
    /// [`Plan::traces`].
    Traces,
    /// [`Plan::admin`].
    Admin,
}

/// A setting that waits for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `workers`, `partitions`, `durability`, `data directory` or `namespace`.
    pub setting: &'static str,
    /// What runs.
    pub runs: String,
    /// What was asked for.
    pub asked: String,
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { setting, runs, asked } = self;
        write!(f, "{setting}: {asked} waits for a restart, {runs} runs")
    }
}

impl Change {
    /// What leads from `old`, which runs, to `new`.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let mut change = Self { settings: settings(old, new), waits_for_restart: waiting(old, new), ..Self::default() };
        change.compare_listeners(&old.listeners, &new.listeners);
        change
    }

    /// Whether there is nothing to do and nothing waits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn compare_listeners(&mut self, old: &[Listener], new: &[Listener]) {
        let by_name = |all| -> BTreeMap<_, _> { <[Listener]>::iter(all).map(|l| (l.name.clone(), l)).collect() };
        let (before, after) = (by_name(old), by_name(new));
        for listener in old {
            if !after.get(&listener.name).is_some_and(|now| same_door(listener, now)) {
                self.listeners_removed.push(listener.name.clone());
            }
        }
        for listener in new {
            match before.get(&listener.name) {
                Some(was) if same_door(was, listener) && was.tls == listener.tls => {}
                Some(was) if same_door(was, listener) => self.certificates.push(listener.clone()),
                _ => self.listeners_added.push(listener.clone()),
            }
        }
    }
}

/// Whether those who are connected may stay.
fn same_door(a: &Listener, b: &Listener) -> bool {
    a.address == b.address && a.protocol == b.protocol && a.tls.is_some() == b.tls.is_some()
}

fn settings(old: &Plan, new: &Plan) -> BTreeSet<Setting> {
    [
        (Setting::Clients, old.clients != new.clients),
        (Setting::Memory, old.memory != new.memory),
        (Setting::QueueDisk, old.queue_disk_bytes != new.queue_disk_bytes),
        (Setting::SysInterval, old.sys_interval != new.sys_interval),
        (Setting::LogLevel, old.log_level != new.log_level),
        (Setting::SelfCheck, old.self_check != new.self_check),
        (Setting::Traces, old.traces != new.traces),
        (Setting::Admin, old.admin != new.admin),
    ]
    .into_iter()
    .filter_map(|(setting, differs)| differs.then_some(setting))
    .collect()
}

fn waiting(old: &Plan, new: &Plan) -> Vec<Waiting> {
    let all = [
        ("workers", old.workers.get().to_string(), new.workers.get().to_string()),
        ("partitions", old.partitions.get().to_string(), new.partitions.get().to_string()),
        ("durability", format!("{:?}", old.durability), format!("{:?}", new.durability)),
        ("data directory", old.data_dir.display().to_string(), new.data_dir.display().to_string()),
        ("namespace", old.namespace.clone(), new.namespace.clone()),
    ];
    let waiting = all.into_iter().filter(|(_, runs, asked)| runs != asked);
    waiting.map(|(setting, runs, asked)| Waiting { setting, runs, asked }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Change, Setting};
    use crate::{Given, Host, Input, Plan, Request, Text};

    const HOST: Host = Host { cores: 4, remembered: None };
    const HEAD: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nmetadata: {name: default}\n";

    fn plan(ports: &str, broker: &str) -> Plan {
        let yaml = format!(
            "{HEAD}kind: BrokerListener\nspec: {{ports: [{ports}]}}\n---\n{HEAD}kind: Broker\nspec: {broker}\n"
        );
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
        assert_eq!(
            told,
            ["workers: 5 waits for a restart, 2 runs", "durability: Fsync waits for a restart, Async runs"]
        );
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
}
