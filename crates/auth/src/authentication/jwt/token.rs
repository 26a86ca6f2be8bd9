//! The form of a token: three parts, of which the first says how the third was made of the first two.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use super::claims::Claims;

/// Larger ones are not looked at.
pub(crate) const LONGEST_TOKEN: usize = 16 * 1024;

/// A token taken apart; nothing in it is proved.
pub(crate) struct Token<'t> {
    pub algorithm: Algorithm,
    pub key_id: Option<String>,
    /// What is signed.
    pub message: &'t [u8],
    pub signature: &'t str,
    payload: &'t str,
}

/// Why bytes are no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("longer than {LONGEST_TOKEN} bytes")]
    TooLong,
    #[error("not three parts of base64url with dots between")]
    Form,
    #[error("its header cannot be read, or names no algorithm that is supported")]
    Header,
    #[error("its header asks for an extension that is not known")]
    Extension,
    #[error("its claims are no JSON object")]
    Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that a reader must understand (RFC 7515, 4.1.11): there are none here.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl<'t> Token<'t> {
    pub fn split(bytes: &'t [u8]) -> Result<Self, TokenError> {
        if bytes.len() > LONGEST_TOKEN {
            return Err(TokenError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Form)?;
        let mut parts = text.split('.');
        let (header, payload, signature) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => (header, payload, signature),
            _ => return Err(TokenError::Form),
        };
        if [header, payload, signature].iter().any(|part| part.is_empty()) {
            return Err(TokenError::Form);
        }
        let decoded = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Form)?;
        let fields: Header = serde_json::from_slice(&decoded).map_err(|_| TokenError::Header)?;
        if fields.crit.is_some() {
            return Err(TokenError::Extension);
        }
        let message = &text.as_bytes()[..header.len() + 1 + payload.len()];
        Ok(Self { algorithm: fields.alg, key_id: fields.kid, message, signature, payload })
    }

    /// What it claims, proved or not.
    pub fn claims(&self) -> Result<Claims, TokenError> {
        let decoded = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| TokenError::Form)?;
        serde_json::from_slice(&decoded).map(Claims).map_err(|_| TokenError::Claims)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn fault(text: &str) -> TokenError {
        match Token::split(text.as_bytes()) {
            Err(error) => error,
            Ok(token) => token.claims().err().unwrap(),
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = token(r#"{"alg":"RS256","kid":"k"}"#, "{}");
        let split = Token::split(good.as_bytes()).unwrap();
        assert_eq!((split.algorithm, split.key_id.as_deref()), (Algorithm::RS256, Some("k")));
        assert_eq!(split.message, good.rsplit_once('.').unwrap().0.as_bytes());
        for (text, expected) in [
            ("a.b".to_owned(), TokenError::Form),
            (format!("{good}.x"), TokenError::Form),
            (good.trim_end_matches("c2ln").to_owned(), TokenError::Form),
            ("a.b.c".repeat(4000), TokenError::TooLong),
            (token(r#"{"alg":"none"}"#, "{}"), TokenError::Header),
            (token(r#"{"kid":"k"}"#, "{}"), TokenError::Header),
            (token(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "{}"), TokenError::Extension),
            (token(r#"{"alg":"RS256"}"#, "[]"), TokenError::Claims),
            (token(r#"{"alg":"RS256"}"#, "{"), TokenError::Claims),
        ] {
            assert_eq!(fault(&text), expected, "{text:.60}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(token) = Token::split(&bytes) {
                let _ = token.claims();
            }
        }

        #[test]
        fn any_parts_are_read_or_refused(header in "\\PC{0,60}", claims in "\\PC{0,60}") {
            if let Ok(token) = Token::split(token(&header, &claims).as_bytes()) {
                let _ = token.claims();
            }
        }
    }
}
