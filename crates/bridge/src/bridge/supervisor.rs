//! Makes the dataflows that run those that are wanted.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use super::Settings;
use crate::carrier::{Carrier, Start, Stop, View};
use crate::counters::Counters;
use crate::credentials::{Credentials, Keeper, Surroundings};
use crate::dataflow::{Dataflow, Key, Side};
use crate::endpoint::Endpoint;
use crate::health::Health;
use crate::status::{DataflowStatus, LinkStatus};

/// After a dataflow's task broke down.
const AFTER_A_BREAKDOWN: Duration = Duration::from_secs(5);

/// Dataflows that take over get so long to subscribe.
const SUCCESSION: Duration = Duration::from_secs(30);
/// Between two looks at whether they have.
const LOOK: Duration = Duration::from_millis(100);

/// The dataflows there are to be.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub dataflows: BTreeMap<Key, Arc<Dataflow>>,
    end: End,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    NotYet,
    /// When all have stopped.
    Now,
}

impl Wanted {
    /// None any more.
    pub fn end(&mut self) {
        self.dataflows.clear();
        self.end = End::Now;
    }
}

pub(super) struct Supervisor {
    installation: Arc<str>,
    drain: Duration,
    surroundings: Arc<Surroundings>,
    wishes: watch::Receiver<Wanted>,
    board: watch::Sender<Vec<View>>,
    tasks: JoinSet<()>,
    running: BTreeMap<Key, Running>,
    /// No longer wanted, and going on until those that take over have subscribed.
    leaving: Vec<Leaving>,
    /// What has been, to be told apart from what comes after it.
    earlier: HashMap<Key, Earlier>,
    /// By the endpoint's name.
    keepers: HashMap<String, (Credentials, Keeper)>,
}

struct Running {
    task: Id,
    stop: watch::Sender<Stop>,
    view: View,
}

impl Running {
    /// The first order counts.
    fn order(&self, stop: Stop) {
        self.stop.send_if_modified(|ordered| {
            let is_first = *ordered == Stop::No;
            if is_first {
                *ordered = stop;
            }
            is_first
        });
    }
}

/// A dataflow in whose session nobody will go on.
struct Leaving {
    running: Running,
    since: Instant,
}

/// What is left of a dataflow that has stopped.
struct Earlier {
    dataflow: Arc<Dataflow>,
    counters: Arc<Counters>,
    rest: Duration,
}

impl Supervisor {
    pub fn new(settings: Settings, wishes: watch::Receiver<Wanted>, board: watch::Sender<Vec<View>>) -> Self {
        let Settings { installation, drain, surroundings } = settings;
        Self {
            installation: installation.into(),
            drain,
            surroundings: Arc::new(surroundings),
            wishes,
            board,
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            leaving: Vec::new(),
            earlier: HashMap::new(),
            keepers: HashMap::new(),
        }
    }

