//! The authorities that a cluster trusts: a numbered list, signed by authorities that were trusted before.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{KeyPair, SigningKey};
use rustls_pki_types::CertificateDer;

use super::record::{Reader, Writer};
use super::signer::KeyPrint;
use super::{ClusterName, InternalError, MemberName, Role};
use crate::certificate::Inspected;
use crate::pem;

const VERSION: u8 = 1;
/// Of a list that names removed processes; one that names none is as it always was.
const VERSION_WITH_REMOVED: u8 = 2;
/// One that issues, one announced, and one that is dropped soon.
pub(crate) const MOST_ROOTS: u8 = 4;
/// Keys of removed processes; each process has up to two.
pub(crate) const MOST_REMOVED: u8 = 200;
const PURPOSE: &[u8] = b"causeway trusted roots 1\0";

/// SHA-256 over a certificate.
pub(crate) type Fingerprint = [u8; 32];

/// Whom a cluster trusts to issue internal certificates.
///
/// A value to pass on: whoever holds an older list takes over this one if somebody whom he trusts has signed it, so it does
/// not matter from whom he has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRoots {
    cluster: ClusterName,
    generation: u64,
    certificates: Vec<CertificateDer<'static>>,
    removed: Vec<Removed>,
    signatures: Vec<(Fingerprint, Vec<u8>)>,
}

/// A key that lets nobody in, whatever its certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) key: KeyPrint,
    /// Who had it.
    pub(crate) role: Role,
    pub(crate) name: MemberName,
    /// When its last certificate ends, and this can be forgotten.
    pub(crate) until: SystemTime,
}

/// How one trusted authority is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootStatus {
    /// The first 16 hexadecimal digits of its SHA-256.
    pub fingerprint: String,
    /// When it ends.
    pub not_after: SystemTime,
}

impl TrustedRoots {
    /// Signs with each of `signers`, certificates of the list with their keys.
    pub(crate) fn sign(
        cluster: ClusterName,
        generation: u64,
        (certificates, removed): (Vec<CertificateDer<'static>>, Vec<Removed>),
        signers: &[(&CertificateDer<'_>, &KeyPair)],
    ) -> Result<Self, InternalError> {
        let mut list = Self { cluster, generation, certificates, removed, signatures: Vec::new() };
        let signed = list.signed_part();
        for (certificate, key) in signers {
            list.signatures.push((fingerprint(certificate), key.sign(&signed)?));
        }
        Ok(list)
    }

    /// Rises with each change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The cluster that trusts them.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Their certificates.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    pub(crate) fn removed(&self) -> &[Removed] {
        &self.removed
    }

    /// Roles and names of processes that were removed, whose certificates are good otherwise. One of them may have joined anew
    /// with another key.
    pub fn removed_members(&self) -> BTreeSet<(Role, MemberName)> {
        self.removed.iter().map(|removed| (removed.role, removed.name.clone())).collect()
    }

    /// The certificates in PEM form, for looking at with other tools.
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(|certificate| pem::encode("CERTIFICATE", certificate)).collect()
    }

    /// How each is.
    pub fn status(&self) -> Vec<RootStatus> {
        let status = |certificate: &CertificateDer<'static>| {
            let not_after = Inspected::parse(certificate).ok()?.not_after();
            Some(RootStatus { fingerprint: short(&fingerprint(certificate)), not_after })
        };
        self.certificates.iter().filter_map(status).collect()
    }

    /// Whether one of `trusted` has signed the list.
    pub(crate) fn check_signed_by(&self, trusted: &[CertificateDer<'static>]) -> Result<(), InternalError> {
        let signed = self.signed_part();
        let good = trusted.iter().any(|certificate| {
            let print = fingerprint(certificate);
            let Ok(inspected) = Inspected::parse(certificate) else {
                return false;
            };
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, inspected.public_key_bits());
            let mut theirs = self.signatures.iter().filter(|(of, _)| *of == print);
            theirs.any(|(_, signature)| key.verify(&signed, signature).is_ok())
        });
        match good {
            true => Ok(()),
            false => Err(InternalError::Roots { reason: "nobody who is trusted here has signed it".to_owned() }),
        }
    }

    /// For the wire and for files.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut record = Writer::new(VERSION);
        record.bytes(&self.signed_part());
        record.byte(self.signatures.len() as u8);
        for (of, signature) in &self.signatures {
            record.bytes(of);
            record.bytes(signature);
        }
        record.finish().to_vec()
    }

    /// Reads it. Nothing is said about who signed it: that is judged when it is taken over.
    ///
    /// # Errors
    /// It is not such a list.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InternalError> {
        let what = "a list of trusted authorities";
        let mut record = Reader::new(what, bytes, VERSION)?;
        let signed = record.bytes()?;
        let mut signatures = Vec::new();
        for _ in 0..record.count(MOST_ROOTS)? {
            let of: Fingerprint = record.array("a signer's hash")?;
            signatures.push((of, record.bytes()?.to_vec()));
        }
        record.finish()?;
        let Some(signed) = signed.strip_prefix(PURPOSE) else {
            return Err(InternalError::Unreadable { what, reason: "it says that it is something else".to_owned() });
        };
        let version = if signed.first() == Some(&VERSION_WITH_REMOVED) { VERSION_WITH_REMOVED } else { VERSION };
        let mut inner = Reader::new(what, signed, version)?;
        let cluster = ClusterName::new(inner.text()?)?;
        let generation = inner.number()?;
        let mut certificates = Vec::new();
        for _ in 0..inner.count(MOST_ROOTS)? {
            certificates.push(CertificateDer::from(inner.bytes()?.to_vec()));
        }
        let mut removed = Vec::new();
        if version == VERSION_WITH_REMOVED {
            for _ in 0..inner.count(MOST_REMOVED)? {
                removed.push(Removed {
                    key: inner.array("a key's hash")?,
                    role: inner.text()?.parse()?,
                    name: MemberName::new(inner.text()?)?,
                    until: inner.moment()?,
                });
            }
        }
        inner.finish()?;
        Ok(Self { cluster, generation, certificates, removed, signatures })
    }

    fn signed_part(&self) -> Vec<u8> {
        let version = if self.removed.is_empty() { VERSION } else { VERSION_WITH_REMOVED };
        let mut record = Writer::new(version);
        record.bytes(self.cluster.as_str().as_bytes());
        record.number(self.generation);
        record.byte(self.certificates.len() as u8);
        for certificate in &self.certificates {
            record.bytes(certificate);
        }
        if version == VERSION_WITH_REMOVED {
            record.byte(self.removed.len() as u8);
        }
        for removed in &self.removed {
            record.bytes(&removed.key);
            record.bytes(removed.role.as_str().as_bytes());
            record.bytes(removed.name.as_str().as_bytes());
            record.moment(removed.until);
        }
        [PURPOSE, record.finish().as_slice()].concat()
    }
}

pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let mut print = [0; 32];
    print.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
    print
}

/// As much of a fingerprint as people compare.
pub(crate) fn short(print: &Fingerprint) -> String {
    print.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
