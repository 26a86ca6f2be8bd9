//! What leaves a partition once its entry is held: shared by every way of replicating it.

use bytes::{Bytes, BytesMut};
use partition::{
    Answer, BodyRef, Effect, Effects, Frames, Numbered, Numbering, Owner, PartitionId, Passing, Reply, Timestamp,
};
use smallvec::{SmallVec, smallvec};

use crate::bodies::{BodyError, BodyStore};
use crate::log::LogStore;

/// What is to leave the partition.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// In the order of their commands, with the numbers of those that count on their lanes.
    pub answers: Vec<(Numbering, Answer)>,
    /// Messages that nobody keeps, of commands that were not logged, between the answers.
    pub passages: Vec<Passage>,
    /// Framed commands for partitions, this one included.
    pub commands: Vec<(PartitionId, Box<[u8]>)>,
    /// Batches of lanes that were not run: they are to come again, in their order and before any other of their lane,
    /// when everything is settled that [`Replica::unsettled`](crate::Replica::unsettled) tells of.
    pub later: Vec<(Numbered, Bytes)>,
    /// How many publishes of QoS 0 were left out, because they have come again and may have arrived the first time.
    pub passed_over: u64,
}

/// Messages that have passed with one batch, to be written down from where they came.
#[derive(Debug)]
pub struct Passage {
    /// What they refer to.
    pub commands: Bytes,
    /// In the order of their commands, each with the number of [`Outgoing::answers`] that go before it.
    pub messages: Vec<(usize, Passing)>,
}

impl Passage {
    /// One of the messages in its encoded form.
    pub fn body(&self, passing: &Passing) -> Bytes {
        self.commands.slice(passing.range())
    }
}

/// Where the bodies that effects refer to are.
pub(crate) struct Shelf<'s> {
    pub partition: PartitionId,
    pub log: &'s LogStore,
    pub bodies: &'s mut BodyStore,
    /// Holds the bodies with index 0.
    pub unlogged: &'s Bytes,
}

impl Outgoing {
    /// Turns effects into what leaves, with the bodies they refer to.
    pub(crate) fn take(&mut self, effects: &mut Effects, mut shelf: Shelf<'_>) -> Result<(), BodyError> {
        let mut passing = effects.take_passing();
        let mut rest = passing.iter_mut().peekable();
        for (place, (numbering, effect)) in effects.drain_numbered().enumerate() {
            while let Some((before, _)) = rest.next_if(|(before, _)| *before <= place) {
                *before = self.answers.len();
            }
            match effect {
                Effect::Send { to, command } => self.commands.push((to, command)),
                Effect::Reply { to, reply } => self.answers.push((numbering, shelf.answer(to, reply)?)),
            }
        }
        rest.for_each(|(before, _)| *before = self.answers.len());
        if !passing.is_empty() {
            self.passages.push(Passage { commands: shelf.unlogged.clone(), messages: passing });
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.passages.is_empty() && self.commands.is_empty() && self.later.is_empty()
    }

    /// Takes all answers, the messages that passed among them in their places.
    pub fn take_answers(&mut self, partition: PartitionId) -> Vec<(Numbering, Answer)> {
        let mut passed = Vec::new();
        for passage in self.passages.drain(..) {
            for (place, passing) in &passage.messages {
                let bodies = smallvec![passage.body(passing)];
                passed.push((*place, Answer { to: passing.to, from: partition, reply: passing.reply(), bodies }));
            }
        }
        let mut passed = passed.into_iter().peekable();
        let mut all = Vec::new();
        for (place, answer) in self.answers.drain(..).enumerate() {
            while let Some((_, passed)) = passed.next_if(|(before, _)| *before <= place) {
                all.push((Numbering::Unnumbered, passed));
            }
            all.push(answer);
        }
        all.extend(passed.map(|(_, passed)| (Numbering::Unnumbered, passed)));
        all
    }

    /// Appends what `later` holds, leaving it empty.
    pub(crate) fn append(&mut self, later: &mut Self) {
        let before = self.answers.len();
        for mut passage in later.passages.drain(..) {
            passage.messages.iter_mut().for_each(|(place, _)| *place += before);
            self.passages.push(passage);
        }
        self.answers.append(&mut later.answers);
        self.commands.append(&mut later.commands);
        self.later.append(&mut later.later);
        self.passed_over += std::mem::take(&mut later.passed_over);
    }
}

impl Shelf<'_> {
    /// The reply with the messages that it refers to.
    pub(crate) fn answer(&mut self, to: Owner, reply: Reply) -> Result<Answer, BodyError> {
        let bodies = match &reply {
            Reply::Deliver(delivery) => smallvec![self.body(delivery.body)?],
            Reply::Direct(direct) => smallvec![self.body(direct.body)?],
            Reply::Retained { messages, .. } => {
                let bodies = messages.iter().map(|direct| self.body(direct.body));
                bodies.collect::<Result<_, _>>()?
            }
            _ => SmallVec::new(),
        };
        Ok(Answer { to, from: self.partition, reply, bodies })
    }

