//! The lanes of one partition: who of the frontends' workers is there, what each is sent, and who has to wait for whom.

mod dealing;
mod elsewhere;
mod entrance;
mod gate;
mod kept;
mod line;
mod opening;
mod presence;
mod put_off;
mod refusal;
mod view;
mod way;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use partition::lane::ToWorker;
use partition::{Incarnation, Lane, Numbered, Numbering, PartitionId};
use replica::Replica;

pub(crate) use elsewhere::Elsewhere;
pub(crate) use entrance::{Entrance, Event};
pub(crate) use gate::{Gate, WINDOW_BYTES, stream};

use crate::held::{HeldAnswers, Place};
use opening::Openings;
use presence::Presence;
use put_off::PutOff;
use refusal::Refusal;
pub use view::{LaneView, LanesView, Losses};
use way::Way;

/// See the module.
pub(crate) struct Lanes {
    partition: PartitionId,
    ways: Vec<Way>,
    /// What the publishers of each wait for.
    held: Vec<HeldAnswers>,
    places: BTreeMap<Lane, Place>,
    openings: Openings,
    presence: Presence,
    /// Declared gone by a command that is on its way into the log.
    leaving: Vec<u16>,
    /// Batches of this turn.
    arrived: Vec<(Place, u64)>,
    /// Of earlier turns, in the order of their marks.
    under_way: VecDeque<UnderWay>,
    put_off: PutOff,
    /// What the state must have come to before lanes that wait are opened; none until it is known.
    awaited: Option<u64>,
    lane_bytes: usize,
    lost: Losses,
}

/// What one turn took.
struct UnderWay {
    /// Of the replica: it is applied when all up to here is.
    mark: u64,
    arrived: Vec<(Place, u64)>,
    batches: Vec<Bytes>,
}

impl Lanes {
    pub fn new(partition: PartitionId, gone_after: Duration, lane_bytes: usize) -> Self {
        Self {
            partition,
            ways: Vec::new(),
            held: Vec::new(),
            places: BTreeMap::new(),
            openings: Openings::default(),
            presence: Presence::new(gone_after),
            leaving: Vec::new(),
            arrived: Vec::new(),
            under_way: VecDeque::new(),
            put_off: PutOff::default(),
            awaited: None,
            lane_bytes,
            lost: Losses::default(),
        }
    }

    /// Takes a batch to those that are to be run; false when its sender is to send it again.
    pub fn on_batch(&mut self, lane: Lane, numbered: Numbered, batch: Bytes, batches: &mut Vec<Bytes>) -> bool {
        let Some(place) = self.places.get(&lane).copied() else { return false };
        let way = &self.ways[place];
        if way.incarnation != numbered.incarnation {
            return false;
        }
        if !way.is_open() {
            return self.keep_until_open(place, numbered, batch);
        }
        if let Some(batch) = self.put_off.keep(place, numbered.number, batch) {
            self.arrived.push((place, numbered.number));
            batches.push(batch);
        }
        true
    }

    /// A worker that has asked twice sends its batches with the first answer, behind its second question, and not again
    /// with the second answer: what comes before that is given waits for it. False when the worker did not ask.
    fn keep_until_open(&mut self, place: Place, numbered: Numbered, batch: Bytes) -> bool {
        let is_kept = self.openings.reopens(place, numbered.incarnation);
        if is_kept {
            self.put_off.add(place, numbered, batch, 0);
        }
        is_kept
    }

    /// Keeps batches that the replica has not run, until nothing stands before them any more.
    pub fn put_off(&mut self, later: impl Iterator<Item = (Numbered, Bytes)>, replica: &Replica) {
        for (numbered, batch) in later {
            let Numbered { lane, incarnation, number, .. } = numbered;
            let Some(place) = self.places.get(&lane).copied() else { continue };
            let way = &mut self.ways[place];
            if !way.is_open() || way.incarnation != incarnation {
                continue;
            }
            let behind = replica.unsettled(lane).unwrap_or(0);
            if self.put_off.count(place) == 0 {
                self.arrived.retain(|(other, arrived)| *other != place || *arrived < number);
                way.urge(behind);
            }
            self.put_off.add(place, numbered, batch, behind);
        }
    }

    /// Takes those that have waited long enough to those that are to be run.
    pub fn take_put_off(&mut self, batches: &mut Vec<Bytes>) {
        let Self { ways, put_off, arrived, .. } = self;
        for (place, number, batch) in put_off.take(|place, behind| ways[place].knows(behind)) {
            arrived.push((place, number));
            batches.push(batch);
        }
    }

    /// Whether some have waited long enough.
    pub fn has_settled(&self) -> bool {
        self.put_off.has_settled(|place, behind| self.ways[place].knows(behind))
    }

    /// Counts publishes that were left out.
    pub fn passed_over(&mut self, publishes: u64) {
        self.lost.passed_over += publishes;
    }

    /// Bytes of batches that wait for others.
    pub fn put_off_bytes(&self) -> usize {
        self.put_off.bytes()
    }

    /// The link of a lane has begun anew.
    pub fn on_began(&mut self, lane: Lane, now: Instant) {
        if let Some(place) = self.places.get(&lane).copied() {
            self.close(place, now);
        }
    }

