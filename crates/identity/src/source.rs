//! Where a listener's certificate comes from.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;

use crate::manual::ManualChain;
use crate::{AutomaticSettings, IdentityError};

/// Where a listener's certificate comes from.
pub enum CertificateSource {
    /// The authority here issues and renews it.
    Automatic(AutomaticSettings),
    /// Somebody brings it, and brings another before it ends.
    Manual {
        /// What it is called; errors begin with it.
        name: String,
        /// `tls.crt`: the server's certificate, then each one's issuer, in PEM form. The last may be left out where clients
        /// have it.
        chain_pem: Vec<u8>,
        /// `tls.key`: the key of the first, in PEM form (PKCS#8, PKCS#1 or SEC1), unencrypted.
        key_pem: Vec<u8>,
    },
}

impl CertificateSource {
    /// Checks everything that can be known without the authority and its folder.
    ///
    /// # Errors
    /// Settings out of range; for a manual one whatever would make it unusable, the end of its time among it.
    pub fn check(&self, now: SystemTime) -> Result<(), IdentityError> {
        match self {
            Self::Automatic(settings) => settings.check(),
            Self::Manual { name, chain_pem, key_pem } => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                match ManualChain::read(chain_pem, key_pem, &provider, now) {
                    Ok(_) => Ok(()),
                    Err(problem) => Err(IdentityError::Manual { secret: name.clone(), problem }),
                }
            }
        }
    }
}

impl fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic(settings) => f.debug_tuple("Automatic").field(settings).finish(),
            Self::Manual { name, .. } => f.debug_struct("Manual").field("name", name).finish_non_exhaustive(),
        }
    }
}
