//! Tokens that are projected into files: those that go to a broker, and those that are exchanged for others.

use std::path::Path;
use std::time::SystemTime;

use super::claims::Claims;
use super::error::{CredentialError, FileProblem, shown};
use super::files;
use super::presented::{Presented, Shown};
use super::secret::Secret;

/// What MQTT carries as Authentication Data (MQTT-1.5.6).
pub(super) const LARGEST_TOKEN: usize = 65_535;
const EXPECTED: &str = "a token, as Kubernetes projects it";

/// A token of a file, and what it says of itself if it is a JSON Web Token.
pub(super) struct Projected {
    pub token: Secret,
    pub claims: Option<Claims>,
}

impl Projected {
    /// Reads a token that has not ended.
    pub fn read(path: &Path, now: SystemTime) -> Result<Self, CredentialError> {
        let place = path.display().to_string();
        let wrong = |problem| CredentialError::File { place: place.clone(), problem, expected: EXPECTED };
        let content = files::read(path, LARGEST_TOKEN).map_err(wrong)?;
        let token = content.trim_ascii();
        if token.is_empty() {
            return Err(wrong(FileProblem::Empty));
        }
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(wrong(FileProblem::Other("characters that no token has".to_owned())));
        }
        let claims = std::str::from_utf8(token).ok().and_then(Claims::of);
        if let Some(end) = claims.as_ref().and_then(Claims::expires).filter(|end| *end <= now) {
            return Err(CredentialError::TokenEnded { place, at: shown(end) });
        }
        Ok(Self { token: Secret::new(token.to_vec()), claims })
    }
}

/// A credential for a broker that asks Kubernetes about tokens.
pub(super) fn presented(path: &Path, audience: Option<&str>, now: SystemTime) -> Result<Presented, CredentialError> {
    let Projected { token, claims } = Projected::read(path, now)?;
    if let (Some(expected), Some(claims)) = (audience, &claims) {
        let found = claims.audiences();
        if !found.is_empty() && !found.iter().any(|audience| audience == expected) {
            return Err(CredentialError::TokenAudience {
                place: path.display().to_string(),
                found: found.join(", "),
                expected: expected.to_owned(),
            });
        }
    }
    let expires = claims.as_ref().and_then(Claims::expires);
    Ok(Presented::new(Shown::Token { method: "K8S-SAT", token }, expires))
}
