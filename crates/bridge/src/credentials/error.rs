//! Why there is no credential: what was tried, where, and what would be right.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Why there is no credential, or no newer one. Holds no part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    #[error("{place} {problem}; it must hold {expected}")]
    File { place: String, problem: FileProblem, expected: &'static str },
    #[error(
        "the certificate in {certificate} and the key in {key} cannot be used together ({reason}); take both from one source"
    )]
    Pair { certificate: String, key: String, reason: String },
    #[error("the certificate in {place} ended at {at}; put its successor there")]
    CertificateEnded { place: String, at: String },
    #[error(
        "the token in {place} ended at {at}; whoever projects it must write a new one (see the clocks of both as well)"
    )]
    TokenEnded { place: String, at: String },
    #[error(
        "the token in {place} is for {found}, the endpoint asks for {expected}; project one with that audience, or change the endpoint's"
    )]
    TokenAudience { place: String, found: String, expected: String },
    #[error("{field} is {value:?}; it must be {expected}")]
    Setting { field: &'static str, value: String, expected: &'static str },
    #[error(
        "this process seems to run in {platform} ({because}), whose identity cannot be used; an Azure virtual machine, a machine connected by Azure Arc, or UserAssignedManagedIdentity can"
    )]
    Platform { platform: &'static str, because: &'static str },
    #[error("no trust for the token host: {0}")]
    Trust(String),
    #[error("no answer from {endpoint} ({reason}); {remedy}")]
    Unreachable { endpoint: String, reason: String, remedy: &'static str },
    #[error("no answer from {endpoint} within {seconds} s; {remedy}")]
    TimedOut { endpoint: String, seconds: u64, remedy: &'static str },
    #[error("{endpoint} answers {status}{text}; {remedy}")]
    Refused { endpoint: String, status: u16, text: String, remedy: String, retry_after: Option<Duration> },
    #[error("{endpoint} refuses the identity with {code}{text}; {remedy}")]
    Entra {
        endpoint: String,
        status: u16,
        /// As `AADSTS70021`; where the host names none, its OAuth error.
        code: String,
        text: String,
        remedy: String,
        retry_after: Option<Duration>,
    },
    #[error("the answer of {endpoint} cannot be used: {reason}")]
    Answer { endpoint: String, reason: String },
    #[error("the challenge of {endpoint} is not answered: {reason}")]
    Challenge { endpoint: String, reason: String },
    #[error("the credential has ended, and its successor is not there yet")]
    Ended,
    /// The keeper was stopped.
    #[error("the endpoint's credentials are no longer kept; the dataflow is stopping")]
    Stopped,
}

/// What is wrong with a file, or with a secret that is held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    #[error("cannot be read ({0})")]
    Unreadable(String),
    #[error("is not a regular file")]
    NotRegular,
    #[error("is empty")]
    Empty,
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
    #[error("holds something else ({0})")]
    Other(String),
}

impl CredentialError {
    /// Whether the same may work in a moment, without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            // Files are written one after the other.
            Self::File { .. } | Self::Pair { .. } | Self::TokenEnded { .. } => true,
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => matches!(status, 404 | 408 | 410 | 429 | 500..),
            Self::Entra { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::Answer { .. } | Self::Ended => true,
            Self::CertificateEnded { .. } | Self::TokenAudience { .. } | Self::Setting { .. } => false,
            Self::Platform { .. } | Self::Trust(_) | Self::Challenge { .. } | Self::Stopped => false,
        }
    }

    /// How long the endpoint asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Entra { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A moment, to the second.
pub(crate) fn shown(moment: SystemTime) -> String {
    let whole = OffsetDateTime::from(moment).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    whole.format(&Rfc3339).unwrap_or_else(|_| "a moment that has no name".to_owned())
}

/// Somebody else's words, made fit for one line of a log.
pub(super) fn line(words: &str, most: usize) -> String {
    let visible = words.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut text = visible.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_become_one_short_line() {
        assert_eq!(line("a\r\n b\u{1b}[31m\tc", 100), "a b [31m c");
        assert_eq!(line("äöü", 2), "äö…");
    }

    #[test]
    fn moments_are_shown_to_the_second() {
        assert_eq!(shown(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)), "1970-01-01T00:00:01Z");
    }
}
