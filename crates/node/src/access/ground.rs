//! What settings are made from besides the plan.

use std::sync::Arc;
use std::time::SystemTime;

use auth::authentication::{Counters, PemFile};
use identity::{Authority, Certificates, IdentityError};

/// The same for all authentications of the process.
pub(crate) struct Ground {
    /// The certificate of the authority here.
    pub(super) own: PemFile,
    pub(super) counters: Arc<Counters>,
}

impl Ground {
    /// That of a running broker.
    pub(crate) fn new(certificates: &Certificates, counters: Arc<Counters>) -> Self {
        Self { own: own(certificates.ca_pem()), counters }
    }

    /// For settings that are only checked, on a machine that may have no authority yet.
    pub(crate) fn example() -> Result<Self, IdentityError> {
        let own = own(Authority::example(SystemTime::now())?);
        Ok(Self { own, counters: Arc::default() })
    }
}

fn own(pem: String) -> PemFile {
    PemFile { name: "tls/ca.crt".to_owned(), content: pem.into_bytes() }
}
