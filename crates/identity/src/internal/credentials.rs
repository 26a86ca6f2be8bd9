//! The certificate of this process: shown to peers, renewed before it ends, kept in one file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;

use super::retry::Retry;
use super::trust::Trust;
use super::{
    Clock, InternalError, InternalSettings, Issued, JoinRequest, Member, PeerIdentity, PendingCertificate, TrustedRoots,
};
use crate::certificate::written;
use crate::files;

mod ends;
mod held;
mod status;

pub(crate) use held::{Stored, next_key};
pub use status::CredentialsStatus;

use held::Held;

/// How long a clock that was set may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Who this process is among the others. Clones are the same.
///
/// Configurations that were asked for once go on being good: each handshake made with them takes the newest certificate and the
/// newest list of trusted authorities, without waiting for anybody. Connections that stand keep what they were made with.
#[derive(Debug, Clone)]
pub struct Credentials(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    provider: Arc<CryptoProvider>,
    file: PathBuf,
    member: Member,
    clock: Clock,
    trust: Arc<ArcSwap<Trust>>,
    shown: Arc<ArcSwap<CertifiedKey>>,
    held: ArcSwap<Held>,
    /// Who changes the three above has this, and writes the file meanwhile. Nobody else waits for it.
    writing: Mutex<()>,
    /// Held for moments.
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    settings: InternalSettings,
    retry: Retry,
    demanded: Demanded,
    renewals: u64,
    failures: u64,
    last_failure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demanded {
    Nothing,
    Rotation,
}

impl Credentials {
    /// The credentials in `file`; `None` where there is none, or where what is there is no longer good: [`super::Joining`] is
    /// the way to another then.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn open(
        file: &Path,
        member: Member,
        settings: InternalSettings,
        clock: Clock,
    ) -> Result<Option<Self>, InternalError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let Some(Stored { key, issued }) = Stored::read(file, &provider)? else {
            return Ok(None);
        };
        let trust = Trust::new(issued.roots.clone(), &provider)?;
        match Held::check(key, issued, &member, &trust, clock.now()) {
            Ok(held) => Ok(Some(Self::with(provider, file.to_owned(), (member, settings, clock), held, trust))),
            Err(reason) => {
                tracing::warn!(path = %file.display(), %reason, "the internal certificate found is not used");
                Ok(None)
            }
        }
    }

    /// Makes the key for a first certificate.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn first_request(settings: &InternalSettings) -> Result<PendingCertificate, InternalError> {
        PendingCertificate::make(settings.algorithm, &aws_lc_rs::default_provider())
    }

    /// Takes a first certificate, which is checked and then stored in `file`. Who `issued` it must be known otherwise: by a
    /// join token ([`super::Joining`]), or because the authority is in this process.
    ///
    /// # Errors
    /// Peers would refuse it; the file cannot be written.
    pub fn establish(
        file: &Path,
        pending: PendingCertificate,
        issued: Issued,
        (member, settings, clock): (Member, InternalSettings, Clock),
    ) -> Result<Self, InternalError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trust = Trust::new(issued.roots.clone(), &provider)?;
        let held = Held::check(pending.key, issued, &member, &trust, clock.now())?;
        if let Some(folder) = file.parent() {
            files::create_private_folder(folder)?;
        }
        held.store(file)?;
        Ok(Self::with(provider, file.to_owned(), (member, settings, clock), held, trust))
    }

    fn with(
        provider: Arc<CryptoProvider>,
        file: PathBuf,
        (member, settings, clock): (Member, InternalSettings, Clock),
        held: Held,
        trust: Trust,
    ) -> Self {
        let shown = Arc::new(ArcSwap::from_pointee(held.certified()));
        let (retry, demanded) = (Retry::default(), Demanded::Nothing);
        let books = Books { settings, retry, demanded, renewals: 0, failures: 0, last_failure: None };
        let (trust, held) = (Arc::new(ArcSwap::from_pointee(trust)), ArcSwap::from_pointee(held));
        let (writing, books) = (Mutex::new(()), Mutex::new(books));
        Self(Arc::new(Inner { provider, file, member, clock, trust, shown, held, writing, books }))
    }

    /// Who this process is.
    pub fn member(&self) -> &Member {
        &self.0.member
    }

    /// What to send over a connection of [`Credentials::return_client`] with that `binding` ([`super::binding`]): the authority
    /// knows the key, for [`super::RETURN_WITHIN`] after the end. The answer ends in [`Credentials::finish_renewal`], as any.
    ///
    /// # Errors
    /// The key is of a kind that internal certificates do not have.
    pub fn return_request(
        &self,
        pending: &PendingCertificate,
        binding: &[u8; 32],
    ) -> Result<JoinRequest, InternalError> {
        JoinRequest::by_key(&self.0.held.load().key, &self.0.member, pending.request().clone(), binding)
    }

    /// When the certificate in use ends.
    pub fn not_after(&self) -> SystemTime {
        self.0.held.load().not_after
    }

    /// How often the certificate was renewed since the process began. Two that follow each other may end in the same second, so
    /// this alone tells them apart.
    pub fn renewals(&self) -> u64 {
        self.books().renewals
    }

    /// When a link to `peer` is to be made anew, which was made while [`Credentials::not_after`] was `ours`: both sides have been
    /// due for their renewal by then, and half of the time in which it may be tried again is left.
    ///
    /// It is in the past while a renewal fails; a link made anew ends no later then, so whoever drives it waits between tries.
    pub fn link_due(&self, ours: SystemTime, peer: &PeerIdentity) -> SystemTime {
        let before = self.0.held.load().renew_before(&self.books().settings) / 2;
        let end = ours.min(peer.not_after);
        end.checked_sub(before).unwrap_or(end)
    }

    /// Whom this process trusts, to pass on to peers.
    pub fn roots(&self) -> TrustedRoots {
        self.0.trust.load().roots().clone()
    }

    /// Takes over a newer list of trusted authorities, from whomever it comes. An older one or the same changes nothing and costs
    /// nothing; a newer one is written to a file, so not on a thread that serves clients ([`TrustedRoots::generation`] says which
    /// it is).
    ///
    /// # Errors
    /// Nobody trusted has signed it, it is another cluster's, or the certificate in use would be worth nothing by it; it cannot
    /// be stored. All goes on as before then.
    pub fn adopt_roots(&self, roots: &TrustedRoots, now: SystemTime) -> Result<(), InternalError> {
        let is_news = || roots.generation() > self.0.trust.load().roots().generation();
        if !is_news() {
            return Ok(());
        }
        let writing = self.writing();
        if !is_news() {
            return Ok(());
        }
        let (present, trust) = (self.0.held.load_full(), self.judged(roots)?);
        let issued = Issued { roots: roots.clone(), ..present.issued.clone() };
        let held = Held::check(present.key.clone(), issued, &self.0.member, &trust, now)?;
        held.store(&self.0.file)?;
        self.0.held.store(Arc::new(held));
        self.0.trust.store(Arc::new(trust));
        drop(writing);
        tracing::info!(generation = roots.generation(), "took over a list of trusted internal authorities");
        Ok(())
    }

    fn judged(&self, roots: &TrustedRoots) -> Result<Trust, InternalError> {
        if roots.cluster() != &self.0.member.cluster {
            let reason = format!("it is that of cluster {}", roots.cluster());
            return Err(InternalError::Roots { reason });
        }
        let present = self.0.trust.load();
        if roots != present.roots() {
            roots.check_signed_by(present.roots().certificates())?;
        }
        Trust::new(roots.clone(), &self.0.provider)
    }

    /// Other settings: the next [`Credentials::tend`] makes a certificate that is as they say.
    pub fn set_settings(&self, settings: InternalSettings) {
        let mut books = self.books();
        if settings != books.settings {
            books.demanded = Demanded::Rotation;
        }
        books.settings = settings;
    }

    /// Has the certificate renewed as soon as [`Credentials::tend`] is called.
    pub fn rotate(&self) {
        self.books().demanded = Demanded::Rotation;
    }

    /// Whether the certificate is to be renewed now.
    pub fn is_due(&self, now: SystemTime) -> bool {
        self.due(now) <= now
    }

    /// How long nothing is to be done. At most a minute, so that a clock that is set is followed.
    pub fn idle(&self, now: SystemTime) -> Duration {
        self.due(now).duration_since(now).unwrap_or(Duration::ZERO).min(LOOK_EVERY)
    }

    /// Renews the certificate if it is due. `exchange` carries the request to the authority and has a deadline of its own: over a
    /// link ([`super::InternalAuthority::renew`] answers), after [`Credentials::not_after`] by [`Credentials::return_client`]
    /// ([`super::InternalAuthority::admit`] does), in the process of the authority by [`super::InternalAuthority::issue`].
    /// Returns how long nothing is to be done; failures are logged, counted and tried again later and later.
    ///
    /// May take as long as making a key takes. One caller at a time.
    pub fn tend<E: std::fmt::Display>(
        &self,
        now: SystemTime,
        exchange: impl FnOnce(&PendingCertificate) -> Result<Issued, E>,
    ) -> Duration {
        if self.is_due(now) {
            let renewed = self.begin_renewal().and_then(|pending| {
                let issued = exchange(&pending).map_err(|e| InternalError::Exchange(e.to_string()))?;
                self.finish_renewal(pending, issued, now)
            });
            if let Err(error) = renewed {
                self.renewal_failed(&error, now);
            }
        }
        self.idle(now)
    }

    /// For drivers that cannot wait in [`Credentials::tend`]: the key, new or the same by `rotationPolicy`, and the request.
    /// Ends in [`Credentials::finish_renewal`] or [`Credentials::renewal_failed`].
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin_renewal(&self) -> Result<PendingCertificate, InternalError> {
        let settings = {
            let mut books = self.books();
            // What is demanded from here on wants another renewal; a failure of this one is tried again anyhow.
            books.demanded = Demanded::Nothing;
            books.settings.clone()
        };
        next_key(&self.0.held.load().key, &settings, &self.0.provider)
    }

    /// Checks the new certificate as peers would, stores it, and shows it at each handshake from now on.
    ///
    /// # Errors
    /// Peers would refuse it; it cannot be stored. The present one stays in use, and the caller reports
    /// [`Credentials::renewal_failed`].
    pub fn finish_renewal(
        &self,
        pending: PendingCertificate,
        mut issued: Issued,
        now: SystemTime,
    ) -> Result<(), InternalError> {
        let writing = self.writing();
        let present = self.0.held.load_full();
        if issued.roots.generation() < present.issued.roots.generation() {
            issued.roots = present.issued.roots.clone();
        }
        let trust = self.judged(&issued.roots)?;
        let held = Held::check(pending.key, issued, &self.0.member, &trust, now)?;
        held.store(&self.0.file)?;
        let end = written(held.not_after);
        // Whom to trust first: a peer may be ahead of us.
        self.0.trust.store(Arc::new(trust));
        self.0.shown.store(Arc::new(held.certified()));
        self.0.held.store(Arc::new(held));
        drop(writing);
        let mut books = self.books();
        books.retry.succeeded();
        books.renewals += 1;
        books.last_failure = None;
        drop(books);
        tracing::info!(member = %self.0.member, end, "renewed the internal certificate");
        Ok(())
    }

    /// Logs and counts a renewal that failed, and sets the time of the next try.
    pub fn renewal_failed(&self, error: &InternalError, now: SystemTime) {
        let not_after = self.not_after();
        let left = not_after.duration_since(now).unwrap_or(Duration::ZERO);
        let mut books = self.books();
        let retry_seconds = books.retry.failed(now, left).as_secs_f64();
        books.failures += 1;
        books.last_failure = Some(error.to_string());
        drop(books);
        let end = written(not_after);
        tracing::warn!(%error, end, retry_seconds, "could not renew the internal certificate; the present one stays in use");
    }

    /// How it is. Waits for nobody.
    pub fn status(&self, now: SystemTime) -> CredentialsStatus {
        let held = self.0.held.load_full();
        let books = self.books();
        let roots = &held.issued.roots;
        CredentialsStatus {
            member: self.0.member.clone(),
            not_before: held.not_before,
            not_after: held.not_after,
            due: books.due(&held, now),
            renewals: books.renewals,
            failures: books.failures,
            last_failure: books.last_failure.clone(),
            generation: roots.generation(),
            roots: roots.status(),
        }
    }

    fn due(&self, now: SystemTime) -> SystemTime {
        self.books().due(&self.0.held.load(), now)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Each change is whole before the next thing that could panic.
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn due(&self, held: &Held, now: SystemTime) -> SystemTime {
        let usual = held.not_after.checked_sub(held.renew_before(&self.settings)).unwrap_or(now);
        match (self.retry.next(now), self.demanded) {
            (Some(next), _) => next,
            (None, Demanded::Rotation) => now,
            // The clock was set back by more than certificates bear.
            (None, Demanded::Nothing) if now < held.not_before => now,
            (None, Demanded::Nothing) => usual,
        }
    }
}
