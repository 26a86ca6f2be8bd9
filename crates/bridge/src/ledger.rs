//! Which message goes next, and which is done with: the books of one dataflow; no I/O, no clock.
//!
//! ```text
//! push ─► Waiting ─ next ─► UnderWay ─ finished ─► Done ─ settled ─► acknowledged at the source
//!            ▲                 │ refused (for now, or never sent)
//!            └─────────────────┘ refused for good: the same again, as a dead letter
//! ```
//!
//! What holds, whatever happens in whatever order:
//!
//! - A message is settled only when it is finished: the destination or the dead letter topic has it, or it was of no
//!   errand. Messages are settled in the order of their receipt.
//! - In a lane (a destination topic) the last copies of messages lie in the order of their receipt. A message that is
//!   refused for now takes those behind it in its lane along when it goes again, because they may have overtaken it. The
//!   last copy of a message that is refused for good is the dead letter.
//! - A message is forwarded once, unless it was refused for now, or the source lost its connection.
//! - No more than the window is under way on an errand.

mod way;

use std::collections::VecDeque;
use std::sync::Arc;

use way::Way;

/// Dead letters under way at a time.
const LETTERS_MAX: u16 = 16;

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// To the destination.
    Forward,
    /// To the dead letter topic.
    DeadLetter,
    /// To be acknowledged, and nothing else.
    Nothing,
}

/// Why a message did not get to where it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was not sent: its connection ended first.
    Unsent,
    /// Perhaps another time.
    ForNow,
    /// Never.
    ForGood,
}

/// Whether the source says that it sent a message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    First,
    Again,
}

/// The messages of one dataflow that are not acknowledged at the source.
#[derive(Debug)]
pub struct Ledger<T> {
    /// In the order of receipt.
    entries: VecDeque<Entry<T>>,
    /// The number of the first entry; the others follow.
    first: u64,
    capacity: usize,
    forward: Way,
    dead_letter: Way,
    /// Entries whose claim is lost.
    lost: usize,
    /// Entries that are done.
    done: usize,
}

#[derive(Debug)]
struct Entry<T> {
    lane: Arc<str>,
    /// What the source calls it; `None` when it does not wait for an acknowledgement.
    id: Option<u16>,
    claim: Claim,
    errand: Errand,
    state: State,
    item: T,
}

/// Who waits for the acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The connection that stands, or nobody because the message is of QoS 0.
    Standing,
    /// A connection that is gone: the source may send the message again.
    Lost,
    /// As `Lost`, and it will not.
    Void,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    UnderWay(Afterwards),
    Done,
}

/// What follows when a message has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Done,
    /// One before it in its lane has to go again, and so it has to.
    Again,
}

