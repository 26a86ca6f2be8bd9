//! `Waiting`: what waits for a session with a queue limit at each of its partitions. What is too much over all of them
//! is dropped where it is oldest.
//!
//! The home compares what the partitions have told, and asks the one with the oldest message to drop those that are
//! older than what waits elsewhere; its report brings the next step. All numbers are absolute, so that what is asked
//! twice is done once.

use std::sync::Arc;

use crate::address::{Epoch, PartitionId, PartitionSet, Timestamp};
use crate::command::{Command, Trim, Waiting};
use crate::effects::Effects;

use super::{Home, LocalTask, Session};

/// The last a partition has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) epoch: Epoch,
    pub(super) revision: u64,
    pub(super) length: u64,
    pub(super) count: u64,
    pub(super) oldest: Timestamp,
    /// What a CONNECT has left to it, until it says that it has heard.
    pub(super) cap: Option<Cap>,
}

/// See [`Reported`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cap {
    /// The epoch of the `Trim`.
    pub(super) asked: Epoch,
    pub(super) down_to: u64,
}

/// What one partition is asked to drop, as in [`Trim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    since: Epoch,
    epoch: Epoch,
    reports: bool,
    down_to: u64,
    before: Option<Timestamp>,
}

impl Cut {
    pub(crate) fn command(self, client_id: &str) -> Trim<'_> {
        let Self { since, epoch, reports, down_to, before } = self;
        Trim { client_id, since, epoch, reports, down_to, before }
    }
}

impl Reported {
    fn waits(&self) -> u64 {
        self.count.min(self.cap.map_or(u64::MAX, |cap| cap.down_to))
    }
}

impl Home {
    /// Of a session that has ended, or that began later, nothing is known by the same epochs: ignored.
    pub(crate) fn waiting(&mut self, command: &Waiting<'_>, out: &mut Effects) {
        let Some((client_id, _)) = self.sessions.get_key_value(command.client_id) else { return };
        let client_id = Arc::clone(client_id);
        let Some(session) = self.sessions.get_mut(&client_id) else { return };
        if !(session.since..=session.epoch).contains(&command.epoch) || !session.hear(command) {
            return;
        }
        let partition = command.partition;
        let is_spread = session.is_beside(partition);
        let answer = (is_spread != command.reports).then(|| (partition, session.drops_nothing(is_spread)));
        let capped: Vec<_> = session.capped_cuts().filter(|(to, _)| *to == partition).collect();
        let next = if is_spread { session.next_cut() } else { None };
        for (to, cut) in answer.into_iter().chain(capped).chain(next) {
            self.send_cut(to, &client_id, cut, out);
        }
    }

    /// The session is at more partitions than before: one that was alone begins to tell.
    pub(super) fn ask_for_reports(&mut self, client_id: &Arc<str>, session: &Session, out: &mut Effects) {
        for partition in session.queues.keys().filter(|partition| session.is_beside(**partition)) {
            self.send_cut(*partition, client_id, session.drops_nothing(true), out);
        }
    }

    /// The session is resumed: what is known to be too much goes at once, in one step, before the queues are attached.
    pub(super) fn trim_for_resume(&mut self, client_id: &Arc<str>, session: &mut Session, out: &mut Effects) {
        session.cap_queues();
        for (partition, cut) in session.capped_cuts() {
            self.send_cut(partition, client_id, cut, out);
        }
    }

    /// Sends again what may have been lost.
    pub(super) fn resume_trims(&self, out: &mut Effects) {
        for (client_id, session) in &self.sessions {
            if session.queues.is_empty() {
                continue;
            }
            let elsewhere = session.touched.iter().filter(|at| *at != self.id && session.is_beside(*at));
            let asked = elsewhere.map(|partition| (partition, session.drops_nothing(true)));
            for (to, cut) in asked.chain(session.capped_cuts()).chain(session.next_cut()) {
                out.send(to, &Command::Trim(cut.command(client_id)));
            }
        }
    }

