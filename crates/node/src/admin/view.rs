//! The seam to the broker's inside: what the API asks of frontend and backend.

use std::future::Future;
use std::pin::Pin;

use auth::authorization::{Action, Explanation};

use super::api::{
    Client, ClientsQuery, Page, PayloadLimit, RetainedMessage, RetainedQuery, RetainedTopic, Session, SessionsQuery,
    Subscription, SubscriptionsQuery, Trace, TraceSummary,
};

/// What the API asks of the broker. Pages are ordered, hold at most the query's `limit` items and begin behind its cursor.
pub(crate) trait BrokerView: Send + Sync {
    fn clients(&self, query: ClientsQuery) -> Answer<'_, Page<Client>>;
    fn client<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Client>>;
    /// Whether a client may do something, and why; `None` if it is not connected.
    fn explain<'a>(&'a self, id: &'a str, action: Action<'a>) -> Answer<'a, Option<Explanation>>;
    /// Ends a client's connection with DISCONNECT 0x98.
    fn kick<'a>(&'a self, id: &'a str) -> Answer<'a, Found>;
    fn sessions(&self, query: SessionsQuery) -> Answer<'_, Page<Session>>;
    fn session<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Session>>;
    fn subscriptions(&self, query: SubscriptionsQuery) -> Answer<'_, Page<Subscription>>;
    fn retained(&self, query: RetainedQuery) -> Answer<'_, Page<RetainedTopic>>;
    fn retained_message<'a>(&'a self, topic: &'a str, limit: PayloadLimit) -> Answer<'a, Option<RetainedMessage>>;
    fn delete_retained<'a>(&'a self, topic: &'a str) -> Answer<'a, Found>;
    /// The newest `limit` traces, newest first.
    fn traces(&self, limit: usize) -> Result<Vec<TraceSummary>, ViewError>;
    fn trace(&self, id: &str) -> Result<Option<Trace>, ViewError>;
}

/// An answer under way; it comes within the broker's own deadline.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ViewError>> + Send + 'a>>;

/// Whether there was what should be ended or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
}

/// Why the broker's inside does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ViewError {
    #[error("the broker did not answer in time: it is overloaded, or a partition has stopped: see /health")]
    Late,
    #[error("the broker is ending, or a partition has stopped: see /health")]
    Stopped,
    #[error("nothing can be changed because the disk is full: see /health")]
    DiskFull,
    #[error("this is no place in the list")]
    Cursor,
    #[error("a stored message cannot be read: {0}")]
    Unreadable(String),
    /// Of another process of the cluster.
    #[error("{0}; with scope=process only what this process leads is listed")]
    Unreached(String),
    /// Where to ask.
    #[error("{0}")]
    Elsewhere(String),
}
