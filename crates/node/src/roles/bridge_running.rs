//! Everything that runs in a process that is a bridge, and how it becomes what another plan says.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;
use std::{fs, io};

use config::authentication::File;
use config::dataflow::{Mode, Profile};
use config::{Admin, Change, LogLevel, Plan, Problem, Setting};

use super::admin_door::AdminDoor;
use super::admin_seat::AdminSeat;
use super::follower::Follower;
use super::shown::Shown;
use crate::admin::AdminSource;
use crate::arguments::{BridgeFlags, LocalFlags};
use crate::audit::{Action, Audit};
use crate::configuration::Configuration;
use crate::data_dir::{DataDir, DataDirError};
use crate::dataflows::{Dataflows, Elsewhere, LocalBroker, Share, Stopped};
use crate::greeting::with_scheme;
use crate::logging::Logging;
use crate::reading::Refused;
use crate::sockets::ADMIN;
use crate::start::StartError;

/// The profile that a bridge goes by unless it is told another.
const DEFAULT_PROFILE: &str = "default";

/// What the command line says for as long as the process runs.
pub(super) struct Kept {
    profile: Option<String>,
    local: LocalFlags,
    admin: Flag,
    log_level: Flag,
}

/// Whether a flag says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Given,
    Absent,
}

/// The running parts.
pub(super) struct BridgeRunning {
    plan: Plan,
    kept: Kept,
    dataflows: Dataflows,
    /// The content of `--local-ca`.
    authority: Option<File>,
    admin: AdminDoor,
    audit: Audit,
    logging: Logging,
    shown: Shown,
    data_dir: DataDir,
}

/// Why dataflows do not run.
#[derive(Debug, thiserror::Error)]
#[error("the thread of the dataflows has ended")]
pub(super) struct Stood;

impl Kept {
    pub(super) fn of(flags: &BridgeFlags) -> Self {
        let flag = |is_given: bool| if is_given { Flag::Given } else { Flag::Absent };
        Self {
            profile: flags.profile.clone(),
            local: flags.local.clone(),
            admin: flag(flags.names_admin()),
            log_level: flag(flags.names_log_level()),
        }
    }

    pub(super) fn log_level(&self, plan: &Plan) -> LogLevel {
        match (self.log_level, self.profile(plan)) {
            (Flag::Absent, Some(profile)) => profile.log_level,
            _ => plan.log_level,
        }
    }

    /// Where the admin endpoint is to be. Without the flag the plan has a loopback address without a port, and whatever token
    /// there is.
    fn admin(&self, plan: &Plan) -> Option<Admin> {
        let admin = plan.admin.clone()?;
        match (self.admin, self.profile(plan)) {
            (Flag::Absent, Some(Profile { metrics_port: 0, .. })) => None,
            (Flag::Absent, Some(profile)) => {
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), profile.metrics_port);
                Some(Admin { address, ..admin })
            }
            _ => Some(admin),
        }
    }

    fn share(&self) -> Share {
        self.profile.clone().map_or(Share::All, Share::OfProfile)
    }

    /// `None` if there is none of that name.
    fn profile<'a>(&self, plan: &'a Plan) -> Option<&'a Profile> {
        plan.profiles.get(self.profile.as_deref().unwrap_or(DEFAULT_PROFILE))
    }

    fn check(&self, plan: &Plan) -> Result<(), Vec<Problem>> {
        match &self.profile {
            Some(name) if !plan.profiles.contains_key(name) => {
                let names: Vec<&str> = plan.profiles.keys().map(String::as_str).collect();
                let expected = format!("there is no DataflowProfile of this name; there are {}", names.join(", "));
                Err(vec![Problem { place: "--profile".to_owned(), text: name.clone(), expected }])
            }
            _ => Ok(()),
        }
    }

    fn local(&self, authority: Option<File>) -> LocalBroker {
        LocalBroker::Elsewhere(Elsewhere { address: self.local.local.clone(), authority })
    }
}

impl BridgeRunning {
    /// Starts all parts; dataflows go on by themselves.
    pub(super) fn start(plan: Plan, kept: Kept, logging: Logging, seat: AdminSeat) -> Result<Self, StartError> {
        let refused = |problems| StartError::Request(Refused(problems));
        kept.check(&plan).map_err(refused)?;
        let authority = authority(&kept.local).map_err(|problem| refused(vec![problem]))?;
        let data_dir = DataDir::open(&plan.data_dir)?;
        let dataflows = Dataflows::new(data_dir.installation()?, kept.local(authority.clone()), kept.share());
        let roster = dataflows.ready(&plan).map_err(refused)?;
        let audit = Audit::open(&data_dir.audit(), plan.audit).map_err(StartError::Thread)?;
        let (admin, shown) = (AdminDoor::new(seat), Shown::default());
        let mut running = Self { plan, kept, dataflows, authority, admin, audit, logging, shown, data_dir };
        running.admin.open(running.kept.admin(&running.plan))?;
        running.dataflows.set(roster).map_err(StartError::Thread)?;
        running.announce()?;
        Ok(running)
    }

    /// What the admin endpoint answers from.
    pub(super) fn admin_source(&self) -> AdminSource {
        let (recorder, shown) = (self.audit.recorder(), self.shown.clone());
        AdminSource {
            broker: None,
            cluster: None,
            dataflows: self.dataflows.view(),
            audited: Box::new(move || recorder.counted()),
            audit: self.audit.recorder(),
            effective: Box::new(move || shown.values()),
        }
    }

