//! The place of this process in its cluster: who it is there, what it shows, and its links.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend::BackendView;
use config::{ClusterPlan, Encryption, InternalTraffic};
use identity::internal::{
    AuthoritySettings, Clock, Credentials, InternalAuthority, InternalError, InternalSettings, Member,
};
use identity::{Authority, IdentityError};
use link::wire::{Answer, Deadlines, Driver, Link, Peer, Settings};

use super::counter::Counter;
use super::courier::Courier;
use super::denial::Denials;
use super::desk::Desk;
use super::dial::Dial;
use super::joining::{Applicant, JoinError, member};
use super::keeper::{Keeper, KeeperParts, Way};
use super::links::{End, Links};
use super::protection::Protection;
use super::report::ClusterView;
use super::us::us;
use crate::certs;
use crate::data_dir::DataDir;
use crate::signals::{Signals, Wish};

/// How often it is looked whether a certificate has come, or the process is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A member of a cluster, which may make and accept links.
pub(crate) struct Membership {
    pub(crate) plan: ClusterPlan,
    pub(crate) us: Peer,
    pub(crate) protection: Protection,
    /// The authority, if it is here.
    pub(crate) desk: Option<Arc<Desk>>,
    pub(crate) links: Links,
    pub(crate) denials: Arc<Denials>,
    /// What the partitions hold that are here.
    hosted: Option<BackendView>,
}

/// How an attempt to become a member ends.
pub(crate) enum Admission {
    Member(Box<Membership>),
    /// The process was told to end meanwhile, by the signal of this name.
    Ended(&'static str),
}

/// Why this process can be no member.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MembershipError {
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    Internal(#[from] InternalError),
    #[error(transparent)]
    Listeners(#[from] IdentityError),
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("cannot start a thread for internal certificates: {0}")]
    Thread(#[from] io::Error),
}

/// What it shows others, with the authority if that is here.
type Shown = (Protection, Option<Arc<Desk>>);

impl Membership {
    /// Becomes a member: with the certificate of before, or one of its own authority, or one that it asks for until it comes. `tell`
    /// is told what it waits for.
    ///
    /// # Errors
    /// What no waiting helps against.
    pub(crate) fn take(
        (plan, traffic): (&ClusterPlan, &InternalTraffic),
        data_dir: &DataDir,
        signals: &Signals,
        tell: impl FnMut(&str),
    ) -> Result<Admission, MembershipError> {
        let (protection, desk) = match traffic.encryption {
            Encryption::Disabled => {
                tracing::warn!(
                    "encryptInternalTraffic is Disabled: whoever reaches the network between the processes reads messages and commands \
                     backends"
                );
                (Protection::Nothing, None)
            }
            Encryption::Enabled => {
                match mutual(plan, certs::settings::of(&traffic.certificates), data_dir, signals, tell)? {
                    Ok(shown) => shown,
                    Err(signal) => return Ok(Admission::Ended(signal)),
                }
            }
        };
        let (plan, us) = (plan.clone(), us(plan)?);
        let (links, denials) = (Links::default(), Arc::default());
        Ok(Admission::Member(Box::new(Self { plan, us, protection, desk, links, denials, hosted: None })))
    }

    /// A link of that number to the backend at that place of the list, which somebody has to run. `None` if there is no such place.
    pub(crate) fn dial(&self, backend: u16, number: u32) -> Option<(Link, Driver)> {
        let to = self.plan.backends.get(usize::from(backend))?;
        let settings = Settings {
            us: self.us.clone(),
            peer_role: "backend".into(),
            peer_name: Some(to.name.as_str().into()),
            number,
            deadlines: Deadlines::default(),
            answer: self.answer(),
        };
        let dial = Dial { to: to.clone(), protection: self.protection.clone() };
        let (link, driver) = Link::dialing(settings, Box::new(dial));
        self.links.add(End::Dialing, ("backend", &to.name), number, link.clone());
        Some((link, driver))
    }

    /// Has questions about these partitions answered, over links that are made from now on.
    pub(crate) fn hosts(&mut self, partitions: BackendView) {
        self.hosted = Some(partitions);
    }

    /// Answers the questions of peers; `None` where there is nothing to ask.
    pub(crate) fn answer(&self) -> Option<Arc<dyn Answer>> {
        let (desk, partitions) = (self.desk.clone(), self.hosted.clone());
        (desk.is_some() || partitions.is_some()).then(|| Arc::new(Counter { desk, partitions }) as _)
    }

    /// What all so many partitions of the cluster hold, wherever they are led.
    pub(crate) fn whole(&self, partitions: u16) -> BackendView {
        let placement = Courier::placement(&self.plan, partitions);
        let courier = Arc::new(Courier { links: self.links.clone(), backends: self.plan.backends.clone() });
        match &self.hosted {
            Some(hosted) => hosted.clone().with_others(placement, courier),
            None => BackendView::of_others(partitions, placement, courier),
        }
    }

    /// Keeps the certificate good from now on, over that link to the first backend where the authority is not here. `None` where there
    /// is no certificate.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn keep(&self, to_authority: Option<Link>) -> io::Result<Option<Keeper>> {
        let Some(credentials) = self.protection.credentials().cloned() else { return Ok(None) };
        let way = match (&self.desk, self.plan.authority(), to_authority) {
            (Some(desk), _, _) => Way::Here(Arc::clone(desk)),
            (None, Some(authority), Some(link)) => Way::Over { link, authority: authority.clone() },
            _ => return Ok(None),
        };
        Keeper::start(KeeperParts { credentials, way, links: self.links.clone() }).map(Some)
    }

    /// For health, metrics and the API.
    pub(crate) fn view(&self) -> ClusterView {
        ClusterView {
            plan: self.plan.clone(),
            protection: self.protection.clone(),
            desk: self.desk.clone(),
            links: self.links.clone(),
            denials: Arc::clone(&self.denials),
        }
    }
}

/// The inner error is the signal by which the process was told to end.
fn mutual(
    plan: &ClusterPlan,
    settings: InternalSettings,
    data_dir: &DataDir,
    signals: &Signals,
    tell: impl FnMut(&str),
) -> Result<Result<Shown, &'static str>, MembershipError> {
    let member = member(plan)?;
    if plan.holds_authority() {
        let (credentials, desk) = own(member, &settings, data_dir)?;
        return Ok(Ok((Protection::Mutual(credentials), Some(Arc::new(desk)))));
    }
    let applicant = Applicant::new(plan, member, settings, data_dir.path())?;
    let credentials = match applicant.kept()? {
        Some(credentials) => credentials,
        None => match wait(applicant, signals, tell)? {
            Ok(credentials) => credentials,
            Err(signal) => return Ok(Err(signal)),
        },
    };
    Ok(Ok((Protection::Mutual(credentials), None)))
}

