//! What a message costs on a link, both ends, in one thread over memory: `cargo run --release -p link --example wire_cost`.
//!
//! Arguments: bytes of a message, messages handed over at a time, seconds, `checksums` or `trusted`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{
    Connect, Connecting, Connection, Deadlines, Destination, Incarnation, Integrity, Lifetime, Link, Peer, Proof,
    Settings, StreamId, greet,
};

const STREAM: StreamId = StreamId(1);
const WINDOW: u64 = 4 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(3);
/// As much as a socket takes.
const PIPE_BYTES: usize = 256 * 1024;

struct Count(Arc<AtomicU64>);

impl Destination for Count {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        self.0.fetch_add(messages.len() as u64, Ordering::Relaxed);
        messages.clear();
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }
}

fn settings(us: &str, them: &str) -> Settings {
    Settings {
        us: peer(us),
        peer_role: them.into(),
        peer_name: None,
        number: 0,
        deadlines: Deadlines::default(),
        answer: None,
    }
}

fn peer(role: &str) -> Peer {
    Peer {
        cluster: "bench".into(),
        role: role.into(),
        name: role.into(),
        software: "0".into(),
        incarnation: Incarnation(1),
    }
}

struct Pipe {
    link: Link,
    integrity: Integrity,
}

impl Connect for Pipe {
    fn connect(&mut self) -> Connecting {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (link, integrity) = (self.link.clone(), self.integrity);
        let connection = move |io| Connection { io, integrity, lifetime: Lifetime::default(), proof: Proof::Word };
        Box::pin(async move {
            tokio::spawn(async move {
                let arrival = greet(connection(Box::new(far)), &peer("far"), DEADLINE).await;
                let attached = arrival.map(|arrival| link.attach(arrival).is_ok());
                assert!(matches!(attached, Ok(true)), "the far end takes the connection");
            });
            Ok(connection(Box::new(near)))
        })
    }
}

async fn measure(bytes: usize, batch: usize, seconds: u64, integrity: Integrity) -> io::Result<()> {
    let (far, far_driver) = Link::accepting(settings("far", "near"));
    let received = Arc::new(AtomicU64::new(0));
    far.receive(STREAM, WINDOW, Box::new(Count(Arc::clone(&received))));
    let (near, near_driver) = Link::dialing(settings("near", "far"), Box::new(Pipe { link: far.clone(), integrity }));
    tokio::spawn(far_driver.run());
    tokio::spawn(near_driver.run());
    let sender = loop {
        match near.sender(STREAM) {
            Some(sender) if sender.room() == Room::Free => break sender,
            _ => tokio::task::yield_now().await,
        }
    };
    let message = Bytes::from(vec![7; bytes]);
    let begun = Instant::now();
    let (mut sent, mut turns) = (0, 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        if sender.room() == Room::Free {
            for _ in 0..batch {
                sender.send(message.clone()).map_err(io::Error::other)?;
            }
            sent += batch as u64;
        }
        turns += 1;
        // As a partition would: the next batch when this one is on its way.
        while received.load(Ordering::Relaxed) + (batch as u64) < sent {
            tokio::task::yield_now().await;
        }
    }
    let nanoseconds = begun.elapsed().as_nanos() as f64 / sent as f64;
    println!(
        "{bytes} B, {batch} at a time, {integrity:?}: {nanoseconds:.0} ns a message, both ends ({sent} in {turns} turns)"
    );
    Ok(())
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(or);
    let (bytes, batch, seconds) = (number(256), number(64), number(2));
    let only = arguments.next();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    for (name, integrity) in [("trusted", Integrity::Trusted), ("checksums", Integrity::Checksummed)] {
        if only.as_deref().is_none_or(|only| only == name) {
            runtime.block_on(measure(bytes, batch, seconds as u64, integrity))?;
        }
    }
    Ok(())
}
