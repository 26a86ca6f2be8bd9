//! Certificates that somebody brings: a chain and its key, checked as far as a client would.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use zeroize::Zeroizing;

use crate::certificate::{Inspected, Signature, written};
use crate::key::PrivateKey;
use crate::{ManualError, pem};

/// A chain in which everything fits, with its key.
#[derive(Debug)]
pub(crate) struct ManualChain {
    pub(crate) certified: CertifiedKey,
    /// When its first certificate ends.
    pub(crate) not_after: SystemTime,
    /// When all of it has come into its time.
    pub(crate) not_before: SystemTime,
    /// What is no hindrance here, and one for some clients.
    pub(crate) remarks: Vec<&'static str>,
}

impl ManualChain {
    /// Reads and checks `tls.crt` and `tls.key`.
    ///
    /// A certificate whose time is over is refused; one whose time has not come is not: a machine without a battery for its
    /// clock starts in the past.
    pub(crate) fn read(
        chain_pem: &[u8],
        key_pem: &[u8],
        provider: &Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, ManualError> {
        let chain = read_chain(chain_pem)?;
        let inspected = inspect(&chain)?;
        check_kinds(&inspected)?;
        let key = read_key(key_pem, provider)?;
        check_key(&key, &chain)?;
        check_order(&inspected, provider)?;
        check_times(&inspected, now)?;
        let Some(leaf) = inspected.first() else {
            return Err(ManualError::NoCertificate);
        };
        if !leaf.is_for_servers() {
            return Err(ManualError::NotForServers);
        }
        let not_before = inspected.iter().map(Inspected::not_before).max().unwrap_or(now);
        // There are clients that take these; rustls is none of them.
        if !leaf.is_authority() && !leaf.is_version_1() {
            verify(&chain, provider, now.max(not_before))?;
        }
        let (not_after, remarks) = (leaf.not_after(), remarks(leaf));
        drop(inspected);
        Ok(Self { certified: key.certified(chain), not_after, not_before, remarks })
    }
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ManualError> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        match certificate {
            Ok(certificate) => chain.push(certificate),
            Err(error) => return Err(ManualError::Pem { position: chain.len(), reason: pem::described(&error) }),
        }
    }
    match chain.is_empty() {
        true => Err(ManualError::NoCertificate),
        false => Ok(chain),
    }
}

fn inspect<'a>(chain: &'a [CertificateDer<'static>]) -> Result<Vec<Inspected<'a>>, ManualError> {
    let inspect = |(index, certificate): (usize, &'a CertificateDer<'static>)| {
        let unreadable = |reason| ManualError::Unreadable { position: index + 1, reason };
        Inspected::parse(certificate).map_err(unreadable)
    };
    chain.iter().enumerate().map(inspect).collect()
}

fn check_kinds(chain: &[Inspected<'_>]) -> Result<(), ManualError> {
    let mut expected = None;
    for (index, certificate) in chain.iter().enumerate() {
        let (position, kind) = (index + 1, certificate.key_kind());
        let family = kind.family().ok_or_else(|| ManualError::unsupported(position, &kind))?;
        let expected = *expected.get_or_insert(family);
        if family != expected {
            return Err(ManualError::mixed(position, family, expected));
        }
    }
    Ok(())
}

fn read_key(pem: &[u8], provider: &CryptoProvider) -> Result<PrivateKey, ManualError> {
    let encrypted: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    if encrypted.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark)) {
        return Err(ManualError::EncryptedKey);
    }
    let unusable = |reason| ManualError::UnusableKey { reason };
    let mut found = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, bytes) = section.map_err(|e| unusable(pem::described(&e)))?;
        // EC parameters or the certificate may stand beside the key.
        let bytes = Zeroizing::new(bytes);
        if let Some(key) = PrivateKeyDer::from_pem(kind, bytes.to_vec())
            && found.replace(key).is_some()
        {
            return Err(ManualError::SeveralKeys);
        }
    }
    let key = found.ok_or(ManualError::NoKey)?;
    PrivateKey::new(key, provider).map_err(|e| match e {
        rustls::Error::General(reason) => unusable(reason),
        other => unusable(other.to_string()),
    })
}

fn check_key(key: &PrivateKey, chain: &[CertificateDer<'static>]) -> Result<(), ManualError> {
    match chain.iter().position(|certificate| key.fits(certificate)) {
        Some(0) => Ok(()),
        Some(index) => Err(ManualError::ServerNotFirst { position: index + 1 }),
        None => Err(ManualError::OtherKey),
    }
}

fn check_order(chain: &[Inspected<'_>], provider: &CryptoProvider) -> Result<(), ManualError> {
    for (index, pair) in chain.windows(2).enumerate() {
        let [issued, issuer] = pair else { continue };
        let position = index + 1;
        if !issued.names_as_issuer(issuer) {
            return Err(ManualError::Order { position, issuer: issued.issuer(), found: issuer.subject() });
        }
        // Old roots have no mark; one in the middle fails when the whole is verified.
        if !issuer.is_authority() && !issuer.is_version_1() {
            return Err(ManualError::NotAnAuthority { position: position + 1 });
        }
        match issued.signed_by(issuer, provider) {
            Signature::Good => {}
            Signature::Bad => return Err(ManualError::Signature { position }),
            Signature::Unsupported { object_identifier: algorithm } => {
                return Err(ManualError::SignatureAlgorithm { position, algorithm });
            }
        }
    }
    Ok(())
}

fn check_times(chain: &[Inspected<'_>], now: SystemTime) -> Result<(), ManualError> {
    for (index, certificate) in chain.iter().enumerate() {
        let end = certificate.not_after();
        if end <= now {
            return Err(ManualError::Ended { position: index + 1, end: written(end) });
        }
    }
    Ok(())
}

/// Asks rustls' own verifier about a chain of more than one certificate, with its last one as the trusted one.
fn verify(
    chain: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
    at: SystemTime,
) -> Result<(), ManualError> {
    let [leaf, between @ .., trusted] = chain else {
        return Ok(());
    };
    let refused = |reason: String| ManualError::Refused { reason };
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).map_err(|e| refused(e.to_string()))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| refused(e.to_string()))?;
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Which names clients use is theirs to know; the name is looked at last.
    let name = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
    match verifier.verify_server_cert(leaf, between, &name, &[], UnixTime::since_unix_epoch(since_epoch)) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Ok(()),
        Err(error) => Err(refused(error.to_string())),
    }
}

fn remarks(leaf: &Inspected<'_>) -> Vec<&'static str> {
    let (dns, addresses) = leaf.alternative_names();
    let mut remarks = Vec::new();
    if dns.is_empty() && addresses.is_empty() {
        remarks.push("it has no subject alternative names, and many clients look at nothing else");
    }
    if !leaf.may_sign() {
        remarks.push("its key usage lacks digitalSignature, which every handshake here needs");
    }
    if leaf.is_version_1() {
        remarks.push("it is an X.509 certificate of version 1, and many clients take only those of version 3");
    }
    if leaf.is_authority() {
        remarks.push("it is marked as a CA, and many clients take no such certificate as a server's");
    }
    remarks
}

#[cfg(test)]
mod tests;
