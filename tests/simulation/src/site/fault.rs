//! One thing that goes wrong, for a while.

use std::fmt;
use std::time::Duration;

use crate::engine::Skew;

use super::network::{Passage, Place, Weather};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed, and started again.
    Kill(Place),
    /// The machine loses its power, and with it what had not come to its disk.
    PowerCut(Place),
    /// All backends lose their power at once.
    Blackout,
    /// A backend is killed and begins with an empty disk.
    LostDisk(Place),
    /// The process is stopped as an operator does it.
    Stop(Place),
    /// All processes, one after the other.
    Roll,
    Freeze(Place),
    /// Connections between the two break; new ones can be made at once.
    Cut(Place, Place),
    /// Nothing gets through, either way.
    Apart(Place, Place),
    /// Nothing gets from the first to the second.
    OneWay(Place, Place),
    /// Nothing gets to or from there.
    Isolated(Place),
    /// Nothing gets between the backend and the others. Frontends reach it, and it does not know that it is replaced.
    Deposed(Place),
    /// Connections break, and the second refuses the first.
    Refused(Place, Place),
    Slow(Place, Place, u64),
    /// Everything to and from there takes that much longer, or twice that.
    Far(Place, Duration),
    FullDisk(Place),
    SlowDisk(Place, Duration),
    Clock(Place, Lasting),
    /// A new certificate is asked for.
    Renewal(Place),
    /// The authority gets a successor.
    Succession,
}

/// How far a clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    Ahead(Duration),
    Behind(Duration),
}

impl Lasting {
    pub fn skew(self) -> Skew {
        match self {
            Self::Ahead(by) => Skew::Ahead(by),
            Self::Behind(by) => Skew::Behind(by),
        }
    }
}

impl Fault {
    /// Which process or machine does not do its work meanwhile.
    pub fn strikes(&self) -> Option<Place> {
        match self {
            Self::Kill(at) | Self::PowerCut(at) | Self::LostDisk(at) | Self::Stop(at) | Self::Freeze(at) => Some(*at),
            _ => None,
        }
    }

    /// Whether it takes away what others may need: one at a time.
    pub fn destroys(&self) -> bool {
        matches!(self, Self::PowerCut(_) | Self::LostDisk(_) | Self::Blackout)
    }

    /// Whether it is over as soon as it has happened.
    pub fn is_momentary(&self) -> bool {
        matches!(self, Self::Cut(..) | Self::Renewal(_) | Self::Succession | Self::Roll)
    }

    /// What it makes of a road's weather.
    pub fn weather(&self, from: Place, to: Place, weather: &mut Weather) {
        let is_between = |one: Place, other: Place| (from, to) == (one, other) || (from, to) == (other, one);
        match *self {
            Self::Apart(one, other) if is_between(one, other) => weather.passage = Passage::Stalled,
            Self::OneWay(one, other) if (from, to) == (one, other) => weather.passage = Passage::Stalled,
            Self::Isolated(at) if from == at || to == at => weather.passage = Passage::Stalled,
            Self::Deposed(at) if is_of_backends(from, to) && (from == at || to == at) => {
                weather.passage = Passage::Stalled;
            }
            Self::Refused(one, other) if (from, to) == (one, other) && weather.passage == Passage::Open => {
                weather.passage = Passage::Refused;
            }
            Self::Slow(one, other, rate) if is_between(one, other) => {
                weather.bytes_per_second = Some(weather.bytes_per_second.map_or(rate, |before| before.min(rate)));
            }
            Self::Far(at, delay) if from == at || to == at => {
                weather.delay += delay;
                weather.jitter += delay;
            }
            _ => {}
        }
    }
}

fn is_of_backends(from: Place, to: Place) -> bool {
    matches!((from, to), (Place::Backend(_), Place::Backend(_)))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(at) => write!(f, "{at} is killed"),
            Self::PowerCut(at) => write!(f, "{at} loses its power"),
            Self::Blackout => f.write_str("all backends lose their power"),
            Self::LostDisk(at) => write!(f, "{at} is killed and loses its disk"),
            Self::Stop(at) => write!(f, "{at} is stopped"),
            Self::Roll => f.write_str("every process is stopped and started, one after the other"),
            Self::Freeze(at) => write!(f, "{at} is frozen"),
            Self::Cut(one, other) => write!(f, "connections between {one} and {other} break"),
            Self::Apart(one, other) => write!(f, "nothing gets through between {one} and {other}"),
            Self::OneWay(from, to) => write!(f, "nothing gets from {from} to {to}"),
            Self::Isolated(at) => write!(f, "{at} is alone"),
            Self::Deposed(at) => write!(f, "{at} and the other backends do not reach each other"),
            Self::Refused(from, to) => write!(f, "{to} refuses {from}"),
            Self::Slow(one, other, rate) => write!(f, "between {one} and {other} pass {rate} bytes a second"),
            Self::Far(at, delay) => write!(f, "{at} is {delay:?} further away"),
            Self::FullDisk(at) => write!(f, "the disk of {at} is full"),
            Self::SlowDisk(at, delay) => write!(f, "the disk of {at} takes {delay:?} each time"),
            Self::Clock(at, Lasting::Ahead(by)) => write!(f, "the clock of {at} is {by:?} ahead"),
            Self::Clock(at, Lasting::Behind(by)) => write!(f, "the clock of {at} is {by:?} behind"),
            Self::Renewal(at) => write!(f, "{at} is told to renew its certificate"),
            Self::Succession => f.write_str("the authority is told to make a successor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_one_road_add_up() {
        let (a, b, c) = (Place::Backend(0), Place::Backend(1), Place::Clients);
        let second = Duration::from_secs(1);
        let faults = [Fault::OneWay(a, b), Fault::Refused(a, b), Fault::Far(a, second), Fault::Slow(b, a, 7)];
        let of = |from, to| {
            let mut weather = Weather::default();
            faults.iter().for_each(|fault| fault.weather(from, to, &mut weather));
            weather
        };
        let there = of(a, b);
        assert_eq!((there.passage, there.delay, there.bytes_per_second), (Passage::Stalled, second, Some(7)));
        assert_eq!(of(b, a).passage, Passage::Open);
        assert_eq!((of(c, b), of(c, a).delay), (Weather::default(), second));
    }

    #[test]
    fn a_backend_that_is_deposed_is_reached_by_frontends() {
        let (a, b, frontend) = (Place::Backend(0), Place::Backend(1), Place::Frontend(0));
        let passage = |from, to| {
            let mut weather = Weather::default();
            Fault::Deposed(a).weather(from, to, &mut weather);
            weather.passage
        };
        assert_eq!((passage(a, b), passage(b, a)), (Passage::Stalled, Passage::Stalled));
        let others = [(a, frontend), (frontend, a), (b, Place::Backend(2))];
        assert!(others.into_iter().all(|(from, to)| passage(from, to) == Passage::Open));
    }
}
