//! What can be wrong with a certificate somebody brings; each sentence names the place and what would be right.

use crate::certificate::{KeyFamily, KeyKind};

/// Why a chain and key cannot be used.
///
/// Certificates are counted from 1, the server's own, as they stand in `tls.crt`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManualError {
    /// There is no certificate.
    #[error(
        "tls.crt holds no certificate; it must hold the server's in PEM form, followed by those between it and the authority"
    )]
    NoCertificate,
    /// The PEM around the certificates is damaged.
    #[error(
        "tls.crt is not PEM ({reason}) after certificate {position}; write each certificate as a whole PEM section"
    )]
    Pem {
        /// How many certificates were read.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A PEM section holds no certificate.
    #[error("certificate {position} of tls.crt cannot be read ({reason}); it must be an X.509 certificate in PEM form")]
    Unreadable {
        /// Which one.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate has a key that TLS clients refuse.
    #[error(
        "certificate {position} of tls.crt has an unsupported {key}; supported are RSA of 2048 to 8192 bits, EC on P-256, P-384 and P-521, and Ed25519"
    )]
    UnsupportedKey {
        /// Which one.
        position: usize,
        /// The kind of its key.
        key: String,
    },
    /// RSA and EC in one chain.
    #[error(
        "certificate {position} of tls.crt has an {found} key, the server's an {expected} key; the whole chain must be of one kind"
    )]
    MixedKeys {
        /// The first that differs.
        position: usize,
        /// Its kind.
        found: &'static str,
        /// The kind of the server's.
        expected: &'static str,
    },
    /// A certificate is followed by one that is not its issuer's.
    #[error(
        "certificate {position} of tls.crt was issued by {issuer:?}, but the one after it is {found:?}; each must be followed by the one that signed it"
    )]
    Order {
        /// The one that was issued.
        position: usize,
        /// By whom.
        issuer: String,
        /// Who comes instead.
        found: String,
    },
    /// A certificate that signs others may not.
    #[error(
        "certificate {position} of tls.crt may not sign others (it is not marked as a CA); take the issuer's own in its place"
    )]
    NotAnAuthority {
        /// Which one.
        position: usize,
    },
    /// The signature is not the next one's.
    #[error(
        "certificate {position} of tls.crt names the one after it as its issuer, but was not signed with that one's key; take the issuer's present certificate"
    )]
    Signature {
        /// The one whose signature is wrong.
        position: usize,
    },
    /// The signature is of a kind that clients refuse.
    #[error(
        "certificate {position} of tls.crt is signed with {algorithm}, which TLS clients refuse; have it issued with SHA-256 or better"
    )]
    SignatureAlgorithm {
        /// Which one.
        position: usize,
        /// The object identifier of the algorithm.
        algorithm: String,
    },
    /// A certificate's time is over.
    #[error("certificate {position} of tls.crt ended on {end}; put a renewed one in its place")]
    Ended {
        /// Which one.
        position: usize,
        /// When, in UTC.
        end: String,
    },
    /// The server's certificate is meant for something else.
    #[error(
        "certificate 1 of tls.crt is not for servers (its extended key usage lacks serverAuth); have one issued for TLS servers"
    )]
    NotForServers,
    /// A TLS client would refuse the chain for another reason.
    #[error("a TLS client would refuse the chain in tls.crt ({reason})")]
    Refused {
        /// What verification said.
        reason: String,
    },
    /// There is no key.
    #[error("tls.key holds no private key; it must hold one in PEM form (PKCS#8, PKCS#1 or SEC1), unencrypted")]
    NoKey,
    /// There is more than one key.
    #[error("tls.key holds more than one private key; leave only the one of the server's certificate")]
    SeveralKeys,
    /// The key asks for a passphrase.
    #[error("tls.key is encrypted; decrypt it first (openssl pkey -in tls.key -out plain.key)")]
    EncryptedKey,
    /// The PEM or the key in it is damaged, or of a kind that is not supported.
    #[error(
        "the private key in tls.key cannot be used ({reason}); supported are RSA of 2048 to 8192 bits, EC on P-256, P-384 and P-521, and Ed25519"
    )]
    UnusableKey {
        /// What is wrong with it.
        reason: String,
    },
    /// The key is another certificate's.
    #[error("tls.key does not belong to certificate 1 of tls.crt; take the key that certificate was made for")]
    OtherKey,
    /// The chain is not in order.
    #[error(
        "tls.key belongs to certificate {position} of tls.crt; put that one first, then the one that signed it, and so on"
    )]
    ServerNotFirst {
        /// Where the server's certificate stands.
        position: usize,
    },
}

impl ManualError {
    pub(crate) fn unsupported(position: usize, key: &KeyKind) -> Self {
        Self::UnsupportedKey { position, key: key.to_string() }
    }

    pub(crate) fn mixed(position: usize, found: KeyFamily, expected: KeyFamily) -> Self {
        Self::MixedKeys { position, found: found.name(), expected: expected.name() }
    }
}
