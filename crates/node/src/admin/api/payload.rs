//! A message's payload as JSON can carry it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A payload or its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payload {
    /// Base64.
    payload: Binary,
    /// The same as text; null where it is not UTF-8.
    payload_text: Option<String>,
    /// Whether the payload goes on behind what is given here.
    payload_truncated: bool,
}

/// Bytes as base64.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Binary(String);

/// The most bytes of a payload to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct PayloadLimit(#[schemars(range(min = 0, max = 16_777_216))] u32);

impl Default for PayloadLimit {
    fn default() -> Self {
        Self(1 << 20)
    }
}

impl Binary {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes))
    }
}

impl Payload {
    /// Of `whole_bytes` bytes, of which there are `begun`.
    pub(crate) fn new(begun: &[u8], whole_bytes: u64, limit: PayloadLimit) -> Self {
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let given = begun.get(..limit).unwrap_or(begun);
        let cut = (given.len() as u64) < whole_bytes;
        Self { payload: Binary::new(given), payload_text: text(given, cut), payload_truncated: cut }
    }
}

/// A cut may fall inside a character; what is before it is text all the same.
fn text(given: &[u8], cut: bool) -> Option<String> {
    match std::str::from_utf8(given) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if cut && error.error_len().is_none() => {
            let whole = given.get(..error.valid_up_to())?;
            String::from_utf8(whole.to_vec()).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, PayloadLimit};

    fn of(whole: &[u8], limit: u32) -> (String, Option<String>, bool) {
        let Payload { payload, payload_text, payload_truncated } =
            Payload::new(whole, whole.len() as u64, PayloadLimit(limit));
        (payload.0, payload_text, payload_truncated)
    }

    #[test]
    fn text_is_given_as_text_and_bytes_are_not() {
        assert_eq!(of(b"", 9), (String::new(), Some(String::new()), false));
        assert_eq!(of("\u{0}aé".as_bytes(), 9), ("AGHDqQ==".to_owned(), Some("\u{0}aé".to_owned()), false));
        assert_eq!(of(&[0xff, 0xfe], 9), ("//4=".to_owned(), None, false));
    }

    #[test]
    fn a_cut_says_so_and_keeps_whole_characters() {
        assert_eq!(of("aé".as_bytes(), 2), ("YcM=".to_owned(), Some("a".to_owned()), true));
        assert_eq!(of(b"abc", 0), (String::new(), Some(String::new()), true));
        assert_eq!(of(&[0xff, 0xfe, 0x41], 2).1, None);
    }
}
