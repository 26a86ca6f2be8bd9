//! Where the keys come from that sign tokens: a file, an address, a secret, or the issuer's own word.

use std::time::Duration;

use super::trust::Entry;
use crate::SecretBytes;
use crate::authentication::{KeyPlace, Keys, RemoteKeys, SecretFile};
use crate::format;
use crate::reading::Reading;
use crate::resource::AuthenticationSpec;

const SET_KEY: &str = "jwks.json";
const SECRET_KEY: &str = "secret";
/// What RFC 7518, 3.2 asks of HS256.
const LEAST_SECRET_BYTES: usize = 32;
const DEFAULT_REFRESH: Duration = Duration::from_secs(3600);

/// What the settings of a method say of its keys.
pub(super) struct KeyFields {
    /// The object that the fields are in: `jwtSettings`.
    pub(super) path: &'static str,
    pub(super) issuer: Option<String>,
    pub(super) config_map: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) authorities: Option<String>,
    pub(super) refresh: Option<Duration>,
}

impl KeyFields {
    /// `None` if they are wrong, which is then a problem.
    pub(super) fn settle(&self, entry: &Entry<'_, AuthenticationSpec>, reading: &mut Reading) -> Option<Keys> {
        let at = |name: &str| format!("{}.{name}", self.path);
        let sources = ["jwksConfigMap", "jwksEndpoint", "hsSecretRef"];
        let mut given = sources.into_iter().filter(|name| entry.is_given(&at(name)));
        let first = given.next();
        for second in given {
            let expected = format!("keys come from {} already; leave one of the two out", first.unwrap_or_default());
            entry.refuse_given(&at(second), &expected, reading);
        }
        if let Some(local @ ("jwksConfigMap" | "hsSecretRef")) = first {
            let expected =
                format!("belongs to keys that are fetched, and {local} gives them; leave one of the two out");
            for remote in ["caCertConfigMap", "refreshSeconds"] {
                entry.refuse_given(&at(remote), &expected, reading);
            }
        }
        match first {
            Some("jwksConfigMap") => {
                let name = self.config_map.as_deref()?;
                entry.file(&at("jwksConfigMap"), (name, SET_KEY), reading).map(Keys::File)
            }
            Some("hsSecretRef") => {
                let name = self.secret.as_deref()?;
                let file = entry.secret(&at("hsSecretRef"), (name, SECRET_KEY), reading)?;
                self.shared_secret(name, &file, entry, reading).map(Keys::Secret)
            }
            Some(_) => {
                let place = self.endpoint.clone().map(KeyPlace::Address);
                self.remote(place, entry, reading)
            }
            None => {
                self.check_discovery(entry, reading);
                self.remote(Some(KeyPlace::Discovery), entry, reading)
            }
        }
    }

    fn remote(
        &self,
        place: Option<KeyPlace>,
        entry: &Entry<'_, AuthenticationSpec>,
        reading: &mut Reading,
    ) -> Option<Keys> {
        let path = format!("{}.caCertConfigMap", self.path);
        let authorities = match &self.authorities {
            Some(name) => Some(entry.bundle(&path, name, reading)?),
            None => None,
        };
        let refresh = self.refresh.unwrap_or(DEFAULT_REFRESH);
        Some(Keys::Remote(RemoteKeys { place: place?, authorities, refresh }))
    }

    fn check_discovery(&self, entry: &Entry<'_, AuthenticationSpec>, reading: &mut Reading) {
        if self.issuer.as_deref().is_none_or(format::is_key_address) {
            return;
        }
        let sources = match self.path {
            "jwtSettings" => "jwksConfigMap, jwksEndpoint or hsSecretRef",
            _ => "jwksConfigMap or jwksEndpoint",
        };
        let expected = format!(
            "cannot be asked for its keys, as it is no address of https (or of http on this machine); give {sources}, too"
        );
        entry.refuse_given(&format!("{}.issuer", self.path), &expected, reading);
    }

    fn shared_secret(
        &self,
        name: &str,
        file: &SecretFile,
        entry: &Entry<'_, AuthenticationSpec>,
        reading: &mut Reading,
    ) -> Option<SecretBytes> {
        let content = file.content.reveal();
        // Editors end texts with a line break; bytes at random are no text.
        let secret = match std::str::from_utf8(content) {
            Ok(text) => text.trim_end_matches(['\n', '\r']).as_bytes(),
            Err(_) => content,
        };
        if secret.len() < LEAST_SECRET_BYTES {
            let (path, bytes) = (format!("{}.hsSecretRef", self.path), secret.len());
            let expected =
                format!("the {SECRET_KEY} of the Secret {name} has {bytes} bytes; give {LEAST_SECRET_BYTES} or more");
            entry.refuse_given(&path, &expected, reading);
            return None;
        }
        Some(SecretBytes::new(secret.to_vec()))
    }
}
