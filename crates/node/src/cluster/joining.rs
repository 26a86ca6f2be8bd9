//! How a process comes by its first certificate, or by another when it was away until the one it had ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use config::{BackendAddress, ClusterPlan, ClusterRole};
use identity::internal::{
    Clock, ClusterName, Credentials, InternalError, InternalSettings, Issued, JoinRefusal, JoinRequest, Member,
    MemberName, PendingCertificate, Refusal, Role, binding,
};
use link::wire::ask_stranger;
use rustls::ClientConfig;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::dial::{Unsecured, secure};
use super::errand::Reply;
use crate::certs;

/// For one attempt: the connection, the handshake and the answer. Making a certificate takes milliseconds.
const ATTEMPT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After which the same trouble is logged again.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Why a process cannot be given a certificate, however long it waits.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error(transparent)]
    Internal(#[from] InternalError),
    #[error(
        "this process has no internal certificate in {} and was given no join token; make one where the authority is, with causeway certs \
         token --role {role}, and name its file with --join-token-file",
        file.display()
    )]
    NoToken { file: PathBuf, role: ClusterRole },
    #[error("cannot ask for a certificate: {0}")]
    System(#[from] io::Error),
    #[error("asking for a certificate has failed; the log says how")]
    Failed,
    #[error("there is no backend to ask for a certificate; name them all with --backends")]
    NoAuthority,
}

/// Why one attempt came to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Internal(#[from] InternalError),
    #[error("{0}")]
    Connection(#[from] io::Error),
    #[error("{0}")]
    Exchange(#[from] link::wire::HandshakeError),
    #[error("no answer within {} s", ATTEMPT.as_secs())]
    Late,
    #[error("{0}")]
    Refused(JoinRefusal),
    #[error("{0}")]
    Handshake(Refusal),
    #[error("{0}")]
    Puzzling(String),
    #[error(transparent)]
    Token(#[from] certs::CertsError),
    #[error("the join token is for {found}, and this process is {expected}")]
    OtherToken { expected: String, found: String },
}

/// Whom this process asks, and as whom.
#[derive(Debug)]
pub(crate) struct Applicant {
    member: Member,
    settings: InternalSettings,
    file: PathBuf,
    authority: BackendAddress,
    token_file: Option<PathBuf>,
    role: ClusterRole,
}

/// A certificate that is on its way.
pub(crate) struct Joining {
    news: Receiver<News>,
    waits_for: String,
}

enum News {
    Waits(String),
    Done(Box<Result<Credentials, JoinError>>),
}

impl Applicant {
    /// Asks the first backend of `plan`. Its certificate is kept below `data_dir`.
    ///
    /// # Errors
    /// The plan has no backend.
    pub(crate) fn new(
        plan: &ClusterPlan,
        member: Member,
        settings: InternalSettings,
        data_dir: &Path,
    ) -> Result<Self, JoinError> {
        Ok(Self {
            member,
            settings,
            file: certs::folder::certificate(data_dir),
            authority: plan.authority().ok_or(JoinError::NoAuthority)?.clone(),
            token_file: plan.join_token_file.clone(),
            role: plan.us.role,
        })
    }

    /// The certificate of before, if it is still good.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub(crate) fn kept(&self) -> Result<Option<Credentials>, InternalError> {
        Credentials::open(&self.file, self.member.clone(), self.settings.clone(), Clock::system())
    }

    /// Asks the authority until it has given a certificate, in a thread of its own. What is in the way is said in the log, and by
    /// [`Joining::waits_for`].
    ///
    /// # Errors
    /// There is nothing to ask with; the system gives no thread.
    pub(crate) fn begin(self) -> Result<Joining, JoinError> {
        if !self.file.exists() && self.token_file.is_none() {
            return Err(JoinError::NoToken { file: self.file, role: self.role });
        }
        let waits_for = format!("its certificate from {} at {}", self.authority.name, self.authority);
        tracing::info!(authority = self.authority.name, address = %self.authority, "asking for an internal certificate");
        let (teller, news) = sync_channel(1);
        thread::Builder::new().name("joining".to_owned()).spawn(move || {
            // Whoever does not wait any more ends the process.
            let done = self.join(|trouble| drop(teller.try_send(News::Waits(trouble))));
            let _ = teller.send(News::Done(Box::new(done)));
        })?;
        Ok(Joining { news, waits_for })
    }

    fn join(&self, mut tell: impl FnMut(String)) -> Result<Credentials, JoinError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut warrants = Warrants::default();
        let mut pause = FIRST_PAUSE;
        let mut said: Option<(String, Instant)> = None;
        loop {
            let trouble = match self.attempt(&runtime, &mut warrants) {
                Ok(credentials) => {
                    tracing::info!(member = %self.member, "joined the cluster");
                    return Ok(credentials);
                }
                Err(trouble) => trouble.to_string(),
            };
            let is_news = said.as_ref().is_none_or(|(before, at)| *before != trouble || at.elapsed() >= SAY_AGAIN);
            if is_news {
                tracing::warn!(trouble, "no internal certificate yet; trying again");
                said = Some((trouble.clone(), Instant::now()));
            }
            tell(trouble);
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// By the key of a certificate that has ended, unless the authority does not take it; then by the token.
    fn attempt(&self, runtime: &Runtime, warrants: &mut Warrants) -> Result<Credentials, Trouble> {
        if !warrants.is_forgotten {
            if warrants.key.is_none() {
                let (member, settings) = (self.member.clone(), self.settings.clone());
                warrants.key = identity::internal::Joining::again(&self.file, member, settings, Clock::system())?;
            }
            match &warrants.key {
                None => warrants.is_forgotten = true,
                Some(joining) => match self.ask(runtime, joining) {
                    Err(trouble) if trouble.wants_token() && self.token_file.is_some() => {
                        tracing::warn!(%trouble, "the certificate of before does not let this process in again");
                        warrants.is_forgotten = true;
                    }
                    other => return other,
                },
            }
        }
        self.ask(runtime, self.by_token(&mut warrants.token)?)
    }

    /// The same as before as long as the token is: a token that is good once stays good for the key that came with it first.
    fn by_token<'a>(&self, kept: &'a mut Option<ByToken>) -> Result<&'a identity::internal::Joining, Trouble> {
        let Some(file) = &self.token_file else {
            return Err(Trouble::Refused(JoinRefusal::Stale));
        };
        let token = certs::token::read(file)?;
        if token.cluster() != &self.member.cluster || token.role() != self.member.role {
            let found = format!("a {} of cluster {}", token.role(), token.cluster());
            let expected = format!("a {} of cluster {}", self.member.role, self.member.cluster);
            return Err(Trouble::OtherToken { expected, found });
        }
        let text = token.to_text();
        if kept.as_ref().is_none_or(|kept| *kept.text != *text) {
            let (name, settings) = (self.member.name.clone(), self.settings.clone());
            let joining = identity::internal::Joining::begin(token, name, settings, Clock::system())?;
            *kept = Some(ByToken { text, joining });
        }
        let joining = kept.as_ref().map(|kept| &kept.joining);
        joining.ok_or_else(|| Trouble::Puzzling("there is no join token".to_owned()))
    }

    fn ask(&self, runtime: &Runtime, joining: &identity::internal::Joining) -> Result<Credentials, Trouble> {
        let request = |binding: &[u8; 32]| joining.request(binding);
        let issued = exchange(runtime, &self.authority, joining.client()?, request)?;
        Ok(joining.finish(issued, &self.file)?)
    }
}

