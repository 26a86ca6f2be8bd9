//! Method ServiceAccountToken.

use std::time::Duration;

use auth::authentication::{
    ClusterAccess, OfflineSettings, ReviewSettings, Secret, ServiceAccountSettings, Verification,
};
use config::authentication::{OfflineTokens, ServiceAccountToken, TokenVerification};

use super::ground::Ground;
use super::keys::keys;

/// For one token, the annotations of its account included.
const REVIEW_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn settings(asked: &ServiceAccountToken, ground: &Ground) -> ServiceAccountSettings {
    let review = |access| Verification::TokenReview(ReviewSettings { access, deadline: REVIEW_DEADLINE });
    ServiceAccountSettings {
        audiences: asked.audiences.clone(),
        verification: match &asked.verification {
            TokenVerification::InCluster => review(ClusterAccess::InCluster),
            TokenVerification::Kubeconfig { file, context } => review(ClusterAccess::Kubeconfig {
                name: file.name.clone(),
                content: Secret::new(file.content.reveal().to_vec()),
                context: context.clone(),
            }),
            TokenVerification::Offline(offline) => Verification::Offline(self::offline(offline, ground)),
        },
    }
}

fn offline(asked: &OfflineTokens, ground: &Ground) -> OfflineSettings {
    OfflineSettings {
        issuer: asked.issuer.clone(),
        keys: keys(&asked.keys, ground),
        leeway: asked.leeway,
        attributes: asked.attributes.clone().unwrap_or_else(OfflineSettings::usual_attributes),
    }
}
