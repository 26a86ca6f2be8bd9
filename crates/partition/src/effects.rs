//! The list to which applying commands appends its effects.

use crate::address::{Owner, PartitionId};
use crate::command::Command;
use crate::effect::{Effect, Reply};

/// Effects in the order of their commands; reused from one entry to the next.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    list: Vec<Effect>,
}

impl Effects {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.list.iter()
    }

    /// Takes all, keeping the room.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> {
        self.list.drain(..)
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    pub(crate) fn reply(&mut self, to: Owner, reply: Reply) {
        self.push(Effect::Reply { to, reply });
    }

    pub(crate) fn send(&mut self, to: PartitionId, command: &Command<'_>) {
        self.push(Effect::Send { to, command: command.to_frame() });
    }
}
