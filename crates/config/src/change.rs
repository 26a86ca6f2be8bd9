//! The difference between two plans: what is to be done while the process runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::authentication::{File, Method, TrustBundle};
use crate::{Listener, Plan};

/// What must happen for a running process to become what the new plan says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Names of listeners to close. One that is altered (address, protocol, TLS on or off) is here and among the added.
    pub listeners_removed: Vec<String>,
    /// Listeners to open.
    pub listeners_added: Vec<Listener>,
    /// Listeners that stay as they are, with another certificate, other settings for making one, or others whose client
    /// certificates they take.
    pub certificates: Vec<Listener>,
    /// Listeners that stay as they are, with another BrokerAuthentication or BrokerAuthorization, or with what one of them
    /// says changed.
    pub policies: Vec<Listener>,
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
    /// [`Plan::failed_logins_per_address`].
    FailedLogins,
    /// [`Plan::audit`].
    Audit,
    /// [`Plan::internal`], but for its encryption.
    InternalCertificates,
    /// [`Plan::dataflows`], [`Plan::endpoints`], [`Plan::profiles`].
    Dataflows,
}

/// A setting that waits for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `workers`, `partitions`, `durability`, `data directory`, `namespace`; in a cluster `redundancyFactor` and
    /// `encryptInternalTraffic`.
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
        change.compare_listeners(old, new);
        change
    }

    /// Whether there is nothing to do and nothing waits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn compare_listeners(&mut self, old: &Plan, new: &Plan) {
        let by_name = |all| -> BTreeMap<_, _> { <[Listener]>::iter(all).map(|l| (l.name.clone(), l)).collect() };
        let (before, after) = (by_name(&old.listeners), by_name(&new.listeners));
        for listener in &old.listeners {
            if !after.get(&listener.name).is_some_and(|now| same_door(listener, now)) {
                self.listeners_removed.push(listener.name.clone());
            }
        }
        for listener in &new.listeners {
            match before.get(&listener.name) {
                Some(was) if same_door(was, listener) => self.compare_guards((old, was), (new, listener)),
                _ => self.listeners_added.push(listener.clone()),
            }
        }
    }

    /// What else may differ of a port that stays.
    fn compare_guards(&mut self, (old, was): (&Plan, &Listener), (new, listener): (&Plan, &Listener)) {
        let trust_differs = ClientTrust::of(old, was) != ClientTrust::of(new, listener);
        if was.tls != listener.tls || (listener.tls.is_some() && trust_differs) {
            self.certificates.push(listener.clone());
        }
        let named_alike = was.authentication == listener.authentication && was.authorization == listener.authorization;
        if !named_alike || !same_methods(old, new, listener) || !same_rules(old, new, listener) {
            self.policies.push(listener.clone());
        }
    }
}

/// Whose client certificates a port takes, and whether it does without.
#[derive(PartialEq, Eq)]
struct ClientTrust<'a> {
    authorities: Vec<(&'a TrustBundle, &'a [File])>,
    other_methods: usize,
}

impl<'a> ClientTrust<'a> {
    /// `None` is nobody's.
    fn of(plan: &'a Plan, listener: &Listener) -> Option<Self> {
        let methods = &plan.authentications.get(listener.authentication.as_ref()?)?.methods;
        let authorities: Vec<_> = methods
            .iter()
            .filter_map(|method| match method {
                Method::X509(x509) => Some((&x509.authorities, x509.revocation_lists.as_slice())),
                _ => None,
            })
            .collect();
        // One other method makes certificates optional, and a second one changes nothing more.
        let other_methods = (methods.len() - authorities.len()).min(1);
        (!authorities.is_empty()).then_some(Self { authorities, other_methods })
    }
}

/// Whether the BrokerAuthentication of a port says the same in both plans, wherever it is written.
fn same_methods(old: &Plan, new: &Plan, listener: &Listener) -> bool {
    let Some(name) = &listener.authentication else { return true };
    let (before, after) = (old.authentications.get(name), new.authentications.get(name));
    before.map(|found| &found.methods) == after.map(|found| &found.methods)
}

/// Whether its BrokerAuthorization does.
fn same_rules(old: &Plan, new: &Plan, listener: &Listener) -> bool {
    let Some(name) = &listener.authorization else { return true };
    match (old.authorizations.get(name), new.authorizations.get(name)) {
        (Some(a), Some(b)) => (a.cache, a.denied_publish, &a.rules) == (b.cache, b.denied_publish, &b.rules),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Whether those who are connected may stay.
fn same_door(a: &Listener, b: &Listener) -> bool {
    a.address == b.address && a.protocol == b.protocol && a.tls.is_some() == b.tls.is_some()
}

/// Whether the same crosses, wherever it is written.
fn same_dataflows(old: &Plan, new: &Plan) -> bool {
    let endpoints = old.endpoints.len() == new.endpoints.len()
        && old.endpoints.values().zip(new.endpoints.values()).all(|(was, is)| was.says_what(is));
    endpoints && old.profiles == new.profiles && old.dataflows == new.dataflows
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
        (Setting::FailedLogins, old.failed_logins_per_address != new.failed_logins_per_address),
        (Setting::Audit, old.audit != new.audit),
        // A process that is alone has none.
        (
            Setting::InternalCertificates,
            new.cluster.is_some() && old.internal.certificates != new.internal.certificates,
        ),
        (Setting::Dataflows, !same_dataflows(old, new)),
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
    let waiting = all.into_iter().chain(waiting_of_clusters(old, new)).filter(|(_, runs, asked)| runs != asked);
    waiting.map(|(setting, runs, asked)| Waiting { setting, runs, asked }).collect()
}

/// What waits in a process of a cluster; one that is alone has nothing of it.
fn waiting_of_clusters(old: &Plan, new: &Plan) -> Vec<(&'static str, String, String)> {
    let (Some(runs), Some(asked)) = (&old.cluster, &new.cluster) else { return Vec::new() };
    let (ours, theirs) = (old.internal.encryption, new.internal.encryption);
    vec![
        ("redundancyFactor", runs.redundancy_factor.to_string(), asked.redundancy_factor.to_string()),
        ("encryptInternalTraffic", format!("{ours:?}"), format!("{theirs:?}")),
    ]
}

#[cfg(test)]
mod tests;
