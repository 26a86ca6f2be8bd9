//! The dataflows of this process: started when there are some, changed by difference, stopped in order.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{io, thread};

use bridge::credentials::{Surroundings, Variables};
use bridge::{Bridge, BridgeView, Settings};
use config::{Plan, Problem};

use super::local::LocalBroker;
use super::roster::{Means, Roster, Share};
use super::shown::{DataflowsView, InstanceShown};
use super::trust::Configurations;

/// What is under way when a dataflow is stopped may take this long; what takes longer comes again from its source.
const DRAIN: Duration = Duration::from_secs(3);

/// Dataflows, and what they are made with.
pub(crate) struct Dataflows {
    installation: String,
    local: LocalBroker,
    share: Share,
    configurations: Configurations,
    /// `None` until there is a dataflow to run.
    bridge: Option<Bridge>,
    /// Of `bridge`.
    begun: Arc<OnceLock<BridgeView>>,
    view: DataflowsView,
}

/// Whether everything under way came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    Whole,
    /// The deadline came first; sources send again what was not acknowledged.
    CutOff,
}

impl Dataflows {
    /// None runs yet. `installation` tells this installation from all others for as long as it exists.
    pub(crate) fn new(installation: String, local: LocalBroker, share: Share) -> Self {
        let (configurations, view) = (Configurations::default(), DataflowsView::default());
        Self { installation, local, share, configurations, bridge: None, begun: Arc::default(), view }
    }

    /// Has endpoints reach the broker of this installation in another way, from the next roster on.
    pub(crate) fn set_local(&mut self, local: LocalBroker) {
        self.local = local;
    }

    /// Makes everything ready that the dataflows of `plan` need.
    ///
    /// # Errors
    /// Every endpoint that cannot be.
    pub(crate) fn ready(&self, plan: &Plan) -> Result<Roster, Vec<Problem>> {
        let Self { installation, local, share, configurations: before, .. } = self;
        Roster::of(plan, Means { share, local, installation, before })
    }

    /// Has these run from now on. Those that are as before go on undisturbed.
    ///
    /// # Errors
    /// The system gives no thread; nothing has changed then.
    pub(crate) fn set(&mut self, roster: Roster) -> io::Result<()> {
        let Roster { dataflows, configurations, plan, endpoints } = roster;
        if self.bridge.is_none() && !dataflows.is_empty() {
            let settings =
                Settings { installation: self.installation.clone(), drain: DRAIN, surroundings: surroundings() };
            let bridge = Bridge::start(settings)?;
            let _ = self.begun.set(bridge.view());
            self.bridge = Some(bridge);
        }
        self.configurations = configurations;
        if let Some(bridge) = &self.bridge {
            bridge.set(dataflows);
            let seen = bridge.view();
            self.view.show(plan, endpoints, move || instances(&seen));
        } else {
            self.view.show(plan, endpoints, Vec::new);
        }
        Ok(())
    }

    /// Tells whether the thread of the dataflows is there, once there has to be one.
    pub(crate) fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        let begun = Arc::clone(&self.begun);
        move || begun.get().is_none_or(BridgeView::is_running)
    }

    #[cfg(test)]
    pub(super) fn has_begun(&self) -> bool {
        self.bridge.is_some()
    }

    pub(crate) fn view(&self) -> DataflowsView {
        self.view.clone()
    }

    /// Stops all of them, within `deadline`.
    pub(crate) fn stop(self, deadline: Instant) -> Stopped {
        let Some(bridge) = self.bridge else { return Stopped::Whole };
        let (done, is_done) = sync_channel(1);
        thread::spawn(move || {
            bridge.stop();
            // Who no longer waits does not miss it.
            let _ = done.send(());
        });
        match is_done.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => Stopped::Whole,
            Err(_) => Stopped::CutOff,
        }
    }
}

/// What is wrong with the dataflows of a plan, as far as that can be known without connecting. A dataflow is taken as one
/// of the broker's own process.
pub(crate) fn problems(plan: &Plan, share: &Share) -> Vec<Problem> {
    let local = match LocalBroker::example() {
        Ok(local) => local,
        Err(error) => {
            let (place, text) = ("dataflows".to_owned(), "certificate".to_owned());
            return vec![Problem { place, text, expected: error.to_string() }];
        }
    };
    let (installation, before) = ("example", &Configurations::default());
    Roster::of(plan, Means { share, local: &local, installation, before }).err().unwrap_or_default()
}

/// This process, as far as its identity at endpoints depends on it.
pub(super) fn surroundings() -> Surroundings {
    Surroundings { variables: Variables::read(|name| std::env::var(name).ok()), ..Surroundings::default() }
}

fn instances(bridge: &BridgeView) -> Vec<InstanceShown> {
    let counters = bridge.counters().into_iter();
    let mut counters: BTreeMap<_, _> =
        counters.map(|(dataflow, counts)| ((dataflow.name.clone(), dataflow.instance), (dataflow, counts))).collect();
    let with_counts = |status: bridge::DataflowStatus| {
        // One that ended meanwhile is shown no more.
        let (dataflow, counts) = counters.remove(&(status.name.clone(), status.instance))?;
        Some(InstanceShown { dataflow, status, counts })
    };
    bridge.status().into_iter().filter_map(with_counts).collect()
}
