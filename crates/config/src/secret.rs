//! What nobody may read in a log: values that print as nothing.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// Bytes of a secret: a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

/// Text of a secret: a token.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretBytes {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for whoever has to use them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl SecretText {
    /// Takes the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whoever has to compare with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{SecretBytes, SecretText};

    #[test]
    fn secrets_print_as_nothing() {
        let (bytes, text) = (SecretBytes::new(vec![0x61, 0x62]), SecretText::new("hidden".to_owned()));
        assert_eq!(format!("{bytes:?} {text:?}"), "SecretBytes(..) SecretText(..)");
        assert_eq!((bytes.reveal(), text.reveal()), (&b"ab"[..], "hidden"));
    }
}
