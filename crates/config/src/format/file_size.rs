//! Sizes of files, as Kubernetes writes amounts of bytes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Digits and one of Ki, Mi, Gi (powers of 1024) or k, M, G (powers of 1000); 64Ki to 1Gi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FileSize(u64);

/// Less than this is full before anybody has read it.
const LEAST_BYTES: u64 = 64 << 10;
/// More than this no editor opens.
const MOST_BYTES: u64 = 1 << 30;

const UNITS: &[(&str, u64)] =
    &[("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000)];

impl FileSize {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bytes = digits.parse::<u64>().ok()?.checked_mul(*unit)?;
        (LEAST_BYTES..=MOST_BYTES).contains(&bytes).then_some(Self(bytes))
    }

    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for FileSize {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no file size")
    }
}

impl JsonSchema for FileSize {
    fn schema_name() -> Cow<'static, str> {
        "FileSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "file-size" })
    }
}

#[cfg(test)]
mod tests {
    use super::FileSize;

    #[test]
    fn letters_are_powers_of_1024_and_of_1000() {
        for (text, bytes) in
            [("64Ki", 65_536), ("10Mi", 10_485_760), ("1Gi", 1 << 30), ("500k", 500_000), ("1G", 1_000_000_000)]
        {
            assert_eq!(FileSize::parse(text).map(FileSize::bytes), Some(bytes), "{text}");
        }
        for text in
            ["", "Mi", "10", "10MB", "63Ki", "64k", "1025Mi", "2Gi", "1.5Mi", "-1Mi", "+1Mi", "99999999999999999Gi"]
        {
            assert_eq!(FileSize::parse(text), None, "{text}");
        }
    }
}
