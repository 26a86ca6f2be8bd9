//! Who a process is in its cluster: the names that stand in its certificate.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::InternalError;

const SCHEME: &str = "causeway://";

/// The name of a cluster: 1 to 63 small letters, digits and hyphens, as a DNS label has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

/// The name of a process within its cluster and role: 1 to 253 small letters, digits, hyphens and dots, as a pod's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName(String);

/// What a process does for the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ends clients' connections.
    Frontend,
    /// Holds replicas of partitions.
    Backend,
    /// Runs dataflows.
    Bridge,
    /// Looks after the others; holds the authority where no backend does.
    Operator,
}

/// The roles that one side of a link lets in. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

/// Who one process is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// The cluster it belongs to.
    pub cluster: ClusterName,
    /// What it does there.
    pub role: Role,
    /// Which of these it is.
    pub name: MemberName,
}

impl ClusterName {
    /// # Errors
    /// It has other characters, or too many of them.
    pub fn new(name: &str) -> Result<Self, InternalError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = (1..=63).contains(&name.len()) && name.chars().all(fits) && has_good_ends(name);
        good.then(|| Self(name.to_owned())).ok_or_else(|| InternalError::Name {
            what: "a cluster",
            name: excerpt(name),
            expected: "1 to 63 small letters, digits and hyphens, with a letter or digit at both ends",
        })
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MemberName {
    /// # Errors
    /// It has other characters, or too many of them.
    pub fn new(name: &str) -> Result<Self, InternalError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let good = (1..=253).contains(&name.len()) && name.chars().all(fits) && has_good_ends(name);
        good.then(|| Self(name.to_owned())).ok_or_else(|| InternalError::Name {
            what: "a process",
            name: excerpt(name),
            expected: "1 to 253 small letters, digits, hyphens and dots, with a letter or digit at both ends",
        })
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Frontend, Self::Backend, Self::Bridge, Self::Operator];

    /// The role as it stands in certificates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Bridge => "bridge",
            Self::Operator => "operator",
        }
    }
}

impl FromStr for Role {
    type Err = InternalError;

    fn from_str(text: &str) -> Result<Self, InternalError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| InternalError::Name {
            what: "a role",
            name: excerpt(text),
            expected: "frontend, backend, bridge or operator",
        })
    }
}

impl Roles {
    /// `role` alone.
    pub fn only(role: Role) -> Self {
        Self(BTreeSet::from([role]))
    }

    /// `role` as well.
    pub fn and(mut self, role: Role) -> Self {
        self.0.insert(role);
        self
    }

    /// Whether `role` is one of them.
    pub fn contain(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl Member {
    /// The URI that stands in the certificate.
    pub fn uri(&self) -> String {
        format!("{SCHEME}{}/{}/{}", self.cluster, self.role, self.name)
    }

    /// Reads the one `causeway://` URI among `uris`.
    ///
    /// # Errors
    /// Why none of them names a process.
    pub(crate) fn among<'a>(uris: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ours = uris.filter_map(|uri| uri.strip_prefix(SCHEME));
        let Some(found) = ours.next() else {
            return Err("there is no causeway:// name in it".to_owned());
        };
        if ours.next().is_some() {
            return Err("there is more than one causeway:// name in it".to_owned());
        }
        let mut parts = found.split('/');
        let (Some(cluster), Some(role), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("{:?} is not causeway://CLUSTER/ROLE/NAME", excerpt(found)));
        };
        let read = || -> Result<Self, InternalError> {
            Ok(Self { cluster: ClusterName::new(cluster)?, role: role.parse()?, name: MemberName::new(name)? })
        };
        read().map_err(|e| e.to_string())
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, role) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { " or " };
            write!(f, "{before}{role}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of cluster {}", self.role, self.name, self.cluster)
    }
}

fn has_good_ends(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(is_good) && name.ends_with(is_good)
}

/// As much of what came from outside as a log line bears.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_back_from_its_uri() {
        for role in Role::ALL {
            let (cluster, name) = (ClusterName::new("plant-1").unwrap(), MemberName::new("a.b-0").unwrap());
            let member = Member { cluster, role, name };
            let uri = member.uri();
            assert_eq!(uri, format!("causeway://plant-1/{role}/a.b-0"));
            assert_eq!(Member::among(["spiffe://x/y", &uri].into_iter()), Ok(member));
        }
    }

    #[test]
    fn what_names_no_process_is_refused_with_the_reason() {
        let refused = |uris: &[&str]| Member::among(uris.iter().copied()).unwrap_err();
        assert_eq!(refused(&["https://a/b"]), "there is no causeway:// name in it");
        let twice = ["causeway://a/backend/b", "causeway://a/frontend/b"];
        assert_eq!(refused(&twice), "there is more than one causeway:// name in it");
        assert_eq!(refused(&["causeway://a/backend"]), "\"a/backend\" is not causeway://CLUSTER/ROLE/NAME");
        assert!(refused(&["causeway://a/backend/b/c"]).contains("is not causeway://"));
        assert!(refused(&["causeway://a/king/b"]).contains("no name for a role"));
        for name in ["", "A", "a_b", "-a", "a.", "a/b", "é"] {
            MemberName::new(name).unwrap_err();
            ClusterName::new(name).unwrap_err();
        }
        ClusterName::new("a.b").unwrap_err();
    }
}
