//! How a process without a good certificate proves that it may have one, in a request that is bound to one connection.
//!
//! ```text
//!   joiner (has a token, or the key of        process with the authority
//!   a certificate that has ended)             (has tokens/ID, members)
//!     ── TLS 1.3, ALPN causeway-join/1, no certificate ──►
//!     ◄── its certificate and its authority's ──────────     joiner: an authority that the token pins, or that it trusted before?
//!     ── JoinRequest { name, PKCS#10, proof } ──►            proof: HMAC with the token's secret, or a signature of the key
//!     ◄── Issued { chain, roots } or JoinRefusal ───────     a token that is good once is used up
//! ```

use aws_lc_rs::hmac;
use rcgen::SigningKey;
use zeroize::Zeroizing;

use super::record::{Reader, Writer};
use super::signer::{Signer, is_signed};
use super::{InternalError, JoinToken, Member, MemberName, Role, SigningRequest};
use crate::key::PrivateKey;

const VERSION: u8 = 1;
const TOKEN_PURPOSE: &[u8] = b"causeway join 1\0";
const KEY_PURPOSE: &[u8] = b"causeway return 1\0";
const BY_TOKEN: u8 = 1;
const BY_KEY: u8 = 2;

/// What a joiner asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    pub(crate) name: MemberName,
    pub(crate) request: SigningRequest,
    pub(crate) proof: Proof,
}

/// Why it should be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It knows the secret of the token with that id.
    Token { id: [u8; 16], tag: [u8; 32] },
    /// It was a member, and has kept the key (SubjectPublicKeyInfo).
    Key { role: Role, key: Vec<u8>, signature: Vec<u8> },
}

/// Why somebody may not join. What a stranger learns from it is little on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinRefusal {
    /// There is no such token, or it was used, or the proof is false.
    #[error("the join token is unknown or was used before; make another with causeway certs token")]
    Unknown,
    /// Its time is over.
    #[error("the join token has ended; make another with causeway certs token, and check both clocks")]
    Ended,
    /// The authority could not issue.
    #[error("the authority could not issue a certificate; its log says why")]
    NotIssued,
    /// It comes back with the key of a certificate that has ended, and that is not enough.
    #[error(
        "the certificate kept here has ended and its key does not let this process in again: it was away for too long, was removed, \
         or another has its name; make a token with causeway certs token and join anew"
    )]
    Stale,
}

impl JoinRequest {
    pub(crate) fn by_token(token: &JoinToken, name: MemberName, request: SigningRequest, binding: &[u8; 32]) -> Self {
        let message = token_message(binding, &name, &request);
        let made = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, token.secret()), &message);
        let mut tag = [0; 32];
        tag.copy_from_slice(made.as_ref());
        Self { name, request, proof: Proof::Token { id: *token.id(), tag } }
    }

    /// # Errors
    /// A key of a kind that internal certificates do not have.
    pub(crate) fn by_key(
        key: &PrivateKey,
        member: &Member,
        request: SigningRequest,
        binding: &[u8; 32],
    ) -> Result<Self, InternalError> {
        let signer = Signer::new(key)?;
        let signature = signer.sign(&key_message(binding, member, &request))?;
        let proof = Proof::Key { role: member.role, key: signer.info().to_vec(), signature };
        Ok(Self { name: member.name.clone(), request, proof })
    }

    /// For the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut record = Writer::new(VERSION);
        record.bytes(self.name.as_str().as_bytes());
        record.bytes(self.request.der());
        match &self.proof {
            Proof::Token { id, tag } => {
                record.byte(BY_TOKEN);
                record.bytes(id);
                record.bytes(tag);
            }
            Proof::Key { role, key, signature } => {
                record.byte(BY_KEY);
                record.bytes(role.as_str().as_bytes());
                record.bytes(key);
                record.bytes(signature);
            }
        }
        record.finish().to_vec()
    }

    /// # Errors
    /// They are no such request.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InternalError> {
        let mut record = Reader::new("a request to join", bytes, VERSION)?;
        let name = MemberName::new(record.text()?)?;
        let request = SigningRequest::from_der(record.bytes()?.to_vec());
        let proof = match record.byte()? {
            BY_TOKEN => Proof::Token { id: record.array("its token's id")?, tag: record.array("its proof")? },
            BY_KEY => Proof::Key {
                role: record.text()?.parse()?,
                key: record.bytes()?.to_vec(),
                signature: record.bytes()?.to_vec(),
            },
            other => return Err(record.wrong(format!("it brings a proof of kind {other}"))),
        };
        record.finish()?;
        Ok(Self { name, request, proof })
    }

    /// Whether who made `tag` knows the secret, and made it for the connection of that binding.
    pub(crate) fn is_tagged(&self, tag: &[u8; 32], secret: &[u8; 32], binding: &[u8; 32]) -> bool {
        let message = token_message(binding, &self.name, &self.request);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), &message, tag).is_ok()
    }
}

/// Whether `key` signed the request of `member`, for the connection of that binding.
pub(crate) fn is_signed_by(
    key: &[u8],
    signature: &[u8],
    member: &Member,
    (request, binding): (&SigningRequest, &[u8; 32]),
) -> bool {
    is_signed(key, &key_message(binding, member, request), signature)
}

impl JoinRefusal {
    /// For the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown => 1,
            Self::Ended => 2,
            Self::NotIssued => 3,
            Self::Stale => 4,
        }
    }

    /// Codes of a later release are taken for [`JoinRefusal::NotIssued`].
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Unknown,
            2 => Self::Ended,
            4 => Self::Stale,
            _ => Self::NotIssued,
        }
    }
}

fn token_message(binding: &[u8; 32], name: &MemberName, request: &SigningRequest) -> Zeroizing<Vec<u8>> {
    let mut record = Writer::new(VERSION);
    record.bytes(TOKEN_PURPOSE);
    record.bytes(binding);
    record.bytes(name.as_str().as_bytes());
    record.bytes(request.der());
    record.finish()
}

fn key_message(binding: &[u8; 32], member: &Member, request: &SigningRequest) -> Zeroizing<Vec<u8>> {
    let mut record = Writer::new(VERSION);
    record.bytes(KEY_PURPOSE);
    record.bytes(binding);
    record.bytes(member.uri().as_bytes());
    record.bytes(request.der());
    record.finish()
}
