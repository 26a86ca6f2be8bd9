//! Two ends of a link between processes, over memory and in one thread: the framing of messages, and nothing else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{
    Connect, Connecting, Connection, Deadlines, Destination, Incarnation, Integrity, Lifetime, Link, Peer, Proof,
    Settings, StreamId, greet,
};
use tokio::io::{DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::sync::Notify;

/// A lane's message with a publish of 64 bytes in it, or a few acknowledgements.
const MESSAGE_BYTES: usize = 256;

/// Messages that are under way at a time.
const BURST: u64 = 50;

const PIPE_BYTES: usize = 64 * 1024;
const WINDOW: u64 = 256 * 1024;
const STREAM: StreamId = StreamId(1);

/// Carries `count` messages, as over TLS: without checksums.
pub fn carry(count: u64) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (far, driver) = Link::accepting(settings("backend", "frontend"));
        let arrived = Arc::new(Arrived::default());
        far.receive(STREAM, WINDOW, Box::new(Counting(Arc::clone(&arrived))));
        tokio::spawn(driver.run());
        let (near, driver) = Link::dialing(settings("frontend", "backend"), Box::new(Dial(far)));
        tokio::spawn(driver.run());
        near.status().wait_for(|status| status.session > 0).await.expect("the link stands");
        let sender = near.sender(STREAM).expect("there is a session");
        while sender.room() != Room::Free {
            tokio::task::yield_now().await;
        }
        let message = Bytes::from(vec![b'x'; MESSAGE_BYTES]);
        for burst in 1..=count / BURST {
            for _ in 0..BURST {
                sender.send(message.clone()).expect("the link stands");
            }
            while arrived.messages.load(Ordering::Relaxed) < burst * BURST {
                arrived.some.notified().await;
            }
        }
    });
}

fn peer(role: &str) -> Peer {
    Peer {
        cluster: "benches".into(),
        role: role.into(),
        name: role.into(),
        software: String::new().into(),
        incarnation: Incarnation(1),
    }
}

fn settings(us: &str, them: &str) -> Settings {
    let (us, peer_role) = (peer(us), them.into());
    Settings { us, peer_role, peer_name: None, number: 0, deadlines: Deadlines::default(), answer: None }
}

fn connection(io: DuplexStream) -> Connection {
    let lifetime = Lifetime::default();
    Connection { io: Box::new(io), integrity: Integrity::Trusted, lifetime, proof: Proof::Word }
}

/// Connects to the accepting end.
struct Dial(Link);

impl Connect for Dial {
    fn connect(&mut self) -> Connecting {
        let (near, far) = duplex(PIPE_BYTES);
        let link = self.0.clone();
        Box::pin(async move {
            tokio::spawn(async move {
                let us = peer("backend");
                let arrival = greet(connection(far), &us, Deadlines::default().handshake).await;
                link.attach(arrival.expect("a greeting")).map_err(|_| io::ErrorKind::ConnectionRefused).expect("room");
            });
            Ok(connection(near))
        })
    }
}

#[derive(Default)]
struct Arrived {
    messages: AtomicU64,
    some: Notify,
}

/// Counts what arrives.
struct Counting(Arc<Arrived>);

impl Destination for Counting {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        self.0.messages.fetch_add(messages.len() as u64, Ordering::Relaxed);
        self.0.some.notify_one();
        messages.clear();
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }
}
