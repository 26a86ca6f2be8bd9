//! `K8S-SAT`, whoever checks the token.

use std::sync::Arc;
use std::time::SystemTime;

use super::offline::{Offline, OfflineSettings};
use super::review::{Review, ReviewSettings};
use crate::authentication::counters::Counters;
use crate::authentication::credentials::Credentials;
use crate::authentication::judgement::Judgement;
use crate::authentication::method::MethodFault;

pub(crate) const MARKER: &str = "K8S-SAT";

/// For whom tokens must be, and who checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccountSettings {
    /// One of them must be among the token's.
    pub audiences: Vec<String>,
    pub verification: Verification,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The cluster is asked.
    TokenReview(ReviewSettings),
    /// Nobody is asked.
    Offline(OfflineSettings),
}

pub(crate) enum ServiceAccountToken {
    Review(Box<Review>),
    Offline(Offline),
}

impl ServiceAccountToken {
    pub fn new(settings: &ServiceAccountSettings, counters: &Arc<Counters>) -> Result<Self, MethodFault> {
        let audiences = settings.audiences.clone();
        Ok(match &settings.verification {
            Verification::TokenReview(review) => {
                Self::Review(Box::new(Review::new(review, audiences, Arc::clone(counters))?))
            }
            Verification::Offline(offline) => Self::Offline(Offline::new(offline, audiences, counters)?),
        })
    }

    pub async fn judge(&self, credentials: &Credentials, now: SystemTime) -> Judgement {
        let Some(enhanced) = credentials.enhanced.as_ref().filter(|enhanced| *enhanced.method == *MARKER) else {
            return Judgement::NotRelevant;
        };
        let token = enhanced.data.as_deref().unwrap_or_default();
        match self {
            Self::Review(review) => review.judge(token, now).await,
            Self::Offline(offline) => offline.judge(token, now).await,
        }
    }
}
