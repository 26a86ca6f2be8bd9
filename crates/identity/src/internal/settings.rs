//! How long internal certificates last, and what keys they have.

use std::time::Duration;

use super::InternalError;
use crate::{KeyAlgorithm, KeyRotation};

/// The shortest duration a cluster may be given; tests and simulations check against less.
pub const SHORTEST_DURATION: Duration = Duration::from_secs(60);
/// How long after the end of its certificate a process may come back with the key of that alone.
pub const RETURN_WITHIN: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest that a join token may be good.
pub const LONGEST_TOKEN: Duration = Duration::from_secs(366 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// `advanced.internalCerts` of the Broker: how the certificate of each process is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalSettings {
    /// How long one is valid.
    pub duration: Duration,
    /// How long before its end it is renewed.
    pub renew_before: Duration,
    /// The kind of key. Each handshake costs its holder a signature, Rsa8192 36 ms of CPU.
    pub algorithm: KeyAlgorithm,
    /// Whether a renewed certificate gets a new key.
    pub rotation: KeyRotation,
}

/// How the internal authority is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritySettings {
    /// How long the certificate of a process is valid; what [`InternalSettings`] say.
    pub leaf_duration: Duration,
    /// How long the authority's own is valid; a successor is announced in time.
    pub duration: Duration,
    /// For how long a successor is trusted before it issues. As long as `leaf_duration`, and every process has heard of it with
    /// its own renewal at the latest.
    pub announce: Duration,
}

impl Default for InternalSettings {
    /// A beginning for tests and for what only looks: 240 hours, renewed 80 hours before the end, `Ec256`, a new key
    /// each time. A cluster has what its configuration says.
    fn default() -> Self {
        Self {
            duration: 10 * DAY,
            renew_before: 80 * Duration::from_secs(3600),
            algorithm: KeyAlgorithm::Ec256,
            rotation: KeyRotation::Always,
        }
    }
}

impl InternalSettings {
    /// # Errors
    /// `duration` under `shortest`, `renewBefore` nothing or not under `duration`.
    pub fn check(&self, shortest: Duration) -> Result<(), InternalError> {
        let out_of_range = |setting, value, expected: String| Err(InternalError::Setting { setting, value, expected });
        if self.duration < shortest {
            let expected = format!("{} seconds at least", shortest.as_secs_f64());
            return out_of_range("internalCerts.duration", self.duration, expected);
        }
        if self.renew_before.is_zero() {
            let expected = "longer than nothing: the certificate would end before it is renewed".to_owned();
            return out_of_range("internalCerts.renewBefore", self.renew_before, expected);
        }
        if self.renew_before >= self.duration {
            let expected = format!("shorter than duration, which is {} seconds", self.duration.as_secs_f64());
            return out_of_range("internalCerts.renewBefore", self.renew_before, expected);
        }
        Ok(())
    }
}

impl AuthoritySettings {
    /// An authority for processes with these settings: ten years, or so long that it is rotated seldom.
    pub fn for_leaves(leaves: &InternalSettings) -> Self {
        let leaf_duration = leaves.duration;
        let duration = (3650 * DAY).max(leaf_duration.saturating_mul(20));
        Self { leaf_duration, duration, announce: leaf_duration }
    }

    /// # Errors
    /// An authority that would have to be rotated as soon as it is made.
    pub fn check(&self) -> Result<(), InternalError> {
        let shortest = self.rotate_before(self.leaf_duration).saturating_mul(2);
        if self.duration < shortest || self.leaf_duration.is_zero() {
            let expected = format!("{} seconds at least for such certificates", shortest.as_secs_f64());
            return Err(InternalError::Setting { setting: "the authority's duration", value: self.duration, expected });
        }
        Ok(())
    }

    /// How long before its end a successor has to be announced, so that no certificate is cut short by that end.
    pub(crate) fn rotate_before(&self, longest_leaf: Duration) -> Duration {
        self.announce.saturating_add(longest_leaf.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        let settings = InternalSettings::default();
        settings.check(SHORTEST_DURATION).unwrap();
        AuthoritySettings::for_leaves(&settings).check().unwrap();
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let short = InternalSettings { duration: Duration::from_secs(59), ..InternalSettings::default() };
        let error = short.check(SHORTEST_DURATION).unwrap_err().to_string();
        assert_eq!(error, "internalCerts.duration is 59 seconds; it must be 60 seconds at least");
        let late = InternalSettings { renew_before: DAY * 10, ..InternalSettings::default() };
        let error = late.check(SHORTEST_DURATION).unwrap_err().to_string();
        assert!(error.starts_with("internalCerts.renewBefore is 864000 seconds; it must be shorter"), "{error}");
        let never = InternalSettings { renew_before: Duration::ZERO, ..InternalSettings::default() };
        let error = never.check(SHORTEST_DURATION).unwrap_err().to_string();
        assert!(error.starts_with("internalCerts.renewBefore is 0 seconds; it must be longer than nothing"), "{error}");
        // Tests and simulations ask for less.
        short.check(Duration::from_secs(1)).unwrap_err();
        InternalSettings { renew_before: Duration::from_secs(10), ..short }.check(Duration::from_secs(1)).unwrap();
        let settings = AuthoritySettings::for_leaves(&InternalSettings::default());
        AuthoritySettings { duration: DAY, ..settings }.check().unwrap_err();
    }
}
