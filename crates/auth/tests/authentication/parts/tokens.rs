//! Keys of signers, as settings have them.

use auth::authentication::{KeySettings, PemFile};
use causeway_tests::token::Signer;

pub fn keys_of(signers: &[&Signer]) -> KeySettings {
    KeySettings::Set(PemFile { name: "jwks.json".to_owned(), content: Signer::set(signers).into_bytes() })
}
