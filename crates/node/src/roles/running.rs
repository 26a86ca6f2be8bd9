//! Everything that runs, and how it becomes what another plan says.

use std::time::{Duration, Instant};

use config::{Change, Plan, Problem, Setting};

use super::broker::{Broker, Company, Drained};
use super::cluster_seat::ClusterSeat;
use super::doors::Doors;
use super::follower::Follower;
use super::gate_seat::GateSeat;
use super::shown::Shown;
use crate::audit::{Action, Audit};
use crate::configuration::Configuration;
use crate::data_dir::{DataDir, DataDirError};
use crate::dataflows::{Dataflows, Roster, Stopped};
use crate::logging::Logging;
use crate::self_check::SelfCheck;
use crate::traces::Collector;

/// How long the end of dataflows may take.
const DATAFLOWS_END: Duration = Duration::from_secs(5);

/// The running parts, by what a change touches.
pub(super) struct Running {
    pub(super) plan: Plan,
    pub(super) broker: Broker,
    pub(super) dataflows: Dataflows,
    pub(super) doors: Doors,
    pub(super) gate: GateSeat,
    pub(super) audit: Audit,
    pub(super) logging: Logging,
    pub(super) traces: Collector,
    pub(super) self_check: SelfCheck,
    pub(super) shown: Shown,
    pub(super) data_dir: DataDir,
    /// Its place in a cluster; `None` if it is alone.
    pub(super) cluster: Option<ClusterSeat>,
}

impl Running {
    fn set(&mut self, setting: Setting, new: &Plan) {
        match setting {
            Setting::Clients => self.broker.set_limits(&new.clients),
            Setting::Memory => self.broker.set_memory(new.memory),
            Setting::QueueDisk => self.broker.set_queue_disk_bytes(new.queue_disk_bytes),
            Setting::SysInterval => self.broker.set_sys_interval(new.sys_interval),
            Setting::LogLevel => self.logging.set_level(new.log_level),
            Setting::SelfCheck => self.self_check.set(new.self_check),
            Setting::Traces => match self.traces.set(new.traces.as_ref()) {
                Ok(sink) => {
                    self.broker.set_spans(sink);
                    self.self_check.set_self_tracing(new.traces.and_then(|traces| traces.self_tracing));
                }
                Err(error) => tracing::error!(%error, "traces stay as they were: the system gives no thread"),
            },
            Setting::FailedLogins => self.gate.set(new),
            Setting::Audit => self.audit.set(new.audit),
            Setting::InternalCertificates => {
                if let Some(cluster) = &self.cluster {
                    cluster.set(&new.internal.certificates);
                }
            }
            // After the listeners.
            Setting::Dataflows => {}
            // Another address is a change of listeners.
            Setting::Admin => self.doors.admin.set_token(new.admin.as_ref().and_then(|admin| admin.token.clone())),
        }
    }

    /// Has these dataflows of the plan run from now on. Tells what keeps them from it; the plan has none then, so that the
    /// next attempt begins with them.
    pub(super) fn run(&mut self, roster: Roster) -> Option<Problem> {
        let error = self.dataflows.set(roster).err()?;
        self.plan.dataflows.clear();
        let (place, text) = ("dataflows".to_owned(), "cannot be started".to_owned());
        Some(Problem { place, text, expected: format!("the system gives no thread: {error}") })
    }

    /// Has the plan say what is open, so that the next attempt opens the rest; tells other programs and people.
    fn keep_only_open_listeners(&mut self) {
        let addresses = self.doors.addresses();
        self.plan.listeners.retain(|listener| addresses.contains_key(&listener.name));
        self.plan.admin.take_if(|_| !addresses.contains_key(crate::sockets::ADMIN));
        if let Err(error) = self.announce() {
            tracing::warn!(%error, "other programs are not told where the broker listens");
        }
    }

    /// Says in the log what has changed between this process and the others of its cluster.
    pub(super) fn look_at_cluster(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.look();
        }
    }

    /// Tells the API what is in effect, and other programs where this process listens.
    ///
    /// # Errors
    /// The file for other programs cannot be written.
    pub(super) fn announce(&self) -> Result<(), DataDirError> {
        let addresses = self.doors.addresses();
        self.shown.show(&self.plan, &addresses);
        self.data_dir.announce_listeners(&addresses)
    }

    /// Ends every part: dataflows, as long as the broker takes what is under way; then the broker, which says goodbye to
    /// clients; then the rest.
    pub(super) fn end(self, deadline: Instant) -> Drained {
        let Self { broker, dataflows, doors, gate, self_check, data_dir, audit, cluster, .. } = self;
        self_check.stop();
        if dataflows.stop(deadline.min(Instant::now() + DATAFLOWS_END)) == Stopped::CutOff {
            tracing::warn!("dataflows did not end in time and are cut off; what is under way is sent again");
        }
        let company = || cluster.as_ref().map_or(Company::Here, ClusterSeat::company);
        let drained = broker.drain(deadline, company);
        drop(gate);
        if let Some(cluster) = cluster {
            cluster.end();
        }
        doors.end();
        audit.stop();
        if let Err(error) = data_dir.withdraw_listeners() {
            tracing::warn!(%error, "other programs still find where the broker listened");
        }
        drained
    }
}

impl Follower for Running {
    /// What runs; parts that wait for a restart are as they were at the start.
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn change_to(&self, new: &Plan) -> Change {
        Change::between(&self.plan, new)
    }

    /// Becomes what `new` says, by `change` from what runs. Whatever can go wrong is tried first: guards and certificates are
    /// made ready, endpoints of dataflows too, and sockets bound before anything is changed.
    ///
    /// Then, in this order: certificates are shown and ports guarded by the new rules; limits, memory, intervals, self-check and traces are set, so that clients of
    /// new listeners get the new ones; listeners are opened and closed; dataflows.
    ///
    /// # Errors
    /// Why it stays as it was.
    fn apply(&mut self, new: Plan, change: &Change) -> Result<(), Vec<Problem>> {
        let changes_dataflows = change.settings.contains(&Setting::Dataflows);
        let roster = changes_dataflows.then(|| self.dataflows.ready(&new)).transpose()?;
        let ready = match self.doors.ready(&self.broker, &self.plan, &new, change) {
            Ok(ready) => ready,
            Err(problems) => {
                self.keep_only_open_listeners();
                return Err(problems);
            }
        };
        let moves = self.doors.guard(&self.broker, change, ready);
        for setting in &change.settings {
            self.set(*setting, &new);
        }
        let mut problems = self.doors.switch(&self.broker, &new, moves);
        self.plan = new.under(&self.plan);
        problems.extend(roster.and_then(|roster| self.run(roster)));
        self.keep_only_open_listeners();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }

    /// A line about what runs, for the service manager.
    fn status(&self, configuration: &Configuration) -> String {
        let listening: Vec<String> =
            self.doors.addresses().iter().map(|(name, address)| format!("{name} {address}")).collect();
        let report = configuration.report();
        let state = match (report.problems.is_empty(), report.restart_pending.is_empty()) {
            (false, _) => "the configuration on disk is refused, the one before is in effect; ",
            (true, false) => "a part of the configuration waits for a restart; ",
            (true, true) => "",
        };
        format!("{state}listening: {}", listening.join(", "))
    }

    fn record(&self, action: Action) {
        self.audit.record(action);
    }
}
