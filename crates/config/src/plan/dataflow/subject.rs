//! A resource on its way to the plan, and what is found wrong with it.

use crate::reading::{Reading, Spot};
use crate::resource::Resource;
use crate::schema::nearest;

pub(super) struct Subject<'a, 'r, T> {
    pub(super) resource: &'a Resource<T>,
    pub(super) reading: &'r mut Reading,
}

impl<T> Subject<'_, '_, T> {
    /// Whether a field is written, however wrong.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.resource.given(path).is_some()
    }

    pub(super) fn place(&self, path: &str) -> Spot {
        self.resource.place(path)
    }

    /// Refuses a field, or what it would have been in.
    pub(super) fn refuse(&mut self, path: &str, expected: &str) {
        let text = self.resource.shown(path);
        let text = if text.is_empty() { path.rsplit('.').next().unwrap_or(path).to_owned() } else { text };
        self.reading.refuse_at(&self.resource.place(path), text, expected);
    }

    /// Refuses a field, if it is given.
    pub(super) fn refuse_given(&mut self, path: &str, expected: &str) {
        if self.is_given(path) {
            self.refuse(path, expected);
        }
    }

    /// Refuses the object around a field that is missing.
    pub(super) fn refuse_missing(&mut self, path: &str, expected: &str) {
        let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
        self.reading.refuse_at(&self.resource.place(parent), field, format!("is missing; {expected}"));
    }

    /// Refuses a list that has entries; an empty one is what the model writes for none.
    pub(super) fn refuse_entries(&mut self, path: &str, expected: &str) {
        if !matches!(self.resource.shown(path).as_str(), "" | "[]") {
            self.refuse(path, expected);
        }
    }

    /// Refuses a reference to nothing.
    pub(super) fn refuse_dangling<'n>(
        &mut self,
        path: &str,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("give one of {}, or a {kind} of this name", known.collect::<Vec<_>>().join(", ")),
        };
        self.refuse(path, &format!("there is no {kind} of this name; {hint}"));
    }

    pub(super) fn notice(&mut self, path: &str, sentence: &str) {
        let shown = self.resource.shown(path);
        self.reading.notice(&self.resource.place(path).place(), shown, sentence);
    }
}