    /// Reads `--local-ca` again; when it says something else, endpoints go by that.
    pub(super) fn look_at_authority(&mut self) {
        let Ok(Some(now)) = authority(&self.kept.local) else { return };
        if self.authority.as_ref() == Some(&now) {
            return;
        }
        let before = self.authority.replace(now.clone());
        self.dataflows.set_local(self.kept.local(Some(now)));
        match self.dataflows.ready(&self.plan) {
            Ok(roster) => {
                if let Err(error) = self.dataflows.set(roster) {
                    tracing::error!(%error, "the system gives no thread");
                }
                tracing::info!("the local broker's authority has changed");
            }
            Err(problems) => {
                let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                tracing::error!(problems = told, "the local broker's new authority is refused, the one before stays");
                self.dataflows.set_local(self.kept.local(before));
            }
        }
    }

    /// The first lines on stdout.
    pub(super) fn greeting(&self) -> String {
        let mut text = format!("# {}\n", self.counted());
        if let Some(at) = self.admin.address() {
            // Writing to a String does not fail.
            let url = with_scheme("http", at);
            let _ = writeln!(text, "causeway dataflow list --admin {url}");
            let _ = writeln!(text, "# Health and metrics: {url}/health/ready {url}/metrics");
        }
        text
    }

    fn counted(&self) -> String {
        let share = self.kept.share();
        let runs = self.plan.dataflows.values().filter(|flow| flow.mode == Mode::Enabled && share.has(flow)).count();
        let plural = if runs == 1 { "dataflow" } else { "dataflows" };
        format!("{runs} {plural}")
    }

    /// Tells whether dataflows can run.
    pub(super) fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        self.dataflows.is_running()
    }

    /// For the watchdog.
    pub(super) fn progress(&self) -> impl AsyncFn() -> Result<(), Stood> + Send + 'static + use<> {
        let is_running = self.is_running();
        async move || if is_running() { Ok(()) } else { Err(Stood) }
    }

    fn announce(&self) -> Result<(), DataDirError> {
        let mut plan = self.plan.clone();
        plan.values.retain(|value| value.path.starts_with("Dataflow") || value.path.starts_with("--data-dir"));
        plan.listeners.clear();
        let addresses: BTreeMap<_, _> = self.admin.address().map(|at| (ADMIN.to_owned(), at)).into_iter().collect();
        self.shown.show(&plan, &addresses);
        self.data_dir.announce_listeners(&addresses)
    }

    /// Ends dataflows, then the rest.
    pub(super) fn end(self, deadline: Instant) -> Stopped {
        let Self { dataflows, mut admin, audit, data_dir, .. } = self;
        let stopped = dataflows.stop(deadline);
        admin.close();
        audit.stop();
        if let Err(error) = data_dir.withdraw_listeners() {
            tracing::warn!(%error, "other programs still find where the bridge listened");
        }
        stopped
    }
}

impl Follower for BridgeRunning {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What a plan says of the broker concerns another process.
    fn change_to(&self, new: &Plan) -> Change {
        let mut settings = Change::between(&self.plan, new).settings;
        settings.retain(|setting| match setting {
            Setting::Dataflows | Setting::LogLevel | Setting::Admin | Setting::Audit => true,
            Setting::Clients
            | Setting::Memory
            | Setting::QueueDisk
            | Setting::SysInterval
            | Setting::SelfCheck
            | Setting::Traces
            | Setting::FailedLogins
            | Setting::InternalCertificates => false,
        });
        Change { settings, ..Change::default() }
    }

    fn apply(&mut self, new: Plan, _: &Change) -> Result<(), Vec<Problem>> {
        self.kept.check(&new)?;
        let roster = self.dataflows.ready(&new)?;
        let admin = self.admin.ready(self.kept.admin(&new)).map_err(|problem| vec![problem])?;
        let in_vain = |what: &str, error: io::Error| {
            let (place, text) = (what.to_owned(), "cannot be started".to_owned());
            vec![Problem { place, text, expected: error.to_string() }]
        };
        self.dataflows.set(roster).map_err(|error| in_vain("dataflows", error))?;
        self.logging.set_level(self.kept.log_level(&new));
        self.audit.set(new.audit);
        self.plan = new;
        let opened = self.admin.switch(admin);
        if let Err(error) = self.announce() {
            tracing::warn!(%error, "other programs are not told where the bridge listens");
        }
        opened.map_err(|error| {
            // So that the next attempt opens it.
            self.plan.admin = None;
            in_vain("the admin endpoint", error)
        })
    }

    fn status(&self, configuration: &Configuration) -> String {
        let refused = match configuration.report().problems.is_empty() {
            true => "",
            false => "the configuration on disk is refused, the one before is in effect; ",
        };
        format!("{refused}{}", self.counted())
    }

    fn record(&self, action: Action) {
        self.audit.record(action);
    }
}

/// The file of `--local-ca`.
fn authority(flags: &LocalFlags) -> Result<Option<File>, Problem> {
    let Some(path): &Option<PathBuf> = &flags.local_ca else { return Ok(None) };
    let name = path.display().to_string();
    match fs::read(path) {
        Ok(content) => Ok(Some(File { name, content })),
        Err(error) => {
            let expected = format!("cannot be read: {error}; give the file tls/ca.crt of the broker's data directory");
            Err(Problem { place: "--local-ca".to_owned(), text: name, expected })
        }
    }
}