    /// Runs until the end is wanted and all have stopped.
    pub async fn run(mut self) {
        loop {
            let end = self.reconcile();
            if end == End::Now && self.running.is_empty() && self.leaving.is_empty() {
                return;
            }
            // Every branch is cancel-safe.
            tokio::select! {
                () = tokio::time::sleep(LOOK), if !self.leaving.is_empty() => {}
                changed = self.wishes.changed() => if changed.is_err() {
                    // The hand is gone.
                    return;
                },
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, ())) => self.ended(task, Duration::ZERO),
                    Err(error) => {
                        tracing::error!(%error, "a dataflow broke down");
                        self.ended(error.id(), AFTER_A_BREAKDOWN);
                    }
                },
            }
        }
    }

    /// Stops what is not wanted as it is, and starts what is wanted and not there.
    fn reconcile(&mut self) -> End {
        let (wanted, end) = {
            let wanted = self.wishes.borrow_and_update();
            (wanted.dataflows.clone(), wanted.end)
        };
        self.stop_unwanted(&wanted, end);
        self.earlier.retain(|key, _| wanted.contains_key(key));
        for (key, dataflow) in &wanted {
            if !self.running.contains_key(key) && self.is_free(dataflow) {
                self.start(key.clone(), dataflow.clone());
            }
        }
        let endpoints = wanted.values().flat_map(|dataflow| [&dataflow.source.name, &dataflow.destination.name]);
        let named: std::collections::HashSet<&String> = endpoints.collect();
        self.keepers.retain(|name, _| named.contains(name));
        self.retire(end);
        self.post();
        end
    }

    /// Stops dataflows that are to be otherwise, for others to go on in their sessions; those in whose sessions nobody
    /// will go on are set aside.
    fn stop_unwanted(&mut self, wanted: &BTreeMap<Key, Arc<Dataflow>>, end: End) {
        for (key, running) in std::mem::take(&mut self.running) {
            let old = &running.view.dataflow;
            let follows = match wanted.get(&key) {
                Some(new) if new == old => {
                    self.running.insert(key, running);
                    continue;
                }
                // Both identifiers are others: they can run side by side.
                Some(new) => self.ids(new).iter().all(|id| !self.ids(old).contains(id)),
                // A session that nobody uses would go on taking its share from others.
                None => end == End::NotYet && old.is_shared(),
            };
            if follows && *running.stop.borrow() == Stop::No {
                self.leaving.push(Leaving { running, since: Instant::now() });
                continue;
            }
            let stop = match wanted.get(&key) {
                Some(new) if self.source_id(new) != self.source_id(old) => Stop::Retire,
                _ => Stop::Pause,
            };
            running.order(stop);
            self.running.insert(key, running);
        }
    }

    /// Ends those that are set aside when all that take over have subscribed, or do not get to it.
    fn retire(&self, end: End) {
        for Leaving { running: old, since } in &self.leaving {
            let name = &old.view.dataflow.name;
            let mut successors = self.running.values().filter(|new| new.view.dataflow.name == *name);
            let ready = successors.all(|new| new.view.is_subscribed());
            if end == End::Now {
                old.order(Stop::Pause);
            } else if ready || since.elapsed() > SUCCESSION {
                old.order(Stop::Retire);
            }
        }
    }

    /// Whether nobody runs under the identifiers of a dataflow. One that was set aside makes way at once.
    fn is_free(&self, new: &Dataflow) -> bool {
        let ids = self.ids(new);
        let mut free = true;
        for Leaving { running: old, .. } in &self.leaving {
            if self.ids(&old.view.dataflow).iter().any(|id| ids.contains(id)) {
                old.order(Stop::Pause);
                free = false;
            }
        }
        free
    }

    fn source_id(&self, dataflow: &Dataflow) -> (String, String) {
        (format!("{:?}", dataflow.source.address), dataflow.client_id(Side::Source, &self.installation))
    }

    /// Where a dataflow is known as what.
    fn ids(&self, dataflow: &Dataflow) -> [(String, String); 2] {
        let destination = format!("{:?}", dataflow.destination.address);
        [self.source_id(dataflow), (destination, dataflow.client_id(Side::Destination, &self.installation))]
    }

    fn start(&mut self, key: Key, dataflow: Arc<Dataflow>) {
        let earlier = self.earlier.remove(&key);
        let forget = earlier.as_ref().map(|earlier| forgotten(&earlier.dataflow, &dataflow)).unwrap_or_default();
        let rest = earlier.as_ref().map_or(Duration::ZERO, |earlier| earlier.rest);
        // One that is set aside counts on the same account.
        let aside = || {
            let is_it = |old: &&Leaving| old.running.view.dataflow.key() == key;
            self.leaving.iter().find(is_it).map(|old| old.running.view.counters.clone())
        };
        let counters = earlier.map(|earlier| earlier.counters).or_else(aside).unwrap_or_default();
        let (sender, status) = watch::channel(unknown(&dataflow, &self.installation));
        let start = Start {
            installation: self.installation.clone(),
            source: self.keeper(&dataflow.source),
            destination: self.keeper(&dataflow.destination),
            counters: counters.clone(),
            status: sender,
            forget,
            drain: self.drain,
            dataflow: dataflow.clone(),
        };
        let (stop, stopped) = watch::channel(Stop::No);
        let task = self.tasks.spawn(async move {
            tokio::time::sleep(rest).await;
            Carrier::new(start).run(stopped).await;
        });
        let view = View { dataflow, status, counters };
        self.running.insert(key, Running { task: task.id(), stop, view });
    }

    /// The credentials of an endpoint, kept once for all its dataflows.
    fn keeper(&mut self, endpoint: &Endpoint) -> Keeper {
        if let Some((credentials, keeper)) = self.keepers.get(&endpoint.name)
            && *credentials == endpoint.credentials
        {
            return keeper.clone();
        }
        let keeper = Keeper::start(&endpoint.credentials, &self.surroundings);
        self.keepers.insert(endpoint.name.clone(), (endpoint.credentials.clone(), keeper.clone()));
        keeper
    }

    fn ended(&mut self, task: Id, rest: Duration) {
        self.leaving.retain(|old| old.running.task != task);
        let key = self.running.iter().find(|(_, running)| running.task == task).map(|(key, _)| key.clone());
        if let Some(key) = key
            && let Some(Running { view, .. }) = self.running.remove(&key)
        {
            self.earlier.insert(key, Earlier { dataflow: view.dataflow, counters: view.counters, rest });
        }
    }

    fn post(&self) {
        self.board.send_replace(self.running.values().map(|running| running.view.clone()).collect());
    }
}

/// Filters of the old dataflow that the new one, in the same session, has not.
fn forgotten(old: &Dataflow, new: &Dataflow) -> Vec<String> {
    let kept = new.filters();
    old.filters().into_iter().filter(|filter| !kept.contains(filter)).collect()
}

/// The status of a dataflow that has not begun.
fn unknown(dataflow: &Dataflow, installation: &str) -> DataflowStatus {
    let link = |endpoint: &Endpoint, side| LinkStatus::new(endpoint, dataflow.client_id(side, installation));
    DataflowStatus {
        name: dataflow.name.clone(),
        profile: dataflow.profile.clone(),
        instance: dataflow.instance,
        health: Health::Unknown,
        reason: None,
        source: link(&dataflow.source, Side::Source),
        destination: link(&dataflow.destination, Side::Destination),
        publish: None,
        publish_retry: None,
        dead_letter: None,
        backlog: 0,
    }
}