/// The authorities in this process, and a certificate by it.
fn own(
    member: Member,
    settings: &InternalSettings,
    data_dir: &DataDir,
) -> Result<(Credentials, Desk), MembershipError> {
    let now = SystemTime::now();
    let folder = certs::folder::authority(data_dir.path());
    let cluster = member.cluster.clone();
    let authority = InternalAuthority::open(&folder, cluster, AuthoritySettings::for_leaves(settings), now)?;
    let file = certs::folder::certificate(data_dir.path());
    let terms = (member, settings.clone(), Clock::system());
    let credentials = match Credentials::open(&file, terms.0.clone(), terms.1.clone(), terms.2.clone())? {
        // It may have been away while the authority was rotated.
        Some(credentials) if credentials.adopt_roots(&authority.roots(), now).is_ok() => credentials,
        _ => {
            let pending = Credentials::first_request(settings)?;
            let issued = authority.issue(pending.request(), &terms.0, now)?;
            Credentials::establish(&file, pending, issued, terms)?
        }
    };
    // Made here, so that a client which trusts one frontend trusts them all.
    let listeners = Authority::open(&data_dir.tls(), now)?;
    Ok((credentials, Desk::new(authority, listeners)))
}

fn wait(
    applicant: Applicant,
    signals: &Signals,
    mut tell: impl FnMut(&str),
) -> Result<Result<Credentials, &'static str>, JoinError> {
    let mut joining = applicant.begin()?;
    loop {
        tell(joining.waits_for());
        if let Some(joined) = joining.poll(LOOK_EVERY) {
            return joined.map(Ok);
        }
        match signals.wait(Duration::ZERO) {
            Some(Wish::End(signal)) => return Ok(Err(signal)),
            Some(Wish::Reload) => tracing::warn!("nothing is read again before there is an internal certificate"),
            None => {}
        }
    }
}
