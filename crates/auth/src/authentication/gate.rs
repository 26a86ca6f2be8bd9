//! Judging, away from the threads that move messages: a thread of its own, a bounded queue, a deadline for each.

mod limiter;
mod lines;
mod reply;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use mqtt::ReasonCode;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use limiter::LimiterSettings;
use limiter::{Limiter, Outcome};
use lines::Lines;
pub use reply::Reply;

use super::counters::Counters;
use super::credentials::{Credentials, Purpose};
use super::judgement::Verdict;
use super::methods::Methods;

/// How much is judged at once, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// Requests that wait to be taken up; more are refused with 0x89.
    pub queue: usize,
    /// Requests that are taken up, whether judged or in the line of their address.
    pub most_at_once: usize,
    /// Requests of one address (of IPv6: of one /64) that are judged at once.
    pub most_of_address: usize,
    /// Requests of one address that wait behind those; more are refused with 0x89.
    pub line_of_address: usize,
    /// For one request, from when it is taken up.
    pub deadline: Duration,
    pub limiter: LimiterSettings,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            queue: 1024,
            most_at_once: 4096,
            most_of_address: 32,
            line_of_address: 1024,
            deadline: Duration::from_secs(10),
            limiter: LimiterSettings::default(),
        }
    }
}

/// One client to judge.
pub struct Request {
    pub credentials: Credentials,
    pub purpose: Purpose,
    /// Those of the listener, as they are now.
    pub methods: Arc<Methods>,
}

/// The way in. Cloned freely; [`GateThread`] owns the thread behind it.
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
    queue: mpsc::Sender<(Request, Reply)>,
    limiter: Mutex<Limiter>,
    lines: Arc<Lines>,
    counters: Arc<Counters>,
}

/// The thread that judges. Dropping it ends it: what is under way is answered with "unavailable".
pub struct GateThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gate {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue.
    pub fn start(settings: &GateSettings, counters: &Arc<Counters>) -> io::Result<(Self, GateThread)> {
        let (queue, requests) = mpsc::channel(settings.queue);
        let limiter = Mutex::new(Limiter::new(settings.limiter));
        let lines = Arc::new(Lines::new(settings.most_of_address, settings.line_of_address));
        let shared = Arc::new(Shared { queue, limiter, lines, counters: Arc::clone(counters) });
        // Names are looked up and passwords hashed beside it.
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
        let (stop, stopped) = oneshot::channel();
        let judging = judge_all(requests, Arc::downgrade(&shared), settings.most_at_once, settings.deadline);
        let thread = std::thread::Builder::new().name("authentication".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = judging => {}
                    _ = stopped => {}
                }
            });
            // Tasks end here, and with them the replies they hold.
            runtime.shutdown_background();
        })?;
        Ok((Self(shared), GateThread { stop: Some(stop), thread: Some(thread) }))
    }

    /// Goes by these bounds from now on. What addresses have failed so far still counts, unless there is no limit any more.
    pub fn set_limiter(&self, settings: LimiterSettings) {
        self.0.limiter().set(settings);
    }

    /// Whether an address has failed so often that it is refused unseen; counted if it is.
    pub fn is_limited(&self, address: IpAddr) -> bool {
        self.0.is_limited(address)
    }

    /// Counts a client that was refused before it could send CONNECT, for the certificate in its TLS handshake.
    pub fn refused_in_handshake(&self, address: IpAddr) {
        self.0.counters.denied();
        self.0.limiter().note(address, Outcome::Denied, Instant::now());
    }

    /// Has a client judged; `reply` is called exactly once, at once if the answer is known, else on the gate's thread.
    pub fn submit(&self, request: Request, reply: Reply) {
        if let Some(refused) = self.0.refused(&request) {
            return reply.send(refused);
        }
        match self.0.queue.try_send((request, reply)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full((request, reply))) => reply.send(self.0.busy(&request)),
            // The gate is closed: the reply says so as it is dropped.
            Err(mpsc::error::TrySendError::Closed(_)) => self.0.counters.unavailable(),
        }
    }
}

