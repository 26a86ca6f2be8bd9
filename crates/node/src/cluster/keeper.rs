//! Keeps the internal certificate good: a thread that renews it in time, follows the authority's rotation, and has links made anew.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use config::BackendAddress;
use identity::internal::{
    AuthorityPhase, AuthoritySettings, Credentials, InternalError, InternalSettings, Issued, MemberName,
    PendingCertificate, Role, TrustedRoots,
};
use link::wire::{Link, Phase};
use tokio::runtime::{Builder, Runtime};

use super::desk::Desk;
use super::errand::{Errand, Reply};
use super::joining;
use super::links::Links;

/// For an answer of the authority over a link; beyond that the renewal has failed and is tried again.
const ANSWER: Duration = Duration::from_secs(10);
/// How often another process asks whether the list of trusted authorities has changed.
const ASK_FOR_ROOTS: Duration = Duration::from_secs(10);
/// How often it is looked at least, for clocks are set.
const LOOK: Duration = Duration::from_secs(10);

/// For the end of the thread, and how often it is looked for.
const LAST_WAIT: Duration = Duration::from_secs(1);
const LAST_LOOK: Duration = Duration::from_millis(5);

/// What the thread is started with.
pub(crate) struct KeeperParts {
    pub(crate) credentials: Credentials,
    /// By which certificates come.
    pub(crate) way: Way,
    pub(crate) links: Links,
}

/// How this process reaches the authority.
pub(crate) enum Way {
    /// It is here.
    Here(Arc<Desk>),
    /// Over a link; as a process that was away where the certificate has ended meanwhile.
    Over { link: Link, authority: BackendAddress },
}

/// What somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// Another certificate for this process.
    Certificate,
    /// A successor of the authority.
    Authority,
}

/// The running thread.
pub(crate) struct Keeper {
    voice: KeeperVoice,
    thread: JoinHandle<()>,
}

/// Says to the thread what is wanted; for any thread.
#[derive(Clone)]
pub(crate) struct KeeperVoice {
    told: Arc<Told>,
    credentials: Credentials,
    desk: Option<Arc<Desk>>,
}

#[derive(Default)]
struct Told {
    wishes: Mutex<Wishes>,
    any: Condvar,
}

#[derive(Default)]
struct Wishes {
    look: bool,
    stop: bool,
}

impl Keeper {
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(parts: KeeperParts) -> io::Result<Self> {
        let told = Arc::<Told>::default();
        let desk = match &parts.way {
            Way::Here(desk) => Some(Arc::clone(desk)),
            Way::Over { .. } => None,
        };
        let voice = KeeperVoice { told: Arc::clone(&told), credentials: parts.credentials.clone(), desk };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let phase = parts.way.phase();
        let mut round = Round { parts, runtime, roots_at: Instant::now() + ASK_FOR_ROOTS, phase };
        let heard = told;
        let thread = thread::Builder::new().name("certificates".to_owned()).spawn(move || {
            let mut idle = Duration::ZERO;
            while heard.wait(idle) {
                idle = round.look(SystemTime::now());
            }
        })?;
        Ok(Self { voice, thread })
    }

    /// For who wants something of it.
    pub(crate) fn voice(&self) -> KeeperVoice {
        self.voice.clone()
    }

    /// Ends the thread. A renewal under way comes to its end first, unless it takes long: what it would have brought is asked for
    /// again at the next start.
    pub(crate) fn stop(self) {
        self.voice.told.wishes().stop = true;
        self.voice.told.any.notify_all();
        let deadline = Instant::now() + LAST_WAIT;
        while !self.thread.is_finished() {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(LAST_LOOK);
        }
        if self.thread.join().is_err() {
            tracing::error!("the thread of the internal certificate has panicked");
        }
    }
}

impl KeeperVoice {
    /// # Errors
    /// The authority is elsewhere, or is being rotated already.
    pub(crate) fn rotate(&self, what: Rotation) -> Result<(), InternalError> {
        match (what, &self.desk) {
            (Rotation::Certificate, _) => self.credentials.rotate(),
            (Rotation::Authority, Some(desk)) => desk.authority().rotate(SystemTime::now())?,
            (Rotation::Authority, None) => {
                let reason = "the authority is at the first backend, not here".to_owned();
                return Err(InternalError::Request { reason });
            }
        }
        self.wake();
        Ok(())
    }

    /// Takes a process's standing away: at once here, and in other processes when they ask next.
    ///
    /// # Errors
    /// The authority is elsewhere, knows no such process, or is that process's.
    pub(crate) fn remove(&self, role: Role, name: &MemberName) -> Result<(), InternalError> {
        let refused = |reason: &str| Err(InternalError::Request { reason: reason.to_owned() });
        let Some(desk) = &self.desk else { return refused("the authority is at the first backend, not here") };
        let ours = self.credentials.member();
        if (ours.role, &ours.name) == (role, name) {
            return refused("this process holds the authority, and stays; removing it would leave nobody to issue");
        }
        desk.authority().remove(role, name, SystemTime::now())?;
        self.wake();
        Ok(())
    }

