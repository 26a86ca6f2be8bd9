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

impl<T> Page<T> {
    /// The first of `items`, which are in order; `key` is what the next page begins behind.
    pub(super) fn of(items: impl Iterator<Item = T>, limit: Limit, key: fn(&T) -> &String) -> Self {
        let mut rest = items.peekable();
        let items: Vec<T> = rest.by_ref().take(limit.items()).collect();
        let next = rest.peek().and_then(|_| items.last()).map(|last| key(last).clone());
        Self { items, next }
    }
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

/// Whose items a list has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) enum Scope {
    #[default]
    Broker,
    Process,
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}
