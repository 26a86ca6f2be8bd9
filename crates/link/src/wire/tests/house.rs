//! Two processes in one: an accepting link, and dialing ones whose connections a test can cut.

use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::inbox::{self, Received};
use crate::wire::*;

pub const DEADLINE: Duration = Duration::from_secs(20);
pub const PIPE_BYTES: usize = 64 * 1024;
pub const WINDOW: u64 = 256 * 1024;

pub fn peer(role: &str, incarnation: u64) -> Peer {
    let name = format!("{role}-0").into();
    let incarnation = Incarnation(incarnation);
    Peer { cluster: "test".into(), role: role.into(), name, software: "0.1.0".into(), incarnation }
}

pub fn settings(us: &str, them: &str, incarnation: u64) -> Settings {
    let deadlines =
        Deadlines { heartbeat: Duration::from_millis(20), silence: Duration::from_millis(400), ..Deadlines::default() };
    Settings { us: peer(us, incarnation), peer_role: them.into(), peer_name: None, number: 0, deadlines, answer: None }
}

pub fn connection(io: impl Io + 'static, renew_after: Option<Duration>) -> Connection {
    let lifetime = Lifetime { renew_after, ends_after: None };
    Connection { io: Box::new(io), integrity: Integrity::Checksummed, lifetime, proof: Proof::Word }
}

/// The accepting process: whoever restarts it puts another link here.
#[derive(Clone, Default)]
pub struct House {
    pub link: Arc<Mutex<Option<Link>>>,
    /// The pipes' far ends, by which a test cuts connections.
    pub made: Arc<Mutex<Vec<JoinHandle<()>>>>,
    pub stalls: watch::Sender<()>,
    pub renew_after: Option<Duration>,
    /// What the accepting end's handshake shows of the dialing one.
    pub proof: Option<Proof>,
}

impl House {
    pub fn cut(&self) {
        self.made.lock().unwrap().drain(..).for_each(|pump| pump.abort());
    }

    /// From now on the present connections carry nothing, and stay open.
    pub fn stall(&self) {
        self.stalls.send_replace(());
    }
}

/// Carries bytes until it is aborted, which cuts the connection with what is on its way.
async fn pump(mut one: DuplexStream, mut other: DuplexStream, mut stalled: watch::Receiver<()>) {
    tokio::select! {
        _ = tokio::io::copy_bidirectional_with_sizes(&mut one, &mut other, 1000, 1000) => {}
        _ = stalled.changed() => pending().await,
    }
}

impl Connect for House {
    fn connect(&mut self) -> Connecting {
        let (near, near_far) = tokio::io::duplex(PIPE_BYTES);
        let (far, far_near) = tokio::io::duplex(PIPE_BYTES);
        self.made.lock().unwrap().push(tokio::spawn(pump(near_far, far_near, self.stalls.subscribe())));
        let link = self.link.lock().unwrap().clone();
        let renew_after = self.renew_after;
        let proof = self.proof.clone().unwrap_or(Proof::Word);
        Box::pin(async move {
            let link = link.ok_or(io::ErrorKind::ConnectionRefused)?;
            tokio::spawn(async move {
                let us = peer("backend", 0);
                if let Ok(arrival) = greet(Connection { proof, ..connection(far, None) }, &us, DEADLINE).await
                    && let Err(back) = link.attach(arrival)
                {
                    let (arrival, refusal) = *back;
                    arrival.refuse(&refusal, DEADLINE).await;
                }
            });
            Ok(connection(near, renew_after))
        })
    }
}

/// Waits for what `look` finds.
async fn until<T, F: Future<Output = ()>>(mut look: impl FnMut() -> Option<T>, mut between: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            between().await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("in time")
}

pub async fn found<T>(look: impl FnMut() -> Option<T>) -> T {
    until(look, || tokio::time::sleep(Duration::from_millis(1))).await
}

pub fn backend(house: &House, incarnation: u64) -> (Link, inbox::Receiver) {
    let (link, driver) = Link::accepting(settings("backend", "frontend", incarnation));
    let (sender, receiver) = inbox::channel(WINDOW as usize);
    link.receive(StreamId(1), WINDOW, Box::new(sender));
    tokio::spawn(driver.run());
    *house.link.lock().unwrap() = Some(link.clone());
    (link, receiver)
}

pub fn frontend(house: &House) -> Link {
    let (link, driver) = Link::dialing(settings("frontend", "backend", 7), Box::new(house.clone()));
    tokio::spawn(driver.run());
    link
}

pub fn take(receiver: &inbox::Receiver, into: &mut Vec<Bytes>) -> bool {
    let before = into.len();
    let open = receiver.receive(into, Duration::ZERO) != Received::Closed;
    receiver.done(into[before..].iter().map(Bytes::len).sum());
    open
}

pub fn numbered(number: u32) -> Bytes {
    let mut message = vec![0; 50 + number as usize % 300];
    message[..4].copy_from_slice(&number.to_le_bytes());
    message.into()
}
