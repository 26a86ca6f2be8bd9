//! A member of a cluster that nobody else is in.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use config::ClusterPlan;
use identity::Authority;
use identity::internal::{
    AuthoritySettings, Clock, ClusterName, Credentials, InternalAuthority, InternalSettings, JoinRefusal,
    SigningRequest,
};
use link::wire::Proof;

use super::desk::Desk;
use super::errand::{Errand, Reply};
use super::joining::member;
use super::keeper::{Keeper, KeeperParts, Way};
use super::links::Links;
use super::protection::Protection;
use super::report::ClusterView;

pub(crate) struct Alone {
    plan: ClusterPlan,
    protection: Protection,
    desk: Option<Arc<Desk>>,
}

impl Alone {
    /// One without encryption.
    pub(crate) fn plain(plan: ClusterPlan) -> Self {
        Self { plan, protection: Protection::Nothing, desk: None }
    }

    /// One with an authority below `folder`.
    pub(crate) fn with_authority(plan: ClusterPlan, folder: &Path) -> Self {
        let (now, settings) = (SystemTime::now(), InternalSettings::default());
        let cluster = ClusterName::new(&plan.name).unwrap();
        let terms = AuthoritySettings::for_leaves(&settings);
        let authority = InternalAuthority::open(&folder.join("authority"), cluster, terms, now).unwrap();
        let member = member(&plan).unwrap();
        let pending = Credentials::first_request(&settings).unwrap();
        let issued = authority.issue(pending.request(), &member, now).unwrap();
        let terms = (member, settings, Clock::system());
        let credentials = Credentials::establish(&folder.join("certificate"), pending, issued, terms).unwrap();
        let desk = Desk::new(authority, Authority::open(&folder.join("tls"), now).unwrap());
        Self { plan, protection: Protection::Mutual(credentials), desk: Some(Arc::new(desk)) }
    }

    pub(crate) fn view(&self) -> ClusterView {
        ClusterView {
            plan: self.plan.clone(),
            protection: self.protection.clone(),
            desk: self.desk.clone(),
            links: Links::default(),
            denials: Arc::default(),
        }
    }

    pub(crate) fn keep(&self) -> Keeper {
        let credentials = self.protection.credentials().unwrap().clone();
        let way = Way::Here(self.desk.clone().unwrap());
        Keeper::start(KeeperParts { credentials, way, links: Links::default() }).unwrap()
    }
}

fn holder() -> (Arc<Desk>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = AuthoritySettings::for_leaves(&InternalSettings::default());
    let cluster = ClusterName::new("plant").unwrap();
    let authority =
        InternalAuthority::open(&folder.path().join("authority"), cluster, settings, SystemTime::now()).unwrap();
    let listeners = Authority::open(&folder.path().join("tls"), SystemTime::now()).unwrap();
    (Arc::new(Desk::new(authority, listeners)), folder)
}

fn shown(role: &str) -> Proof {
    Proof::Certificate { cluster: "plant".into(), role: role.into(), name: format!("{role}-0").into() }
}

#[test]
fn nobody_gets_a_certificate_on_his_word() {
    let (desk, _folder) = holder();
    let renew = || Errand::Renew(SigningRequest::from_der(vec![1, 2, 3]));
    let Reply::Refused(reason) = desk.serve(&Proof::Word, renew()) else { panic!("it was granted") };
    assert!(reason.starts_with("the link is not encrypted"), "{reason}");
    let Reply::Refused(reason) = desk.serve(&shown("frontend"), renew()) else { panic!("it was granted") };
    assert_eq!(reason, "the link has to be made anew first");
    let answer = desk.admit(&[9, 9, 9], &[0; 32]);
    assert_eq!(Reply::from_bytes(&answer).unwrap(), Reply::NotAdmitted(JoinRefusal::Unknown));
}

#[test]
fn whoever_knows_an_older_list_of_authorities_is_told_the_newer() {
    let (desk, _folder) = holder();
    let ask = |have| desk.serve(&Proof::Word, Errand::Roots { have });
    assert_eq!(ask(1), Reply::NoNewer);
    desk.authority().rotate(SystemTime::now()).unwrap();
    let Reply::Roots(roots) = ask(1) else { panic!("there is a newer one") };
    assert_eq!((roots.generation(), roots.certificates().len()), (2, 2));
    assert_eq!(ask(2), Reply::NoNewer);
}

#[test]
fn frontends_alone_get_the_authority_of_the_listeners() {
    let (desk, folder) = holder();
    let ask = |proof| desk.serve(&proof, Errand::ListenerAuthority);
    let Reply::Refused(reason) = ask(Proof::Word) else { panic!("it was given away") };
    assert!(reason.starts_with("the connection is not encrypted"), "{reason}");
    let Reply::Refused(reason) = ask(shown("backend")) else { panic!("it was given away") };
    assert_eq!(reason, "it is for frontends, and this is a backend");
    let Reply::ListenerAuthority(pair) = ask(shown("frontend")) else { panic!("it is for frontends") };
    let other = folder.path().join("other");
    pair.store(&other).unwrap();
    let certificate = |folder: &Path| std::fs::read(folder.join("ca.crt")).unwrap();
    assert_eq!(certificate(&other), certificate(&folder.path().join("tls")));
}
