//! What kinds of faults a run has.

use std::fmt;
use std::str::FromStr;

/// A mixture of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// None.
    Calm,
    /// Processes are killed, frozen and started again, machines lose their power or their disks.
    Crashes,
    /// Backends are killed while much is on its way to them and from them.
    Failover,
    /// What backends say arrives late, when they are dead or replaced, and what is said to them behind what others say.
    Late,
    /// Machines lose their power, all at once too, and nothing that was acknowledged may be lost: it is on their devices.
    Power,
    /// Connections break, stall, are refused, slow, or carry one direction only.
    Network,
    /// Disks are full or slow.
    Disks,
    /// Clocks are set.
    Clocks,
    /// Certificates last for seconds, and the authority is replaced.
    Certificates,
    /// Processes are stopped and started as an operator does it.
    Rolling,
    /// All of that.
    Everything,
}

impl Profile {
    pub const ALL: [Self; 11] = [
        Self::Calm,
        Self::Crashes,
        Self::Power,
        Self::Network,
        Self::Disks,
        Self::Clocks,
        Self::Certificates,
        Self::Rolling,
        Self::Everything,
        Self::Failover,
        Self::Late,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Crashes => "crashes",
            Self::Failover => "failover",
            Self::Late => "late",
            Self::Power => "power",
            Self::Network => "network",
            Self::Disks => "disks",
            Self::Clocks => "clocks",
            Self::Certificates => "certificates",
            Self::Rolling => "rolling",
            Self::Everything => "everything",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|profile| profile.name()).collect();
            format!("there is no profile {text}; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn every_profile_is_found_by_its_name() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        assert!("storm".parse::<Profile>().is_err());
    }
}
