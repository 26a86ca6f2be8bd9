//! What identity endpoints answer: a token in JSON, or words about why there is none.

use std::time::{Duration, SystemTime};

use hyper::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::Value;

use super::error::{CredentialError, line, shown};
use super::https::Answer;
use super::presented::{Presented, Shown};
use super::secret::{Secret, repeats};
use super::service_account::LARGEST_TOKEN;

const MOST_WORDS: usize = 300;

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds since 1970.
    #[serde(default)]
    expires_on: Option<Number>,
    /// Seconds from now.
    #[serde(default)]
    expires_in: Option<Number>,
}

/// Some endpoints write numbers as texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Text(String),
}

impl Number {
    fn seconds(&self) -> Option<Duration> {
        match self {
            Self::Plain(seconds) => Some(*seconds),
            Self::Text(text) => text.parse().ok(),
        }
        .map(Duration::from_secs)
    }
}

/// An error as OAuth words it, and as other endpoints of Azure do.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// `error`
    pub error: String,
    /// `error_description`, and whatever else there is.
    pub description: String,
    /// `error_codes`, the first.
    pub code: Option<u64>,
}

impl Answer {
    /// The token of an answer with status 200.
    pub fn token(&self, now: SystemTime) -> Result<Presented, CredentialError> {
        let unusable = |reason: String| CredentialError::Answer { endpoint: self.endpoint.clone(), reason };
        // What serde says may repeat the answer.
        let granted: Granted = serde_json::from_slice(&self.body)
            .map_err(|_| unusable("it is no JSON object with access_token and expires_on or expires_in".to_owned()))?;
        let token = Secret::new(granted.access_token.into_bytes());
        let fits = (1..=LARGEST_TOKEN).contains(&token.bytes().len());
        if !fits || !token.bytes().iter().all(u8::is_ascii_graphic) {
            return Err(unusable(format!("access_token is no text of 1 to {LARGEST_TOKEN} visible characters")));
        }
        // An answer out of a cache says in `expires_in` what was left at first.
        let at = granted.expires_on.and_then(|number| SystemTime::UNIX_EPOCH.checked_add(number.seconds()?));
        let expires = at.or_else(|| now.checked_add(granted.expires_in?.seconds()?));
        let expires = expires.ok_or_else(|| unusable("it does not say when the token ends".to_owned()))?;
        if expires <= now {
            let (end, now) = (shown(expires), shown(now));
            return Err(unusable(format!("the token ended at {end}, and it is {now} by this machine's clock")));
        }
        Ok(Presented::new(Shown::Token { method: "OAUTH2-JWT", token }, Some(expires)))
    }

    /// What an answer with another status says, without what it repeats of our secrets.
    pub fn said(&self, secrets: &[&[u8]]) -> Said {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let error = &body["error"];
        let mut said = Said {
            error: text(error).or_else(|| text(&error["code"])).unwrap_or_default(),
            description: text(&body["error_description"])
                .or_else(|| text(&error["message"]))
                .or_else(|| text(&body["message"]))
                .unwrap_or_default(),
            code: body["error_codes"][0].as_u64(),
        };
        for words in [&mut said.error, &mut said.description] {
            *words = match secrets.iter().any(|secret| repeats(words, secret)) {
                true => "(hidden: it repeats a secret)".to_owned(),
                false => line(words, MOST_WORDS),
            };
        }
        said
    }

    /// Seconds that the endpoint wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
    }

    /// An error with these words and this remedy.
    pub fn refused(&self, said: &Said, remedy: impl Into<String>) -> CredentialError {
        CredentialError::Refused {
            endpoint: self.endpoint.clone(),
            status: self.status,
            text: said.shown(),
            remedy: remedy.into(),
            retry_after: self.retry_after(),
        }
    }
}

impl Said {
    /// For the end of a sentence.
    pub fn shown(&self) -> String {
        match (self.error.as_str(), self.description.as_str()) {
            ("", "") => String::new(),
            (words, "") | ("", words) => format!(" ({words})"),
            (error, description) => format!(" ({error}: {description})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(body: &str) -> Answer {
        let headers = hyper::HeaderMap::new();
        Answer { endpoint: "http://e".to_owned(), status: 200, headers, body: body.to_owned().into() }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_ends_when_the_answer_says() {
        for (body, expected) in [
            (r#"{"access_token":"t","expires_on":"1500","expires_in":"9","token_type":"Bearer"}"#, Some(1500)),
            (r#"{"access_token":"t","expires_on":1500}"#, Some(1500)),
            (r#"{"access_token":"t","expires_in":60,"ext_expires_in":70}"#, Some(1060)),
            (r#"{"access_token":"t","expires_in":"60"}"#, Some(1060)),
            (r#"{"access_token":"t","expires_on":"9/14/2017 00:00:00 PM +00:00","expires_in":"60"}"#, Some(1060)),
            (r#"{"access_token":"t"}"#, None),
            (r#"{"access_token":"t","expires_on":"1000"}"#, None),
            (r#"{"access_token":"t","expires_in":18446744073709551615}"#, None),
            (r#"{"access_token":"","expires_in":60}"#, None),
            (r#"{"access_token":"a b","expires_in":60}"#, None),
            (r#"{"access_token":7,"expires_in":60}"#, None),
            (r#"{"token":"t","expires_in":60}"#, None),
            ("[]", None),
            ("<html>", None),
            ("", None),
        ] {
            let token = answer(body).token(at(1000));
            assert_eq!(token.as_ref().ok().and_then(Presented::expires), expected.map(at), "{body}");
            if let Err(error) = token {
                assert!(error.may_pass() && error.to_string().starts_with("the answer of http://e cannot be used: "));
            }
        }
    }

    #[test]
    fn errors_are_read_in_every_form() {
        for (body, expected) in [
            (
                r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
                " (invalid_request: Identity not found)",
            ),
            (r#"{"error":{"code":"x","message":"y\nz"}}"#, " (x: y z)"),
            (r#"{"error":"only"}"#, " (only)"),
            (r#"{"message":"words"}"#, " (words)"),
            (r#"{"error":"e","error_description":"you sent hunter2"}"#, " (e: (hidden: it repeats a secret))"),
            ("<html>hunter2</html>", ""),
            ("", ""),
        ] {
            assert_eq!(answer(body).said(&[b"hunter2"]).shown(), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_a_token_with_an_end_or_an_error(body in ANY_ANSWER) {
            let answer = answer(&body);
            if let Ok(token) = answer.token(at(1000)) {
                prop_assert!(token.expires().is_some_and(|end| end > at(1000)));
            }
            let said = answer.said(&[b"hunter2"]).shown();
            prop_assert!(!said.contains("hunter2") && !said.contains(char::is_control));
        }
    }

    const ANY_ANSWER: &str = r#"\PC{0,40}|\{"(access_token|error|message)":("(hunter2|[a-z\\n]{0,9})"|[0-9]{0,20}|null)(,"(expires_on|expires_in|error_description|error_codes)":("?[0-9]{1,20}"?|"hunter2"|\[[0-9]{0,20}\]|\{\})){0,2}\}"#;
}
