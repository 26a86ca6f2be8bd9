//! How a lane is opened, and how a frontend is declared gone.

use std::time::Instant;

use bytes::Bytes;
use partition::lane::ToWorker;
use partition::{Command, FrontendGone, Incarnation, Lane, Numbered};
use replica::{Replica, ReplicaError};

use super::Lanes;
use super::entrance::Wish;
use crate::held::Place;

/// Workers that wait for their lane, until the state knows it.
#[derive(Default)]
pub(super) struct Openings {
    waiting: Vec<(Place, Wish, Life)>,
}

impl Openings {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nobody is to be opened a lane any more.
    pub fn abandon(&mut self) -> impl Iterator<Item = (Place, Wish)> {
        std::mem::take(&mut self.waiting).into_iter().map(|(place, wish, _)| (place, wish))
    }

    /// Whether a lane that was open before is to be opened again for the same incarnation.
    pub fn reopens(&self, place: Place, incarnation: Incarnation) -> bool {
        let is_it = |(other, wish, life): &(Place, Wish, Life)| {
            *other == place && wish.incarnation == incarnation && *life == Life::GoesOn
        };
        self.waiting.iter().any(is_it)
    }
}

/// Whether the worker's process is the one that the state knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Begins,
    GoesOn,
}

impl Lanes {
    /// A worker wants to begin or to go on. What came before is applied.
    pub fn on_open(&mut self, lane: Lane, wish: Wish, replica: &Replica, batches: &mut Vec<Bytes>, now: Instant) {
        let Wish { incarnation, received, .. } = wish;
        let (frontend, known) = replica.read(|state| (state.frontend(lane.frontend), state.lane(lane)));
        let is_past = frontend
            .is_some_and(|known| known.incarnation > incarnation || known.incarnation == incarnation && known.is_gone);
        let is_known = known.is_some_and(|known| known.incarnation == incarnation);
        if is_past || !is_known && received > 0 {
            return lose(lane, &wish, replica);
        }
        let life = if is_known { Life::GoesOn } else { Life::Begins };
        self.awaited = None;
        if life == Life::Begins {
            batches.push(Command::Numbered(Numbered::opening(lane, incarnation)).to_frame().into());
        }
        self.presence.see(lane.frontend, now);
        let place = self.place(lane, incarnation, 0);
        self.close(place, now);
        // Who asks again meanwhile is answered once.
        self.openings.waiting.retain(|(other, ..)| *other != place);
        self.openings.waiting.push((place, wish, life));
    }

    /// Whether somebody waits for his lane.
    pub fn is_opening(&self) -> bool {
        !self.openings.is_empty()
    }

    /// Opens the lanes that the state now knows, and lets go of frontends that it takes for gone.
    pub fn follow_state(&mut self, replica: &mut Replica, now: Instant) -> Result<(), ReplicaError> {
        if self.awaited.is_none_or(|mark| mark > replica.let_out()) {
            return Ok(());
        }
        self.bury(replica, now);
        self.open_waiting(replica, now)
    }

    /// Opens the lanes that the state now knows.
    ///
    /// # Errors
    /// When what was not received cannot be read.
    fn open_waiting(&mut self, replica: &mut Replica, now: Instant) -> Result<(), ReplicaError> {
        for (place, wish, life) in std::mem::take(&mut self.openings.waiting) {
            let lane = self.ways[place].lane;
            self.begin_incarnation(lane.frontend, wish.incarnation, now);
            if life == Life::Begins {
                // What the turn still had for connections of the process before: others may have their places now.
                self.forget(place, now);
            }
            let state = replica.lane(lane).filter(|known| known.incarnation == wish.incarnation);
            let undelivered = match state {
                Some(_) => replica.undelivered(lane, wish.received)?,
                None => None,
            };
            match (state, undelivered) {
                (Some(state), Some(undelivered)) => {
                    tracing::info!(
                        frontend = lane.frontend,
                        worker = lane.worker,
                        partition = %self.partition,
                        applied = state.applied,
                        undelivered = undelivered.len(),
                        "a lane is open"
                    );
                    replica.reopened(lane);
                    self.ways[place].open(wish.line, state.applied, wish.received, undelivered);
                }
                _ => lose(lane, &wish, replica),
            }
        }
        Ok(())
    }