    fn body(&mut self, body: BodyRef) -> Result<Bytes, BodyError> {
        if body.index == 0 {
            let start = body.offset as usize;
            return Ok(self.unlogged.slice(start..start + body.len as usize));
        }
        self.bodies.get(self.log, body)
    }
}

/// The payload of the entry that a turn's batches become.
pub(crate) fn entry_payload(batches: &[Bytes], now: Timestamp) -> Bytes {
    let len: usize = batches.iter().map(Bytes::len).sum();
    let mut payload = BytesMut::with_capacity(partition::ENTRY_HEADER_LEN + len);
    payload.extend_from_slice(&partition::entry_header(now));
    for batch in batches {
        payload.extend_from_slice(batch);
    }
    payload.freeze()
}

pub(crate) fn is_all_logged(batch: &[u8]) -> bool {
    Frames::new(batch).all(|frame| frame.is_ok_and(|frame| frame.is_logged()))
}

#[cfg(test)]
mod tests {
    use mqtt::QoS;
    use partition::Tag;

    use super::*;

    const OWNER: Owner = Owner { frontend: 1, worker: 0, slot: 0, generation: 0 };

    /// Answers with these tags, and messages with these bodies before the answers of these places.
    fn outgoing(tags: &[u32], messages: &[(usize, &str)]) -> Outgoing {
        let commands: String = messages.iter().map(|(_, body)| *body).collect();
        let mut end = 0;
        let passing = messages.iter().map(|(place, body)| {
            let begin = end;
            end += body.len();
            let body = (begin as u32, body.len() as u32);
            (*place, Passing { to: OWNER, qos: QoS::AtMostOnce, retain: false, body })
        });
        let messages = passing.collect();
        let published = |tag: &u32| {
            let reply = Reply::Published { tag: Tag(*tag), matched: true };
            (Numbering::Unnumbered, Answer { to: OWNER, from: PartitionId(0), reply, bodies: SmallVec::new() })
        };
        let passages = vec![Passage { commands: commands.into(), messages }];
        Outgoing { answers: tags.iter().map(published).collect(), passages, ..Outgoing::default() }
    }

    #[test]
    fn messages_that_pass_keep_their_places_among_answers_also_behind_those_of_an_earlier_turn() {
        let mut out = outgoing(&[1, 2], &[(0, "a"), (2, "b")]);
        out.append(&mut outgoing(&[3, 4], &[(0, "c"), (1, "d"), (1, "e"), (2, "f")]));
        let text = |(_, answer): (Numbering, Answer)| match answer.reply {
            Reply::Published { tag, .. } => tag.0.to_string(),
            _ => String::from_utf8(answer.bodies[0].to_vec()).unwrap(),
        };
        let all: Vec<_> = out.take_answers(PartitionId(0)).into_iter().map(text).collect();
        assert_eq!(all.join(" "), "a 1 2 b c 3 d e 4 f");
        assert!(out.is_empty());
    }
}