    fn send_cut(&mut self, to: PartitionId, client_id: &Arc<str>, cut: Cut, out: &mut Effects) {
        if to == self.id {
            self.local.push(LocalTask::Trim { client_id: Arc::clone(client_id), cut });
        } else {
            out.send(to, &Command::Trim(cut.command(client_id)));
        }
    }
}

impl Session {
    /// Takes over what is told; false when it is late.
    fn hear(&mut self, command: &Waiting<'_>) -> bool {
        let known = self.queues.get(&command.partition);
        if known.is_some_and(|known| (known.epoch, known.revision) > (command.epoch, command.revision)) {
            return false;
        }
        let cap = known.and_then(|known| known.cap).filter(|cap| command.heard < cap.asked);
        let &Waiting { epoch, revision, length, count, oldest, .. } = command;
        self.queues.insert(command.partition, Reported { epoch, revision, length, count, oldest, cap });
        true
    }

    /// Whether the session may have something at another partition too.
    fn is_beside(&self, partition: PartitionId) -> bool {
        !self.touched.without(PartitionSet::default().with(partition)).is_empty()
    }

    fn cut(&self, reports: bool, down_to: u64, before: Option<Timestamp>) -> Cut {
        Cut { since: self.since, epoch: self.epoch, reports, down_to, before }
    }

    fn drops_nothing(&self, reports: bool) -> Cut {
        self.cut(reports, u64::MAX, Some(Timestamp(0)))
    }

    /// Partitions where something waits, the one with the oldest first.
    fn by_age(&self) -> Vec<PartitionId> {
        let waiting = self.queues.iter().filter(|(_, reported)| reported.waits() > 0);
        let mut by_age: Vec<_> = waiting.map(|(partition, reported)| (reported.oldest, *partition)).collect();
        by_age.sort_unstable();
        by_age.into_iter().map(|(_, partition)| partition).collect()
    }

    /// How much more waits than may.
    fn excess(&self) -> u64 {
        let waiting = || self.queues.values().filter(|reported| reported.waits() > 0);
        let limit = waiting().map(|reported| reported.length).min().unwrap_or(0);
        waiting().map(Reported::waits).fold(0, u64::saturating_add).saturating_sub(limit)
    }

    /// The next step when too much waits: the partition with the oldest message drops those that are older than all
    /// that waits elsewhere.
    fn next_cut(&self) -> Option<(PartitionId, Cut)> {
        let excess = self.excess();
        if excess == 0 {
            return None;
        }
        let by_age = self.by_age();
        let partition = *by_age.first()?;
        let before = match by_age.get(1) {
            // Of the same age, the partition with the lower number comes first.
            Some(other) => Timestamp(self.queues.get(other)?.oldest.0.saturating_add(u64::from(partition < *other))),
            None => Timestamp(u64::MAX),
        };
        let down_to = self.queues.get(&partition)?.waits().saturating_sub(excess);
        Some((partition, self.cut(true, down_to, Some(before))))
    }

    /// Divides what may wait among the partitions: those with the oldest messages give way to the others, down to an equal
    /// share each, so that the newest of all stays wherever it is.
    fn cap_queues(&mut self) {
        let mut excess = self.excess();
        let by_age = self.by_age();
        for partition in &by_age {
            let Some(reported) = self.queues.get_mut(partition) else { continue };
            let share = reported.length.div_ceil(by_age.len() as u64);
            let dropped = reported.waits().saturating_sub(share).min(excess);
            if dropped > 0 {
                reported.cap = Some(Cap { asked: self.epoch, down_to: reported.waits() - dropped });
            }
            excess -= dropped;
        }
        // What an earlier CONNECT has left, and nobody has heard of, is asked for again.
        for cap in self.queues.values_mut().filter_map(|reported| reported.cap.as_mut()) {
            cap.asked = self.epoch;
        }
    }

    fn capped_cuts(&self) -> impl Iterator<Item = (PartitionId, Cut)> {
        let capped = self.queues.iter().filter_map(|(partition, reported)| Some((*partition, reported.cap?)));
        capped.map(|(partition, cap)| (partition, self.cut(true, cap.down_to, None)))
    }
}
