//! A listeners' authority as one process hands it to another: its certificate and its key.

use std::fmt;
use std::path::Path;

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::{Authority, check_pair, pair_paths};
use crate::files::{self, CERTIFICATE_MODE, KEY_MODE};
use crate::{IdentityError, pem};

/// All that there is of an [`Authority`], in PEM form: who has it issues certificates that clients of every other holder
/// trust. Its key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorityPair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Authority {
    /// What another process needs to issue as this one does.
    ///
    /// # Errors
    /// The files cannot be read any more.
    pub fn pair(&self) -> Result<AuthorityPair, IdentityError> {
        let (certificate, key) = (&self.pair.certificate, &self.pair.key);
        let gone = || IdentityError::KeyMissing { key: key.clone(), certificate: certificate.clone() };
        Ok(AuthorityPair {
            certificate: files::read(certificate)?.ok_or_else(gone)?,
            key: self.pair.read_key()?.ok_or_else(gone)?,
        })
    }
}

impl AuthorityPair {
    /// Whether `folder` has an authority.
    pub fn is_in(folder: &Path) -> bool {
        pair_paths(folder).certificate.exists()
    }

    /// Makes it the authority of `folder`, for [`Authority::open`].
    ///
    /// # Errors
    /// It is no certificate with its key; the files cannot be written.
    pub fn store(&self, folder: &Path) -> Result<(), IdentityError> {
        let paths = pair_paths(folder);
        let certificate = CertificateDer::from_pem_slice(&self.certificate)
            .map_err(|error| paths.corrupt_certificate(pem::described(&error)))?;
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| paths.corrupt_key(pem::described(&error)))?;
        let key = KeyPair::try_from(&key).map_err(|error| paths.corrupt_key(error.to_string()))?;
        check_pair(&aws_lc_rs::default_provider(), &paths, &certificate, &key)?;
        files::create_folder(folder)?;
        // The certificate last: where it is, the pair is whole.
        files::replace(&paths.key, &self.key, KEY_MODE)?;
        files::replace(&paths.certificate, &self.certificate, CERTIFICATE_MODE)
    }

    /// For a peer: the certificate behind its length, then the key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.certificate.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &self.certificate, &self.key].concat()
    }

    /// `None` where the bytes are no such thing; whether they are a pair is seen when it is stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (certificate, key) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        Some(Self { certificate: certificate.to_vec(), key: Zeroizing::new(key.to_vec()) })
    }
}

impl fmt::Debug for AuthorityPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityPair").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::issue;
    use crate::server_names::ServerNames;
    use crate::{KeyAlgorithm, key::PrivateKey, verdict::Verdict};

    #[test]
    fn what_one_holder_issues_the_other_vouches_for() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = SystemTime::now();
        let first = Authority::open(ours.path(), now).unwrap();
        assert!(AuthorityPair::is_in(ours.path()) && !AuthorityPair::is_in(theirs.path()));
        let handed = AuthorityPair::from_bytes(&first.pair().unwrap().to_bytes()).unwrap();
        handed.store(&theirs.path().join("tls")).unwrap();
        let second = Authority::open(&theirs.path().join("tls"), now).unwrap();
        assert_eq!(second.certificate(), first.certificate());
        let names = ServerNames::local(None);
        let key = PrivateKey::make(KeyAlgorithm::Ec256, second.provider()).unwrap();
        let leaf = second.issue(&key, &names, Duration::from_secs(3600), now).unwrap();
        assert!(matches!(first.verdict(&leaf, &names, now), Verdict::Valid));
    }

    #[test]
    fn what_is_no_pair_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let pair = Authority::open(folder.path(), now).unwrap().pair().unwrap();
        let target = folder.path().join("other");
        let strange = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let strange_ca = issue::authority_certificate(&aws_lc_rs::default_provider(), &strange, now).unwrap();
        for bad in [
            AuthorityPair { key: Zeroizing::new(strange.serialize_pem().into_bytes()), ..pair.clone() },
            AuthorityPair { certificate: strange_ca.pem().into_bytes(), ..pair.clone() },
            AuthorityPair { key: Zeroizing::new(Vec::new()), ..pair.clone() },
            AuthorityPair { certificate: b"rubbish".to_vec(), ..pair.clone() },
        ] {
            bad.store(&target).unwrap_err();
            assert!(!target.exists());
        }
        for bytes in [&[][..], &[0, 0, 1], &[0, 0, 0, 9, 1]] {
            assert_eq!(AuthorityPair::from_bytes(bytes), None);
        }
        assert!(!format!("{pair:?}").contains("KEY"));
    }
}
