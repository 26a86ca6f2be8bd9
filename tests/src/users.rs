//! Files of users with passwords, hashed cheaply: what a hash costs is not what these tests are about.

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

/// The line of one user.
pub fn user(name: &str, password: &str, attributes: &[(&str, &str)]) -> String {
    let attributes: BTreeMap<_, _> = attributes.iter().copied().collect();
    let mut line = json!({ "username": name, "passwordHash": hash(name, password) });
    if !attributes.is_empty() {
        line["attributes"] = json!(attributes);
    }
    format!("{line}\n")
}

/// A hash in PHC form, with a salt made of the name.
pub fn hash(name: &str, password: &str) -> String {
    let params = Params::new(64, 1, 1, None).expect("parameters within bounds");
    let mut salt = [b'.'; 16];
    salt.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    let mut hash = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), &salt, &mut hash).expect("a hash");
    format!("$argon2id$v=19$m=64,t=1,p=1${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash))
}
