//! The list to which applying commands appends its effects.

use crate::address::{Owner, PartitionId};
use crate::answer::Numbering;
use crate::command::Command;
use crate::effect::{Effect, Passing, Reply};

/// Effects in the order of their commands; reused from one entry to the next.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    list: Vec<Effect>,
    /// Positions of replies for lanes with their numbers, ascending.
    numbers: Vec<(usize, u64)>,
    /// Messages that pass, each with its place: before the effect of this position.
    passing: Vec<(usize, Passing)>,
    way: Way,
}

/// How a message that nobody keeps goes into the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    /// As a reply like any other.
    #[default]
    Reply,
    /// Apart, where it can be: for who writes it down at once.
    Apart,
}

impl Effects {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.passing.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.list.iter()
    }

    /// Takes all, keeping the room.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> {
        self.numbers.clear();
        self.list.drain(..)
    }

    /// Takes the messages that pass, each with the number of effects before it: what applying commands leaves that are
    /// not logged ([`Partition::apply_unlogged`](crate::Partition::apply_unlogged)).
    pub fn take_passing(&mut self) -> Vec<(usize, Passing)> {
        std::mem::take(&mut self.passing)
    }

    /// As `drain`, with the numbers of replies for lanes.
    pub fn drain_numbered(&mut self) -> impl Iterator<Item = (Numbering, Effect)> {
        let mut numbers = self.numbers.drain(..).peekable();
        self.list.drain(..).enumerate().map(move |(position, effect)| {
            let number = numbers.next_if(|(of, _)| *of == position);
            (number.map_or(Numbering::Unnumbered, |(_, number)| Numbering::Numbered(number)), effect)
        })
    }

    /// The replies for lanes with their numbers, in their order.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, Owner, &Reply)> {
        self.numbers.iter().filter_map(|(position, number)| match &self.list[*position] {
            Effect::Reply { to, reply } => Some((*number, *to, reply)),
            Effect::Send { .. } => None,
        })
    }

    pub fn clear(&mut self) {
        self.numbers.clear();
        self.list.clear();
        self.passing.clear();
    }

    /// Lets `apply` append, with messages that can be apart from the replies.
    pub(crate) fn apart<T>(&mut self, apply: impl FnOnce(&mut Self) -> T) -> T {
        self.way = Way::Apart;
        let applied = apply(self);
        self.way = Way::Reply;
        applied
    }

    /// Gives numbers to replies from position `from` on.
    pub(crate) fn number(&mut self, from: usize, mut of: impl FnMut(Owner) -> Option<u64>) {
        for (position, effect) in self.list.iter().enumerate().skip(from) {
            if let Effect::Reply { to, .. } = effect
                && let Some(number) = of(*to)
            {
                self.numbers.push((position, number));
            }
        }
    }

    /// Takes back the replies from position `from` on, not numbered yet, that are for connections of `frontend`.
    pub(crate) fn forget_replies(&mut self, from: usize, frontend: u16) {
        let is_for = |effect: &Effect| matches!(effect, Effect::Reply { to, .. } if to.frontend == frontend);
        let mut position = 0;
        self.list.retain(|effect| {
            position += 1;
            position <= from || !is_for(effect)
        });
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    pub(crate) fn reply(&mut self, to: Owner, reply: Reply) {
        self.push(Effect::Reply { to, reply });
    }

    /// Whether messages can be apart from the replies.
    pub(crate) fn is_apart(&self) -> bool {
        self.way == Way::Apart
    }

    pub(crate) fn pass(&mut self, passing: Passing) {
        self.passing.push((self.list.len(), passing));
    }

    pub(crate) fn send(&mut self, to: PartitionId, command: &Command<'_>) {
        self.push(Effect::Send { to, command: command.to_frame() });
    }
}
