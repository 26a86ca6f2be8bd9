//! The network between machines: connections like those of TCP, over roads that have conditions.
//!
//! A connection is two pipes. What is written is due at the other end after the road's delay, in order; a road that stalls holds
//! everything back, as one that loses every packet does. Nothing here has a thread: who reads waits for what is due with his own
//! runtime's timer. What machines share is changed within `engine::uninterruptible`, so that none is killed in the middle of it.

mod dialing;
mod pipe;
mod road;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::io::ReadBuf;

use crate::engine;

use super::dice::Dice;
use pipe::{Found, Pipe};
use road::Road;
pub use road::{Passage, Weather};
pub use stream::Stream;

/// Who is somewhere on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Clients,
    Frontend(u16),
    Backend(u16),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("clients"),
            Self::Frontend(number) => write!(f, "frontend-{number}"),
            Self::Backend(number) => write!(f, "backend-{number}"),
        }
    }
}

/// The network; clones are the same.
#[derive(Clone)]
pub struct Network(Arc<Mutex<Inside>>);

/// Who listens at a place.
#[derive(Default)]
struct Door {
    arrived: VecDeque<Arrived>,
    acceptor: Option<Waker>,
}

/// A connection that somebody has made.
pub struct Arrived {
    pub from: Place,
    /// What was dialled: at a frontend, the worker.
    pub port: u16,
    pub stream: Stream,
}

struct Connection {
    from: Place,
    to: Place,
    /// From who has dialled, and to him.
    there: Pipe,
    back: Pipe,
}

struct Inside {
    dice: Dice,
    delay: Duration,
    jitter: Duration,
    /// By direction; those that are not here are as roads are.
    roads: BTreeMap<(Place, Place), Road>,
    doors: BTreeMap<Place, Door>,
    /// Machines without power: nobody answers there.
    dark: BTreeSet<Place>,
    connections: BTreeMap<u64, Connection>,
    made: u64,
    /// To be woken once the lock is released.
    woken: Vec<Waker>,
}

/// Whose end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Dialer,
    Acceptor,
}

