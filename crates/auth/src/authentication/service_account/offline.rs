//! Tokens of the cluster, checked with its published keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::account::Account;
use crate::authentication::counters::Counters;
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};
use crate::authentication::jwt::{Claims, KeySettings, Keys, KeysError, Mapping, TokenFault, TokenRules};

/// Whose tokens, and with which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineSettings {
    /// The cluster's `--service-account-issuer`, to the letter.
    pub issuer: String,
    pub keys: KeySettings,
    /// How far the cluster's clock and ours may differ.
    pub leeway: Duration,
    /// Attribute name -> claim.
    pub attributes: BTreeMap<String, String>,
}

impl OfflineSettings {
    /// `namespace`, `serviceAccount` and, of tokens bound to one, `pod`.
    pub fn usual_attributes() -> BTreeMap<String, String> {
        let usual = [
            ("namespace", "kubernetes.io.namespace"),
            ("serviceAccount", "kubernetes.io.serviceaccount.name"),
            ("pod", "kubernetes.io.pod.name"),
        ];
        usual.map(|(name, claim)| (name.to_owned(), claim.to_owned())).into()
    }
}

pub(crate) struct Offline {
    rules: TokenRules,
    mapping: Mapping,
}

impl Offline {
    pub fn new(
        settings: &OfflineSettings,
        audiences: Vec<String>,
        counters: &Arc<Counters>,
    ) -> Result<Self, KeysError> {
        let keys = Keys::new(&settings.keys, &settings.issuer, counters, MethodKind::ServiceAccountToken)?;
        let attributes = settings.attributes.iter().map(|(name, claim)| (name.as_str().into(), claim.as_str().into()));
        Ok(Self {
            rules: TokenRules { issuer: settings.issuer.as_str().into(), audiences, leeway: settings.leeway, keys },
            mapping: Mapping { username: "sub".into(), attributes: attributes.collect() },
        })
    }

    pub async fn judge(&self, token: &[u8], now: SystemTime) -> Judgement {
        let proved = match self.rules.prove(token, now).await {
            Ok(proved) => proved,
            Err(TokenFault::Refused(why)) => return Judgement::not_authorized(format!("the token is refused: {why}")),
            Err(TokenFault::NoKeys(why)) => return Judgement::Unavailable { why },
        };
        let username = self.mapping.username(&proved.claims).filter(|name| is_whole(name, &proved.claims));
        let Some(username) = username else {
            return Judgement::not_authorized("the token is refused: it is no service account's");
        };
        Judgement::Accept(Accepted {
            username: Some(username),
            attributes: self.mapping.attributes(&proved.claims),
            expires: Some(proved.expires),
            by: MethodKind::ServiceAccountToken,
        })
    }
}

/// Whether the subject is an account, and the one of the claims.
fn is_whole(username: &str, claims: &Claims) -> bool {
    let same = |path: &str, expected: &str| claims.at(path).is_none_or(|value| value.as_str() == Some(expected));
    Account::parse(username).is_some_and(|account| {
        same("kubernetes.io.namespace", account.namespace) && same("kubernetes.io.serviceaccount.name", account.name)
    })
}
