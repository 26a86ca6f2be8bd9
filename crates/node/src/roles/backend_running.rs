//! Everything that runs in a process that is a backend, and how it becomes what another plan says.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use backend::{Backend, FarSettings, Hosting, Placement, SessionQuery, ViewError};
use config::{Change, ClusterPlan, ClusterRecord, Plan, Problem, Setting};

use super::admin_door::AdminDoor;
use super::admin_seat::AdminSeat;
use super::admin_source;
use super::broker::{Drained, partition_figures};
use super::cluster_seat::ClusterSeat;
use super::follower::Follower;
use super::partitions;
use super::shown::Shown;
use crate::admin::{AdminSource, Health};
use crate::audit::{Action, Audit};
use crate::cluster::{Admission, Caller, LinkThreads, Membership, Port, PortParts, Switchboard, SwitchboardParts};
use crate::configuration::Configuration;
use crate::data_dir::{DataDir, DataDirError};
use crate::greeting::with_scheme;
use crate::logging::Logging;
use crate::signals::Signals;
use crate::sockets::{ADMIN, INTERNAL, Socket, Wanted};
use crate::start::StartError;

/// How often an end looks whether it is done.
const END_LOOK: Duration = Duration::from_millis(10);
/// The number of the link between two backends.
const PEERS: u32 = 0;

/// What the parts are started with.
pub(super) struct Start<'a> {
    pub(super) plan: Plan,
    pub(super) cluster: ClusterPlan,
    pub(super) logging: Logging,
    pub(super) seat: AdminSeat,
    pub(super) cores: usize,
    pub(super) health: &'a Health,
    pub(super) signals: &'a Signals,
}

/// How a start ends.
pub(super) enum Started {
    Running(Box<BackendRunning>),
    /// Told to end before that, by the signal of this name.
    Ended(&'static str),
}

/// The running parts.
pub(super) struct BackendRunning {
    plan: Plan,
    backend: Backend,
    port: Port,
    internal_at: SocketAddr,
    threads: LinkThreads,
    cluster: ClusterSeat,
    admin: AdminDoor,
    audit: Audit,
    logging: Logging,
    shown: Shown,
    data_dir: DataDir,
    /// Starts of the process on its data directory before this one.
    restarts: u64,
}

impl BackendRunning {
    /// Starts all parts.
    ///
    /// # Errors
    /// What keeps one of them from starting.
    pub(super) fn start(start: Start<'_>) -> Result<Started, StartError> {
        let Start { plan, cluster, logging, seat, cores, health, signals } = start;
        let data_dir = DataDir::open(&plan.data_dir)?;
        let socket = internal_socket(&cluster)?;
        data_dir.remember(ClusterRecord { partitions: plan.partitions })?;
        let restarts = data_dir.count_start()?;
        let mut admin = AdminDoor::new(seat);
        admin.open(plan.admin.clone())?;
        let audit = Audit::open(&data_dir.audit(), plan.audit).map_err(StartError::Thread)?;

        let tell = |what: &str| health.set_waiting(what);
        let membership = match Membership::take((&cluster, &plan.internal), &data_dir, signals, tell)? {
            Admission::Member(membership) => *membership,
            Admission::Ended(signal) => return Ok(Started::Ended(signal)),
        };
        health.set_waiting("the state of its partitions");
        let backend = host_partitions(&plan, &cluster, &data_dir)?;
        let threads = LinkThreads::start(usize::from(plan.workers.get()).min(cores)).map_err(StartError::Thread)?;
        let internal_at = socket.address;
        let (port, cluster) = connect(membership, &backend, &socket, &threads).map_err(StartError::Thread)?;
        let shown = Shown::default();
        let running = Self {
            plan,
            backend,
            port,
            internal_at,
            threads,
            cluster,
            admin,
            audit,
            logging,
            shown,
            data_dir,
            restarts,
        };
        running.announce()?;
        Ok(Started::Running(Box::new(running)))
    }

