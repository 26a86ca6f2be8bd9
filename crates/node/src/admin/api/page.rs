//! Pages of a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of a list, in the list's order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct Page<T> {
    /// As many as were asked for at most; fewer, even none, where much had to be passed over to find them.
    pub(crate) items: Vec<T>,
    /// Give this as `after` to get the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// How many items a page may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Limit(#[schemars(range(min = 1, max = 1000))] u16);

impl Limit {
    pub(crate) fn items(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}
