//! One attempt to have a credential, by the method of the endpoint.

use std::path::PathBuf;
use std::time::SystemTime;

use super::error::{CredentialError, FileProblem};
use super::presented::{Presented, Shown};
use super::secret::Secret;
use super::service_account::LARGEST_TOKEN;
use super::settings::{Credentials, Source};
use super::surroundings::Surroundings;
use super::{certificate, federation, managed_identity, service_account};

/// What MQTT carries in one string or binary field (MQTT-1.5.4, MQTT-1.5.6).
const LARGEST_FIELD: usize = LARGEST_TOKEN;

impl Credentials {
    /// Reads or asks once.
    pub(super) async fn obtain(
        &self,
        surroundings: &Surroundings,
        now: SystemTime,
    ) -> Result<Presented, CredentialError> {
        match self {
            Self::Anonymous => Ok(Presented::new(Shown::Nothing, None)),
            Self::UsernamePassword { username, password } => password_of(username, password),
            Self::X509(sources) => certificate::presented(sources, now),
            Self::ServiceAccountToken { file, audience } => service_account::presented(file, audience.as_deref(), now),
            Self::SystemAssignedManagedIdentity(identity) => {
                managed_identity::presented(identity, surroundings, now).await
            }
            Self::UserAssignedManagedIdentity(identity) => federation::presented(identity, surroundings, now).await,
        }
    }

    /// The files whose change is a reason to read or ask again.
    pub(super) fn files(&self, surroundings: &Surroundings) -> Vec<PathBuf> {
        let sources: Vec<&Source> = match self {
            Self::Anonymous | Self::SystemAssignedManagedIdentity(_) => Vec::new(),
            Self::UsernamePassword { username, password } => vec![username, password],
            Self::X509(sources) => {
                [&sources.certificate, &sources.key].into_iter().chain(&sources.intermediates).collect()
            }
            Self::ServiceAccountToken { file, .. } => return vec![file.clone()],
            Self::UserAssignedManagedIdentity(_) => return vec![federation::token_file(surroundings)],
        };
        sources.into_iter().filter_map(Source::file).cloned().collect()
    }
}

fn password_of(username: &Source, password: &Source) -> Result<Presented, CredentialError> {
    let username = field(username, "a user name", |bytes| match std::str::from_utf8(bytes) {
        Err(_) => Err("it is not UTF-8"),
        Ok(text) if text.contains('\0') => Err("a zero character"),
        Ok(text) => Ok(text.to_owned()),
    })?;
    // Any bytes (MQTT-3.1.3.6).
    let password = field(password, "a password", |bytes| Ok(Secret::new(bytes.to_vec())))?;
    Ok(Presented::new(Shown::Password { username, password }, None))
}

fn field<T>(
    source: &Source,
    expected: &'static str,
    of: impl FnOnce(&[u8]) -> Result<T, &'static str>,
) -> Result<T, CredentialError> {
    let line = source.line(expected)?;
    let read = if line.len() > LARGEST_FIELD {
        Err(FileProblem::TooLarge(LARGEST_FIELD))
    } else {
        of(&line).map_err(|problem| FileProblem::Other(problem.to_owned()))
    };
    read.map_err(|problem| CredentialError::File { place: source.to_string(), problem, expected })
}
