//! One ordered list that lies in pieces at several partitions.

use std::collections::VecDeque;
use std::sync::Arc;

use partition::{PartitionId, PartitionSet, RetainedView, SessionRecord, Slice};
use tokio::time::Instant;

use super::ViewError;
use super::call::{Call, Reply};
use super::line::Line;

/// What stands in such a list.
pub(super) trait Keyed {
    fn key(&self) -> &Arc<str>;
}

impl Keyed for SessionRecord {
    fn key(&self) -> &Arc<str> {
        &self.client_id
    }
}

impl Keyed for RetainedView {
    fn key(&self) -> &Arc<str> {
        &self.topic
    }
}

/// How far a piece has been read.
enum Reached {
    /// Up to this key; `None` is before the first.
    Key(Option<Arc<str>>),
    End,
}

struct Piece<T> {
    partition: PartitionId,
    found: VecDeque<T>,
    reached: Reached,
}

/// A part of the list, and the key behind which it goes on.
pub(super) struct Part<T> {
    pub items: Vec<T>,
    pub more: Option<Arc<str>>,
}

/// Reads the pieces side by side.
pub(super) struct Merge<T> {
    pieces: Vec<Piece<T>>,
    limit: usize,
}

impl<T: Keyed> Merge<T> {
    /// What is behind `after`, up to `limit` items.
    pub fn new(partitions: PartitionSet, after: Option<Arc<str>>, limit: usize) -> Self {
        let piece = |partition| Piece { partition, found: VecDeque::new(), reached: Reached::Key(after.clone()) };
        Self { pieces: partitions.iter().map(piece).collect(), limit }
    }

    /// Reads until the limit or the end is reached, or `until` has passed: then there may be fewer.
    pub async fn read(
        mut self,
        line: &Line<'_>,
        until: Instant,
        step: impl Fn(Option<Arc<str>>, usize) -> Box<dyn FnOnce(Reply<Slice<T>>) -> Call + Send>,
    ) -> Result<Part<T>, ViewError> {
        // Keys are spread evenly: each piece is asked for its share and a little more.
        let share = (self.limit.div_ceil(self.pieces.len().max(1)) + 8).min(self.limit);
        let mut items = Vec::new();
        loop {
            self.take(&mut items);
            let is_full = items.len() == self.limit;
            if is_full || self.is_at_end() {
                let more = items.last().map(|last| Arc::clone(last.key())).filter(|_| is_full && !self.is_at_end());
                return Ok(Part { items, more });
            }
            if Instant::now() >= until
                && let Some(Some(reached)) = self.reached()
            {
                return Ok(Part { items, more: Some(reached) });
            }
            let mut pending = Vec::new();
            for (n, piece) in self.pieces.iter().enumerate() {
                if let (Reached::Key(after), true) = (&piece.reached, piece.found.is_empty()) {
                    pending.push((n, line.post(piece.partition, step(after.clone(), share)).await?));
                }
            }
            for (n, pending) in pending {
                let slice = line.answer(pending).await?;
                let piece = &mut self.pieces[n];
                piece.found.extend(slice.items);
                piece.reached = slice.more.map_or(Reached::End, |key| Reached::Key(Some(key)));
            }
        }
    }

    /// Moves over what no piece can have anything before.
    fn take(&mut self, items: &mut Vec<T>) {
        let reached = self.reached();
        while items.len() < self.limit {
            let first = self.pieces.iter_mut().filter(|piece| !piece.found.is_empty());
            let Some(piece) = first.min_by(|a, b| a.found[0].key().cmp(b.found[0].key())) else { return };
            let is_settled = match &reached {
                None => true,
                Some(reached) => reached.as_ref().is_some_and(|reached| piece.found[0].key() <= reached),
            };
            if !is_settled {
                return;
            }
            items.extend(piece.found.pop_front());
        }
    }

    /// The key up to which every piece has been read; `None` when all are at their end.
    fn reached(&self) -> Option<Option<Arc<str>>> {
        let open = self.pieces.iter().filter_map(|piece| match &piece.reached {
            Reached::Key(key) => Some(key),
            Reached::End => None,
        });
        open.min().cloned()
    }

    fn is_at_end(&self) -> bool {
        self.pieces.iter().all(|piece| piece.found.is_empty() && matches!(piece.reached, Reached::End))
    }
}