    fn close(&mut self, place: Place, now: Instant) {
        self.ways[place].close(now);
        // The worker sends the batches again.
        self.held[place].forget();
        self.forget_batches(place);
    }

    fn forget(&mut self, place: Place, now: Instant) {
        self.ways[place].forget(now);
        self.held[place].forget();
        self.forget_batches(place);
    }

    fn forget_batches(&mut self, place: Place) {
        self.put_off.forget(place);
        self.arrived.retain(|(other, _)| *other != place);
        for turn in &mut self.under_way {
            turn.arrived.retain(|(other, _)| *other != place);
        }
    }

    /// Makes a way for a lane that has none.
    fn place(&mut self, lane: Lane, incarnation: Incarnation, number: u64) -> Place {
        *self.places.entry(lane).or_insert_with(|| {
            self.ways.push(Way::new(lane, incarnation, number, self.lane_bytes / 4));
            self.held.push(HeldAnswers::default());
            self.ways.len() - 1
        })
    }

    /// The way of a lane that the state knows.
    fn known(&mut self, lane: Lane, replica: &Replica) -> Option<Place> {
        if let Some(place) = self.places.get(&lane) {
            return Some(*place);
        }
        let state = replica.lane(lane)?;
        Some(self.place(lane, state.incarnation, state.answered))
    }

    /// The replica has taken all that came, and said `mark` to it. `batches` are kept until they are answered where a
    /// publish of them may have to be refused.
    pub fn taken(&mut self, mark: u64, batches: Vec<Bytes>) {
        if !self.arrived.is_empty() || !batches.is_empty() {
            self.under_way.push_back(UnderWay { mark, arrived: std::mem::take(&mut self.arrived), batches });
        }
        self.awaited.get_or_insert(mark);
    }

    /// All up to `mark` is applied, and its answers are dealt out.
    pub fn let_out(&mut self, mark: u64) {
        while let Some(turn) = self.under_way.pop_front_if(|turn| turn.mark <= mark) {
            for (place, number) in turn.arrived {
                let way = &mut self.ways[place];
                way.applied = way.applied.max(number);
            }
        }
    }

    /// Whether something was taken that is not applied.
    pub fn is_waiting(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Another reign begins, or none: workers are told to open their lanes anew at `leader`, and what they have not
    /// received comes from the state. Nobody counts as away for longer than from here on.
    pub fn end_reign(&mut self, leader: Option<u16>) {
        for way in &mut self.ways {
            // Who is not there any more asks again.
            let _ = way.tell(&ToWorker::Elsewhere { leader });
        }
        for (_, wish) in self.openings.abandon() {
            let _ = wish.line.send(ToWorker::Elsewhere { leader }.encode());
        }
        *self = Self { lost: self.lost, ..Self::new(self.partition, self.presence.gone_after(), self.lane_bytes) };
    }

    /// Looks how far the workers have come.
    pub fn look(&mut self, replica: &mut Replica, now: Instant) {
        for place in 0..self.ways.len() {
            if let Some(received) = self.ways[place].look(now) {
                replica.confirmed(self.ways[place].lane, received);
            }
            if let Some(known) = self.ways[place].newly_known() {
                replica.settled(self.ways[place].lane, known);
            }
            if self.ways[place].has_ended() {
                self.close(place, now);
            }
        }
    }

    /// Lets out what has waited long enough.
    pub fn release(&mut self) {
        let Self { ways, held, .. } = self;
        for (place, held) in held.iter_mut().enumerate() {
            while let Some(answer) = held.next(|taker, at| ways[taker].has_settled(at)) {
                ways[place].push(Numbering::Unnumbered, answer);
            }
        }
    }

    /// Hands to the links what there is.
    pub fn send(&mut self) {
        for (way, held) in self.ways.iter_mut().zip(&self.held) {
            way.send();
            if way.is_open() {
                way.tell_taken(held.answered().unwrap_or(way.applied));
            }
        }
    }

    /// Whether workers are to say less for a while: somebody has much to take, and takes it.
    pub fn is_pressed(&self, now: Instant) -> bool {
        self.ways.iter().any(|way| way.bytes() > self.lane_bytes / 2 && way.is_patient(now))
    }

    pub fn view(&self) -> LanesView {
        let lane = |(place, (way, held)): (Place, (&Way, &HeldAnswers))| LaneView {
            lane: way.lane,
            is_open: way.is_up(),
            waiting_bytes: way.bytes() as u64,
            held: held.len() as u64,
            put_off: self.put_off.count(place) as u64,
        };
        LanesView {
            lanes: self.ways.iter().zip(&self.held).enumerate().map(lane).collect(),
            lost: self.lost,
            ..LanesView::default()
        }
    }

    /// Whose publishes and messages of QoS 0 find no room in the turn that begins.
    pub fn refusal(&self, batches: &[Bytes]) -> Refusal {
        let full = self.ways.iter().enumerate().filter(|(_, way)| way.bytes() >= self.lane_bytes);
        let under_way = self.under_way.iter().flat_map(|turn| &turn.batches);
        Refusal::new(full.map(|(place, _)| place).collect(), under_way.chain(batches))
    }
}
