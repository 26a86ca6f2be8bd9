//! From a plan's internal certificates to those of identity.

use std::time::Duration;

use config::InternalCertificates;
use identity::internal::{AuthoritySettings, InternalSettings};

use crate::certificates;

/// How the certificate of a process is to be.
pub(crate) fn of(asked: &InternalCertificates) -> InternalSettings {
    InternalSettings {
        duration: asked.duration,
        renew_before: asked.renew_before,
        algorithm: certificates::algorithm(asked.algorithm),
        rotation: certificates::rotation(asked.rotation),
    }
}

/// With these an authority is opened to be looked at, or to make a token: they leave as it was how long it knows its
/// certificates to last.
pub(super) fn of_no_effect() -> AuthoritySettings {
    AuthoritySettings::for_leaves(&InternalSettings { duration: Duration::from_secs(1), ..InternalSettings::default() })
}
