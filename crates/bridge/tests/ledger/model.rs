//! Two servers and the ledger between them, in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bridge::{Errand, Ledger, Refusal, Seen};

/// Something that happens.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The source sends the next message of this lane, if its window is open.
    Deliver(u8),
    Send,
    /// The destination answers the oldest publish.
    Accept,
    RefuseForNow,
    RefuseForGood,
    /// Its connection ends: of what is under way so many were sent, and some of them taken; those go again when it is
    /// back, the others were never sent.
    DestinationBreaks(u8),
    /// It ends its connection because of a message, and some were taken; all of them go again, one at a time.
    DestinationBlames(u8),
    /// Its connection ends, and so many of the acknowledgements that left last do not arrive.
    SourceBreaks(u8),
    /// As it breaks, and the session is gone with it.
    SourceForgets,
    Retry,
    DeadLetterAccepted,
    DeadLetterRefused,
}

/// A message of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Body {
    lane: u8,
    number: u32,
}

pub struct Model {
    ledger: Ledger<Body>,
    window: usize,
    /// Sent by the source and not acknowledged, with identifiers, in order.
    unacknowledged: VecDeque<(u16, Body)>,
    /// Acknowledged on the connection that stands.
    acknowledged: Vec<(u16, Body)>,
    ids: BTreeMap<Body, u16>,
    next_id: u16,
    next_number: BTreeMap<u8, u32>,
    /// On their way to the destination, in order.
    under_way: VecDeque<(u64, Body)>,
    dead_under_way: VecDeque<(u64, Body)>,
    /// What the destination took, copies included.
    taken: Vec<Body>,
    dead: Vec<Body>,
    /// Whether something happened that allows for copies.
    faults: Faults,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    None,
    Some,
}