    /// What was said to an earlier life of the frontend is void.
    fn begin_incarnation(&mut self, frontend: u16, incarnation: Incarnation, now: Instant) {
        for place in 0..self.ways.len() {
            let way = &self.ways[place];
            if way.lane.frontend == frontend && way.incarnation != incarnation {
                self.forget(place, now);
                self.ways[place].incarnation = incarnation;
            }
        }
    }

    /// A worker says that its process ends.
    pub fn on_leave(
        &mut self,
        lane: Lane,
        incarnation: Incarnation,
        replica: &Replica,
        batches: &mut Vec<Bytes>,
        now: Instant,
    ) {
        let frontend = replica.read(|state| state.frontend(lane.frontend));
        if !frontend.is_some_and(|known| known.incarnation == incarnation && !known.is_gone) {
            return;
        }
        self.on_began(lane, now);
        let is_there = self.ways.iter().any(|way| way.lane.frontend == lane.frontend && way.is_open());
        if !is_there {
            self.declare_gone(lane.frontend, batches);
        }
    }

    /// Declares the frontends gone that have been away for too long.
    pub fn look_for_gone(&mut self, replica: &Replica, batches: &mut Vec<Bytes>, now: Instant) {
        for way in self.ways.iter().filter(|way| way.is_up()) {
            self.presence.see(way.lane.frontend, now);
        }
        let known: Vec<_> = replica
            .read(|state| state.frontends().filter(|known| !known.is_gone).map(|known| known.frontend).collect());
        for frontend in known {
            if self.leaving.contains(&frontend) {
                continue;
            }
            if self.presence.is_gone(frontend, now) || self.is_stuck(frontend, now) {
                let partition = self.partition;
                let seconds = self.presence.gone_after().as_secs();
                tracing::warn!(frontend, %partition, seconds, "a frontend has been away for too long: its clients are taken for disconnected");
                self.declare_gone(frontend, batches);
            }
        }
    }

    /// Whether somebody waits for one of its workers, which has been away for too long, though others are there.
    fn is_stuck(&self, frontend: u16, now: Instant) -> bool {
        let away = |since: Instant| now.duration_since(since) >= self.presence.gone_after();
        let mut ways = self.ways.iter().filter(|way| way.lane.frontend == frontend);
        ways.any(|way| way.owes() && way.closed_since().is_some_and(away))
    }

    fn declare_gone(&mut self, frontend: u16, batches: &mut Vec<Bytes>) {
        self.leaving.push(frontend);
        self.awaited = None;
        batches.push(Command::FrontendGone(FrontendGone { frontend }).to_frame().into());
    }

    /// Lets go of the frontends that the state now takes for gone.
    fn bury(&mut self, replica: &Replica, now: Instant) {
        for frontend in std::mem::take(&mut self.leaving) {
            self.presence.forget(frontend);
            let is_gone = replica.read(|state| state.frontend(frontend)).is_none_or(|known| known.is_gone);
            for place in 0..self.ways.len() {
                if is_gone && self.ways[place].lane.frontend == frontend {
                    // It may be there after all, and has to begin anew.
                    let _ = self.ways[place].tell(&lost(frontend, replica));
                    self.forget(place, now);
                }
            }
        }
    }
}

/// What a frontend hears that has to begin anew.
fn lost(frontend: u16, replica: &Replica) -> ToWorker {
    let known = replica.read(|state| state.frontend(frontend));
    ToWorker::Lost { newest: known.map_or(Incarnation(0), |known| known.incarnation) }
}

fn lose(lane: Lane, wish: &Wish, replica: &Replica) {
    let Lane { frontend, worker } = lane;
    let incarnation = wish.incarnation.0;
    tracing::warn!(
        frontend,
        worker,
        incarnation,
        "a frontend has to begin anew: what it has not received is not known any more"
    );
    // Where the session has ended, the worker asks again.
    let _ = wish.line.send(lost(frontend, replica).encode());
}
