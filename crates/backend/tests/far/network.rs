//! Connections over memory, which a test cuts and refuses.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use link::wire::{
    Connect, Connecting, Connection, Deadlines, Incarnation, Integrity, Lifetime, Link, Peer, Proof, Settings, greet,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

pub const DEADLINE: Duration = Duration::from_secs(30);

const PIPE_BYTES: usize = 64 * 1024;

/// A process as its peers see it.
pub fn peer(role: &str, number: u16) -> Peer {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    Peer {
        cluster: "test".into(),
        role: role.into(),
        name: format!("{role}-{number}").into(),
        software: "0.1.0".into(),
        incarnation: Incarnation(RUNS.fetch_add(1, Ordering::Relaxed)),
    }
}

pub fn settings(us: &Peer, them: &str, number: u32) -> Settings {
    let deadlines = Deadlines {
        heartbeat: Duration::from_millis(50),
        silence: Duration::from_secs(10),
        drain: Duration::from_millis(300),
        ..Deadlines::default()
    };
    Settings { us: us.clone(), peer_role: them.into(), peer_name: None, number, deadlines, answer: None }
}

/// Finds the accepting link of a peer: role, number at the end of its name, number of the link.
pub type Accept = Arc<dyn Fn(&Peer, u32) -> Link + Send + Sync>;

/// The way to one process. Whoever runs there says how it accepts.
#[derive(Clone, Default)]
pub struct Door {
    accept: Arc<Mutex<Option<(Peer, Accept)>>>,
    pumps: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Door {
    pub fn open(&self, us: Peer, accept: Accept) {
        *self.accept.lock().unwrap() = Some((us, accept));
    }

    /// The process is not there any more.
    pub fn close(&self) {
        *self.accept.lock().unwrap() = None;
        self.cut();
    }

    fn cut(&self) {
        self.pumps.lock().unwrap().drain(..).for_each(|pump| pump.abort());
    }
}

/// Which directions of a road carry nothing.
#[derive(Default)]
pub struct Stalls {
    pub there: AtomicBool,
    pub back: AtomicBool,
}

/// One peer's road to a door.
#[derive(Clone)]
pub struct Path {
    door: Door,
    pub stalls: Arc<Stalls>,
    is_closed: Arc<AtomicBool>,
    pumps: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Path {
    pub fn to(door: &Door) -> Self {
        Self { door: door.clone(), stalls: Arc::default(), is_closed: Arc::default(), pumps: Arc::default() }
    }

    /// Cuts the connection; another can be made.
    pub fn cut(&self) {
        self.pumps.lock().unwrap().drain(..).for_each(|pump| pump.abort());
    }

    /// Cuts the connection and lets none come about.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.cut();
    }

    pub fn reopen(&self) {
        self.is_closed.store(false, Ordering::Release);
    }
}

async fn pump(near: DuplexStream, far: DuplexStream, stalls: Arc<Stalls>) {
    let ((near_out, near_in), (far_out, far_in)) = (tokio::io::split(near), tokio::io::split(far));
    tokio::select! {
        () = carry(near_out, far_in, &stalls.there) => {}
        () = carry(far_out, near_in, &stalls.back) => {}
    }
}

/// Carries bytes, but those that come while it stalls: these wait.
async fn carry(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>, stalls: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut bytes).await {
        while stalls.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if to.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}

fn connection(io: DuplexStream) -> Connection {
    Connection {
        io: Box::new(io),
        integrity: Integrity::Checksummed,
        lifetime: Lifetime::default(),
        proof: Proof::Word,
    }
}

impl Connect for Path {
    fn connect(&mut self) -> Connecting {
        let there = self.door.accept.lock().unwrap().clone().filter(|_| !self.is_closed.load(Ordering::Acquire));
        let (near, near_far) = tokio::io::duplex(PIPE_BYTES);
        let (far, far_near) = tokio::io::duplex(PIPE_BYTES);
        let stalls = Arc::clone(&self.stalls);
        let pumping = tokio::spawn(async move { pump(near_far, far_near, stalls).await });
        // Either the road or the process at its end may cut it.
        let cutter = {
            let abort = pumping.abort_handle();
            tokio::spawn(async move {
                let _guard = Abort(abort);
                std::future::pending::<()>().await;
            })
        };
        self.pumps.lock().unwrap().push(pumping);
        self.door.pumps.lock().unwrap().push(cutter);
        Box::pin(async move {
            let (us, accept) = there.ok_or(io::ErrorKind::ConnectionRefused)?;
            tokio::spawn(async move {
                if let Ok(arrival) = greet(connection(far), &us, DEADLINE).await {
                    let link = accept(arrival.peer(), arrival.link());
                    if let Err(back) = link.attach(arrival) {
                        let (arrival, refusal) = *back;
                        arrival.refuse(&refusal, DEADLINE).await;
                    }
                }
            });
            Ok(connection(near))
        })
    }
}

struct Abort(tokio::task::AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for what `look` finds.
pub async fn found<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"))
}