impl Network {
    pub fn new(seed: u64, delay: Duration, jitter: Duration) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            dice: Dice::new(seed, 2),
            delay,
            jitter,
            roads: BTreeMap::new(),
            doors: BTreeMap::new(),
            dark: BTreeSet::new(),
            connections: BTreeMap::new(),
            made: 0,
            woken: Vec::new(),
        })))
    }

    /// Does something with what is shared, then wakes whom it concerns.
    fn with<R>(&self, work: impl FnOnce(&mut Inside) -> R) -> R {
        engine::uninterruptible(|| {
            let (result, woken) = {
                let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let result = work(&mut inside);
                (result, std::mem::take(&mut inside.woken))
            };
            woken.into_iter().for_each(Waker::wake);
            result
        })
    }

    /// Listens at `place` from now on.
    pub fn listen(&self, place: Place) {
        self.with(|inside| inside.doors.insert(place, Door::default()));
    }

    /// Nobody listens there any more.
    pub fn unlisten(&self, place: Place) {
        let door = self.with(|inside| inside.doors.remove(&place));
        drop(door);
    }

    /// Whether somebody listens there.
    pub fn listens(&self, place: Place) -> bool {
        self.with(|inside| inside.doors.contains_key(&place) && !inside.dark.contains(&place))
    }

    /// The next connection that somebody makes to `place`; waits for ever where nobody listens any more.
    pub async fn accept(&self, place: Place) -> Arrived {
        std::future::poll_fn(|context| self.poll_accept(place, context)).await
    }

    fn poll_accept(&self, place: Place, context: &mut Context<'_>) -> Poll<Arrived> {
        self.with(|inside| {
            let Some(door) = inside.doors.get_mut(&place) else { return Poll::Pending };
            match door.arrived.pop_front() {
                Some(arrived) => Poll::Ready(arrived),
                None => {
                    door.acceptor = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// Sets the weather of one direction, and lets go what waits for it.
    pub fn set_weather(&self, from: Place, to: Place, weather: Weather) {
        self.with(|inside| {
            let road = inside.roads.entry((from, to)).or_default();
            if road.weather != weather {
                road.weather = weather;
                inside.wake_road(from, to);
            }
        });
    }

    /// Breaks every connection between two places; both hear of it at once.
    pub fn cut(&self, one: Place, other: Place) {
        self.with(|inside| {
            let between = |connection: &Connection| {
                (connection.from, connection.to) == (one, other) || (connection.from, connection.to) == (other, one)
            };
            for connection in inside.connections.values_mut().filter(|connection| between(connection)) {
                connection.there.break_off(&mut inside.woken);
                connection.back.break_off(&mut inside.woken);
            }
        });
    }

    /// The process at `place` was killed: its system resets every connection, which peers hear when it has come to them.
    pub fn reset(&self, place: Place) {
        self.with(|inside| inside.end_of(place, Farewell::Reset));
    }

    /// The machine at `place` has lost its power: nobody hears anything of it.
    pub fn darken(&self, place: Place) {
        self.with(|inside| {
            inside.dark.insert(place);
            inside.end_of(place, Farewell::Silence);
        });
    }

    /// It has power again, and knows nothing of the connections of before.
    pub fn lighten(&self, place: Place) {
        self.with(|inside| {
            if inside.dark.remove(&place) {
                inside.end_of(place, Farewell::Reset);
            }
        });
    }
}

/// What peers hear of a process that has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Reset,
    Silence,
}

impl Inside {
    fn end_of(&mut self, place: Place, farewell: Farewell) {
        // All of it belongs to a process that is not there any more: nothing of it may run, its destructors neither.
        std::mem::forget(self.doors.remove(&place));
        let numbers: Vec<u64> = self.connections.keys().copied().collect();
        for number in numbers {
            self.change(number, |inside, connection| {
                for end in [End::Dialer, End::Acceptor] {
                    if connection.place(end) == place {
                        inside.leave(connection, end, farewell);
                    }
                }
            });
        }
    }

    /// Who has that end is not there any more.
    fn leave(&mut self, connection: &mut Connection, end: End, farewell: Farewell) {
        let way = connection.way(end);
        connection.incoming(end).forget_reader();
        let out = connection.outgoing(end);
        out.forget_writer();
        if farewell == Farewell::Reset {
            let due = self.due(way, 0, out.last_due());
            out.push_reset(due, &mut self.woken);
        }
    }

    /// `None` if there is no such connection any more. One that is over goes.
    fn change<R>(&mut self, number: u64, work: impl FnOnce(&mut Self, &mut Connection) -> R) -> Option<R> {
        let mut connection = self.connections.remove(&number)?;
        let result = work(self, &mut connection);
        if !(connection.there.is_over() && connection.back.is_over()) {
            self.connections.insert(number, connection);
        }
        Some(result)
    }

    fn read(&mut self, number: u64, end: End, context: &Context<'_>, into: &mut ReadBuf<'_>) -> io::Result<Found> {
        let read = self.change(number, |inside, connection| {
            let (from, to) = connection.way(end.other());
            let is_stalled = inside.passage(from, to) == Passage::Stalled;
            let incoming = connection.incoming(end);
            if is_stalled && !incoming.is_broken() {
                incoming.wait_to_read(context);
                return Ok(Found::Nothing);
            }
            let found = incoming.read(Instant::now(), into, &mut inside.woken);
            match &found {
                Ok(Found::Read) => {}
                Ok(_) => incoming.wait_to_read(context),
                Err(_) => connection.outgoing(end).break_off(&mut inside.woken),
            }
            found
        });
        read.unwrap_or_else(|| Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn write(&mut self, number: u64, end: End, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.change(number, |inside, connection| {
            let way = connection.way(end);
            let out = connection.outgoing(end);
            out.poll_room(context).map_ok(|room| {
                let len = room.min(bytes.len());
                let due = inside.due(way, len, out.last_due());
                out.push(due, &bytes[..len], &mut inside.woken);
                len
            })
        });
        written.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())))
    }

    fn shut_down(&mut self, number: u64, end: End) {
        self.change(number, |inside, connection| inside.say_end(connection, end));
    }

    fn close(&mut self, number: u64, end: End) {
        self.change(number, |inside, connection| {
            inside.say_end(connection, end);
            connection.incoming(end).close_reader(&mut inside.woken);
        });
    }

    fn say_end(&mut self, connection: &mut Connection, end: End) {
        let due = self.due(connection.way(end), 0, connection.outgoing(end).last_due());
        connection.outgoing(end).push_end(due, &mut self.woken);
    }

    /// When what is written now to that road arrives.
    fn due(&mut self, way: (Place, Place), bytes: usize, not_before: Instant) -> Instant {
        let jitter = Duration::from_micros(self.dice.below(self.jitter.as_micros() as u64 + 1));
        let delay = self.delay + jitter;
        let road = self.roads.entry(way).or_default();
        road.due(Instant::now(), bytes, delay, &mut self.dice).max(not_before)
    }

    fn passage(&self, from: Place, to: Place) -> Passage {
        if self.dark.contains(&from) || self.dark.contains(&to) {
            return Passage::Stalled;
        }
        self.roads.get(&(from, to)).map_or(Passage::Open, |road| road.weather.passage)
    }

    fn wake_road(&mut self, from: Place, to: Place) {
        for connection in self.connections.values_mut() {
            for end in [End::Dialer, End::Acceptor] {
                if connection.way(end) == (from, to) {
                    connection.outgoing(end).wake_reader(&mut self.woken);
                }
            }
        }
    }
}

impl End {
    fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Acceptor,
            Self::Acceptor => Self::Dialer,
        }
    }
}

impl Connection {
    fn place(&self, end: End) -> Place {
        match end {
            End::Dialer => self.from,
            End::Acceptor => self.to,
        }
    }

    /// From that end to the other.
    fn way(&self, end: End) -> (Place, Place) {
        (self.place(end), self.place(end.other()))
    }

    fn outgoing(&mut self, end: End) -> &mut Pipe {
        match end {
            End::Dialer => &mut self.there,
            End::Acceptor => &mut self.back,
        }
    }

    fn incoming(&mut self, end: End) -> &mut Pipe {
        self.outgoing(end.other())
    }
}