    /// What the admin endpoint answers from.
    pub(super) fn admin_source(&self) -> AdminSource {
        let rest = admin_source::BackendRest {
            shown: self.shown.clone(),
            audit: self.audit.recorder(),
            restarts: self.restarts,
            cluster: admin_source::backend_cluster(&self.cluster, &self.backend, &self.plan),
        };
        let view = self.cluster.membership.whole(self.plan.partitions.get());
        admin_source::backend_source((&self.backend, view), partition_figures(&self.backend), &self.plan, rest)
    }

    /// The first lines on stdout.
    pub(super) fn greeting(&self) -> String {
        let plan = &self.cluster.membership.plan;
        let hosted: Vec<String> = self.backend.hosted().iter().map(ToString::to_string).collect();
        let mut text = format!("# {} of cluster {}, with partitions {}\n", plan.us.name, plan.name, hosted.join(", "));
        // Writing to a String does not fail.
        let _ = writeln!(text, "# Frontends and other backends reach it at {}", self.internal_at);
        if let Some(at) = self.admin.address() {
            let url = with_scheme("http", at);
            let _ = writeln!(text, "# Health and metrics: {url}/health/ready {url}/metrics");
        }
        text
    }

    /// Tells whether its partitions are at work.
    pub(super) fn is_running(&self) -> impl Fn() -> bool + Send + Sync + 'static + use<> {
        self.backend.is_running()
    }

    /// For the watchdog: every partition answers a question.
    pub(super) fn progress(&self) -> impl AsyncFn() -> Result<(), ViewError> + Send + 'static + use<> {
        let view = self.backend.view();
        async move || view.sessions(&SessionQuery { limit: 1, ..SessionQuery::default() }).await.map(drop)
    }

    /// Says in the log what has changed between this process and the others of its cluster.
    pub(super) fn look_at_cluster(&self) {
        self.cluster.look();
    }

    fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        let admin = self.admin.address().map(|at| (ADMIN.to_owned(), at));
        [(INTERNAL.to_owned(), self.internal_at)].into_iter().chain(admin).collect()
    }

    fn announce(&self) -> Result<(), DataDirError> {
        let addresses = self.addresses();
        self.shown.show(&self.plan, &addresses);
        self.data_dir.announce_listeners(&addresses)
    }

    /// Lets nobody in any more, has partitions work off what waits and sync, and has links say the rest.
    pub(super) fn end(self, deadline: Instant) -> Drained {
        let Self { backend, port, threads, cluster, mut admin, audit, data_dir, .. } = self;
        port.close();
        let ending = thread::spawn(move || backend.stop());
        let stopped = wait_until(deadline, || ending.is_finished());
        let links = cluster.membership.links.clone();
        links.stop();
        let said = wait_until(deadline, || links.have_fallen_silent());
        cluster.end();
        threads.stop();
        admin.close();
        audit.stop();
        if let Err(error) = data_dir.withdraw_listeners() {
            tracing::warn!(%error, "other programs still find where the backend listened");
        }
        if stopped && said { Drained::Whole } else { Drained::CutOff }
    }
}

impl Follower for BackendRunning {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What a plan says of clients concerns frontends.
    fn change_to(&self, new: &Plan) -> Change {
        let change = Change::between(&self.plan, new);
        let mut settings = change.settings;
        settings.retain(|setting| match setting {
            Setting::QueueDisk
            | Setting::LogLevel
            | Setting::Admin
            | Setting::Audit
            | Setting::InternalCertificates => true,
            Setting::Clients
            | Setting::Memory
            | Setting::SysInterval
            | Setting::SelfCheck
            | Setting::Traces
            | Setting::FailedLogins
            | Setting::Dataflows => false,
        });
        Change { settings, waits_for_restart: change.waits_for_restart, ..Change::default() }
    }

