//! Judging a server certificate the way a client would, at a given moment.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::parse_x509_certificate;

use crate::ServerNames;

/// What a client that trusts the authority would say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    /// Rightly issued, but its time is over or has not come.
    OutOfTime(String),
    /// Rightly issued, but not for all the names asked for.
    OtherNames,
    /// Issued by somebody else, or damaged.
    Foreign(String),
}

/// Verifies certificates against one authority.
#[derive(Debug)]
pub(crate) struct Judge {
    verifier: Arc<WebPkiServerVerifier>,
    authority_valid: RangeInclusive<i64>,
}

impl Judge {
    pub(crate) fn new(provider: &Arc<CryptoProvider>, authority: &CertificateDer<'static>) -> Result<Self, Error> {
        let (_, parsed) =
            parse_x509_certificate(authority).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let validity = parsed.validity();
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| Error::General(e.to_string()))?;
        Ok(Self { verifier, authority_valid: validity.not_before.timestamp()..=validity.not_after.timestamp() })
    }

    pub(crate) fn verdict(&self, leaf: &CertificateDer<'_>, names: &ServerNames, at: SystemTime) -> Verdict {
        let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        // The verifier takes the authority's word for ever; most clients do not once its own certificate has ended.
        if !self.authority_valid.contains(&(since_epoch.as_secs() as i64)) {
            return Verdict::OutOfTime("its own certificate is not valid then".to_owned());
        }
        let at = UnixTime::since_unix_epoch(since_epoch);
        for name in names.to_verify() {
            let Err(error) = self.verifier.verify_server_cert(leaf, &[], &name, &[], at) else {
                continue;
            };
            let reason = error.to_string();
            return match error {
                Error::InvalidCertificate(
                    CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. },
                ) => Verdict::OutOfTime(reason),
                Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                ) => Verdict::OtherNames,
                _ => Verdict::Foreign(reason),
            };
        }
        Verdict::Valid
    }
}
