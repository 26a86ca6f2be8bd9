//! What a token says of itself, read without checking it: for its end, and for words about refusals.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Claims that are no secret.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    exp: Option<u64>,
    #[serde(default)]
    pub iss: Option<String>,
    #[serde(default)]
    pub sub: Option<String>,
    #[serde(default)]
    aud: Audiences,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audiences {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Claims {
    /// `None` of a token that is no JSON Web Token.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// When it ends.
    pub fn expires(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.exp?))
    }

    /// For whom it is; empty where it does not say.
    pub fn audiences(&self) -> &[String] {
        match &self.aud {
            Audiences::None => &[],
            Audiences::One(audience) => std::slice::from_ref(audience),
            Audiences::Many(audiences) => audiences,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_read_as_far_as_they_are_there() {
        let claims = Claims::of(&token(r#"{"exp":10,"iss":"i","sub":"s","aud":["a","b"],"x":{}}"#)).unwrap();
        assert_eq!(claims.expires(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(10)));
        assert_eq!((claims.iss.as_deref(), claims.audiences().len()), (Some("i"), 2));
        assert_eq!(Claims::of(&token(r#"{"aud":"a"}"#)).unwrap().audiences(), ["a"]);
        assert_eq!(Claims::of(&token("{}")), Some(Claims::default()));
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for text in ["", "opaque", "a.b", "a.b.c", "e30.e30", "..", &token(r#"{"exp":"soon"}"#)] {
            assert_eq!(Claims::of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_passed_over(text in "\\PC{0,60}", exp in any::<u64>()) {
            Claims::of(&text);
            if let Some(claims) = Claims::of(&token(&format!(r#"{{"exp":{exp}}}"#))) {
                claims.expires();
            }
        }
    }
}
