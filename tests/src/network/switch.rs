//! Takes packets from one machine and hands them to another, late, out of order, or not at all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::random::Random;

use super::{Figures, Machine, Quality};

/// Larger than any packet of these interfaces.
const PACKET_BYTES: usize = 2048;

/// Packets taken from one machine before the next has its turn.
const TURN: usize = 64;

/// How soon a new machine is seen, and the end.
const LOOK: Duration = Duration::from_millis(5);

/// What would wait longer before a narrow wire is lost.
const LONGEST_QUEUE: Duration = Duration::from_millis(200);

pub(super) struct Switch(Mutex<State>);

#[derive(Default)]
struct State {
    machines: Vec<Arc<Machine>>,
    /// By the places of sender and receiver in `machines`.
    wires: BTreeMap<(usize, usize), Wire>,
    figures: Figures,
    is_over: bool,
}

#[derive(Clone, Copy, Default)]
struct Wire {
    quality: Quality,
    /// When all that was sent so far has left.
    free: Option<Instant>,
    /// When the latest of all that was sent so far arrives.
    latest: Option<Instant>,
}

/// A packet on its way; the earliest is the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying(Reverse<(Instant, u64)>, usize, Box<[u8]>);

impl Switch {
    pub(super) fn new() -> Self {
        Switch(Mutex::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the switch's lock")
    }

    pub(super) fn machine(&self, name: &str) -> Arc<Machine> {
        let mut state = self.state();
        if let Some(found) = state.machines.iter().find(|machine| machine.name() == name) {
            return Arc::clone(found);
        }
        let number = u8::try_from(state.machines.len() + 1).expect("fewer machines");
        let machine = Arc::new(Machine::new(name, number));
        state.machines.push(Arc::clone(&machine));
        machine
    }

    /// Sets the wires between all machines, by the names of sender and receiver, that `which` picks.
    pub(super) fn set(&self, quality: Quality, which: impl Fn(&str, &str) -> bool) {
        let mut state = self.state();
        let State { machines, wires, .. } = &mut *state;
        let mut found = false;
        for (from, sender) in machines.iter().enumerate() {
            for (to, receiver) in machines.iter().enumerate() {
                if from != to && which(sender.name(), receiver.name()) {
                    wires.entry((from, to)).or_default().quality = quality;
                    found = true;
                }
            }
        }
        assert!(found, "there is no such wire");
    }

    pub(super) fn figures(&self) -> Figures {
        self.state().figures
    }

    pub(super) fn end(&self) {
        self.state().is_over = true;
    }

    /// Works until [`Switch::end`].
    pub(super) fn run(&self) {
        let (mut flying, mut number) = (BinaryHeap::new(), 0);
        let mut random = Random::new(Random::seed());
        let mut room = [0; PACKET_BYTES];
        loop {
            let machines = self.state().machines.clone();
            await_packets(&machines, flying.peek());
            let mut state = self.state();
            if state.is_over {
                return;
            }
            let now = Instant::now();
            for (from, machine) in machines.iter().enumerate() {
                for _ in 0..TURN {
                    let Some(packet) = machine.sent(&mut room) else { break };
                    let Some(to) = receiver(&machines, packet) else { continue };
                    number += 1;
                    match state.admit((from, to), packet.len(), now, &mut random) {
                        Some(at) if at <= now => machines[to].receive(packet),
                        Some(at) => flying.push(Flying(Reverse((at, number)), to, packet.into())),
                        None => {}
                    }
                }
            }
            drop(state);
            while let Some(Flying(Reverse((at, _)), ..)) = flying.peek()
                && *at <= now
            {
                let Flying(_, to, packet) = flying.pop().expect("the packet just seen");
                machines[to].receive(&packet);
            }
        }
    }
}

impl State {
    /// When a packet arrives, or nothing where it is lost.
    fn admit(&mut self, wire: (usize, usize), bytes: usize, now: Instant, random: &mut Random) -> Option<Instant> {
        let State { wires, figures, .. } = self;
        let wire = wires.entry(wire).or_default();
        let quality = wire.quality;
        let mut leaves = now;
        let is_lost = random.below(1000) < u64::from(quality.lost_of_thousand);
        if let (Some(rate), false) = (quality.bytes_per_second, is_lost) {
            figures.queued += u64::from(wire.free.is_some_and(|free| free > now));
            leaves = now.max(wire.free.unwrap_or(now)) + Duration::from_secs_f64(bytes as f64 / rate as f64);
        }
        if is_lost || leaves.duration_since(now) > LONGEST_QUEUE {
            figures.lost += 1;
            return None;
        }
        wire.free = Some(leaves);
        let spread = 2 * quality.jitter.as_micros() as u64 + 1;
        let arrives =
            leaves + quality.delay.saturating_sub(quality.jitter) + Duration::from_micros(random.below(spread));
        figures.passed += 1;
        figures.overtook += u64::from(wire.latest.is_some_and(|latest| arrives < latest));
        wire.latest = wire.latest.max(Some(arrives));
        Some(arrives)
    }
}

/// To whom an IPv4 packet goes, if that is one of these.
fn receiver(machines: &[Arc<Machine>], packet: &[u8]) -> Option<usize> {
    if packet.first()? >> 4 != 4 {
        return None;
    }
    let to = IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?);
    machines.iter().position(|machine| machine.address() == to)
}

/// Waits until a machine has sent something, the next packet is due, or it is time to look around.
fn await_packets(machines: &[Arc<Machine>], next: Option<&Flying>) {
    let due = next.map_or(LOOK, |Flying(Reverse((at, _)), ..)| at.saturating_duration_since(Instant::now()));
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: due.min(LOOK).subsec_nanos().into() };
    let mut files: Vec<libc::pollfd> =
        machines.iter().map(|machine| libc::pollfd { fd: machine.wire(), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the entries and the time live until the call returns.
    unsafe { libc::ppoll(files.as_mut_ptr(), files.len() as libc::nfds_t, &raw const timeout, std::ptr::null()) };
}
