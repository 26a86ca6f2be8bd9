//! The method Jwt: tokens of any issuer, in an enhanced authentication or in the password.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mqtt::ReasonCode;

use super::claims::Mapping;
use super::keys::{KeySettings, Keys, KeysError};
use super::rules::{TokenFault, TokenRules};
use super::token::Token;
use crate::authentication::counters::Counters;
use crate::authentication::credentials::Credentials;
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};

/// Whose tokens are taken, and what they say of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// The claim `iss`, to the letter. A token of another issuer is left to the next method.
    pub issuer: String,
    /// One of them must be in `aud`.
    pub audiences: Vec<String>,
    pub keys: KeySettings,
    /// How far the issuer's clock and ours may differ.
    pub leeway: Duration,
    /// The claim that is the username.
    pub username: String,
    /// Attribute name -> claim.
    pub attributes: BTreeMap<String, String>,
    pub places: Vec<TokenPlace>,
}

/// Where clients put their token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// The Authentication Data of this Authentication Method.
    Enhanced(String),
    /// The password of CONNECT; what does not look like a token there is left to the next method.
    Password,
}

impl TokenPlace {
    /// `OAUTH2-JWT`, `CUSTOM-JWT` and the password.
    pub fn usual() -> Vec<Self> {
        vec![Self::Enhanced("OAUTH2-JWT".to_owned()), Self::Enhanced("CUSTOM-JWT".to_owned()), Self::Password]
    }
}

pub(crate) struct Jwt {
    rules: TokenRules,
    mapping: Mapping,
    places: Vec<TokenPlace>,
}

impl Jwt {
    pub fn new(settings: &JwtSettings, counters: &Arc<Counters>) -> Result<Self, KeysError> {
        let attributes = settings.attributes.iter().map(|(name, claim)| (name.as_str().into(), claim.as_str().into()));
        Ok(Self {
            rules: TokenRules {
                issuer: settings.issuer.as_str().into(),
                audiences: settings.audiences.clone(),
                leeway: settings.leeway,
                keys: Keys::new(&settings.keys, &settings.issuer, counters, MethodKind::Jwt)?,
            },
            mapping: Mapping { username: settings.username.as_str().into(), attributes: attributes.collect() },
            places: settings.places.clone(),
        })
    }

    pub async fn judge(&self, credentials: &Credentials, now: SystemTime) -> Judgement {
        let Some((bytes, reason)) = self.token(credentials) else { return Judgement::NotRelevant };
        let deny = |why: String| Judgement::Deny { reason, why: format!("the token is refused: {why}") };
        if self.is_of_another_issuer(bytes) {
            return Judgement::NotRelevant;
        }
        let proved = match self.rules.prove(bytes, now).await {
            Ok(proved) => proved,
            Err(TokenFault::Refused(why)) => return deny(why),
            Err(TokenFault::NoKeys(why)) => return Judgement::Unavailable { why },
        };
        let Some(username) = self.mapping.username(&proved.claims) else {
            return deny(format!("its claim {} is no name", self.mapping.username));
        };
        Judgement::Accept(Accepted {
            username: Some(username),
            attributes: self.mapping.attributes(&proved.claims),
            expires: Some(proved.expires),
            by: MethodKind::Jwt,
        })
    }

    /// The token, if there is one in a place that counts, and with which reason it is refused there.
    fn token<'c>(&self, credentials: &'c Credentials) -> Option<(&'c [u8], ReasonCode)> {
        if let Some(enhanced) = &credentials.enhanced {
            let listed = |place: &TokenPlace| matches!(place, TokenPlace::Enhanced(name) if **name == *enhanced.method);
            let data = enhanced.data.as_deref().unwrap_or_default();
            return self.places.iter().any(listed).then_some((data, ReasonCode::NotAuthorized));
        }
        let password = credentials.password.as_deref()?;
        let wanted = self.places.contains(&TokenPlace::Password) && Token::split(password).is_ok();
        wanted.then_some((password, ReasonCode::BadUserNameOrPassword))
    }

    /// Read without proof: a lie makes the token somebody else's to refuse, or nobody's.
    fn is_of_another_issuer(&self, bytes: &[u8]) -> bool {
        let claims = Token::split(bytes).and_then(|token| token.claims());
        claims.is_ok_and(|claims| claims.string("iss").is_some_and(|issuer| *issuer != *self.rules.issuer))
    }
}
