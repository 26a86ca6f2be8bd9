//! Texts that have to say something.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// At least one character.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct NotEmpty(String);

impl NotEmpty {
    pub(crate) fn text(self) -> String {
        self.0
    }
}

impl TryFrom<String> for NotEmpty {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err("empty") } else { Ok(Self(text)) }
    }
}

impl JsonSchema for NotEmpty {
    fn schema_name() -> Cow<'static, str> {
        "NotEmpty".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "not-empty" })
    }
}
