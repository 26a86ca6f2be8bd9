//! Sizes of disks as `diskBackedMessageBuffer.maxSize` writes them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Digits and one of K, M, G, T, P, E: powers of 1000, as Kubernetes reads these letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DiskSize(u64);

impl DiskSize {
    /// `None` for other texts, for 0, in which nothing could be queued, and for what has more than 64 bits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, power) = [('K', 1), ('M', 2), ('G', 3), ('T', 4), ('P', 5), ('E', 6)]
            .into_iter()
            .find_map(|(letter, power)| Some((text.strip_suffix(letter)?, power)))?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bytes = digits.parse::<u64>().ok()?.checked_mul(1000_u64.checked_pow(power)?)?;
        (bytes > 0).then_some(Self(bytes))
    }

    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for DiskSize {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no disk size")
    }
}

impl JsonSchema for DiskSize {
    fn schema_name() -> Cow<'static, str> {
        "DiskSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "disk-size" })
    }
}

#[cfg(test)]
mod tests {
    use super::DiskSize;

    #[test]
    fn letters_are_powers_of_1000() {
        for (text, bytes) in
            [("1K", 1000), ("500M", 500_000_000), ("007G", 7_000_000_000), ("18E", 18_000_000_000_000_000_000)]
        {
            assert_eq!(DiskSize::parse(text).unwrap().bytes(), bytes, "{text}");
        }
        for text in ["", "M", "500", "500m", "1Gi", "1.5G", "-1G", "+1G", "0M", "19E", "1 G", "99999999999999999999K"] {
            assert_eq!(DiskSize::parse(text), None, "{text}");
        }
    }
}
