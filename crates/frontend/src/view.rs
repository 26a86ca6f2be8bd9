//! What can be seen of the connected clients from outside, and done to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::authentication::MethodKind;
use auth::authorization::{Action, Explanation};
use auth::{Policy, Principal, Standing};
use mqtt::ProtocolVersion;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::worker::{Asked, Question, Request, Shared};

/// From a question to the answer of the last worker.
const DEADLINE: Duration = Duration::from_secs(5);

/// The most clients on one page.
pub const MAX_PAGE: usize = 1000;

/// Which clients are asked for; what is `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct ClientQuery {
    /// Only client ids behind this one, in the order of their bytes.
    pub after: Option<String>,
    /// Clients on the page, 1 to [`MAX_PAGE`]; what is outside is clamped.
    pub limit: usize,
    /// What client ids begin with.
    pub prefix: Option<String>,
    pub username: Option<String>,
    /// Name of a listener; `internal` for clients in this process, and the broker's own connections, which no other query
    /// finds.
    pub listener: Option<String>,
}

/// Some of the items asked for, in order.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where to go on (`after`) if there are more.
    pub next: Option<String>,
}

/// A connected client, as it was when its worker was asked.
#[derive(Clone, Debug)]
pub struct ClientView {
    pub client_id: String,
    pub username: Option<String>,
    /// What else authentication has found out, by name.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
    /// `None` on a listener that lets everybody in.
    pub authenticated_by: Option<MethodKind>,
    /// When the credential ends, and with it the connection.
    pub expires: Option<SystemTime>,
    pub listener: Arc<str>,
    /// `None` for connections through memory, which come from nowhere.
    pub peer: Option<SocketAddr>,
    pub version: ProtocolVersion,
    pub clean_start: bool,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    /// Seconds; `u32::MAX` never expires.
    pub session_expiry: u32,
    /// QoS 1 and 2 messages that the client takes unacknowledged.
    pub receive_maximum: u16,
    /// To the second.
    pub connected_since: SystemTime,
    pub worker: u16,
    /// Bytes that wait for the client, in any form.
    pub waiting_bytes: usize,
    /// QoS 1 and 2 messages that the client has not acknowledged.
    pub in_flight: u16,
    pub(crate) policy: Arc<Policy>,
    pub(crate) standing: Standing,
}

impl ClientView {
    /// Whether the client may do something, and why, by the policy that it went by when its worker was asked.
    pub fn explain(&self, action: Action<'_>) -> Explanation {
        let principal = Principal {
            client_id: self.client_id.as_str().into(),
            username: self.username.as_deref().map(Into::into),
            attributes: self.attributes.clone(),
            standing: self.standing,
        };
        self.policy.explain(&principal, action)
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    #[error("the frontend has stopped")]
    Stopped,
    #[error("a worker did not answer within {} s", DEADLINE.as_secs())]
    Unanswered,
}

/// Answers questions about clients. Each worker looks through its connections a few at a time between its other work, so
/// clients that come or go meanwhile may be there or not. To be used within a tokio runtime that has time enabled.
#[derive(Clone)]
pub struct FrontendView {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl FrontendView {
    /// A page of clients, ordered by the bytes of their client ids.
    ///
    /// # Errors
    /// No answer within five seconds.
    pub async fn clients(&self, query: ClientQuery) -> Result<Page<ClientView>, ViewError> {
        let limit = query.limit.clamp(1, MAX_PAGE);
        // One more than the page has tells whether there are more.
        let found = self.ask(Asked::Page { query, limit: limit + 1 }).await?;
        Ok(page(found, limit))
    }

    /// The client of this client id, if it is connected.
    ///
    /// # Errors
    /// As [`Self::clients`].
    pub async fn client(&self, client_id: &str) -> Result<Option<ClientView>, ViewError> {
        Ok(self.ask(Asked::One(client_id.to_owned())).await?.pop())
    }

    /// Ends the client's connection, with DISCONNECT 0x98 where its version has one; false if it was not connected.
    ///
    /// # Errors
    /// As [`Self::clients`].
    pub async fn kick(&self, client_id: &str) -> Result<bool, ViewError> {
        Ok(!self.ask(Asked::Kick(client_id.to_owned())).await?.is_empty())
    }

    /// Has every worker answer, which takes it no work: whoever does not stands still.
    ///
    /// # Errors
    /// As [`Self::clients`].
    pub async fn responds(&self) -> Result<(), ViewError> {
        self.ask(Asked::Nothing).await.map(drop)
    }

    async fn ask(&self, asked: Asked) -> Result<Vec<ClientView>, ViewError> {
        if *self.stopped.borrow() {
            return Err(ViewError::Stopped);
        }
        let asked = Arc::new(asked);
        let answers: Vec<_> = (0..self.shared.peers.len())
            .map(|worker| {
                let (reply, answer) = oneshot::channel();
                self.shared.request(worker, Request::Ask(Question { asked: Arc::clone(&asked), reply }));
                answer
            })
            .collect();
        let all = async {
            let mut all = Vec::new();
            for answer in answers {
                all.extend(answer.await.map_err(|_| ViewError::Stopped)?);
            }
            Ok(all)
        };
        timeout(DEADLINE, all).await.unwrap_or(Err(ViewError::Unanswered))
    }
}

/// The first `limit` of what all workers have found.
fn page(mut found: Vec<ClientView>, limit: usize) -> Page<ClientView> {
    found.sort_unstable_by(|a, b| a.client_id.cmp(&b.client_id));
    // While a client id is taken over, two workers may know it.
    found.dedup_by(|a, b| a.client_id == b.client_id);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.client_id.clone());
    Page { items: found, next }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn client(client_id: &str) -> ClientView {
        ClientView {
            client_id: client_id.to_owned(),
            username: None,
            attributes: BTreeMap::new(),
            authenticated_by: None,
            expires: None,
            listener: "mqtt".into(),
            peer: None,
            version: ProtocolVersion::V5,
            clean_start: true,
            keep_alive: 0,
            session_expiry: 0,
            receive_maximum: 1,
            connected_since: SystemTime::UNIX_EPOCH,
            worker: 0,
            waiting_bytes: 0,
            in_flight: 0,
            policy: Arc::new(Policy::open()),
            standing: Standing::Client,
        }
    }

    fn ids(page: &Page<ClientView>) -> Vec<&str> {
        page.items.iter().map(|client| client.client_id.as_str()).collect()
    }

    #[test]
    fn a_page_says_where_to_go_on_only_if_there_is_more() {
        let found: Vec<_> = ["c", "a", "b", "a"].map(client).into();
        let first = page(found.clone(), 2);
        assert_eq!((ids(&first), first.next.as_deref()), (vec!["a", "b"], Some("b")));
        let all = page(found, 3);
        assert_eq!((ids(&all), all.next.as_ref()), (vec!["a", "b", "c"], None));
        assert!(page(Vec::new(), 1).next.is_none());
    }
}
