//! One method of a list: its settings, what can be wrong with them, and asking it.

use std::sync::Arc;
use std::time::SystemTime;

use super::counters::Counters;
use super::credentials::{Credentials, Purpose};
use super::custom::{Custom, CustomSettings};
use super::https::{EndpointError, HeaderError, HttpsError};
use super::judgement::{Judgement, MethodKind};
use super::jwt::{Jwt, JwtSettings, KeysError};
use super::methods::{Admission, Admitted};
use super::service_account::{ServiceAccountSettings, ServiceAccountToken};
use super::user_password::{PasswordFileError, UserPassword, UserPasswordSettings};
use super::x509::{SubjectError, TrustError, X509, X509Settings};

/// What a method is made of. The contents of files are in it: what changes makes a new method, what does not is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodSettings {
    ServiceAccountToken(ServiceAccountSettings),
    X509(X509Settings),
    Custom(CustomSettings),
    Jwt(JwtSettings),
    UserPassword(UserPasswordSettings),
}

/// What is wrong with a method's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodFault {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Https(#[from] HttpsError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("{0} cannot be read as a kubeconfig")]
    Kubeconfig(String),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("authorizationAttributes.{rule}.subject: {error}")]
    Subject { rule: String, error: SubjectError },
    #[error("{name}: {error}")]
    PasswordFile { name: String, error: PasswordFileError },
    #[error("{0}")]
    System(&'static str),
}

/// A method, ready to judge.
pub(super) enum Method {
    ServiceAccountToken(ServiceAccountToken),
    X509(Box<X509>),
    Custom(Box<Custom>),
    Jwt(Box<Jwt>),
    UserPassword(Box<UserPassword>),
}

impl Method {
    pub fn new(settings: &MethodSettings, counters: &Arc<Counters>) -> Result<Self, MethodFault> {
        Ok(match settings {
            MethodSettings::ServiceAccountToken(settings) => {
                Self::ServiceAccountToken(ServiceAccountToken::new(settings, counters)?)
            }
            MethodSettings::X509(settings) => Self::X509(Box::new(X509::new(settings)?)),
            MethodSettings::Custom(settings) => Self::Custom(Box::new(Custom::new(settings, counters)?)),
            MethodSettings::Jwt(settings) => Self::Jwt(Box::new(Jwt::new(settings, counters)?)),
            MethodSettings::UserPassword(settings) => Self::UserPassword(Box::new(UserPassword::new(settings)?)),
        })
    }

    pub fn kind(&self) -> MethodKind {
        match self {
            Self::ServiceAccountToken(_) => MethodKind::ServiceAccountToken,
            Self::X509(_) => MethodKind::X509,
            Self::Custom(_) => MethodKind::Custom,
            Self::Jwt(_) => MethodKind::Jwt,
            Self::UserPassword(_) => MethodKind::UserPassword,
        }
    }

    /// As [`Methods::still_accept`](super::Methods::still_accept), for this method alone; `old` are those of its kind before.
    pub fn still_accepts(
        &self,
        old: &[Arc<Self>],
        client: &Admitted<'_>,
        now: SystemTime,
    ) -> Result<Admission, String> {
        match self {
            Self::X509(method) => method.accepted(client.chain.unwrap_or_default(), now).map(Admission::Renewed),
            Self::UserPassword(method) => {
                let old = old.iter().filter_map(|method| match &**method {
                    Self::UserPassword(method) => Some(&**method),
                    _ => None,
                });
                method.still_knows(old, client.username.unwrap_or_default()).map(Admission::Renewed)
            }
            Self::ServiceAccountToken(_) | Self::Custom(_) | Self::Jwt(_) => Ok(Admission::Same),
        }
    }

    pub async fn judge(&self, credentials: &Credentials, purpose: &Purpose, now: SystemTime) -> Judgement {
        match self {
            Self::ServiceAccountToken(method) => method.judge(credentials, now).await,
            Self::X509(method) => method.judge(credentials, now),
            Self::Custom(method) => method.judge(credentials, purpose).await,
            Self::Jwt(method) => method.judge(credentials, now).await,
            Self::UserPassword(method) => method.judge(credentials).await,
        }
    }
}
