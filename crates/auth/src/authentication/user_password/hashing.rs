//! Passwords and their hashes.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;

/// What OWASP recommends: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A file cannot make the broker spend more than this on one password.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const SALT: usize = 16;

/// A hash that can be checked, within bounds.
#[derive(Clone, PartialEq)]
pub(super) struct Hash(PasswordHash);

/// Why a text is no hash that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HashError {
    #[error("passwordHash is no hash in PHC form, like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH")]
    Form,
    #[error("passwordHash is not of argon2id, version 19")]
    Algorithm,
    #[error(
        "passwordHash asks for too much; at most m={MOST_MEMORY_KIB} (KiB), t={MOST_PASSES}, p={MOST_LANES} are computed"
    )]
    Cost,
}

impl Hash {
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let hash = PasswordHash::new(text).map_err(|_| HashError::Form)?;
        if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || hash.version != Some(Version::V0x13.into()) {
            return Err(HashError::Algorithm);
        }
        let params = Params::try_from(&hash).map_err(|_| HashError::Form)?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(HashError::Form);
        }
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        if memory > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
            return Err(HashError::Cost);
        }
        Ok(Self(hash))
    }

    /// Computes the hash of `password` in the same way and compares in constant time. Takes long, on purpose.
    pub fn fits(&self, password: &[u8]) -> bool {
        Argon2::default().verify_password(password, &self.0).is_ok()
    }
}

/// A new hash, with a salt of its own.
///
/// # Errors
/// If the system gives no random bytes, or no memory.
pub(super) fn hash(password: &[u8]) -> Result<String, &'static str> {
    let mut salt = [0; SALT];
    rand::fill(&mut salt).map_err(|_| "the system gives no random bytes")?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| "argon2 does not take its parameters")?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash =
        hasher.hash_password_with_salt(password, &salt).map_err(|_| "the password could not be hashed")?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hash_fits_its_password_only() {
        let text = hash(b"correct horse").unwrap();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_ne!(text, hash(b"correct horse").unwrap());
        let hash = Hash::parse(&text).ok().unwrap();
        assert!(hash.fits(b"correct horse") && !hash.fits(b"correct hors") && !hash.fits(b""));
    }

    #[test]
    fn other_and_costly_hashes_are_refused() {
        let of = |front: &str| {
            Hash::parse(&format!("{front}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g")).err()
        };
        assert_eq!(of("$argon2id$v=19$m=64,t=1,p=1"), None);
        assert_eq!(of("$argon2i$v=19$m=64,t=1,p=1"), Some(HashError::Algorithm));
        assert_eq!(of("$argon2id$v=16$m=64,t=1,p=1"), Some(HashError::Algorithm));
        assert_eq!(of("$argon2id$m=64,t=1,p=1"), Some(HashError::Algorithm));
        assert_eq!(of("$argon2id$v=19$m=4000000,t=1,p=1"), Some(HashError::Cost));
        assert_eq!(of("$argon2id$v=19$m=64,t=1000,p=1"), Some(HashError::Cost));
        assert_eq!(of("$2b$12"), Some(HashError::Form));
        assert_eq!(Hash::parse("$argon2id$v=19$m=64,t=1,p=1").err(), Some(HashError::Form));
        assert_eq!(Hash::parse("hunter2").err(), Some(HashError::Form));
    }

    proptest! {
        #[test]
        fn any_text_is_a_hash_or_not(text in "(\\$argon2id\\$v=19\\$)?[a-zA-Z0-9$=,+/]{0,80}") {
            let _ = Hash::parse(&text);
        }
    }
}
