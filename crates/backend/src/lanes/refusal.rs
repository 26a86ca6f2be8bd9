//! Publishes that are refused because somebody who would get them takes nothing.

use bytes::Bytes;
use partition::{Answer, Command, Frames, Owner, Reply, Tag};
use smallvec::smallvec;

use crate::held::Place;

/// Which ways are full in a turn, and what is needed to refuse a publish in it.
pub(crate) struct Refusal {
    full: Vec<Place>,
    /// What the turn runs, and what is not answered of earlier ones, when something is full.
    batches: Vec<Bytes>,
}

impl Refusal {
    pub fn new<'b>(full: Vec<Place>, batches: impl Iterator<Item = &'b Bytes>) -> Self {
        let batches = if full.is_empty() { Vec::new() } else { batches.cloned().collect() };
        Self { full, batches }
    }

    pub fn is_full(&self, place: Place) -> bool {
        !self.full.is_empty() && self.full.contains(&place)
    }

    /// What the publisher is told in place of `answer`: the command comes back with it.
    pub fn of(&self, answer: &Answer, tag: Tag) -> Option<Answer> {
        let command = self.batches.iter().find_map(|batch| publish_of(batch, answer.to, tag))?;
        Some(Answer { to: answer.to, from: answer.from, reply: Reply::Rejected { tag }, bodies: smallvec![command] })
    }
}

fn publish_of(batch: &Bytes, owner: Owner, tag: Tag) -> Option<Bytes> {
    let is_it = |command: &Command<'_>| match command {
        Command::Publish(publish) => publish.reply == Some((owner, tag)),
        _ => false,
    };
    let mut frames = Frames::new(batch).flatten();
    let frame = frames.find(|frame| frame.is_publish() && frame.decode().is_ok_and(|command| is_it(&command)))?;
    Some(batch.slice_ref(frame.bytes))
}
