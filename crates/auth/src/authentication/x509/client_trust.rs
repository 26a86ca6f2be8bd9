//! Client certificates in the TLS handshake.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::trust::{Trust, TrustError};
use crate::authentication::pem::PemFile;

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Certificates are the only method.
    Required,
    /// There are other methods; a certificate that is shown must still be good.
    Optional,
}

/// Whose client certificates a port takes.
pub struct ClientTrust;

impl ClientTrust {
    /// A verifier for one TLS configuration. What changes comes with a new verifier in a new configuration; without session
    /// tickets of the old one, so that nobody resumes what is not trusted any more.
    pub fn verifier(
        authorities: &[PemFile],
        revocation_lists: &[PemFile],
        demand: Demand,
    ) -> Result<Arc<dyn ClientCertVerifier>, TrustError> {
        let Trust { certificates, lists, .. } = Trust::new(authorities, revocation_lists)?;
        let together = |error: String| TrustError::Together(error);
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| together(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if !lists.is_empty() {
            builder = builder.with_crls(lists).allow_unknown_revocation_status();
        }
        if demand == Demand::Optional {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|error| together(error.to_string()))
    }
}
