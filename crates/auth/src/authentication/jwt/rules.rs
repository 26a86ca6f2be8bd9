//! What a token must claim.

use std::time::{Duration, SystemTime};

use super::claims::Claims;
use super::keys::Keys;
use super::token::{Token, TokenError};

/// Whose tokens are taken, and for whom they must be.
pub(crate) struct TokenRules {
    pub issuer: Box<str>,
    /// One of them must be among the token's.
    pub audiences: Vec<String>,
    /// How far the clocks may differ.
    pub leeway: Duration,
    pub keys: Keys,
}

/// A token that is good.
pub(crate) struct Proved {
    pub claims: Claims,
    /// Its end, leeway included.
    pub expires: SystemTime,
}

/// Why a token is not taken; without any of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Refused(String),
    /// There are no keys to check it with at present.
    NoKeys(String),
}

impl From<TokenError> for TokenFault {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl TokenRules {
    /// Signature first, claims after.
    pub async fn prove(&self, bytes: &[u8], now: SystemTime) -> Result<Proved, TokenFault> {
        let token = Token::split(bytes)?;
        self.keys.prove(&token, now).await?;
        let claims = token.claims()?;
        let expires = self.check(&claims, now).map_err(|why| TokenFault::Refused(why.to_owned()))?;
        Ok(Proved { claims, expires })
    }

    fn check(&self, claims: &Claims, now: SystemTime) -> Result<SystemTime, &'static str> {
        if claims.string("iss") != Some(&*self.issuer) {
            return Err("another issuer");
        }
        if !claims.audiences().any(|audience| self.audiences.iter().any(|ours| ours == audience)) {
            return Err("for another audience");
        }
        let end = claims.time("exp").ok().flatten().ok_or("it has no end (exp)")?;
        let expires = end.checked_add(self.leeway).ok_or("it has no end (exp)")?;
        if expires <= now {
            return Err("it has ended");
        }
        let start = claims.time("nbf").map_err(|()| "its start (nbf) is no time")?;
        // Moved by hand, as the sum could be beyond what a time can be.
        if start.is_some_and(|start| start.duration_since(now).is_ok_and(|ahead| ahead > self.leeway)) {
            return Err("it has not begun");
        }
        Ok(expires)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::judgement::MethodKind;
    use crate::authentication::jwt::KeySettings;
    use crate::authentication::secret::Secret;

    #[test]
    fn each_claim_is_asked_for() {
        let secret = KeySettings::Secret(Secret::new(vec![0; 32]));
        let keys = Keys::new(&secret, "", &Arc::default(), MethodKind::Jwt).ok().unwrap();
        let rules = TokenRules {
            issuer: "https://issuer".into(),
            audiences: vec!["a".to_owned(), "b".to_owned()],
            leeway: Duration::from_secs(30),
            keys,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let good = json!({ "iss": "https://issuer", "aud": ["x", "b"], "exp": 1100, "nbf": 900 });
        let changed = |name: &str, value: Value| {
            let mut claims = good.as_object().unwrap().clone();
            match value {
                Value::Null => claims.remove(name),
                value => claims.insert(name.to_owned(), value),
            };
            rules.check(&Claims(claims), now)
        };
        let until = |seconds| Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(changed("nbf", Value::Null), until(1130));
        assert_eq!(changed("exp", json!(971)), until(1001));
        assert_eq!(changed("nbf", json!(1030)), until(1130));
        for (name, value) in [
            ("iss", json!("https://other")),
            ("iss", json!(["https://issuer"])),
            ("iss", Value::Null),
            ("aud", json!("x")),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("exp", json!(970)),
            ("exp", json!("1100")),
            ("exp", Value::Null),
            ("nbf", json!(1031)),
            ("nbf", json!("soon")),
            ("nbf", json!(1e18)),
        ] {
            assert!(changed(name, value.clone()).is_err(), "{name} {value}");
        }
    }
}
