//! Tokens checked by the cluster itself: TokenReview, and the annotations of the account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::core::v1::ServiceAccount;

use super::account::Account;
use super::cluster::{ApiFault, Cluster};
use super::recent::Recent;
use crate::authentication::counters::Counters;
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};
use crate::authentication::jwt::Token;
use crate::authentication::method::MethodFault;
use crate::authentication::secret::{Secret, repeats};
use crate::authentication::seldom::Seldom;
use crate::authentication::turnstile::Turnstile;

/// Annotations of an account that begin with this are attributes, named by the rest.
const ANNOTATION: &str = "aio-broker-auth/";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const MOST_AT_ONCE: usize = 32;
const MOST_WAITING: usize = 256;

/// How the cluster is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewSettings {
    pub access: ClusterAccess,
    /// For one token, over all requests it takes.
    pub deadline: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterAccess {
    /// As the pod that we are in.
    InCluster,
    /// As a kubeconfig says; its current context, or the one that is named.
    Kubeconfig { name: String, content: Secret, context: Option<String> },
}

pub(crate) struct Review {
    cluster: Cluster,
    audiences: Vec<String>,
    deadline: Duration,
    turnstile: Turnstile,
    recent: Recent,
    counters: Arc<Counters>,
    warned: Seldom,
    warned_of_annotations: Seldom,
}

/// Why a token is not accepted.
enum Fault {
    Refused(String),
    Unavailable(String),
}

impl Review {
    pub fn new(
        settings: &ReviewSettings,
        audiences: Vec<String>,
        counters: Arc<Counters>,
    ) -> Result<Self, MethodFault> {
        Ok(Self {
            cluster: Cluster::new(&settings.access, settings.deadline)?,
            audiences,
            deadline: settings.deadline,
            turnstile: Turnstile::new(MOST_AT_ONCE, MOST_WAITING),
            recent: Recent::default(),
            counters,
            warned: Seldom::default(),
            warned_of_annotations: Seldom::default(),
        })
    }

    pub async fn judge(&self, token: &[u8], now: SystemTime) -> Judgement {
        // Not asked: the cluster need not see what cannot be one.
        let expires = match end(token) {
            Ok(end) if end <= now => return Judgement::not_authorized("the token is refused: it has ended"),
            Ok(end) => end,
            Err(why) => return Judgement::not_authorized(format!("the token is refused: {why}")),
        };
        if let Some(accepted) = self.recent.find(token, now) {
            return Judgement::Accept(accepted);
        }
        let asked = tokio::time::timeout(self.deadline, self.ask(token)).await;
        match asked.unwrap_or_else(|_| Err(Fault::Unavailable(format!("no answer within {:?}", self.deadline)))) {
            Ok((username, attributes)) => {
                let by = MethodKind::ServiceAccountToken;
                let accepted = Accepted { username: Some(username), attributes, expires: Some(expires), by };
                self.recent.keep(token, &accepted, now);
                Judgement::Accept(accepted)
            }
            Err(Fault::Refused(why)) => Judgement::not_authorized(format!("the token is refused: {why}")),
            Err(Fault::Unavailable(why)) => {
                self.counters.unanswered(MethodKind::ServiceAccountToken);
                if let Some(unsaid) = self.warned.due(Instant::now()) {
                    tracing::warn!(why, unsaid, "the cluster does not check tokens");
                }
                Judgement::Unavailable { why: format!("the cluster does not check tokens: {why}") }
            }
        }
    }

    async fn ask(&self, token: &[u8]) -> Result<(Box<str>, BTreeMap<Box<str>, Box<str>>), Fault> {
        let busy = || Fault::Unavailable("too many tokens are being checked".to_owned());
        let _place = self.turnstile.enter().await.ok_or_else(busy)?;
        let username = self.review(token).await?;
        let attributes = match Account::parse(&username) {
            Some(account) => self.annotations(account).await?,
            None => return Err(Fault::Refused("it is no service account's".to_owned())),
        };
        Ok((username.into(), attributes))
    }

    /// Whose token it is, as the cluster says.
    async fn review(&self, token: &[u8]) -> Result<String, Fault> {
        let text = String::from_utf8(token.to_vec()).map_err(|_| Fault::Refused("not text".to_owned()))?;
        let spec = TokenReviewSpec { audiences: Some(self.audiences.clone()), token: text };
        let body = serde_json::to_vec(&TokenReview { spec, ..TokenReview::default() });
        let body = body.map_err(|_| Fault::Refused("not text".to_owned()))?;
        self.counters.asked(MethodKind::ServiceAccountToken);
        let answer = self.cluster.post::<TokenReview>(REVIEWS, body, token).await;
        let status = answer.map_err(|fault| Fault::Unavailable(fault.why()))?.status.unwrap_or_default();
        if status.authenticated != Some(true) {
            let said = status.error.filter(|said| !repeats(said, token));
            let said = said.unwrap_or_else(|| "the cluster does not know it".to_owned());
            return Err(Fault::Refused(format!("{said:.200}")));
        }
        // A cluster that does not look at audiences names none: then the token is good for the cluster, not for us.
        let audiences = status.audiences.unwrap_or_default();
        if !audiences.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(Fault::Refused("for another audience".to_owned()));
        }
        let username = status.user.and_then(|user| user.username);
        username.ok_or_else(|| Fault::Refused("the cluster names nobody".to_owned()))
    }

    /// The attributes on the account. None if the cluster does not let us see accounts: rules only ever allow more for them.
    async fn annotations(&self, account: Account<'_>) -> Result<BTreeMap<Box<str>, Box<str>>, Fault> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}", account.namespace, account.name);
        self.counters.asked(MethodKind::ServiceAccountToken);
        let found = match self.cluster.get::<ServiceAccount>(&path).await {
            Ok(found) => found,
            Err(ApiFault::Status { code: 403, .. }) => {
                if let Some(unsaid) = self.warned_of_annotations.due(Instant::now()) {
                    let missing = "get on serviceaccounts";
                    tracing::warn!(
                        missing,
                        unsaid,
                        "service accounts have no attributes, as the broker may not see them"
                    );
                }
                return Ok(BTreeMap::new());
            }
            Err(ApiFault::Status { code: 404, .. }) => return Err(Fault::Refused("its account is gone".to_owned())),
            Err(fault) => return Err(Fault::Unavailable(fault.why())),
        };
        let annotations = found.metadata.annotations.unwrap_or_default();
        let attributes = annotations.into_iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(ANNOTATION).filter(|name| !name.is_empty())?;
            Some((name.into(), value.into()))
        });
        Ok(attributes.collect())
    }
}

/// When a token ends, read without proof: the cluster proves the rest.
fn end(token: &[u8]) -> Result<SystemTime, String> {
    let claims = Token::split(token).and_then(|token| token.claims()).map_err(|error| error.to_string())?;
    claims.time("exp").ok().flatten().ok_or_else(|| "it has no end (exp)".to_owned())
}
