//! Retained messages, which each topic home keeps in the order of topics.

use std::sync::Arc;

use partition::RetainedView;
use tokio::time::Instant;

use super::ViewError;
use super::call::{Call, Deletion, RetainedStep};
use super::line::Line;
use super::merge::{Merge, Part};
use super::query::RetainedQuery;
use super::record::{Page, RetainedMessage};

impl Line<'_> {
    pub(super) async fn retained(
        &self,
        query: &RetainedQuery,
        until: Instant,
    ) -> Result<Page<RetainedView>, ViewError> {
        let filter: Option<Arc<str>> = query.filter.as_deref().map(Arc::from);
        let homes = filter.as_deref().map_or(self.all(), |filter| self.slots.homes_of_filter(filter));
        let merge = Merge::new(
            self.within_reach(homes)?,
            query.after.as_deref().map(Arc::from),
            super::page_limit(query.limit),
        );
        let next = |after, limit| -> Box<dyn FnOnce(_) -> Call + Send> {
            let step = RetainedStep { after, filter: filter.clone(), limit };
            Box::new(move |reply| Call::Retained(step, reply))
        };
        let Part { items, more } = merge.read(self, until, next).await?;
        Ok(Page { items, next: more.map(|key| key.to_string()) })
    }

    pub(super) async fn retained_message(&self, topic: &str) -> Result<Option<RetainedMessage>, ViewError> {
        let home = self.slots.partition_of_topic(topic);
        let found = self.ask(home, |reply| Call::RetainedMessage(topic.to_owned(), reply)).await?;
        found.map_err(ViewError::Unreadable)
    }

    pub(super) async fn delete_retained(&self, topic: &str) -> Result<bool, ViewError> {
        let home = self.slots.partition_of_topic(topic);
        match self.ask(home, |reply| Call::DeleteRetained(topic.to_owned(), reply)).await? {
            Deletion::Done => Ok(true),
            Deletion::NotThere => Ok(false),
            Deletion::DiskFull => Err(ViewError::DiskFull),
        }
    }
}
