//! Where the keys come from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::key_set::{KeyFault, KeySet, KeySetError};
use super::remote::{Need, RemoteKeys};
use super::rules::TokenFault;
use super::token::Token;
use crate::authentication::counters::Counters;
use crate::authentication::https::{EndpointError, HeaderError, HttpsError, HttpsSettings};
use crate::authentication::judgement::MethodKind;
use crate::authentication::pem::PemFile;
use crate::authentication::secret::Secret;

/// What proves tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySettings {
    /// A JSON Web Key Set in a file.
    Set(PemFile),
    /// A JSON Web Key Set that a server publishes.
    Remote(Box<RemoteKeySettings>),
    /// A secret shared with who signs, 32 bytes or more: HS256, and HS384 or HS512 if it is long enough.
    Secret(Secret),
}

/// How a published set is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKeySettings {
    pub place: RemotePlace,
    pub https: HttpsSettings,
    /// Sent along, as for a server that asks for a bearer token.
    pub headers: BTreeMap<String, Secret>,
    /// How old the set may grow before it is fetched again.
    pub refresh: Duration,
    /// For one fetch.
    pub deadline: Duration,
}

/// Where a set is published; over https, or over http on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemotePlace {
    Address(String),
    /// Where the issuer's OpenID configuration says.
    Discovery,
}

/// Why keys cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    #[error("{name}: {error}")]
    Set { name: String, error: KeySetError },
    #[error("{0}")]
    Secret(KeySetError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Https(#[from] HttpsError),
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Keys, ready to prove tokens with.
pub(crate) struct Keys(Source);

enum Source {
    Fixed(KeySet),
    Remote(Box<RemoteKeys>),
}

impl Keys {
    pub fn new(
        settings: &KeySettings,
        issuer: &str,
        counters: &Arc<Counters>,
        of: MethodKind,
    ) -> Result<Self, KeysError> {
        let source = match settings {
            KeySettings::Set(file) => {
                let set = KeySet::parse(&file.content);
                Source::Fixed(set.map_err(|error| KeysError::Set { name: file.name.clone(), error })?)
            }
            KeySettings::Secret(secret) => Source::Fixed(KeySet::secret(secret).map_err(KeysError::Secret)?),
            KeySettings::Remote(settings) => {
                Source::Remote(Box::new(RemoteKeys::new(settings, issuer, Arc::clone(counters), of)?))
            }
        };
        Ok(Self(source))
    }

    /// Whether the token is signed with one of the keys. Keys that are not known are looked for where they are published.
    pub async fn prove(&self, token: &Token<'_>, now: SystemTime) -> Result<(), TokenFault> {
        let proved = match &self.0 {
            Source::Fixed(set) => set.prove(token),
            Source::Remote(remote) => {
                let set = remote.keys(Need::Any, now).await.map_err(TokenFault::NoKeys)?;
                match set.prove(token) {
                    Err(KeyFault::NoSuchKey) => {
                        remote.keys(Need::Newer, now).await.map_err(TokenFault::NoKeys)?.prove(token)
                    }
                    proved => proved,
                }
            }
        };
        proved.map_err(|fault| {
            TokenFault::Refused(match fault {
                KeyFault::NoSuchKey => "no key fits its kid and algorithm".to_owned(),
                KeyFault::Signature => "its signature is wrong".to_owned(),
            })
        })
    }
}
