//! Amounts of a resource as Kubernetes writes them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// `10Gi`, `500M`, `0.5`, `100m`, `1e3`; also a bare number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Quantity(String);

const SUFFIXES: &[&str] = &["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Quantity {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        let is_number = digits > 0 && number.len() - digits <= 1;
        (is_number && (SUFFIXES.contains(&suffix) || is_exponent(suffix))).then(|| Self(text.to_owned()))
    }
}

fn is_exponent(suffix: &str) -> bool {
    let Some(exponent) = suffix.strip_prefix(['e', 'E']) else { return false };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

impl TryFrom<String> for Quantity {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no quantity")
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "format": "quantity" })
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn is_what_kubernetes_takes() {
        for text in ["1", "10Gi", "500M", "0.5", ".5", "1.", "100m", "1e3", "1E-3", "1E", "-1Ki", "+2"] {
            assert!(Quantity::parse(text).is_some(), "{text}");
        }
        for text in ["", "Gi", "1gi", "1 Gi", "1KB", "1.2.3", "e3", "1e", "--1", "much"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