    fn apply(&mut self, new: Plan, change: &Change) -> Result<(), Vec<Problem>> {
        let admin = self.admin.ready(new.admin.clone()).map_err(|problem| vec![problem])?;
        for setting in &change.settings {
            match setting {
                Setting::QueueDisk => self.backend.set_queue_disk_bytes(new.queue_disk_bytes),
                Setting::LogLevel => self.logging.set_level(new.log_level),
                Setting::Audit => self.audit.set(new.audit),
                Setting::InternalCertificates => self.cluster.set(&new.internal.certificates),
                // Below, and what `change_to` leaves out.
                _ => {}
            }
        }
        self.plan = new.under(&self.plan);
        let opened = self.admin.switch(admin);
        if let Err(error) = self.announce() {
            tracing::warn!(%error, "other programs are not told where the backend listens");
        }
        opened.map_err(|error| {
            // So that the next attempt opens it.
            self.plan.admin = None;
            let (place, text) = ("the admin endpoint".to_owned(), "cannot be started".to_owned());
            vec![Problem { place, text, expected: error.to_string() }]
        })
    }

    fn status(&self, configuration: &Configuration) -> String {
        let refused = match configuration.report().problems.is_empty() {
            true => "",
            false => "the configuration on disk is refused, the one before is in effect; ",
        };
        format!("{refused}{} partitions, links at {}", self.backend.hosted().len(), self.internal_at)
    }

    fn record(&self, action: Action) {
        self.audit.record(action);
    }
}

fn internal_socket(cluster: &ClusterPlan) -> Result<Socket, StartError> {
    let address = cluster.internal.ok_or(StartError::NoCluster)?;
    let wanted = [Wanted { name: INTERNAL.to_owned(), address }];
    Socket::bind_all(&wanted)?.remove(INTERNAL).ok_or(StartError::NoCluster)
}

fn host_partitions(plan: &Plan, cluster: &ClusterPlan, data_dir: &DataDir) -> Result<Backend, StartError> {
    let placement = (0..plan.partitions.get()).map(|partition| cluster.replicas(partition).collect());
    let far = FarSettings {
        us: cluster.us.ordinal,
        placement: Placement(placement.collect()),
        frontend_gone_after: backend::FRONTEND_GONE_AFTER,
        lane_bytes: backend::LANE_BYTES,
    };
    Ok(partitions::start(plan, &data_dir.partitions(), Hosting::Far(far))?)
}

/// Dials the backends before this one, accepts from everybody else, and keeps the certificate good.
fn connect(
    mut membership: Membership,
    backend: &Backend,
    socket: &Socket,
    threads: &LinkThreads,
) -> std::io::Result<(Port, ClusterSeat)> {
    membership.hosts(backend.view());
    let lanes = backend.links_handle();
    let mut to_authority = None;
    for ordinal in 0..membership.plan.us.ordinal {
        let Some((link, driver)) = membership.dial(ordinal, PEERS) else { continue };
        lanes.peer_link(ordinal, &link);
        threads.spawn(usize::from(ordinal), driver.run());
        to_authority.get_or_insert(link);
    }
    let switchboard = Switchboard::new(SwitchboardParts {
        us: membership.us.clone(),
        plan: membership.plan.clone(),
        answer: membership.answer(),
        links: membership.links.clone(),
        threads: threads.clone(),
        attend: Box::new(move |caller, link| match caller {
            Caller::Frontend { ordinal, worker } => lanes.frontend_link(ordinal, worker, link),
            Caller::Backend { ordinal } => lanes.peer_link(ordinal, link),
        }),
    });
    let port = Port::open(PortParts {
        socket: socket.listener()?,
        protection: membership.protection.clone(),
        desk: membership.desk.clone(),
        switchboard,
        denials: membership.denials.clone(),
        threads: threads.clone(),
    })?;
    let keeper = membership.keep(to_authority)?;
    Ok((port, ClusterSeat::new(membership, keeper)))
}

fn wait_until(deadline: Instant, is_done: impl Fn() -> bool) -> bool {
    while !is_done() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(END_LOOK);
    }
    true
}
