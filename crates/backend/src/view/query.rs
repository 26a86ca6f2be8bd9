//! What the view can be asked for.

use partition::SessionKind;

/// The most items of one page.
pub const MAX_PAGE: usize = 1000;

/// Whether a session has a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Connected,
    Away,
}

/// Sessions in the order of their client ids.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// [`Page::next`](crate::Page::next) of the page before.
    pub after: Option<String>,
    /// Items of the page, 1 to [`MAX_PAGE`]; more is cut.
    pub limit: usize,
    /// With which the client id begins.
    pub prefix: Option<String>,
    pub kind: Option<SessionKind>,
    pub presence: Option<Presence>,
}

/// Subscriptions in the order of their client ids, then filters.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionQuery {
    pub after: Option<String>,
    pub limit: usize,
    /// Those of this client.
    pub client_id: Option<String>,
    /// Those with this filter, exactly as it was written.
    pub filter: Option<String>,
    /// Those that get a message to this topic, shared ones included.
    pub topic: Option<String>,
}

/// Retained messages in the order of their topics.
#[derive(Clone, Debug, Default)]
pub struct RetainedQuery {
    pub after: Option<String>,
    pub limit: usize,
    /// Those that a subscription to this topic filter would get. Must be well formed, without `$share`.
    pub filter: Option<String>,
}
