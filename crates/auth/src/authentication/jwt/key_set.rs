//! Keys that tokens are signed with: a JSON Web Key Set (RFC 7517), or one secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::token::Token;
use crate::authentication::secret::Secret;

/// Larger sets are refused.
const MOST_KEYS: usize = 256;
/// A token that names no key is tried with so many at most.
const MOST_TRIED: usize = 8;
/// RFC 7518, 3.2: a secret at least as long as the hash.
const SHORTEST_SECRET: usize = 32;

/// Keys with what each may be used for.
pub(crate) struct KeySet(Vec<Key>);

struct Key {
    name: KeyName,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

enum KeyName {
    /// The `kid` that tokens must give, if they give one.
    Named(Box<str>),
    /// Only for tokens that name no key.
    Nameless,
    /// The one secret, whatever a token calls it.
    Secret,
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    #[error("it is no JSON Web Key Set ({0}); it must be a JSON object with a list `keys`")]
    Form(String),
    #[error("it holds {0} keys; at most {MOST_KEYS} are read")]
    TooMany(usize),
    #[error(
        "it holds no key that can be used; needed is a public key of RSA (2048 bits or more), EC on P-256 or P-384, or Ed25519"
    )]
    NoKey,
    #[error("the secret is shorter than {SHORTEST_SECRET} bytes")]
    ShortSecret,
}

/// Why a token is not proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// No key has the name that the token gives, or can be used with its algorithm.
    NoSuchKey,
    Signature,
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds and for other purposes are left out; symmetric ones always, so that nobody can sign
    /// with what is published.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let listed: Listed = serde_json::from_slice(bytes).map_err(|error| {
            // Position only: the text may hold what should not be shown.
            KeySetError::Form(format!("line {} column {}", error.line(), error.column()))
        })?;
        if listed.keys.len() > MOST_KEYS {
            return Err(KeySetError::TooMany(listed.keys.len()));
        }
        let read = |value| serde_json::from_value::<Written>(value).ok().and_then(|written| written.key());
        let keys: Vec<Key> = listed.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() { Err(KeySetError::NoKey) } else { Ok(Self(keys)) }
    }

    /// One secret that signs and proves.
    pub fn secret(secret: &Secret) -> Result<Self, KeySetError> {
        let length = secret.bytes().len();
        if length < SHORTEST_SECRET {
            return Err(KeySetError::ShortSecret);
        }
        let fitting = [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
        let algorithms =
            fitting.iter().filter(|(_, least)| length >= *least).map(|(algorithm, _)| *algorithm).collect();
        let key = DecodingKey::from_secret(secret.bytes());
        Ok(Self(vec![Key { name: KeyName::Secret, algorithms, key }]))
    }

    /// Whether the token is signed with one of the keys.
    pub fn prove(&self, token: &Token<'_>) -> Result<(), KeyFault> {
        let named = |key: &&Key| match (&token.key_id, &key.name) {
            (None, _) | (Some(_), KeyName::Secret) => true,
            (Some(wanted), KeyName::Named(name)) => **wanted == **name,
            (Some(_), KeyName::Nameless) => false,
        };
        let fitting = self.0.iter().filter(named).filter(|key| key.algorithms.contains(&token.algorithm));
        let mut fault = KeyFault::NoSuchKey;
        for key in fitting.take(MOST_TRIED) {
            match jsonwebtoken::crypto::verify(token.signature, token.message, &key.key, token.algorithm) {
                Ok(true) => return Ok(()),
                Ok(false) | Err(_) => fault = KeyFault::Signature,
            }
        }
        Err(fault)
    }
}

