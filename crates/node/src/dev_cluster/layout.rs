//! Which processes a cluster has, where they listen, and what each is started with.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use config::ClusterRole;

use super::DevClusterError;
use super::free_ports::free_ports;
use crate::arguments::DevClusterFlags;

/// The cluster's name; certificates of another are of no use here.
pub(super) const CLUSTER: &str = "dev";
const LOGS: &str = "logs";

/// Usual ports, from which the others are counted.
const MQTT: u16 = 1883;
const MQTTS: u16 = 8883;
const WS: u16 = 8083;
const INTERNAL: u16 = 7883;
const ADMIN: u16 = 9600;

/// A cluster on this machine.
#[derive(Debug)]
pub(super) struct Layout {
    /// Backends first, in the order in which they are started.
    pub(super) members: Vec<Member>,
}

/// One of its processes.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) role: ClusterRole,
    pub(super) name: String,
    pub(super) admin: SocketAddr,
    pub(super) ports: Ports,
    pub(super) data_dir: PathBuf,
    pub(super) log: PathBuf,
    /// What it is started with.
    pub(super) arguments: Vec<OsString>,
}

/// Where it listens besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    Frontend { mqtt: SocketAddr, mqtts: SocketAddr, ws: SocketAddr },
    Backend { internal: SocketAddr },
}

impl Layout {
    /// In the folder `root`, which is there.
    ///
    /// # Errors
    /// There are no ports.
    pub(super) fn of(flags: &DevClusterFlags, root: &Path) -> Result<Self, DevClusterError> {
        let ports = Numbers::of(flags)?;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let name = |role: ClusterRole, n: u16| format!("{role}-{n}");
        let list: Vec<String> = (0..flags.backends)
            .map(|n| format!("{}={}", name(ClusterRole::Backend, n), at(ports.internal(n))))
            .collect();
        let common = Common { flags, root, list: list.join(",") };
        let backends = (0..flags.backends).map(|n| {
            let places = Ports::Backend { internal: at(ports.internal(n)) };
            common.member((ClusterRole::Backend, name(ClusterRole::Backend, n)), at(ports.admin(n)), places)
        });
        let frontends = (0..flags.frontends).map(|n| {
            let places = Ports::Frontend { mqtt: at(ports.mqtt(n)), mqtts: at(ports.mqtts(n)), ws: at(ports.ws(n)) };
            let admin = at(ports.admin(flags.backends + n));
            common.member((ClusterRole::Frontend, name(ClusterRole::Frontend, n)), admin, places)
        });
        Ok(Self { members: backends.chain(frontends).collect() })
    }

    pub(super) fn of_role(&self, role: ClusterRole) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.role == role)
    }

    /// Where everybody listens, by names such as `frontend-0/mqtt`.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (String, SocketAddr)> {
        self.members.iter().flat_map(|member| {
            let of = |what: &str, at| (format!("{}/{what}", member.name), at);
            let mut all = vec![of("admin", member.admin)];
            match member.ports {
                Ports::Frontend { mqtt, mqtts, ws } => all.extend([of("mqtt", mqtt), of("mqtts", mqtts), of("ws", ws)]),
                Ports::Backend { internal } => all.push(of("internal", internal)),
            }
            all
        })
    }
}

/// The file of the token with which processes of a role join: `certs init` writes it where the first backend has its data.
pub(super) fn token(root: &Path, role: ClusterRole) -> PathBuf {
    root.join("backend-0").join(format!("{role}.token"))
}

pub(super) fn logs(root: &Path) -> PathBuf {
    root.join(LOGS)
}

struct Common<'a> {
    flags: &'a DevClusterFlags,
    root: &'a Path,
    list: String,
}