    /// Has certificates be as `settings` say, the present one soon too.
    pub(crate) fn set(&self, settings: &InternalSettings) {
        self.credentials.set_settings(settings.clone());
        if let Some(desk) = &self.desk
            && let Err(error) = desk.authority().set_settings(AuthoritySettings::for_leaves(settings))
        {
            tracing::error!(%error, "the internal authority goes on with the settings of before");
        }
        self.wake();
    }

    fn wake(&self) {
        self.told.wishes().look = true;
        self.told.any.notify_all();
    }
}

impl Told {
    /// Returns when it is time to look; `false` at the end.
    fn wait(&self, longest: Duration) -> bool {
        let wishes = self.wishes();
        let nothing = |wishes: &mut Wishes| !wishes.look && !wishes.stop;
        let waited = self.any.wait_timeout_while(wishes, longest, nothing);
        let (mut wishes, _) = waited.unwrap_or_else(PoisonError::into_inner);
        wishes.look = false;
        !wishes.stop
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    fn phase(&self) -> Option<AuthorityPhase> {
        match self {
            Self::Here(desk) => Some(desk.authority().status().phase),
            Self::Over { .. } => None,
        }
    }
}

/// What the thread does each time.
struct Round {
    parts: KeeperParts,
    runtime: Runtime,
    roots_at: Instant,
    /// How far the authority was, where it is here.
    phase: Option<AuthorityPhase>,
}

impl Round {
    /// Does what is due; returns how long nothing is.
    fn look(&mut self, now: SystemTime) -> Duration {
        let ours = self.parts.credentials.clone();
        let (removed, before) = (ours.roots().removed_members(), (ours.renewals(), ours.roots().generation()));
        let follows = self.follow_authority(&ours, now);
        let idle = ours.tend(now, |pending| self.exchange(pending));
        if (ours.renewals(), ours.roots().generation()) != before {
            self.parts.links.renew();
        }
        for (role, name) in ours.roots().removed_members().difference(&removed) {
            self.parts.links.cut(role.as_str(), name.as_str());
        }
        idle.min(follows).min(LOOK)
    }

    fn follow_authority(&mut self, ours: &Credentials, now: SystemTime) -> Duration {
        let (roots, idle) = match &self.parts.way {
            Way::Here(desk) => {
                let idle = desk.authority().tend(now);
                (Some(desk.roots()), idle)
            }
            Way::Over { .. } if Instant::now() < self.roots_at => (None, ASK_FOR_ROOTS),
            Way::Over { link, .. } => {
                self.roots_at = Instant::now() + ASK_FOR_ROOTS;
                (self.newer_roots(link, ours), ASK_FOR_ROOTS)
            }
        };
        if let Some(roots) = roots
            && let Err(error) = ours.adopt_roots(&roots, now)
        {
            tracing::warn!(%error, "the list of trusted internal authorities stays as it was");
        }
        let phase = self.parts.way.phase();
        if phase != self.phase && matches!(phase, Some(AuthorityPhase::Overlap { .. })) {
            // Who joins from now on knows the new authority alone.
            ours.rotate();
        }
        self.phase = phase;
        idle
    }

    fn newer_roots(&self, link: &Link, ours: &Credentials) -> Option<TrustedRoots> {
        // Else the answer would be waited for.
        if link.status().borrow().phase != Phase::Up {
            return None;
        }
        match self.ask(link, &Errand::Roots { have: ours.roots().generation() }) {
            Ok(Reply::Roots(roots)) => Some(*roots),
            Ok(_) => None,
            Err(error) => {
                tracing::debug!(error, "the authority was not heard about whom to trust");
                None
            }
        }
    }

    fn exchange(&self, pending: &PendingCertificate) -> Result<Issued, String> {
        let ours = &self.parts.credentials;
        match &self.parts.way {
            Way::Here(desk) => {
                let issued = desk.authority().issue(pending.request(), ours.member(), SystemTime::now());
                issued.map_err(|e| e.to_string())
            }
            // No link lets us in any more.
            Way::Over { authority, .. } if ours.not_after() <= SystemTime::now() => {
                joining::come_back(&self.runtime, authority, ours, pending)
            }
            Way::Over { link, .. } => match self.ask(link, &Errand::Renew(pending.request().clone()))? {
                Reply::Issued(issued) => Ok(*issued),
                Reply::Refused(reason) => Err(reason),
                _ => Err("the authority answered something else than was asked".to_owned()),
            },
        }
    }

    fn ask(&self, link: &Link, errand: &Errand) -> Result<Reply, String> {
        let question = Bytes::from(errand.to_bytes());
        let answer = self.runtime.block_on(link.ask(question, ANSWER)).map_err(|e| e.to_string())?;
        Reply::from_bytes(&answer).map_err(|e| e.to_string())
    }
}
