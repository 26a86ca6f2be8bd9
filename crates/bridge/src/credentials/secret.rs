//! Bytes that nobody may see.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A secret: printed nowhere, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Whether a text of somebody else repeats a secret that he was told, as it is or in base64.
pub(super) fn repeats(text: &str, secret: &[u8]) -> bool {
    let plain = std::str::from_utf8(secret).is_ok_and(|secret| text.contains(secret));
    let encoded = || text.contains(&STANDARD_NO_PAD.encode(secret)) || text.contains(&URL_SAFE_NO_PAD.encode(secret));
    !secret.is_empty() && (plain || encoded())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "(hidden)");
    }

    #[test]
    fn a_secret_is_found_in_its_forms() {
        for (text, expected) in [("you said hunter2?", true), ("aHVudGVyMg==", true), ("hunter3", false), ("", false)] {
            assert_eq!(repeats(text, b"hunter2"), expected, "{text}");
        }
        assert!(!repeats("anything", b""));
    }
}
