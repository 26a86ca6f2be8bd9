//! What goes wrong with a site: how it begins, and how it ends.

use std::fmt;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::{Faults, Site, wait_until};
use crate::engine::{self, Skew};
use crate::site::computer::Computer;
use crate::site::fault::Fault;
use crate::site::network::Place;
use crate::site::say::say;

/// For all replicas to be whole before one is taken away.
const WHOLE: Duration = Duration::from_secs(10);
/// For everybody to be back, between two processes that are stopped one after the other.
const BACK: Duration = Duration::from_secs(40);

/// A fault that is over.
#[derive(Clone, Debug)]
pub struct Happened {
    /// Of virtual time since the run began.
    pub from: Duration,
    pub until: Duration,
    pub fault: Fault,
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.3?} to {:>10.3?} {}", self.from, self.until, self.fault)
    }
}

/// A fault that was begun, to end it by.
#[derive(Debug)]
pub struct Begun(usize);

impl Site {
    /// Has it happen. `None` if it would take away what there is only once at present, or what is gone already.
    pub fn begin(&self, fault: &Fault) -> Option<Begun> {
        if let Some(place) = fault.strikes()
            && !self.is_running(place)
        {
            return None;
        }
        if fault.destroys() && !self.is_spare(fault) {
            return None;
        }
        if matches!(fault, Fault::Roll) {
            // It waits for each process to be back, which what goes wrong beside it, and would not end meanwhile, may prevent.
            self.heal();
        }
        let begun = {
            let mut faults = self.active();
            faults.begun += 1;
            let number = faults.begun;
            faults.active.insert(number, (engine::now(), fault.clone()));
            Begun(number)
        };
        self.strike(fault);
        self.follow(fault);
        Some(begun)
    }

    /// Ends it.
    pub fn end(&self, begun: Begun) {
        let Some((from, fault)) = self.active().active.remove(&begun.0) else { return };
        self.undo(&fault);
        self.follow(&fault);
        self.active().over.push(Happened { from, until: engine::now(), fault });
    }

    /// Ends everything that goes wrong, and starts what is down.
    pub fn heal(&self) {
        let active: Vec<usize> = self.active().active.keys().copied().collect();
        active.into_iter().for_each(|number| self.end(Begun(number)));
        self.places().for_each(|place| self.start_process(place));
    }

    /// What went wrong and is over, in the order of its ends.
    pub fn faults(&self) -> Vec<Happened> {
        self.active().over.clone()
    }

    fn active(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what a fault takes away is somewhere else too.
    fn is_spare(&self, fault: &Fault) -> bool {
        // What is on the device survives the power.
        let is_kept = self.wishes.durability == backend::Durability::Fsync && !matches!(fault, Fault::LostDisk(_));
        let is_quiet = || self.active().active.is_empty() && self.is_settled();
        is_kept || (self.wishes.survives_a_machine() && wait_until(WHOLE, is_quiet))
    }

    fn strike(&self, fault: &Fault) {
        match fault {
            Fault::Kill(at) => _ = self.on(*at, Computer::kill, Computer::kill),
            Fault::PowerCut(at) => _ = self.on(*at, Computer::cut_power, Computer::cut_power),
            Fault::Blackout => {
                let mut computers = self.computers();
                computers.backends.values_mut().for_each(Computer::cut_power);
            }
            Fault::LostDisk(at) => _ = self.on(*at, Computer::lose_disk, Computer::lose_disk),
            Fault::Stop(at) => self.stop_process(*at),
            Fault::Roll => self.roll(),
            Fault::Freeze(at) => _ = self.on(*at, Computer::freeze, Computer::freeze),
            Fault::Cut(one, other) | Fault::Refused(one, other) => self.network.cut(*one, *other),
            Fault::Clock(at, lasting) => self.set_clock(*at, lasting.skew()),
            Fault::Renewal(at) => self.renew(*at),
            Fault::Succession => self.succeed(),
            _ => {}
        }
    }

    fn undo(&self, fault: &Fault) {
        match fault {
            Fault::Kill(at) | Fault::PowerCut(at) | Fault::LostDisk(at) | Fault::Stop(at) => self.start_process(*at),
            Fault::Blackout => (0..self.wishes.backends).for_each(|number| self.start_process(Place::Backend(number))),
            Fault::Freeze(at) => _ = self.on(*at, Computer::thaw, Computer::thaw),
            Fault::Clock(at, _) => self.set_clock(*at, Skew::None),
            _ => {}
        }
    }

    /// What depends on all that goes wrong at present.
    fn follow(&self, fault: &Fault) {
        let active: Vec<Fault> = self.active().active.values().map(|(_, fault)| fault.clone()).collect();
        match fault {
            Fault::FullDisk(at) | Fault::SlowDisk(at, _) => self.set_disk(*at, &active),
            _ => self.set_weather(&active),
        }
    }

    fn set_clock(&self, place: Place, skew: Skew) {
        self.on(place, |at| at.set_clock(skew), |at| at.set_clock(skew));
    }

    fn renew(&self, place: Place) {
        let keeper = match place {
            Place::Frontend(_) | Place::Clients => None,
            Place::Backend(number) => self.computers().backends.get(&number).and_then(Computer::handles),
        };
        if let Some(keeper) = keeper.and_then(|handles| handles.keeper.clone()) {
            return keeper.rotate();
        }
        let Place::Frontend(number) = place else { return };
        let handles = self.computers().frontends.get(&number).and_then(Computer::handles);
        if let Some(keeper) = handles.and_then(|handles| handles.keeper.clone()) {
            keeper.rotate();
        }
    }

    fn succeed(&self) {
        let holder = self.computers().backends.get(&crate::site::certificates::HOLDER).and_then(Computer::handles);
        if let Some(keeper) = holder.and_then(|handles| handles.keeper.clone()) {
            keeper.rotate_authority();
        }
    }

    /// Stops and starts one after the other, each when all others are there.
    fn roll(&self) {
        for place in self.places().collect::<Vec<_>>() {
            if !self.is_running(place) {
                continue;
            }
            say(&format!("rolling: {place}"));
            self.stop_process(place);
            self.start_process(place);
            if !self.wait_settled(BACK) {
                let trouble = self.trouble().unwrap_or_default();
                say(&format!("rolling goes on though {trouble}"));
            }
        }
    }
}
