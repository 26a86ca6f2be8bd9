//! How a worker reaches a backend: over memory.

use std::io;
use std::time::Duration;

use link::wire::{Connect, Connecting, Connection, Incarnation, Integrity, Lifetime, Peer, Proof, greet};

use super::end::Backends;

const DEADLINE: Duration = Duration::from_secs(10);
const PIPE_BYTES: usize = 64 * 1024;

pub fn peer(role: &str, name: String, incarnation: u64) -> Peer {
    let incarnation = Incarnation(incarnation);
    Peer { cluster: "test".into(), role: role.into(), name: name.into(), software: "0.1.0".into(), incarnation }
}

fn connection(io: tokio::io::DuplexStream) -> Connection {
    Connection {
        io: Box::new(io),
        integrity: Integrity::Checksummed,
        lifetime: Lifetime::default(),
        proof: Proof::Word,
    }
}

/// Connects a worker to a backend, whichever links it has by then.
pub struct Dial {
    pub backends: Backends,
    pub backend: u16,
    pub worker: u32,
}

impl Connect for Dial {
    fn connect(&mut self) -> Connecting {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (link, run) = self.backends.lock().link(self.backend, self.worker);
        let us = peer("backend", format!("backend-{}", self.backend), run);
        let runtime = self.backends.runtime.clone();
        Box::pin(async move {
            let link = link.ok_or(io::ErrorKind::ConnectionRefused)?;
            runtime.spawn(async move {
                if let Ok(arrival) = greet(connection(far), &us, DEADLINE).await
                    && let Err(back) = link.attach(arrival)
                {
                    let (arrival, refusal) = *back;
                    arrival.refuse(&refusal, DEADLINE).await;
                }
            });
            Ok(connection(near))
        })
    }
}
