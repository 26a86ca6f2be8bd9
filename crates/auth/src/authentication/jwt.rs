//! JSON Web Tokens: their form, the keys that sign them, what they claim; and the method that takes them.
//!
//! ```text
//!   bytes --Token::split--> header, message, signature --KeySet--> Claims --TokenRules--> who, until when
//! ```
//!
//! Nothing a token says is believed before its signature is checked, but for the choice of the key (`kid`, `alg`) and of the
//! method (`iss`). The key decides which algorithms it may be used with, never the token.

mod claims;
mod key_set;
mod keys;
mod method;
mod remote;
mod rules;
mod token;

pub(crate) use claims::{Claims, Mapping};
pub use key_set::KeySetError;
pub(crate) use keys::Keys;
pub use keys::{KeySettings, KeysError, RemoteKeySettings, RemotePlace};
pub(crate) use method::Jwt;
pub use method::{JwtSettings, TokenPlace};
pub(crate) use rules::{TokenFault, TokenRules};
pub(crate) use token::Token;
