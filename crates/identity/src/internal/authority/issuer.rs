//! One authority's certificate and key, and the certificates it makes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    SubjectPublicKeyInfo,
};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::super::roots::short;
use super::super::{AuthoritySettings, ClusterName, InternalError, Member};
use crate::certificate::Inspected;
use crate::issue::{CLOCK_SKEW, Validity, named, next_second, serial};

/// An authority that can issue. P-256 whatever the keys of the processes are: every one of them can check it.
#[derive(Clone)]
pub(crate) struct Issuing {
    certificate: CertificateDer<'static>,
    issuer: Arc<Issuer<'static, KeyPair>>,
    not_after: SystemTime,
    longest_leaf: Duration,
}

impl Issuing {
    pub(crate) fn make(
        provider: &CryptoProvider,
        cluster: &ClusterName,
        settings: &AuthoritySettings,
        now: SystemTime,
    ) -> Result<Self, InternalError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut distinct = [0; 32];
        provider.secure_random.fill(&mut distinct).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        let mut params = CertificateParams::default();
        // Each authority has a name of its own, so that a chain leads to one of two that are trusted at a time.
        params.distinguished_name = named(&format!("Causeway internal CA {cluster} {}", short(&distinct)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = OffsetDateTime::from(now - CLOCK_SKEW);
        params.not_after = OffsetDateTime::from(next_second(now + settings.duration));
        params.serial_number = Some(serial(provider)?);
        let certificate = params.self_signed(&key)?.der().clone();
        Self::new(certificate, key, settings.leaf_duration)
    }

    /// # Errors
    /// Certificate and key do not belong together, or are none.
    pub(crate) fn new(
        certificate: CertificateDer<'static>,
        key: KeyPair,
        longest_leaf: Duration,
    ) -> Result<Self, InternalError> {
        let unusable = |reason: String| InternalError::Unusable { reason };
        let inspected = Inspected::parse(&certificate).map_err(unusable)?;
        if inspected.public_key_bits() != key.public_key_raw() {
            return Err(unusable("the authority's key belongs to another certificate".to_owned()));
        }
        let not_after = inspected.not_after();
        let issuer = Arc::new(Issuer::from_ca_cert_der(&certificate, key)?);
        Ok(Self { certificate, issuer, not_after, longest_leaf })
    }

    pub(crate) fn read(certificate: &[u8], key: &[u8], longest_leaf: Duration) -> Result<Self, InternalError> {
        let unusable = |reason: &str| InternalError::Unusable { reason: reason.to_owned() };
        let key = PrivateKeyDer::try_from(key).map_err(unusable)?;
        Self::new(CertificateDer::from(certificate.to_vec()), KeyPair::try_from(&key)?, longest_leaf)
    }

    pub(crate) fn leaf(
        &self,
        provider: &CryptoProvider,
        public_key: &[u8],
        member: &Member,
        validity: Validity,
    ) -> Result<CertificateDer<'static>, InternalError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(member.uri().as_str().try_into()?)];
        params.distinguished_name = named("causeway");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // A process dials some peers and is dialled by others.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = OffsetDateTime::from(validity.not_before);
        params.not_after = OffsetDateTime::from(validity.not_after);
        params.serial_number = Some(serial(provider)?);
        let key = SubjectPublicKeyInfo::from_der(public_key)?;
        Ok(params.signed_by(&key, self.issuer.as_ref())?.der().clone())
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn signer(&self) -> (&CertificateDer<'static>, &KeyPair) {
        (&self.certificate, self.issuer.key())
    }

    pub(crate) fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The longest that any certificate it has issued may last.
    pub(crate) fn longest_leaf(&self) -> Duration {
        self.longest_leaf
    }

    pub(crate) fn note_longest(&mut self, leaf: Duration) {
        self.longest_leaf = self.longest_leaf.max(leaf);
    }
}

impl fmt::Debug for Issuing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuing").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs;

    use super::*;
    use crate::internal::trust::{Side, Trust, unix};
    use crate::internal::{InternalSettings, MemberName, PendingCertificate, Refusal, Role, TrustedRoots};

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_certificate_is_worth_nothing_after_its_authority() {
        let (provider, now) = (Arc::new(aws_lc_rs::default_provider()), SystemTime::now());
        let (cluster, leaves) = (ClusterName::new("plant").unwrap(), InternalSettings::default());
        let settings = AuthoritySettings { duration: HOUR, ..AuthoritySettings::for_leaves(&leaves) };
        let issuing = Issuing::make(&provider, &cluster, &settings, now).unwrap();
        let name = MemberName::new("b-0").unwrap();
        let member = Member { cluster: cluster.clone(), role: Role::Backend, name };
        let key = PendingCertificate::make(leaves.algorithm, &provider).unwrap();
        let key = key.request().public_key(&provider).unwrap();
        let roots = vec![issuing.certificate().clone()];
        let roots = TrustedRoots::sign(cluster, 1, (roots, Vec::new()), &[issuing.signer()]).unwrap();
        let trust = Trust::new(roots, &provider).unwrap();
        // This release issues none that outlives its authority; another might.
        let judged = |lasts, at| {
            let leaf = issuing.leaf(&provider, &key, &member, Validity::from(now, lasts, now + 9 * HOUR)).unwrap();
            [Side::Server, Side::Client].map(|side| trust.judge(side, &leaf, &[], unix(at)).map(|peer| peer.member()))
        };
        assert_eq!(judged(HOUR, now), [Ok(member.clone()), Ok(member.clone())]);
        for at in [now, now + 2 * HOUR] {
            let refused = Refusal::BadCertificate { reason: "its authority has ended".to_owned() };
            assert_eq!(judged(3 * HOUR, at), [Err(refused.clone()), Err(refused)]);
        }
    }
}
