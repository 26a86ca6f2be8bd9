//! Reading the configuration again: when, and what is said of it.

use std::time::{Duration, Instant, SystemTime};

use config::{Change, Host, Listener, Notice, Plan, Problem};

use super::follower::Follower;
use crate::audit::{Action, Asker};
use crate::configuration::{Configuration, Told};
use crate::reading::{Reading, Refused};
use crate::sources::{Look, Sources, Watch};
use crate::systemd;

/// How often what is on disk is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after a good configuration could not be applied (a port that another program uses) it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What is needed to read the configuration again.
pub(super) struct Reload {
    pub(super) reading: Reading,
    pub(super) host: Host,
    pub(super) configuration: Configuration,
    watch: Watch,
    retry_at: Option<Instant>,
}

/// Why the configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Somebody wants to know what comes of it.
    Asked,
    /// It was seen to have changed, or is tried again.
    Noticed,
}

impl Occasion {
    fn asker(self) -> Asker {
        match self {
            Self::Asked => Asker::Signal,
            Self::Noticed => Asker::Files,
        }
    }
}

impl Reload {
    /// Watches for other than what `watch` has taken.
    pub(super) fn new(reading: Reading, host: Host, configuration: Configuration, watch: Watch) -> Self {
        Self { reading, host, configuration, watch, retry_at: None }
    }

    /// Reads and applies at once, because somebody asked for it.
    pub(super) fn now(&mut self, running: &mut impl Follower) {
        systemd::reloading();
        if self.reading.sources.is_empty() {
            tracing::warn!("nothing to read again: there is neither --resources nor --broker-config-file");
        } else {
            self.read(running, Occasion::Asked);
        }
        systemd::ready(&running.status(&self.configuration));
    }

    /// Looks for a change on disk that has settled, and for a change that is to be tried again.
    pub(super) fn look(&mut self, running: &mut impl Follower) {
        if self.reading.sources.is_empty() {
            return;
        }
        let due = match self.watch.look(self.reading.sources.signature()) {
            Look::Settled => true,
            Look::Changing => false,
            Look::Same => self.retry_at.is_some_and(|at| Instant::now() >= at),
        };
        if due {
            self.read(running, Occasion::Noticed);
            systemd::status(&running.status(&self.configuration));
        }
    }

    fn read(&mut self, running: &mut impl Follower, occasion: Occasion) {
        let (signature, plan) = self.reading.plan(&self.host);
        self.watch.take(signature);
        self.retry_at = None;
        let plan = plan.and_then(|plan| match gone(running.plan(), &plan, &self.reading.sources) {
            problems if problems.is_empty() => Ok(plan),
            problems => Err(Refused(problems)),
        });
        match plan {
            Ok(plan) => self.apply(plan, running, occasion),
            Err(Refused(problems)) => self.reject(problems, running, occasion),
        }
    }

    fn apply(&mut self, plan: Plan, running: &mut impl Follower, occasion: Occasion) {
        let change = running.change_to(&plan);
        let waiting: Vec<String> = change.waits_for_restart.iter().map(ToString::to_string).collect();
        if self.configuration.report().restart_pending != waiting {
            waiting.iter().for_each(|waiting| tracing::warn!(waiting, "applies at the next start"));
        }
        if is_nothing(&change) {
            tell_gone(&self.configuration.unchanged(waiting));
            return;
        }
        let notices: Vec<_> = plan.notices.iter().filter(|notice| !running.plan().notices.contains(notice)).collect();
        notices.iter().for_each(|notice| tracing::warn!("{notice}"));
        match running.apply(plan.clone(), &change) {
            Ok(()) => {
                tell_gone(&self.configuration.applied(waiting, SystemTime::now()));
                let names = |listeners: &[config::Listener]| -> Vec<String> {
                    listeners.iter().map(|listener| listener.name.clone()).collect()
                };
                tracing::info!(
                    opened = ?names(&change.listeners_added),
                    closed = ?change.listeners_removed,
                    certificates = ?names(&change.certificates),
                    policies = ?names(&change.policies),
                    settings = ?change.settings,
                    "the changed configuration is applied"
                );
                running.record(Action::ConfigurationApplied { by: occasion.asker(), changes: words(&change) });
            }
            Err(problems) => {
                self.retry_at = Some(Instant::now() + RETRY_AFTER);
                self.reject(problems, running, occasion);
            }
        }
    }