impl Written {
    fn key(self) -> Option<Key> {
        let for_signatures = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|allowed| allowed.iter().any(|operation| operation == "verify"));
        if !for_signatures {
            return None;
        }
        let (mut algorithms, key) = match self.kty.as_str() {
            "RSA" => self.rsa()?,
            "EC" => self.elliptic()?,
            "OKP" => self.edwards()?,
            _ => return None,
        };
        if let Some(only) = &self.alg {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == *only);
        }
        let name = self.kid.map_or(KeyName::Nameless, |kid| KeyName::Named(kid.into()));
        (!algorithms.is_empty()).then_some(Key { name, algorithms, key })
    }

    fn rsa(&self) -> Option<(Vec<Algorithm>, DecodingKey)> {
        let (n, e) = (self.n.as_deref()?, self.e.as_deref()?);
        let modulus = URL_SAFE_NO_PAD.decode(n).ok()?;
        let bits = modulus.iter().skip_while(|byte| **byte == 0).count() * 8;
        if !(2048..=8192).contains(&bits) {
            return None;
        }
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let key = DecodingKey::from_rsa_components(n, e).ok()?;
        Some((vec![RS256, RS384, RS512, PS256, PS384, PS512], key))
    }

    fn elliptic(&self) -> Option<(Vec<Algorithm>, DecodingKey)> {
        let (algorithm, length) = match self.crv.as_deref()? {
            "P-256" => (Algorithm::ES256, 32),
            "P-384" => (Algorithm::ES384, 48),
            _ => return None,
        };
        let (x, y) = (self.x.as_deref()?, self.y.as_deref()?);
        let whole = |part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|decoded| decoded.len() == length);
        if !whole(x) || !whole(y) {
            return None;
        }
        Some((vec![algorithm], DecodingKey::from_ec_components(x, y).ok()?))
    }

    fn edwards(&self) -> Option<(Vec<Algorithm>, DecodingKey)> {
        if self.crv.as_deref()? != "Ed25519" {
            return None;
        }
        let x = self.x.as_deref()?;
        let whole = URL_SAFE_NO_PAD.decode(x).is_ok_and(|decoded| decoded.len() == 32);
        Some((vec![Algorithm::EdDSA], whole.then(|| DecodingKey::from_ed_components(x).ok())??))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EC: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

    fn parse(keys: &str) -> Result<KeySet, KeySetError> {
        KeySet::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
    }

    #[test]
    fn keys_for_other_things_are_left_out() {
        for (more, used) in [
            ("", true),
            (r#","use":"sig","alg":"ES256","key_ops":["verify"]"#, true),
            (r#","use":"enc""#, false),
            (r#","key_ops":["sign"]"#, false),
            (r#","alg":"ES384""#, false),
            (r#","alg":"RS256""#, false),
        ] {
            assert_eq!(parse(&format!("{{{EC}{more}}}")).is_ok(), used, "{more}");
        }
    }

    #[test]
    fn weak_and_symmetric_keys_are_never_taken() {
        let short = URL_SAFE_NO_PAD.encode([0xffu8; 128]);
        for key in [
            format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#),
            r#"{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0","alg":"HS256"}"#.to_owned(),
            r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#.to_owned(),
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQ"}"#.to_owned(),
            r#"{"kty":"OKP","crv":"X25519","x":"AQ"}"#.to_owned(),
        ] {
            assert_eq!(parse(&key).err(), Some(KeySetError::NoKey), "{key}");
        }
    }

    #[test]
    fn a_secret_must_be_as_long_as_the_hash() {
        let of = |length| KeySet::secret(&Secret::new(vec![7; length])).map(|set| set.0[0].algorithms.clone());
        assert_eq!(of(31), Err(KeySetError::ShortSecret));
        assert_eq!(of(32), Ok(vec![Algorithm::HS256]));
        assert_eq!(of(64), Ok(vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]));
    }

    #[test]
    fn what_is_no_set_is_told_without_showing_it() {
        let error = KeySet::parse(b"hunter2").err().unwrap();
        assert!(matches!(error, KeySetError::Form(_)) && !error.to_string().contains("hunter2"));
        let many = vec![format!("{{{EC}}}"); MOST_KEYS + 1].join(",");
        assert_eq!(parse(&many).err(), Some(KeySetError::TooMany(MOST_KEYS + 1)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = KeySet::parse(&bytes);
        }

        #[test]
        fn any_fields_are_read_or_refused(kty in "(RSA|EC|OKP|oct)", crv in "(P-256|P-384|Ed25519)", text in "[A-Za-z0-9_=-]{0,90}") {
            let _ = parse(&format!(
                r#"{{"kty":"{kty}","crv":"{crv}","n":"{text}","e":"AQAB","x":"{text}","y":"{text}","kid":"k"}}"#
            ));
        }
    }
}
