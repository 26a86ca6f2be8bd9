//! Keeps a process's certificate good, as the product's own keeper does: a thread that renews it, follows the authority's rotation
//! and has links made anew.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use identity::internal::{AuthorityPhase, Credentials, Issued, PendingCertificate, TrustedRoots};
use link::wire::{Link, Phase};
use tokio::runtime::{Builder, Runtime};

use super::certificates::{Desk, GRANTED, RENEW, ROOTS};
use super::network::{Network, Place};
use super::protection::ask_authority;
use super::say::say;

const ANSWER: Duration = Duration::from_secs(10);
const ASK_FOR_ROOTS: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(10);

/// All links of a process, which are to be made anew now and then.
#[derive(Clone, Default)]
pub struct LinkBook(Arc<Mutex<Vec<Link>>>);

impl LinkBook {
    pub fn add(&self, link: &Link) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(link.clone());
    }

    pub fn all(&self) -> Vec<Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How a process reaches the authority.
pub enum Way {
    Here(Arc<Desk>),
    Over(Link),
}

pub struct KeeperParts {
    pub network: Network,
    pub place: Place,
    pub credentials: Credentials,
    pub way: Way,
    pub links: LinkBook,
}

/// What is wanted of the thread.
#[derive(Default)]
struct Wishes {
    look: bool,
    stop: bool,
}

#[derive(Default)]
struct Told {
    wishes: Mutex<Wishes>,
    any: Condvar,
}

/// The running thread.
pub struct Keeper {
    voice: KeeperVoice,
    thread: JoinHandle<()>,
}

/// Says what is wanted.
#[derive(Clone)]
pub struct KeeperVoice {
    told: Arc<Told>,
    credentials: Credentials,
    desk: Option<Arc<Desk>>,
}

impl Keeper {
    /// # Errors
    /// No thread, no event queue.
    pub fn start(parts: KeeperParts) -> io::Result<Self> {
        let told = Arc::<Told>::default();
        let desk = match &parts.way {
            Way::Here(desk) => Some(Arc::clone(desk)),
            Way::Over(_) => None,
        };
        let voice = KeeperVoice { told: Arc::clone(&told), credentials: parts.credentials.clone(), desk };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let phase = parts.way.phase();
        let mut round = Round { parts, runtime, roots_at: Instant::now() + ASK_FOR_ROOTS, phase };
        let thread = thread::Builder::new().name("certificates".to_owned()).spawn(move || {
            let mut idle = Duration::ZERO;
            while told.wait(idle) {
                idle = round.look(SystemTime::now());
            }
        })?;
        Ok(Self { voice, thread })
    }

    pub fn voice(&self) -> KeeperVoice {
        self.voice.clone()
    }

    pub fn stop(self) {
        self.voice.tell(|wishes| wishes.stop = true);
        if self.thread.join().is_err() {
            say("the thread of a certificate has panicked");
        }
    }
}

impl KeeperVoice {
    fn tell(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut self.told.wishes.lock().unwrap_or_else(PoisonError::into_inner));
        self.told.any.notify_all();
    }

    /// Has another certificate made.
    pub fn rotate(&self) {
        self.credentials.rotate();
        self.tell(|wishes| wishes.look = true);
    }

    /// Has a successor of the authority made, where it is here and no other rotation is under way.
    pub fn rotate_authority(&self) {
        let Some(desk) = &self.desk else { return };
        if let Err(error) = desk.authority().rotate(SystemTime::now()) {
            say(&format!("the authority stays: {error}"));
        }
        self.tell(|wishes| wishes.look = true);
    }
}

impl Told {
    fn wait(&self, longest: Duration) -> bool {
        let wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |wishes: &mut Wishes| !wishes.look && !wishes.stop;
        let (mut wishes, _) =
            self.any.wait_timeout_while(wishes, longest, nothing).unwrap_or_else(PoisonError::into_inner);
        wishes.look = false;
        !wishes.stop
    }
}

impl Way {
    fn phase(&self) -> Option<AuthorityPhase> {
        match self {
            Self::Here(desk) => Some(desk.authority().status().phase),
            Self::Over(_) => None,
        }
    }
}

struct Round {
    parts: KeeperParts,
    runtime: Runtime,
    roots_at: Instant,
    phase: Option<AuthorityPhase>,
}

impl Round {
    fn look(&mut self, now: SystemTime) -> Duration {
        let ours = self.parts.credentials.clone();
        let before = (ours.not_after(), ours.roots().generation());
        let follows = self.follow_authority(&ours, now);
        let idle = ours.tend(now, |pending| self.exchange(pending));
        if (ours.not_after(), ours.roots().generation()) != before {
            self.parts.links.all().iter().for_each(Link::renew);
        }
        idle.min(follows).min(LOOK)
    }

    fn follow_authority(&mut self, ours: &Credentials, now: SystemTime) -> Duration {
        let (roots, idle) = match &self.parts.way {
            Way::Here(desk) => {
                let idle = desk.authority().tend(now);
                (Some(desk.authority().roots()), idle)
            }
            Way::Over(_) if Instant::now() < self.roots_at => (None, ASK_FOR_ROOTS),
            Way::Over(link) => {
                self.roots_at = Instant::now() + ASK_FOR_ROOTS;
                (self.newer_roots(link, ours), ASK_FOR_ROOTS)
            }
        };
        if let Some(roots) = roots
            && let Err(error) = ours.adopt_roots(&roots, now)
        {
            say(&format!("{}: the list of authorities stays: {error}", self.parts.place));
        }
        let phase = self.parts.way.phase();
        if phase != self.phase && matches!(phase, Some(AuthorityPhase::Overlap { .. })) {
            ours.rotate();
        }
        self.phase = phase;
        idle
    }

    fn newer_roots(&self, link: &Link, ours: &Credentials) -> Option<TrustedRoots> {
        if link.status().borrow().phase != Phase::Up {
            return None;
        }
        let answer = self.ask(link, ROOTS, &ours.roots().generation().to_le_bytes()).ok()?;
        TrustedRoots::from_bytes(&answer).ok()
    }

    fn exchange(&self, pending: &PendingCertificate) -> Result<Issued, String> {
        let KeeperParts { network, place, credentials: ours, way, .. } = &self.parts;
        match way {
            Way::Here(desk) => {
                let issued = desk.authority().issue(pending.request(), ours.member(), SystemTime::now());
                issued.map_err(|e| e.to_string())
            }
            Way::Over(_) if ours.not_after() <= SystemTime::now() => {
                let request = |bound: &[u8; 32]| ours.return_request(pending, bound);
                self.runtime.block_on(ask_authority((network, *place), ours.return_client(), request))
            }
            Way::Over(link) => {
                let answer = self.ask(link, RENEW, pending.request().der())?;
                Issued::from_bytes(&answer).map_err(|e| e.to_string())
            }
        }
    }

    fn ask(&self, link: &Link, kind: u8, content: &[u8]) -> Result<Bytes, String> {
        let question = Bytes::from([&[kind], content].concat());
        let answer = self.runtime.block_on(link.ask(question, ANSWER)).map_err(|e| e.to_string())?;
        match answer.first() {
            Some(&GRANTED) => Ok(answer.slice(1..)),
            _ => Err("the authority refuses".to_owned()),
        }
    }
}