    fn reject(&self, problems: Vec<Problem>, running: &impl Follower, occasion: Occasion) {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let told = match occasion {
            Occasion::Asked => {
                self.configuration.rejected_on_request(problems.clone());
                Told::New
            }
            Occasion::Noticed => self.configuration.rejected(problems.clone()),
        };
        if told == Told::New {
            for problem in &problems {
                tracing::error!(problem, "the changed configuration is refused, the one before stays in effect");
            }
            running.record(Action::ConfigurationRefused { by: occasion.asker(), problems });
        }
    }
}

/// What a start takes and a process that runs does not: that what it was made from is not written down any more. A folder
/// that is not mounted just then, or a file that was emptied, would end every dataflow, and open ports to everybody.
fn gone(running: &Plan, new: &Plan, sources: &Sources) -> Vec<Problem> {
    let was_empty = |folder: &Problem| running.notices.contains(&Notice::new(folder.to_string()));
    let emptied = sources.without_files().into_iter().filter(|folder| !was_empty(folder));
    let mut problems: Vec<Problem> = emptied.collect();
    // Those of resources have the name of theirs in front.
    let is_written = |listener: &&Listener| listener.name.contains('/');
    let is_new = |listener: &&Listener| !running.listeners.iter().any(|known| known.name == listener.name);
    let instead = new.listeners.iter().filter(|listener| !is_written(listener)).filter(is_new);
    let instead: Vec<&str> = instead.map(|listener| listener.name.as_str()).collect();
    if !instead.is_empty() && running.listeners.iter().any(|listener| is_written(&listener)) {
        problems.push(Problem {
            place: "BrokerListener".to_owned(),
            text: "none is left".to_owned(),
            expected: format!(
                "{} would be opened to everybody instead; keep a BrokerListener, or start anew without",
                instead.join(", ")
            ),
        });
    }
    problems
}

fn is_nothing(change: &Change) -> bool {
    let Change { listeners_removed, listeners_added, certificates, policies, settings, waits_for_restart: _ } = change;
    listeners_removed.is_empty()
        && listeners_added.is_empty()
        && certificates.is_empty()
        && policies.is_empty()
        && settings.is_empty()
}

/// What a change does, in words.
fn words(change: &Change) -> Vec<String> {
    let named = |what: &str, name: &String| format!("{what} {name}");
    let closed = change.listeners_removed.iter().map(|name| named("closed listener", name));
    let opened = change.listeners_added.iter().map(|listener| named("opened listener", &listener.name));
    let certificates = change.certificates.iter().map(|listener| named("TLS of listener", &listener.name));
    let policies = change.policies.iter().map(|listener| named("access to listener", &listener.name));
    let settings = change.settings.iter().map(|setting| format!("setting {setting:?}"));
    closed.chain(opened).chain(certificates).chain(policies).chain(settings).collect()
}

fn tell_gone(problems: &[String]) {
    for problem in problems {
        tracing::info!(problem, "gone: the configuration as written down is in effect again");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use config::{Host, Plan, Request};

    use super::gone;
    use crate::reading::Reading;
    use crate::sources::Sources;

    const LISTENER: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\nmetadata: {name: plant}\nspec: {ports: [{port: 1884}]}\n";

    fn read(folder: &Path) -> (Plan, Sources) {
        let sources = Sources { resources: vec![folder.to_owned()], broker_config: None };
        let reading = Reading { flags: Request::default(), sources: sources.clone() };
        (reading.plan(&Host { cores: 2, remembered: None }).1.unwrap(), sources)
    }

    fn told(running: &Plan, folder: &Path) -> Vec<String> {
        let (new, sources) = read(folder);
        gone(running, &new, &sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_that_has_lost_its_files_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plant.yaml");
        let empty = read(dir.path()).0;
        assert!(empty.notices[0].to_string().contains("holds no *.yaml"), "{:?}", empty.notices);
        assert!(told(&empty, dir.path()).is_empty(), "it was so before");
        fs::write(&file, LISTENER).unwrap();
        assert!(told(&empty, dir.path()).is_empty(), "files have come");
        let running = read(dir.path()).0;
        assert!(told(&running, dir.path()).is_empty());
        fs::remove_file(&file).unwrap();
        let problems = told(&running, dir.path());
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("it holds no *.yaml"), "{problems:?}");
        let sentence = "BrokerListener none is left: mqtt, mqtts, ws would be opened to everybody instead; ";
        assert!(problems[1].starts_with(sentence), "{problems:?}");
        fs::write(&file, "# none just now\n").unwrap();
        assert_eq!(told(&running, dir.path()), problems[1..]);
    }
}
