//! When a change on disk is to be read: once it has been quiet from one look to the next.

use super::Signature;

/// What was taken, and what was seen since.
#[derive(Debug)]
pub(crate) struct Watch {
    taken: Signature,
    /// Seen at the last look, other than what was taken.
    changing: Option<Signature>,
}

/// What one look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As it was taken.
    Same,
    /// Somebody may still be writing.
    Changing,
    /// Changed, and quiet since the last look.
    Settled,
}

impl Watch {
    pub(crate) fn new(taken: Signature) -> Self {
        Self { taken, changing: None }
    }

    /// Compares what there is now with what was taken.
    pub(crate) fn look(&mut self, now: Signature) -> Look {
        if now == self.taken {
            self.changing = None;
            return Look::Same;
        }
        let quiet = self.changing.as_ref() == Some(&now);
        self.changing = Some(now);
        match quiet {
            true => Look::Settled,
            false => Look::Changing,
        }
    }

    /// What was read, whether it was good or not: it is not read again until it changes.
    pub(crate) fn take(&mut self, signature: Signature) {
        *self = Self::new(signature);
    }
}