impl Model {
    pub fn new(window: u16) -> Self {
        Self {
            ledger: Ledger::new(window, 2 * usize::from(window)),
            window: usize::from(window),
            unacknowledged: VecDeque::new(),
            acknowledged: Vec::new(),
            ids: BTreeMap::new(),
            next_id: 0,
            next_number: BTreeMap::new(),
            under_way: VecDeque::new(),
            dead_under_way: VecDeque::new(),
            taken: Vec::new(),
            dead: Vec::new(),
            faults: Faults::None,
        }
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::Deliver(lane) => self.deliver(lane),
            Step::Send => self.send(),
            Step::Accept => self.answer(None),
            Step::RefuseForNow => self.answer(Some(Refusal::ForNow)),
            Step::RefuseForGood => self.answer(Some(Refusal::ForGood)),
            Step::DestinationBreaks(split) => self.destination_breaks(split),
            Step::DestinationBlames(taken) => self.destination_blames(taken),
            Step::SourceBreaks(lost) => self.source_breaks(lost),
            Step::SourceForgets => self.source_forgets(),
            Step::Retry => {
                self.ledger.retry(Errand::Forward);
                self.ledger.retry(Errand::DeadLetter);
            }
            Step::DeadLetterAccepted => self.dead_letter(None),
            Step::DeadLetterRefused => self.dead_letter(Some(Refusal::ForNow)),
        }
        self.settle();
    }

    fn deliver(&mut self, lane: u8) {
        if self.unacknowledged.len() >= self.window || !self.ledger.has_room() {
            return;
        }
        let number = self.next_number.entry(lane).or_default();
        let body = Body { lane, number: *number };
        *number += 1;
        self.next_id = self.next_id % 60_000 + 1;
        self.unacknowledged.push_back((self.next_id, body));
        self.push(self.next_id, body);
    }

    fn push(&mut self, id: u16, body: Body) {
        self.ids.insert(body, id);
        let lane: Arc<str> = format!("lane/{}", body.lane).into();
        self.ledger.push(lane, Some(id), Errand::Forward, body);
    }

    fn send(&mut self) {
        if let Some((number, &body)) = self.ledger.next(Errand::Forward) {
            self.under_way.push_back((number, body));
        }
        if let Some((number, &body)) = self.ledger.next(Errand::DeadLetter) {
            self.dead_under_way.push_back((number, body));
        }
    }

    fn answer(&mut self, refusal: Option<Refusal>) {
        let Some((number, body)) = self.under_way.pop_front() else { return };
        match refusal {
            None => {
                self.taken.push(body);
                self.ledger.finished(number);
            }
            Some(refusal) => {
                self.faults = if refusal == Refusal::ForNow { Faults::Some } else { self.faults };
                self.ledger.refused(number, refusal);
            }
        }
    }

    fn dead_letter(&mut self, refusal: Option<Refusal>) {
        let Some((number, body)) = self.dead_under_way.pop_front() else { return };
        match refusal {
            None => {
                self.dead.push(body);
                self.ledger.finished(number);
            }
            Some(refusal) => self.ledger.refused(number, refusal),
        }
    }

    fn destination_breaks(&mut self, split: u8) {
        self.faults = Faults::Some;
        let sent = usize::from(split) % (self.under_way.len() + 1);
        let taken = usize::from(split) / 7 % (sent + 1);
        self.taken.extend(self.under_way.iter().take(taken).map(|(_, body)| *body));
        for (number, _) in self.under_way.split_off(sent) {
            self.ledger.refused(number, Refusal::Unsent);
        }
    }

    fn destination_blames(&mut self, taken: u8) {
        self.faults = Faults::Some;
        let taken = usize::from(taken) % (self.under_way.len() + 1);
        self.taken.extend(self.under_way.iter().take(taken).map(|(_, body)| *body));
        self.ledger.doubt(Errand::Forward);
        for (number, _) in std::mem::take(&mut self.under_way) {
            self.ledger.refused(number, Refusal::Unsent);
        }
        self.send();
        self.send();
        assert!(self.under_way.len() <= 1, "more than one goes at a time");
    }

    fn source_breaks(&mut self, lost: u8) {
        self.faults = Faults::Some;
        let lost = usize::from(lost) % (self.acknowledged.len().min(self.window - self.unacknowledged.len()) + 1);
        let unheard = self.acknowledged.split_off(self.acknowledged.len() - lost);
        self.acknowledged.clear();
        for message in unheard.into_iter().rev() {
            self.unacknowledged.push_front(message);
        }
        self.ledger.source_lost();
        for (id, body) in self.unacknowledged.clone() {
            if self.ledger.reclaim(id, Seen::Again, |held| *held == body).is_none() {
                // A source waits while there is no room; here the destination takes what it has meanwhile.
                while !self.ledger.has_room() {
                    self.ease();
                }
                self.push(id, body);
            }
        }
    }

    fn source_forgets(&mut self) {
        self.faults = Faults::Some;
        self.unacknowledged.clear();
        self.acknowledged.clear();
        self.ledger.source_lost();
        self.ledger.source_forgot();
    }

    fn settle(&mut self) {
        while let Some(body) = self.ledger.settled() {
            assert!(self.taken.contains(&body) || self.dead.contains(&body), "{body:?} is acknowledged and nowhere");
            let (id, first) = self.unacknowledged.pop_front().expect("an acknowledgement nobody waits for");
            assert_eq!(first, body, "acknowledged out of order");
            self.acknowledged.push((id, body));
        }
    }

    /// A moment in which everything works.
    fn ease(&mut self) {
        self.ledger.retry(Errand::Forward);
        self.ledger.retry(Errand::DeadLetter);
        self.send();
        self.answer(None);
        self.dead_letter(None);
        self.settle();
    }

    /// Lets everything work until nothing is left to do.
    pub fn finish(&mut self) {
        for _ in 0..10_000 {
            if self.ledger.is_idle() && self.unacknowledged.is_empty() {
                return;
            }
            self.ease();
        }
        panic!("the ledger is stuck: {:?}", self.ledger);
    }

    /// What holds at any time.
    pub fn check(&self) {
        assert!(self.under_way.len() <= self.window && self.dead_under_way.len() <= self.window);
        assert_eq!(self.ledger.under_way(), self.under_way.len() + self.dead_under_way.len());
        assert!(self.ledger.len() <= 2 * self.window, "{} held", self.ledger.len());
        if self.faults == Faults::None {
            let once: BTreeSet<_> = self.taken.iter().collect();
            assert_eq!(once.len(), self.taken.len(), "a copy without a fault: {:?}", self.taken);
            self.check_order(self.taken.iter().copied());
        }
    }

    /// What holds when everything has arrived.
    pub fn check_end(&self) {
        let arrived: BTreeSet<Body> = self.taken.iter().chain(&self.dead).copied().collect();
        let sent: BTreeSet<Body> = self
            .next_number
            .iter()
            .flat_map(|(&lane, &end)| (0..end).map(move |number| Body { lane, number }))
            .collect();
        assert_eq!(arrived, sent, "not everything arrived");
        // The last copies are in order. That of a dead letter is none of the destination's, even if an earlier one is.
        let mut seen: BTreeSet<Body> = self.dead.iter().copied().collect();
        let mut last: Vec<Body> = self.taken.iter().rev().filter(|body| seen.insert(**body)).copied().collect();
        last.reverse();
        self.check_order(last.into_iter());
    }

    fn check_order(&self, bodies: impl Iterator<Item = Body>) {
        let mut newest: BTreeMap<u8, u32> = BTreeMap::new();
        for body in bodies {
            let before = newest.insert(body.lane, body.number);
            assert!(before.is_none_or(|before| before < body.number), "{body:?} after {before:?}: {:?}", self.taken);
        }
    }
}