impl<T> Ledger<T> {
    /// `window`: messages under way to the destination; `capacity`: messages held before `has_room` says no. Both are at
    /// least 1.
    pub fn new(window: u16, capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            capacity: capacity.max(1),
            forward: Way::new(window),
            dead_letter: Way::new(window.min(LETTERS_MAX)),
            lost: 0,
            done: 0,
        }
    }

    /// Messages held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Messages under way to the destination or the dead letter topic.
    pub fn under_way(&self) -> usize {
        self.forward.under_way() + self.dead_letter.under_way()
    }

    /// Whether `push` takes another message. A full ledger gives up waiting for messages to come again whose outcome is
    /// known: they are forwarded twice if they do.
    pub fn has_room(&mut self) -> bool {
        if self.entries.len() >= self.capacity {
            self.source_forgot();
        }
        self.entries.len() < self.capacity
    }

    /// Takes a message over, whether there is room or not, and numbers it.
    pub fn push(&mut self, lane: Arc<str>, id: Option<u16>, errand: Errand, item: T) -> u64 {
        // The source sends again before it sends anew (MQTT-4.4.0-1, MQTT-4.6.0-1).
        if id.is_some() {
            self.source_forgot();
        }
        let number = self.first + self.entries.len() as u64;
        let state = if errand == Errand::Nothing { State::Done } else { State::Waiting };
        self.done += usize::from(state == State::Done);
        self.entries.push_back(Entry { lane, id, claim: Claim::Standing, errand, state, item });
        if let Some(way) = self.way(errand) {
            way.add(number);
        }
        number
    }

    /// Finds the message that the source sends again, if it is held: then it is owed to this connection, and is not to be
    /// pushed. `is_same` tells a message from another that came by the identifier later. Messages come again in their
    /// order (MQTT-4.6.0-1): those before it will not.
    pub fn reclaim(&mut self, id: u16, seen: Seen, is_same: impl Fn(&T) -> bool) -> Option<&mut T> {
        if seen == Seen::First || self.lost == 0 {
            return None;
        }
        let lost = |entry: &Entry<T>| entry.claim == Claim::Lost && entry.id == Some(id) && is_same(&entry.item);
        let index = self.entries.iter().position(lost)?;
        self.void_claims(index);
        let entry = self.entries.get_mut(index)?;
        entry.claim = Claim::Standing;
        self.lost -= 1;
        Some(&mut entry.item)
    }

    /// The next message to be sent on an errand, which is under way from now on.
    pub fn next(&mut self, errand: Errand) -> Option<(u64, &T)> {
        let number = self.way(errand)?.take()?;
        let entry = self.entry(number)?;
        entry.state = State::UnderWay(Afterwards::Done);
        Some((number, &entry.item))
    }

    /// A message under way has arrived.
    pub fn finished(&mut self, number: u64) {
        let Some((errand, afterwards)) = self.returned(number) else { return };
        if let Some(way) = self.way(errand) {
            way.answered();
        }
        match afterwards {
            Afterwards::Done => {
                self.set(number, State::Done);
                self.done += 1;
            }
            Afterwards::Again => self.again(number, errand),
        }
    }

    /// A message under way has not arrived.
    pub fn refused(&mut self, number: u64, refusal: Refusal) {
        let Some((errand, _)) = self.returned(number) else { return };
        match refusal {
            Refusal::Unsent => self.again(number, errand),
            Refusal::ForNow => {
                self.again(number, errand);
                if let Some(way) = self.way(errand) {
                    way.hold();
                }
                if errand == Errand::Forward {
                    self.recall_followers(number);
                }
            }
            Refusal::ForGood => {
                if let Some(way) = self.way(errand) {
                    way.answered();
                }
                if let Some(entry) = self.entry(number) {
                    entry.errand = Errand::DeadLetter;
                }
                self.again(number, Errand::DeadLetter);
            }
        }
    }

    /// Lets messages go again after a refusal for now: one, and if that does, all.
    pub fn retry(&mut self, errand: Errand) {
        if let Some(way) = self.way(errand) {
            way.retry();
        }
    }

    /// Lets messages go one at a time until a window of them is answered: one of those that were under way made the
    /// server end the connection, and nobody knows which.
    pub fn doubt(&mut self, errand: Errand) {
        if let Some(way) = self.way(errand) {
            way.doubt();
        }
    }

    /// Whether a refusal for now keeps messages back until `retry`.
    pub fn is_held(&self, errand: Errand) -> bool {
        match errand {
            Errand::Forward => self.forward.is_held(),
            Errand::DeadLetter => self.dead_letter.is_held(),
            Errand::Nothing => false,
        }
    }

    /// Messages that are done with, if the first of them is to be acknowledged; some may stand behind one that is not.
    pub fn done(&self) -> usize {
        match self.entries.front() {
            Some(front) if front.state == State::Done && front.claim != Claim::Lost => self.done,
            _ => 0,
        }
    }

    /// The next message to be acknowledged at the source. Those that nobody waits for are left out.
    pub fn settled(&mut self) -> Option<T> {
        while let Some(front) = self.entries.front()
            && front.state == State::Done
            && front.claim != Claim::Lost
        {
            let entry = self.pop()?;
            if entry.claim == Claim::Standing {
                return Some(entry.item);
            }
        }
        None
    }

    /// Whether nothing is left to be done: messages that may come again are.
    pub fn is_idle(&self) -> bool {
        self.entries.iter().all(|entry| entry.state == State::Done && entry.claim != Claim::Standing)
    }

    /// What is known of a message that is held.
    pub fn item_mut(&mut self, number: u64) -> Option<&mut T> {
        self.entry(number).map(|entry| &mut entry.item)
    }

    /// The source's connection is over: it waits for no acknowledgement, and may send again what has had none.
    pub fn source_lost(&mut self) {
        for entry in &mut self.entries {
            if entry.claim == Claim::Standing && entry.id.is_some() {
                entry.claim = Claim::Lost;
                self.lost += 1;
            }
        }
    }

    /// The source sends nothing again, because its session is new or because it went on to other messages.
    pub fn source_forgot(&mut self) {
        self.void_claims(self.entries.len());
        while self.entries.front().is_some_and(|front| front.state == State::Done && front.claim == Claim::Void) {
            self.pop();
        }
    }

    /// Voids the lost claims of the first `count` entries.
    fn void_claims(&mut self, count: usize) {
        if self.lost == 0 {
            return;
        }
        for entry in self.entries.iter_mut().take(count).filter(|entry| entry.claim == Claim::Lost) {
            entry.claim = Claim::Void;
            self.lost -= 1;
        }
    }

    fn pop(&mut self) -> Option<Entry<T>> {
        let entry = self.entries.pop_front()?;
        self.first += 1;
        self.done -= usize::from(entry.state == State::Done);
        Some(entry)
    }

    fn way(&mut self, errand: Errand) -> Option<&mut Way> {
        match errand {
            Errand::Forward => Some(&mut self.forward),
            Errand::DeadLetter => Some(&mut self.dead_letter),
            Errand::Nothing => None,
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry<T>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(index)
    }

    /// Takes a message off its way; `None` if it is on none.
    fn returned(&mut self, number: u64) -> Option<(Errand, Afterwards)> {
        let entry = self.entry(number)?;
        let State::UnderWay(afterwards) = entry.state else { return None };
        let errand = entry.errand;
        self.way(errand)?.back();
        Some((errand, afterwards))
    }

    fn set(&mut self, number: u64, state: State) {
        if let Some(entry) = self.entry(number) {
            entry.state = state;
        }
    }

    fn again(&mut self, number: u64, errand: Errand) {
        self.set(number, State::Waiting);
        if let Some(way) = self.way(errand) {
            way.add(number);
        }
    }

    /// Makes all behind `number` in its lane go again, in its wake.
    fn recall_followers(&mut self, number: u64) {
        let Some(lane) = self.entry(number).map(|entry| entry.lane.clone()) else { return };
        let index = (number - self.first) as usize;
        for (entry, follower) in self.entries.iter_mut().skip(index + 1).zip(number + 1..) {
            if entry.errand != Errand::Forward || entry.lane != lane {
                continue;
            }
            match entry.state {
                State::UnderWay(_) => entry.state = State::UnderWay(Afterwards::Again),
                State::Done => {
                    entry.state = State::Waiting;
                    self.done -= 1;
                    self.forward.add(follower);
                }
                State::Waiting => {}
            }
        }
    }
}
