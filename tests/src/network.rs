//! A network of the test's own: a namespace for each machine, and a switch between them that delays, drops, reorders and
//! cuts real packets. Nothing leads out of it, and the kernel takes it all away with the test's process, however that ends.
//!
//! The switch is a thread of the test: it does what `tc netem` would on kernels that have none, and each wire in each
//! direction can be told apart.

mod machine;
mod quality;
mod switch;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use machine::Machine;
pub use quality::Quality;
use switch::Switch;

/// A handle; clones are the same network, which ends with the last of them.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    switch: Arc<Switch>,
    thread: Option<JoinHandle<()>>,
}

/// What happened to packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub passed: u64,
    /// Lost by chance, in a cut, or because the queue before a slow wire was full.
    pub lost: u64,
    /// Passed before one that was sent earlier on the same wire.
    pub overtook: u64,
    /// Waited before a narrow wire, lost or not.
    pub queued: u64,
}

impl Default for Network {
    fn default() -> Self {
        Network::new()
    }
}

impl Network {
    pub fn new() -> Self {
        let switch = Arc::new(Switch::new());
        let working = Arc::clone(&switch);
        let thread = std::thread::Builder::new().name("switch".into()).spawn(move || working.run());
        Network(Arc::new(Inner { switch, thread: Some(thread.expect("a thread")) }))
    }

    /// Adds a machine, or finds the one of that name. Panics where the system does not let us have one.
    pub fn add(&self, name: &str) -> Arc<Machine> {
        self.0.switch.machine(name)
    }

    /// What becomes of packets from machines whose names begin so to those whose names begin so; "" is every machine's.
    pub fn from_to(&self, from: &str, to: &str, quality: Quality) {
        self.0.switch.set(quality, |sender, receiver| sender.starts_with(from) && receiver.starts_with(to));
    }

    /// The same in both directions.
    pub fn between(&self, one: &str, other: &str, quality: Quality) {
        self.from_to(one, other, quality);
        self.from_to(other, one, quality);
    }

    /// What has become of packets since the network began.
    pub fn figures(&self) -> Figures {
        self.0.switch.figures()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Network").field(&self.figures()).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.switch.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use super::*;

    const MESSAGES: u32 = 200;

    /// Two machines, and a socket on each; the second is connected to the first.
    fn pair() -> (Network, UdpSocket, UdpSocket) {
        let network = Network::new();
        let [one, other] = ["one", "other"].map(|name| {
            let machine = network.add(name);
            machine.within(|| UdpSocket::bind((machine.address(), 7)).expect("an address of its own"))
        });
        other.connect(one.local_addr().expect("an address")).expect("a way there");
        one.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        (network, one, other)
    }

    fn send(from: &UdpSocket) {
        for number in 0..MESSAGES {
            from.send(&number.to_be_bytes()).expect("a packet sent");
        }
    }

    /// Everything that comes until nothing has come for a while.
    fn receive(at: &UdpSocket) -> Vec<u32> {
        let mut bytes = [0; 4];
        std::iter::from_fn(|| at.recv(&mut bytes).ok().map(|_| u32::from_be_bytes(bytes))).collect()
    }

    #[test]
    fn a_perfect_wire_passes_everything_in_order_and_a_cut_one_nothing() {
        let (network, one, other) = pair();
        send(&other);
        assert_eq!(receive(&one), (0..MESSAGES).collect::<Vec<_>>());
        network.from_to("other", "one", Quality::cut());
        send(&other);
        assert!(receive(&one).is_empty(), "a packet passed a wire that is cut");
        assert_eq!(network.figures(), Figures { passed: MESSAGES.into(), lost: MESSAGES.into(), ..Figures::default() });
    }

    #[test]
    fn a_late_wire_delays_and_reorders_and_loses_nothing() {
        let (network, one, other) = pair();
        network.between("one", "other", Quality::late(60, 30));
        let begin = Instant::now();
        send(&other);
        let mut bytes = [0; 4];
        one.recv(&mut bytes).expect("the first packet");
        assert!(begin.elapsed() >= Duration::from_millis(30), "a packet came sooner than any can");
        let mut got = [vec![u32::from_be_bytes(bytes)], receive(&one)].concat();
        assert!(!got.is_sorted(), "in order");
        got.sort_unstable();
        assert_eq!(got, (0..MESSAGES).collect::<Vec<_>>());
    }

    #[test]
    fn a_bad_wire_loses_some_and_a_narrow_one_what_does_not_fit() {
        let (network, one, other) = pair();
        network.from_to("", "", Quality::losing(30));
        send(&other);
        let some = receive(&one).len() as u32;
        assert!((MESSAGES / 4..MESSAGES).contains(&some), "{some} of {MESSAGES}");
        // A packet is of 32 bytes: a fifth of a second is 32 of them.
        network.between("one", "other", Quality::narrow(5120));
        send(&other);
        let some = receive(&one).len() as u32;
        assert!((30..MESSAGES).contains(&some), "{some} of {MESSAGES}");
    }

    #[test]
    fn a_link_that_is_down_tells_who_sends() {
        let (network, one, other) = pair();
        network.add("other").link_down();
        assert!(other.send(b"lost").is_err());
        network.add("other").link_up();
        send(&other);
        assert_eq!(receive(&one).len() as u32, MESSAGES);
    }

    #[test]
    fn nothing_leads_out() {
        let (_network, _one, other) = pair();
        let error = other.connect("192.0.2.1:7").expect_err("a way out");
        assert_eq!(error.kind(), std::io::ErrorKind::NetworkUnreachable);
    }
}
