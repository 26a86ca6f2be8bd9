//! Sessions: their records from their homes, what they hold from the topic homes.

use std::sync::Arc;

use partition::{Holding, SessionRecord};
use tokio::time::Instant;

use super::ViewError;
use super::call::{Call, SessionStep, in_questions};
use super::line::Line;
use super::merge::{Merge, Part};
use super::query::SessionQuery;
use super::record::{Page, SessionView};

impl Line<'_> {
    pub(super) async fn sessions(&self, query: &SessionQuery, until: Instant) -> Result<Page<SessionView>, ViewError> {
        let step = SessionStep {
            after: query.after.as_deref().map(Arc::from),
            prefix: query.prefix.as_deref().unwrap_or_default().into(),
            limit: super::page_limit(query.limit),
            kind: query.kind,
            presence: query.presence,
        };
        let Part { items, more } = self.records(step, until).await?;
        let items = self.with_holdings(items).await?;
        Ok(Page { items, next: more.map(|key| key.to_string()) })
    }

    pub(super) async fn session(&self, client_id: &str) -> Result<Option<SessionView>, ViewError> {
        let record = self.record(client_id).await?;
        Ok(self.with_holdings(record.into_iter().collect()).await?.pop())
    }

    pub(super) async fn record(&self, client_id: &str) -> Result<Option<SessionRecord>, ViewError> {
        self.ask(self.home_of(client_id), |reply| Call::Session(client_id.into(), reply)).await
    }

    /// Records in the order of their client ids.
    pub(super) async fn records(&self, step: SessionStep, until: Instant) -> Result<Part<SessionRecord>, ViewError> {
        let merge = Merge::new(self.all(), step.after.clone(), step.limit);
        let next = |after, limit| -> Box<dyn FnOnce(_) -> Call + Send> {
            let step = SessionStep { after, limit, ..step.clone() };
            Box::new(move |reply| Call::Sessions(step, reply))
        };
        merge.read(self, until, next).await
    }

    async fn with_holdings(&self, records: Vec<SessionRecord>) -> Result<Vec<SessionView>, ViewError> {
        let mut views: Vec<_> = records.iter().map(|record| self.session_view(record)).collect();
        let mut pending: Vec<(_, Vec<usize>, _)> = Vec::new();
        for partition in self.all().iter() {
            let touching = records.iter().enumerate().filter(|(_, record)| record.touched.contains(partition));
            for touching in in_questions(touching, |(_, record)| &record.client_id) {
                let (places, clients) =
                    touching.into_iter().map(|(n, record)| (n, Arc::clone(&record.client_id))).unzip();
                let posted = self.post(partition, |reply| Call::Holdings(clients, reply)).await?;
                pending.push((partition, places, posted));
            }
        }
        for (partition, places, posted) in pending {
            for (place, holding) in places.into_iter().zip(self.answer(posted).await?) {
                let view = &mut views[place];
                let Holding { exact, wildcard, queued, in_flight, queued_bytes } = holding;
                view.subscriptions += exact + if partition == view.home { wildcard } else { 0 };
                view.queued += queued;
                view.in_flight += in_flight;
                view.queued_bytes += queued_bytes;
            }
        }
        Ok(views)
    }

    fn session_view(&self, record: &SessionRecord) -> SessionView {
        SessionView {
            client_id: Arc::clone(&record.client_id),
            kind: record.kind,
            frontend: record.owner.map(|owner| owner.frontend),
            worker: record.owner.map(|owner| owner.worker),
            expiry_seconds: record.expiry,
            ends: record.ends,
            has_will: record.has_will,
            epoch: record.epoch.0,
            home: self.home_of(&record.client_id),
            subscriptions: 0,
            queued: 0,
            in_flight: 0,
            queued_bytes: 0,
        }
    }
}