impl Shared {
    fn limiter(&self) -> std::sync::MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_limited(&self, address: IpAddr) -> bool {
        let limited = self.limiter().is_limited(address, Instant::now());
        if limited {
            self.counters.limited();
            tracing::debug!(%address, "too many failed logins from here: refused unseen");
        }
        limited
    }

    /// What an address hears that failed too often.
    fn refused(&self, request: &Request) -> Option<Verdict> {
        let why = "too many failed logins from this address";
        let limited = self.is_limited(request.credentials.address);
        limited.then(|| unseen(request, ReasonCode::ConnectionRateExceeded, why))
    }

    fn busy(&self, request: &Request) -> Verdict {
        self.counters.busy();
        unseen(request, ReasonCode::ServerBusy, "too many clients are being authenticated")
    }

    /// Judges one client, after those of its address who came before.
    async fn judge(&self, request: &Request) -> Verdict {
        let Request { credentials, purpose, methods } = request;
        let line = self.lines.join(credentials.address);
        let Some(_place) = line.enter().await else { return self.busy(request) };
        // Those before may have failed.
        if let Some(refused) = self.refused(request) {
            return refused;
        }
        let verdict = methods.judge(credentials, purpose, SystemTime::now()).await;
        self.count(&verdict, credentials.address);
        log(&verdict, credentials);
        verdict
    }

    fn count(&self, verdict: &Verdict, address: IpAddr) {
        let outcome = match verdict {
            Verdict::Accept(accepted) => {
                self.counters.accepted(accepted.by);
                Outcome::Accepted
            }
            Verdict::Deny { .. } => {
                self.counters.denied();
                Outcome::Denied
            }
            // Nobody's fault but ours.
            Verdict::Unavailable { .. } => return self.counters.unavailable(),
        };
        self.limiter().note(address, outcome, Instant::now());
    }
}

/// Who comes is sent away; who is there may try again, and does not lose its connection for what others did.
fn unseen(request: &Request, reason: ReasonCode, why: &str) -> Verdict {
    match request.purpose {
        Purpose::Connect => Verdict::Deny { reason, why: why.to_owned() },
        Purpose::ReAuthenticate { .. } => Verdict::Unavailable { why: why.to_owned() },
    }
}

/// Takes requests up as long as somebody may bring some. Taking from the queue loses nothing when it is cancelled.
async fn judge_all(
    mut requests: mpsc::Receiver<(Request, Reply)>,
    shared: std::sync::Weak<Shared>,
    most_at_once: usize,
    deadline: Duration,
) {
    let places = Arc::new(Semaphore::new(most_at_once));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Some((request, reply)) = requests.recv().await else { return };
        let Some(shared) = shared.upgrade() else { return };
        tokio::spawn(async move {
            let judged = tokio::time::timeout(deadline, shared.judge(&request)).await;
            reply.send(judged.unwrap_or_else(|_| {
                let verdict = Verdict::Unavailable { why: format!("not found out within {deadline:?}") };
                shared.count(&verdict, request.credentials.address);
                log(&verdict, &request.credentials);
                verdict
            }));
            drop(place);
        });
    }
}

/// Says once what became of a client, and why.
fn log(verdict: &Verdict, credentials: &Credentials) {
    let Credentials { client_id, address, .. } = credentials;
    match verdict {
        Verdict::Accept(accepted) => {
            let (by, username) = (accepted.by, accepted.username.as_deref());
            tracing::debug!(client_id = &**client_id, %address, %by, username, "authenticated");
        }
        Verdict::Deny { reason, why } => {
            let code = *reason as u8;
            tracing::warn!(client_id = &**client_id, %address, code, why, "authentication failed");
        }
        Verdict::Unavailable { why } => {
            tracing::warn!(client_id = &**client_id, %address, why, "a client could not be authenticated");
        }
    }
}

impl Drop for GateThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that authenticates clients panicked");
        }
    }
}