impl Common<'_> {
    fn member(&self, (role, name): (ClusterRole, String), admin: SocketAddr, ports: Ports) -> Member {
        let data_dir = self.root.join(&name);
        let log = logs(self.root).join(format!("{name}.log"));
        let flag = |flag: &str, value: OsString| [OsString::from(flag), value];
        let mut arguments = vec![OsString::from(role.as_str())];
        arguments.extend(flag("--name", name.clone().into()));
        arguments.extend(flag("--cluster", CLUSTER.into()));
        arguments.extend(flag("--backends", self.list.clone().into()));
        arguments.extend(flag("--data-dir", data_dir.clone().into()));
        arguments.extend(flag("--join-token-file", token(self.root, role).into()));
        arguments.extend(flag("--admin", admin.to_string().into()));
        match ports {
            Ports::Frontend { mqtt, mqtts, ws } => {
                arguments.extend(flag("--mqtt", mqtt.to_string().into()));
                arguments.extend(flag("--mqtts", mqtts.to_string().into()));
                arguments.extend(flag("--ws", ws.to_string().into()));
            }
            Ports::Backend { internal } => arguments.extend(flag("--internal", internal.to_string().into())),
        }
        let given = [
            ("--broker-config-file", self.flags.broker_config_file.clone().map(OsString::from)),
            ("--partitions", self.flags.partitions.clone().map(OsString::from)),
            ("--redundancy-factor", self.flags.redundancy_factor.clone().map(OsString::from)),
            ("--log-level", self.flags.log_level.clone().map(OsString::from)),
            ("--shortest-internal-duration", self.flags.shortest_internal_duration.clone().map(OsString::from)),
        ];
        for (name, value) in given {
            arguments.extend(value.into_iter().flat_map(|value| flag(name, value)));
        }
        Member { role, name, admin, ports, data_dir, log, arguments }
    }
}

/// The port of each process for each purpose.
enum Numbers {
    /// The usual ones, all moved by as much.
    Moved(i32),
    /// Those that were free: backends' internal ones, then frontends' three each, then all admin endpoints'.
    Free { ports: Vec<u16>, backends: u16, frontends: u16 },
}

impl Numbers {
    fn of(flags: &DevClusterFlags) -> Result<Self, DevClusterError> {
        let (backends, frontends) = (flags.backends, flags.frontends);
        let base = flags.base_port;
        if base == 0 {
            let ports = free_ports(usize::from(2 * backends + 4 * frontends))?;
            return Ok(Self::Free { ports, backends, frontends });
        }
        let highest = ADMIN + backends + frontends - 1;
        let most = u16::MAX - (highest - MQTT);
        if base > most {
            return Err(DevClusterError::BasePort { base, most });
        }
        Ok(Self::Moved(i32::from(base) - i32::from(MQTT)))
    }

    fn internal(&self, backend: u16) -> u16 {
        self.port(INTERNAL, 0, backend)
    }

    fn mqtt(&self, frontend: u16) -> u16 {
        self.port(MQTT, self.first_of_frontends(), frontend)
    }

    fn mqtts(&self, frontend: u16) -> u16 {
        self.port(MQTTS, self.first_of_frontends() + self.frontends(), frontend)
    }

    fn ws(&self, frontend: u16) -> u16 {
        self.port(WS, self.first_of_frontends() + 2 * self.frontends(), frontend)
    }

    fn admin(&self, member: u16) -> u16 {
        self.port(ADMIN, self.first_of_frontends() + 3 * self.frontends(), member)
    }

    /// The `n`th port of a purpose.
    fn port(&self, usual: u16, first_free: u16, n: u16) -> u16 {
        match self {
            // The base is such that all are in range.
            Self::Moved(by) => u16::try_from(i32::from(usual) + i32::from(n) + by).unwrap_or(u16::MAX),
            Self::Free { ports, .. } => ports[usize::from(first_free + n)],
        }
    }

    fn first_of_frontends(&self) -> u16 {
        match self {
            Self::Moved(_) => 0,
            Self::Free { backends, .. } => *backends,
        }
    }

    fn frontends(&self) -> u16 {
        match self {
            Self::Moved(_) => 0,
            Self::Free { frontends, .. } => *frontends,
        }
    }
}
