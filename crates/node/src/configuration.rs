//! How what is written down compares with what runs, for health, metrics and the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The state of the configuration; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Configuration(Arc<Mutex<ConfigurationReport>>);

/// What a probe or a scrape is told of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigurationReport {
    /// Why what is written down is not what runs, a sentence each; empty while it is.
    pub(crate) problems: Vec<String>,
    /// What runs as it did at the start until the process is started anew.
    pub(crate) restart_pending: Vec<String>,
    /// Changes applied since the start.
    pub(crate) applied: u64,
    /// Changes refused since the start.
    pub(crate) rejected: u64,
    /// When the configuration that runs was taken; `None` before the start is over.
    pub(crate) taken_at: Option<SystemTime>,
}

/// Whether a problem is told for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    New,
    Before,
}

impl Configuration {
    /// The present state.
    pub(crate) fn report(&self) -> ConfigurationReport {
        self.lock().clone()
    }

    /// What was read at the start runs.
    pub(crate) fn started(&self, now: SystemTime) {
        self.lock().taken_at = Some(now);
    }

    /// A change runs. Returns the problems that are gone with it.
    pub(crate) fn applied(&self, restart_pending: Vec<String>, now: SystemTime) -> Vec<String> {
        let mut report = self.lock();
        report.applied += 1;
        report.taken_at = Some(now);
        report.restart_pending = restart_pending;
        std::mem::take(&mut report.problems)
    }

    /// What is written down is what runs, without a change. Returns the problems that are gone with it.
    pub(crate) fn unchanged(&self, restart_pending: Vec<String>) -> Vec<String> {
        let mut report = self.lock();
        report.restart_pending = restart_pending;
        std::mem::take(&mut report.problems)
    }

    /// A change that was noticed was refused for `problems`; the same once more is no news, and not counted.
    pub(crate) fn rejected(&self, problems: Vec<String>) -> Told {
        let mut report = self.lock();
        if report.problems == problems {
            return Told::Before;
        }
        report.rejected += 1;
        report.problems = problems;
        Told::New
    }

    /// What somebody asked for was refused for `problems`, which he is to know however often he asks.
    pub(crate) fn rejected_on_request(&self, problems: Vec<String>) {
        let mut report = self.lock();
        report.rejected += 1;
        report.problems = problems;
    }

    fn lock(&self) -> MutexGuard<'_, ConfigurationReport> {
        // Every change of the report is whole, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{Configuration, Told};

    fn problem(place: &str) -> String {
        format!("{place} 3: give a list")
    }

    #[test]
    fn a_problem_is_told_once_and_goes_with_the_next_good_configuration() {
        let configuration = Configuration::default();
        let bad = vec![problem("a.yaml:3 spec.ports")];
        assert_eq!(configuration.rejected(bad.clone()), Told::New);
        assert_eq!(configuration.rejected(bad.clone()), Told::Before);
        assert_eq!(configuration.rejected(vec![problem("b.yaml")]), Told::New);
        assert_eq!(configuration.rejected(bad.clone()), Told::New);
        configuration.rejected_on_request(bad.clone());
        assert_eq!(configuration.report().rejected, 4);
        assert_eq!(configuration.applied(Vec::new(), SystemTime::UNIX_EPOCH), bad);
        let report = configuration.report();
        assert_eq!((report.applied, report.problems.len(), report.taken_at), (1, 0, Some(SystemTime::UNIX_EPOCH)));
        assert!(configuration.unchanged(Vec::new()).is_empty());
    }
}
