//! `Trim`: what a session's queue limit leaves to this partition; and what the session home is told in turn.

use std::sync::Arc;

use crate::address::{Epoch, PartitionId, SessionSlot, Timestamp};
use crate::command::{Trim, Waiting};
use crate::moment::Moment;

use super::Topics;
use super::backlog::{Limit, Told};
use super::sessions::Session;

/// What a session home is to be told of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) client_id: Arc<str>,
    epoch: Epoch,
    limit: Limit,
    told: Told,
}

impl Report {
    fn new(session: &Session, limit: Limit, told: Told) -> Self {
        Self { client_id: Arc::clone(&session.client_id), epoch: session.epoch, limit, told }
    }

    pub(crate) fn command(&self, partition: PartitionId) -> Waiting<'_> {
        Waiting {
            client_id: &self.client_id,
            epoch: self.epoch,
            partition,
            revision: self.limit.revision,
            heard: self.told.heard,
            reports: self.limit.reports,
            length: self.told.length,
            count: self.told.count,
            oldest: self.told.oldest,
        }
    }
}

impl Topics {
    pub(crate) fn trim(&mut self, command: &Trim<'_>, at: Moment) {
        let Some(slot) = self.sessions.find(command.client_id) else { return };
        let is_meant = |session: &&mut Session| (command.since..=command.epoch).contains(&session.epoch);
        let Some(session) = self.sessions.get_mut(slot).filter(is_meant) else { return };
        let Some(backlog) = &mut session.backlog else { return };
        let Some(limit) = &mut backlog.limit else { return };
        let before = match command.before {
            Some(before) => before,
            None if limit.heard < command.epoch => Timestamp(u64::MAX),
            None => Timestamp(0),
        };
        limit.reports = command.reports;
        limit.heard = limit.heard.max(command.epoch);
        if command.down_to == u64::MAX {
            limit.told = None;
        }
        backlog.drop_oldest(command.down_to, before, slot, at.now, &mut self.store);
        backlog.note(slot, &mut self.store);
    }

    /// What this entry has changed, to be told at its end.
    pub(crate) fn take_reports(&mut self, now: Timestamp) -> Vec<Report> {
        let noted = std::mem::take(&mut self.store.noted);
        noted.into_iter().filter_map(|slot| self.take_report(slot, now)).collect()
    }

    fn take_report(&mut self, slot: SessionSlot, now: Timestamp) -> Option<Report> {
        let session = self.sessions.get_mut(slot)?;
        let backlog = session.backlog.as_mut()?;
        backlog.noted = false;
        let told = backlog.to_tell(backlog.limit.as_ref()?, now);
        let limit = backlog.limit.as_mut().filter(|limit| limit.reports && limit.told != Some(told))?;
        limit.told = Some(told);
        limit.revision = limit.revision.saturating_add(1);
        let limit = **limit;
        Some(Report::new(session, limit, told))
    }

    /// Everything that is not told for the first time, in case it has been lost.
    pub(crate) fn reports_again(&self, now: Timestamp) -> impl Iterator<Item = Report> {
        self.sessions.iter().filter_map(move |(_, session)| {
            let backlog = session.backlog.as_ref()?;
            let limit = backlog.limit.as_ref().filter(|limit| limit.revision > 0)?;
            Some(Report::new(session, **limit, backlog.to_tell(limit, now)))
        })
    }
}
