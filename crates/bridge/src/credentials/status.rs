//! How it stands with a credential, for whoever looks.

use std::time::SystemTime;

use super::error::CredentialError;
use super::presented::Presented;

/// What an endpoint has to show, and whether its successor can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialStatus {
    /// Whether there is a credential that has not ended.
    pub is_there: bool,
    pub expires: Option<SystemTime>,
    /// Of the last attempt, if it failed. There may be a good credential all the same.
    pub failure: Option<CredentialFailure>,
}

/// Attempts that failed, and when the next one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFailure {
    pub error: CredentialError,
    /// The first of this row.
    pub since: SystemTime,
    /// In this row.
    pub attempts: u64,
    /// Sooner, when a file changes or a server refuses what there is.
    pub next: SystemTime,
}

/// What a keeper's task tells its holders.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Counts credentials that differ; 0 is none.
    pub serial: u64,
    /// Counts attempts that are over.
    pub attempts: u64,
    pub current: Option<Presented>,
    pub failure: Option<CredentialFailure>,
}

impl State {
    /// What may be shown at this moment.
    pub fn good(&self, now: SystemTime) -> Option<&Presented> {
        self.current.as_ref().filter(|current| current.expires.is_none_or(|end| end > now))
    }

    pub fn succeeded(&mut self, presented: Presented) {
        self.attempts += 1;
        self.failure = None;
        if !self.current.as_ref().is_some_and(|current| current.is_same(&presented)) {
            self.serial += 1;
        }
        self.current = Some(presented);
    }

    /// What was there stays until its end.
    pub fn failed(&mut self, error: CredentialError, now: SystemTime, next: SystemTime) {
        self.attempts += 1;
        let (since, attempts) = self.failure.as_ref().map_or((now, 1), |failure| (failure.since, failure.attempts + 1));
        self.failure = Some(CredentialFailure { error, since, attempts, next });
    }

    pub fn status(&self, now: SystemTime) -> CredentialStatus {
        CredentialStatus {
            is_there: self.good(now).is_some(),
            expires: self.current.as_ref().and_then(Presented::expires),
            failure: self.failure.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::credentials::presented::Shown;

    fn token(token: &str, end: SystemTime) -> Presented {
        Presented::new(Shown::Token { method: "OAUTH2-JWT", token: token.into() }, Some(end))
    }

    #[test]
    fn what_has_ended_is_not_there() {
        let now = SystemTime::now();
        let end = now + Duration::from_secs(10);
        let mut state = State::default();
        assert_eq!(state.status(now), CredentialStatus::default());
        state.succeeded(token("a", end));
        assert!(state.good(now).is_some() && state.good(end).is_none());
        assert_eq!(state.status(end), CredentialStatus { is_there: false, expires: Some(end), failure: None });
    }

    #[test]
    fn failures_are_counted_until_one_attempt_does() {
        let now = SystemTime::now();
        let later = now + Duration::from_secs(1);
        let mut state = State::default();
        state.failed(CredentialError::Ended, now, later);
        state.failed(CredentialError::Stopped, later, later);
        let failure = state.failure.clone().unwrap();
        assert_eq!((failure.error, failure.since, failure.attempts), (CredentialError::Stopped, now, 2));
        state.succeeded(Presented::new(Shown::Nothing, None));
        assert_eq!((state.failure, state.attempts, state.serial), (None, 3, 1));
    }

    #[test]
    fn the_same_token_is_no_other_credential() {
        let now = SystemTime::now();
        let mut state = State::default();
        state.succeeded(token("a", now));
        state.succeeded(token("a", now + Duration::from_secs(1)));
        assert_eq!((state.serial, state.status(now).is_there), (1, true));
        state.succeeded(token("b", now));
        assert_eq!(state.serial, 2);
    }
}
