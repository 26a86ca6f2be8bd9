//! One process among others: who it is, and where the others are.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Cardinality;

/// What a process of a cluster has to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterPlan {
    /// The cluster's name: 1 to 63 small letters, digits and hyphens, with a letter or digit at both ends.
    pub name: String,
    /// Who this process is.
    pub us: ClusterMember,
    /// Where a backend accepts links; `None` in a frontend, which only dials.
    pub internal: Option<SocketAddr>,
    /// All backends, by their numbers. Never empty.
    pub backends: Vec<BackendAddress>,
    /// How many backends hold each partition: 1 to 5, and no more than there are.
    pub redundancy_factor: u16,
    /// The file of the token with which this process gets its first certificate.
    pub join_token_file: Option<PathBuf>,
}

/// What a process does for its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterRole {
    /// Ends clients' connections.
    Frontend,
    /// Holds partitions.
    Backend,
}

/// A process, by the name that a pod of a StatefulSet has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterMember {
    /// What it does.
    pub role: ClusterRole,
    /// `backend-0`: 1 to 253 small letters, digits, hyphens and dots, with a number at the end.
    pub name: String,
    /// That number.
    pub ordinal: u16,
}

/// Where a backend accepts links. Prints as `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackendAddress {
    /// As it calls itself; its number is its place in [`ClusterPlan::backends`].
    pub name: String,
    /// A name, or an address; one of IPv6 without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl ClusterPlan {
    /// The numbers of the backends that hold `partition`, the preferred leader first.
    pub fn replicas(&self, partition: u16) -> impl Iterator<Item = u16> {
        let backends = self.backends.len();
        let first = usize::from(partition);
        // A list has far less than 65,536 entries.
        (0..usize::from(self.redundancy_factor)).filter_map(move |k| u16::try_from((first + k) % backends).ok())
    }

    /// Whether the backend of that number holds `partition`.
    pub fn hosts(&self, backend: u16, partition: u16) -> bool {
        self.replicas(partition).any(|replica| replica == backend)
    }

    /// Whether the backend of that number holds any of so many partitions.
    pub fn hosts_any(&self, backend: u16, partitions: Cardinality) -> bool {
        (0..partitions.get()).any(|partition| self.hosts(backend, partition))
    }

    /// Whether this process holds the authority of the internal certificates: the first backend does.
    pub fn holds_authority(&self) -> bool {
        self.us.role == ClusterRole::Backend && self.us.ordinal == 0
    }

    /// Where the authority is; `None` only in a plan with no backend, which nothing makes.
    pub fn authority(&self) -> Option<&BackendAddress> {
        self.backends.first()
    }
}

impl ClusterRole {
    /// The role as certificates and tokens name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
        }
    }
}

impl fmt::Display for ClusterRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for BackendAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(backends: u16, redundancy_factor: u16) -> ClusterPlan {
        let address = |n| BackendAddress { name: format!("backend-{n}"), host: "::1".to_owned(), port: 7883 + n };
        ClusterPlan {
            name: "default".to_owned(),
            us: ClusterMember { role: ClusterRole::Backend, name: "backend-0".to_owned(), ordinal: 0 },
            internal: None,
            backends: (0..backends).map(address).collect(),
            redundancy_factor,
            join_token_file: None,
        }
    }

    #[test]
    fn partitions_go_around_the_backends() {
        let replicas = |backends, factor, partition| plan(backends, factor).replicas(partition).collect::<Vec<_>>();
        assert_eq!(replicas(3, 1, 0), [0]);
        assert_eq!(replicas(3, 1, 4), [1]);
        assert_eq!(replicas(3, 2, 2), [2, 0]);
        assert_eq!(replicas(3, 3, 15), [0, 1, 2]);
        assert!(plan(3, 2).hosts(0, 2) && !plan(3, 2).hosts(1, 2));
        let two = Cardinality::new(2).unwrap();
        assert!(plan(3, 1).hosts_any(1, two) && !plan(3, 1).hosts_any(2, two) && plan(3, 2).hosts_any(2, two));
    }

    #[test]
    fn the_first_backend_holds_the_authority() {
        let mut plan = plan(2, 1);
        assert!(plan.holds_authority());
        assert_eq!(plan.authority().map(ToString::to_string).as_deref(), Some("[::1]:7883"));
        plan.us.ordinal = 1;
        assert!(!plan.holds_authority());
        plan.us = ClusterMember { role: ClusterRole::Frontend, name: "frontend-0".to_owned(), ordinal: 0 };
        assert!(!plan.holds_authority());
    }
}
