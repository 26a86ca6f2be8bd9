//! What becomes of a client: the word of one method, and the verdict of all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use mqtt::ReasonCode;

use crate::Principal;

/// What one method says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Accept(Accepted),
    /// The credentials are for this method and are not good: no other method is asked.
    Deny {
        reason: ReasonCode,
        why: String,
    },
    /// The credentials are not for this method: the next one is asked.
    NotRelevant,
    /// As [`NotRelevant`](Self::NotRelevant), because who would know cannot be reached at present.
    OutOfReach {
        why: String,
    },
    /// The credentials are for this method, and it cannot say at present: no other method is asked.
    Unavailable {
        why: String,
    },
}

impl Judgement {
    pub fn not_authorized(why: impl Into<String>) -> Self {
        Self::Deny { reason: ReasonCode::NotAuthorized, why: why.into() }
    }

    pub fn bad_password(why: impl Into<String>) -> Self {
        Self::Deny { reason: ReasonCode::BadUserNameOrPassword, why: why.into() }
    }
}

/// Who a client turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// `None`: nobody vouches for a name. What CONNECT says must not be put in its place.
    pub username: Option<Box<str>>,
    pub attributes: BTreeMap<Box<str>, Box<str>>,
    /// When the credential ends; the connection must end with it, unless the client authenticates again.
    pub expires: Option<SystemTime>,
    pub by: MethodKind,
}

impl Accepted {
    /// Who this is from now on, by what was proved alone.
    pub fn principal(&self, client_id: &str) -> Principal {
        Principal { attributes: self.attributes.clone(), ..Principal::declared(client_id, self.username.as_deref()) }
    }
}

/// What the client gets to hear. `why` is for the log and for nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept(Accepted),
    /// CONNACK with this reason, or DISCONNECT at a re-authentication, where the reason is one that DISCONNECT may carry.
    Deny {
        reason: ReasonCode,
        why: String,
    },
    /// Could not be found out: CONNACK 0x88, or AUTH 0x18 at a re-authentication, and the client may try again.
    Unavailable {
        why: String,
    },
}

/// The kinds of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MethodKind {
    ServiceAccountToken,
    X509,
    Custom,
    Jwt,
    UserPassword,
}

impl MethodKind {
    pub const ALL: [Self; 5] = [Self::ServiceAccountToken, Self::X509, Self::Custom, Self::Jwt, Self::UserPassword];

    /// As resources write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccountToken => "ServiceAccountToken",
            Self::X509 => "X509",
            Self::Custom => "Custom",
            Self::Jwt => "Jwt",
            Self::UserPassword => "UserPassword",
        }
    }

    /// Whether what it accepted may be made good again with AUTH 0x19.
    pub(crate) const fn renews(self) -> bool {
        matches!(self, Self::ServiceAccountToken | Self::Custom | Self::Jwt)
    }
}

impl fmt::Display for MethodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
