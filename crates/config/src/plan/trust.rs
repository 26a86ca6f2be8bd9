//! Files of ConfigMaps and Secrets that a method, or an endpoint, refers to.

use std::collections::BTreeMap;

use crate::authentication::{ClientPair, File, SecretFile, TrustBundle};
use crate::reading::Reading;
use crate::resource::{Missing, Objects, Resource};
use crate::{ObjectKind, SecretBytes};

/// The ConfigMap in which Azure IoT Operations publishes the authority of its own listeners.
const OWN_BUNDLE: &str = "azure-iot-operations-aio-ca-trust-bundle";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// The authorities of this broker's own listeners: those of the ConfigMap, if somebody has given one with a certificate.
pub(super) fn own_bundle(objects: &Objects, namespace: &str) -> TrustBundle {
    let given = objects.all_of((ObjectKind::ConfigMap, OWN_BUNDLE), namespace);
    match given.map(|(entries, _)| files(OWN_BUNDLE, entries, is_certificate)) {
        Ok(files) if !files.is_empty() => TrustBundle::Files(files),
        _ => TrustBundle::Own,
    }
}

fn is_certificate(content: &[u8]) -> bool {
    String::from_utf8_lossy(content).contains(CERTIFICATE)
}

/// A part of a resource, and what its references may lead to.
pub(super) struct Entry<'a, T> {
    pub(super) resource: &'a Resource<T>,
    /// `authenticationMethods[0]`, `mqttSettings`.
    pub(super) path: String,
    pub(super) objects: &'a Objects,
    pub(super) namespace: &'a str,
}

impl<T> Entry<'_, T> {
    /// The authorities in a ConfigMap, as the field `path` names it; `None` if there are none, which is then a problem.
    pub(super) fn bundle(&self, path: &str, name: &str, reading: &mut Reading) -> Option<TrustBundle> {
        if name == OWN_BUNDLE && !self.objects.knows((ObjectKind::ConfigMap, name)) {
            return Some(TrustBundle::Own);
        }
        let found = self.objects.all_of((ObjectKind::ConfigMap, name), self.namespace).and_then(|(entries, shown)| {
            let files = files(name, entries, is_certificate);
            let none =
                || Missing(format!("{shown} has no certificate in PEM form ({CERTIFICATE}) in any key; add one"));
            if files.is_empty() { Err(none()) } else { Ok(TrustBundle::Files(files)) }
        });
        self.found(path, name, found, reading)
    }

    /// All files of a ConfigMap, also those that look like nothing: a revocation list must not be overlooked.
    pub(super) fn all_files(&self, path: &str, name: &str, reading: &mut Reading) -> Option<Vec<File>> {
        let found = self.objects.all_of((ObjectKind::ConfigMap, name), self.namespace);
        let found = found.map(|(entries, _)| files(name, entries, |_| true));
        self.found(path, name, found, reading)
    }

    /// One file of a ConfigMap.
    pub(super) fn file(&self, path: &str, (name, key): (&str, &str), reading: &mut Reading) -> Option<File> {
        let found = self.objects.find((ObjectKind::ConfigMap, name), key, self.namespace);
        let found = found.map(|content| File { name: format!("configmaps/{name}/{key}"), content: content.to_vec() });
        self.found(path, name, found, reading)
    }

    /// One file of a Secret.
    pub(super) fn secret(&self, path: &str, (name, key): (&str, &str), reading: &mut Reading) -> Option<SecretFile> {
        let found = self.objects.find((ObjectKind::Secret, name), key, self.namespace).map(|content| SecretFile {
            name: format!("secrets/{name}/{key}"),
            content: SecretBytes::new(content.to_vec()),
        });
        self.found(path, name, found, reading)
    }

    /// The certificate and the key of a Secret.
    pub(super) fn pair(&self, path: &str, name: &str, reading: &mut Reading) -> Option<ClientPair> {
        let held = self.objects.pem_pair((name, "tls.crt", "tls.key"), self.namespace).map(|(chain, key)| ClientPair {
            name: format!("secrets/{name}"),
            chain_pem: chain.to_vec(),
            key_pem: SecretBytes::new(key.to_vec()),
        });
        self.found(path, name, held, reading)
    }

    pub(super) fn found<F>(
        &self,
        path: &str,
        name: &str,
        found: Result<F, Missing>,
        reading: &mut Reading,
    ) -> Option<F> {
        match found {
            Ok(found) => Some(found),
            Err(Missing(expected)) => {
                let spot = self.resource.place(&format!("{}.{path}", self.path));
                match self.is_given(path) {
                    true => reading.refuse_at(&spot, format!("\"{name}\""), expected),
                    false => reading.refuse_at(&spot, path, format!("is {name} unless another is given; {expected}")),
                }
                None
            }
        }
    }

    /// Refuses a field, if it is given.
    pub(super) fn refuse_given(&self, path: &str, expected: &str, reading: &mut Reading) {
        let path = format!("{}.{path}", self.path);
        if let Some(spot) = self.resource.given(&path) {
            reading.refuse_at(&spot, self.resource.shown(&path), expected);
        }
    }

    /// Whether a field is written, however wrong.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.resource.given(&format!("{}.{path}", self.path)).is_some()
    }

    /// Refuses an object because of a field that is missing in it.
    pub(super) fn refuse_missing(&self, path: &str, field: &str, expected: &str, reading: &mut Reading) {
        let path = if path.is_empty() { self.path.clone() } else { format!("{}.{path}", self.path) };
        reading.refuse_at(&self.resource.place(&path), field, expected);
    }
}

fn files(name: &str, entries: &BTreeMap<String, Vec<u8>>, counts: impl Fn(&[u8]) -> bool) -> Vec<File> {
    let counting = entries.iter().filter(|(_, content)| counts(content));
    counting.map(|(key, content)| File { name: format!("configmaps/{name}/{key}"), content: content.clone() }).collect()
}
