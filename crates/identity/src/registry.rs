//! What each listener shows at present, and when something has to be done about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::authority::Authority;
use crate::automatic::AutomaticSettings;
use crate::certificate::written;
use crate::leaf::Leaf;
use crate::server_tls::{Configurations, Terms};
use crate::{CertificateStatus, ServerTls};

/// From the first failure to the next try; doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// How long before its end a certificate is spoken of that nobody here can renew.
const REMINDER: Duration = Duration::from_secs(14 * 24 * 3600);

/// The listeners by name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: BTreeMap<String, Entry>,
    editions: u64,
}

/// What a listener shows, once published.
#[derive(Debug)]
pub(crate) struct Show {
    pub(crate) origin: Origin,
    pub(crate) terms: Terms,
    pub(crate) not_after: SystemTime,
}

#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Automatic(Arc<AutomaticSettings>, Leaf),
    Manual { secret: String },
}

/// A certificate that is to be renewed now.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) listener: String,
    pub(crate) settings: Arc<AutomaticSettings>,
    pub(crate) leaf: Leaf,
    pub(crate) terms: Terms,
    /// What was published when it became due; something newer needs no renewal.
    edition: u64,
}

#[derive(Debug)]
struct Entry {
    tls: ServerTls,
    show: Show,
    edition: u64,
    renewals: u64,
    failures: u64,
    retry: Option<Retry>,
    reminded: Reminded,
}

#[derive(Debug, Clone, Copy)]
struct Retry {
    at: SystemTime,
    after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reminded {
    Not,
    OfTheEndNearing,
    OfTheEnd,
}

impl Registry {
    /// Makes `show` what the listener shows from now on. A listener that is known keeps its handle and its counts.
    pub(crate) fn publish(&mut self, listener: &str, show: Show, configurations: Configurations) -> ServerTls {
        self.editions += 1;
        let edition = self.editions;
        if let Some(entry) = self.entries.get_mut(listener) {
            entry.tls.publish(configurations);
            (entry.show, entry.edition) = (show, edition);
            (entry.retry, entry.reminded) = (None, Reminded::Not);
            return entry.tls.clone();
        }
        let tls = ServerTls::new(configurations);
        let (retry, reminded) = (None, Reminded::Not);
        let entry = Entry { tls: tls.clone(), show, edition, renewals: 0, failures: 0, retry, reminded };
        self.entries.insert(listener.to_owned(), entry);
        tls
    }

    pub(crate) fn forget(&mut self, listener: &str) {
        self.entries.remove(listener);
    }

    pub(crate) fn status(&self) -> Vec<CertificateStatus> {
        let status = |(listener, entry): (&String, &Entry)| CertificateStatus {
            listener: listener.clone(),
            not_after: entry.show.not_after,
            renewals: entry.renewals,
            failures: entry.failures,
        };
        self.entries.iter().map(status).collect()
    }

    /// The certificates to renew now.
    pub(crate) fn due(&self, authority: &Authority, now: SystemTime) -> Vec<Due> {
        let due = |(listener, entry): (&String, &Entry)| match &entry.show.origin {
            Origin::Automatic(settings, leaf) if entry.due_at(authority, now)? <= now => Some(Due {
                listener: listener.clone(),
                settings: settings.clone(),
                leaf: leaf.clone(),
                terms: entry.show.terms.clone(),
                edition: entry.edition,
            }),
            _ => None,
        };
        self.entries.iter().filter_map(due).collect()
    }

    /// How long nothing is due; `None` where nothing ever is.
    pub(crate) fn idle(&self, authority: &Authority, now: SystemTime) -> Option<Duration> {
        let earliest = self.entries.values().filter_map(|entry| entry.due_at(authority, now)).min()?;
        Some(earliest.duration_since(now).unwrap_or(Duration::ZERO))
    }

    /// Whether what was due is still what the listener shows.
    pub(crate) fn is_current(&self, due: &Due) -> bool {
        self.entries.get(&due.listener).is_some_and(|entry| entry.edition == due.edition)
    }

    pub(crate) fn renewed(&mut self, due: &Due, leaf: Leaf, configurations: Configurations) {
        let not_after = leaf.not_after;
        let show = Show { origin: Origin::Automatic(due.settings.clone(), leaf), terms: due.terms.clone(), not_after };
        self.publish(&due.listener, show, configurations);
        if let Some(entry) = self.entries.get_mut(&due.listener) {
            entry.renewals += 1;
        }
    }

    /// Counts a certificate that could not be made or stored; returns how long to wait until it is tried again.
    pub(crate) fn failed(&mut self, listener: &str, now: SystemTime) -> Duration {
        let Some(entry) = self.entries.get_mut(listener) else {
            return LONGEST_RETRY;
        };
        let after = entry.retry.map_or(FIRST_RETRY, |before| (before.after * 2).min(LONGEST_RETRY));
        entry.failures += 1;
        entry.retry = Some(Retry { at: now + after, after });
        after
    }

    /// Speaks once of each certificate that ends soon, and once when it has ended, where no renewal is to be expected.
    pub(crate) fn remind(&mut self, authority: &Authority, now: SystemTime) {
        for (listener, entry) in &mut self.entries {
            let end = entry.show.not_after;
            let due = match now {
                _ if entry.due_at(authority, now).is_some() => Reminded::Not,
                _ if end <= now => Reminded::OfTheEnd,
                _ if end <= now + REMINDER => Reminded::OfTheEndNearing,
                _ => Reminded::Not,
            };
            if due <= entry.reminded {
                continue;
            }
            entry.reminded = due;
            let (end, remedy) = (written(end), entry.show.origin.remedy());
            match due {
                Reminded::OfTheEnd => {
                    tracing::error!(listener, end, remedy, "a certificate has ended: clients refuse it")
                }
                _ => tracing::warn!(listener, end, remedy, "a certificate ends soon"),
            }
        }
    }
}

impl Entry {
    fn due_at(&self, authority: &Authority, now: SystemTime) -> Option<SystemTime> {
        let Origin::Automatic(settings, leaf) = &self.show.origin else {
            return None;
        };
        match self.retry {
            // The clock was set back since.
            Some(retry) if retry.at > now + LONGEST_RETRY => Some(now),
            Some(retry) => Some(retry.at),
            None if now < leaf.not_before => Some(now),
            None => leaf.due(settings, authority),
        }
    }
}

impl Origin {
    fn remedy(&self) -> String {
        match self {
            Self::Manual { secret } => format!("put a renewed one into secret {secret}"),
            Self::Automatic(..) => {
                "its authority ends as well: delete ca.crt and ca.key and restart (clients then need the new ca.crt)"
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests;
