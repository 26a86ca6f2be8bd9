//! What these tests use as secrets, and whether the search for secrets finds them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use causeway_tests::leaks::{audit, none_in};

/// What these tests use as secrets everywhere, and what any secret of its kind begins with: private keys, hashes of
/// passwords.
pub const EVERYWHERE: &[&str] = &[
    "correct horse",
    "battery staple",
    "hunter2",
    crate::service_account::CLUSTER_TOKEN,
    "PRIVATE KEY",
    "$argon2id$v=19$m=64",
];

/// A search that finds nothing proves nothing, unless it finds what is there.
#[test]
fn a_secret_is_found_in_every_form() {
    let secret = b"a secret, 17 long";
    let bytes = secret.to_vec();
    let padded = base64::engine::general_purpose::STANDARD.encode(format!("user:{}", String::from_utf8_lossy(secret)));
    for text in [
        "before a secret, 17 long after".to_string(),
        format!("{bytes:?}"),
        format!("{:02x?}", bytes).replace(", ", "").replace(['[', ']'], ""),
        padded,
        URL_SAFE_NO_PAD.encode(secret),
        "token=eyJhbGciOiJub25lIn0".to_string(),
    ] {
        let found = std::panic::catch_unwind(|| none_in("here", &text, &[secret]));
        assert!(found.is_err(), "not found in {text}");
    }
    none_in("here", "nothing to see: 17 long, a secretary", &[secret]);
}
