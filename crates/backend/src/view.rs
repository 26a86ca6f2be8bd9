//! What an administrator sees of the partitions' state, and the little that can be done to it.
//!
//! A question becomes steps of at most [`SLICE`](partition::SLICE) records, which the partitions' threads answer between
//! two batches of commands, a few in each turn: what waits for a reader waits for a step, never for a page. Lists are
//! read in the order in which the state keeps them, so that a page costs what it holds, however long the list is; where
//! a filter passes over much, a page ends after a second with what it has.

mod abroad;
pub(crate) mod call;
mod line;
mod merge;
mod query;
mod record;
mod retained;
mod sessions;
mod subscriptions;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition::{PartitionId, RetainedView, SlotTable, SubscriptionView};
use tokio::time::Instant;

use abroad::Abroad;
pub use abroad::{Carry, Carrying};
pub(crate) use line::Ear;
use line::Line;
pub use query::{MAX_PAGE, Presence, RetainedQuery, SessionQuery, SubscriptionQuery};
pub use record::{Page, RetainedMessage, SessionView};

use crate::placement::Placement;

/// A question is answered or fails within this time.
const DEADLINE: Duration = Duration::from_secs(5);

/// A page is not searched for longer, however few it has found.
const SEARCH: Duration = Duration::from_secs(1);

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The process is ending, or the partition cannot go on.
    #[error("a partition has stopped")]
    Stopped,
    #[error("a partition has not answered within {0} seconds")]
    Late(u64),
    /// Another backend process has to be asked.
    #[error("partition {0} is not led by this process")]
    Elsewhere(PartitionId),
    /// Nobody who may lead it is reached, or none of them leads.
    #[error("partition {partition} does not answer: {trouble}")]
    Unreached { partition: PartitionId, trouble: String },
    /// Of another release.
    #[error("the answer of the process that leads partition {0} cannot be read: it is of another release")]
    Puzzling(PartitionId),
    /// `after` is not what a page said.
    #[error("`{0}` is no place in this list: use what the page before gave as the next")]
    Cursor(String),
    /// Nothing that may wait is logged.
    #[error("the disk is full: the message can be removed when there is space again")]
    DiskFull,
    /// A stored message cannot be read; the partition goes on.
    #[error("a retained message cannot be read: {0}")]
    Unreadable(String),
}

/// See the module. Every question needs a tokio runtime with its timer. Of a process that leads some of the partitions it
/// lists what is in those, and refuses questions that another has to answer; [`BackendView::with_others`] asks them.
#[derive(Clone)]
pub struct BackendView {
    ears: Arc<[Option<Ear>]>,
    slots: Arc<SlotTable>,
    abroad: Option<Abroad>,
}

impl BackendView {
    pub(crate) fn new(ears: Vec<Option<Ear>>, slots: SlotTable) -> Self {
        Self { ears: ears.into(), slots: Arc::new(slots), abroad: None }
    }

    /// Of a process without partitions.
    pub fn of_others(partitions: u16, placement: Placement, carry: Arc<dyn Carry>) -> Self {
        let ears = vec![None; usize::from(partitions)];
        Self::new(ears, SlotTable::even(partitions)).with_others(placement, carry)
    }

    /// Asks other backends for what is not led here.
    pub fn with_others(self, placement: Placement, carry: Arc<dyn Carry>) -> Self {
        Self { abroad: Some(Abroad::new(placement, carry)), ..self }
    }

    /// Of the partitions that are led here alone.
    pub fn without_others(&self) -> Self {
        Self { abroad: None, ..self.clone() }
    }

    /// Answers a question that another process has about a partition that is led here, as [`Carry`] has brought it.
    pub async fn serve(&self, question: Bytes) -> Bytes {
        abroad::serve(&Line { abroad: None, ..self.line() }, &question).await
    }

    /// Sessions in the order of their client ids.
    ///
    /// # Errors
    /// As every question: when a partition has stopped or is late.
    pub async fn sessions(&self, query: &SessionQuery) -> Result<Page<SessionView>, ViewError> {
        self.line().sessions(query, Instant::now() + SEARCH).await
    }

    /// One session.
    ///
    /// # Errors
    /// When a partition has stopped or is late.
    pub async fn session(&self, client_id: &str) -> Result<Option<SessionView>, ViewError> {
        self.line().session(client_id).await
    }

    /// Subscriptions in the order of their client ids, then filters.
    ///
    /// # Errors
    /// When a partition has stopped or is late, or `after` is no place in the list.
    pub async fn subscriptions(&self, query: &SubscriptionQuery) -> Result<Page<SubscriptionView>, ViewError> {
        self.line().subscriptions(query, Instant::now() + SEARCH).await
    }

    /// Retained messages in the order of their topics.
    ///
    /// # Errors
    /// When a partition has stopped or is late.
    pub async fn retained(&self, query: &RetainedQuery) -> Result<Page<RetainedView>, ViewError> {
        self.line().retained(query, Instant::now() + SEARCH).await
    }

    /// A topic's retained message with its contents.
    ///
    /// # Errors
    /// When the partition has stopped or is late, or what it has stored cannot be read.
    pub async fn retained_message(&self, topic: &str) -> Result<Option<RetainedMessage>, ViewError> {
        self.line().retained_message(topic).await
    }

    /// Removes a topic's retained message, as a client's empty retained publish would: logged, and delivered to those
    /// who are subscribed. False when there is none.
    ///
    /// # Errors
    /// When the partition has stopped or is late, or its disk is full.
    pub async fn delete_retained(&self, topic: &str) -> Result<bool, ViewError> {
        self.line().delete_retained(topic).await
    }

    fn line(&self) -> Line<'_> {
        Line { ears: &self.ears, abroad: self.abroad.as_ref(), slots: &self.slots, deadline: Instant::now() + DEADLINE }
    }
}

fn page_limit(asked: usize) -> usize {
    asked.clamp(1, MAX_PAGE)
}
