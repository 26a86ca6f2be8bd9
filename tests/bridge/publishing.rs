//! A publisher of numbered messages that counts what is acknowledged, over any number of broker deaths.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use causeway_tests::client::Event;
use causeway_tests::{Ack, AckKind, Client, Connect, Packet, Version, eventually, fresh};

use crate::numbered::{Series, TURN, open};

/// A publisher at work; ends with this value.
pub struct Publishing {
    series: Series,
    state: Arc<Sender>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Sender {
    stop: AtomicBool,
    held: AtomicBool,
    /// Held, and nothing is under way.
    idle: AtomicBool,
    acknowledged: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Publishing {
    /// Begins to publish there, and goes on until everything is acknowledged, whatever becomes of the broker.
    pub fn start(address: SocketAddr, series: Series) -> Self {
        let state = Arc::new(Sender::default());
        let work = Work {
            connect: Connect::persistent(Version::V5, &fresh("publisher")),
            series: series.clone(),
            state: state.clone(),
            flying: VecDeque::new(),
            next: 0,
            next_packet_id: 0,
        };
        let thread = std::thread::spawn(move || work.run(address));
        Publishing { series, state, thread: Some(thread) }
    }

    /// Messages acknowledged so far. They are acknowledged in their order.
    pub fn acknowledged(&self) -> u64 {
        self.state.acknowledged.load(Ordering::Relaxed)
    }

    pub fn is_done(&self) -> bool {
        self.acknowledged() == self.series.count
    }

    /// Sends nothing new; what is under way is still acknowledged.
    pub fn hold(&self) {
        self.state.idle.store(false, Ordering::SeqCst);
        self.state.held.store(true, Ordering::SeqCst);
    }

    /// After [`Publishing::hold`]: waits until everything sent is acknowledged.
    pub fn settle(&self) {
        eventually("what was sent is acknowledged", || self.state.idle.load(Ordering::SeqCst).then_some(()));
    }

    pub fn go_on(&self) {
        self.state.held.store(false, Ordering::SeqCst);
    }

    pub fn series(&self) -> &Series {
        &self.series
    }

    pub fn errors(&self) -> Vec<String> {
        self.state.errors.lock().expect("the publisher's errors").clone()
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    connect: Connect,
    series: Series,
    state: Arc<Sender>,
    /// Number and packet identifier of what is not acknowledged.
    flying: VecDeque<(u64, u16)>,
    next: u64,
    next_packet_id: u16,
}

impl Work {
    fn run(mut self, address: SocketAddr) {
        while !self.is_over() {
            match open(address, &self.connect) {
                Some(mut client) => drop(self.stay(&mut client)),
                None => std::thread::sleep(TURN),
            }
        }
    }

    fn is_over(&self) -> bool {
        let done = self.next == self.series.count && self.flying.is_empty();
        done || self.state.stop.load(Ordering::Relaxed)
    }

    /// Publishes until the connection or the work is over.
    fn stay(&mut self, client: &mut Client) -> io::Result<()> {
        let again = self.flying.iter().flat_map(|(n, id)| self.series.publish(*n, *id).dup().encode(Version::V5));
        client.try_send(&again.collect::<Vec<u8>>())?;
        while !self.is_over() {
            self.send(client)?;
            let turn = Instant::now() + TURN;
            loop {
                match client.poll(turn.saturating_duration_since(Instant::now())) {
                    Some(Event::Packet(Packet::Ack(ack))) if ack.kind == AckKind::PubAck => self.answered(&ack),
                    Some(Event::Packet(Packet::Disconnect { .. }) | Event::Closed) => return Ok(()),
                    Some(Event::Packet(other)) => self.wrong(format!("{other:?} to a publisher")),
                    None => break,
                }
                if self.series.burst.is_none() && self.flying.len() <= self.series.window / 2 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, client: &mut Client) -> io::Result<()> {
        let held = self.state.held.load(Ordering::SeqCst);
        self.state.idle.store(held && self.flying.is_empty(), Ordering::SeqCst);
        if held {
            return Ok(());
        }
        let room = self.series.window - self.flying.len();
        let most = self.series.burst.unwrap_or(room).min(room) as u64;
        let mut bytes = Vec::new();
        for _ in 0..most.min(self.series.count - self.next) {
            self.next_packet_id = self.next_packet_id % 60_000 + 1;
            self.flying.push_back((self.next, self.next_packet_id));
            bytes.extend(self.series.publish(self.next, self.next_packet_id).encode(Version::V5));
            self.next += 1;
        }
        client.try_send(&bytes)
    }

    fn answered(&mut self, ack: &Ack) {
        let Some(&(number, id)) = self.flying.front() else { return self.wrong(format!("{ack:?} for nothing")) };
        if ack.packet_id != id {
            return self.wrong(format!("{ack:?} before the one of {id}, message {number}"));
        }
        // 0x10: nobody would get it, and so it would be lost.
        if ack.reason != 0 {
            self.wrong(format!("message {number}: {ack:?}"));
        }
        self.flying.pop_front();
        self.state.acknowledged.store(number + 1, Ordering::Relaxed);
    }

    fn wrong(&self, text: String) {
        let mut errors = self.state.errors.lock().expect("the publisher's errors");
        if errors.len() < 20 {
            errors.push(text);
        }
    }
}