/// With what it asks; each of them has a key that was made for it.
#[derive(Default)]
struct Warrants {
    key: Option<identity::internal::Joining>,
    /// There is no certificate of before, or it does not help.
    is_forgotten: bool,
    token: Option<ByToken>,
}

struct ByToken {
    text: Zeroizing<String>,
    joining: identity::internal::Joining,
}

impl Trouble {
    /// Whether the authority does not know the key of before, or is another one.
    fn wants_token(&self) -> bool {
        match self {
            Self::Refused(refusal) => *refusal == JoinRefusal::Stale,
            Self::Handshake(refusal) => matches!(refusal, Refusal::ForeignAuthority { .. }),
            _ => false,
        }
    }
}

impl Joining {
    /// What it waits for, in a sentence.
    pub(crate) fn waits_for(&self) -> &str {
        &self.waits_for
    }

    /// The certificate, if it comes within that time.
    pub(crate) fn poll(&mut self, longest: Duration) -> Option<Result<Credentials, JoinError>> {
        match self.news.recv_timeout(longest) {
            Ok(News::Done(done)) => Some(*done),
            Ok(News::Waits(trouble)) => {
                self.waits_for = format!("it has no internal certificate yet: {trouble}");
                None
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(JoinError::Failed)),
        }
    }
}

/// Who this process is, as it stands in its certificate.
///
/// # Errors
/// A name that cannot stand there.
pub(crate) fn member(plan: &ClusterPlan) -> Result<Member, InternalError> {
    let role = match plan.us.role {
        ClusterRole::Frontend => Role::Frontend,
        ClusterRole::Backend => Role::Backend,
    };
    Ok(Member { cluster: ClusterName::new(&plan.name)?, role, name: MemberName::new(&plan.us.name)? })
}

/// In place of a certificate that has ended while this process runs.
///
/// # Errors
/// Why there is none.
pub(super) fn come_back(
    runtime: &Runtime,
    authority: &BackendAddress,
    ours: &Credentials,
    pending: &PendingCertificate,
) -> Result<Issued, String> {
    let configuration = ours.return_client().map_err(|e| e.to_string())?;
    let request = |binding: &[u8; 32]| ours.return_request(pending, binding);
    exchange(runtime, authority, configuration, request).map_err(|trouble| trouble.to_string())
}

fn exchange(
    runtime: &Runtime,
    to: &BackendAddress,
    configuration: Arc<ClientConfig>,
    request: impl Fn(&[u8; 32]) -> Result<JoinRequest, InternalError>,
) -> Result<Issued, Trouble> {
    let asked = async {
        let mut stream = secure(to, configuration).await.map_err(|unsecured| match unsecured {
            Unsecured::Broken(error) => Trouble::Connection(error),
            Unsecured::Refused(refusal) => Trouble::Handshake(refusal),
        })?;
        let bound = binding(stream.get_ref().1).map_err(io::Error::other)?;
        let answer = ask_stranger(&mut stream, &request(&bound)?.to_bytes(), ATTEMPT).await?;
        match Reply::from_bytes(&answer) {
            Ok(Reply::Issued(issued)) => Ok(*issued),
            Ok(Reply::NotAdmitted(refusal)) => Err(Trouble::Refused(refusal)),
            Ok(Reply::Refused(reason)) => Err(Trouble::Puzzling(reason)),
            Ok(_) => Err(Trouble::Puzzling("the authority answered something else".to_owned())),
            Err(error) => Err(Trouble::Puzzling(error.to_string())),
        }
    };
    runtime.block_on(async { timeout(ATTEMPT, asked).await }).map_err(|_| Trouble::Late)?
}
