//! Secrets and ConfigMaps, out of manifests and directories, and how references find them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::manifest::Manifest;
use crate::document::{Node, Value};
use crate::reading::{Reading, Spot};
use crate::{Object, ObjectKind};

/// All there are.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    all: Vec<Held>,
}

/// One of them.
struct Held {
    kind: ObjectKind,
    name: String,
    namespace: Option<String>,
    entries: BTreeMap<String, Vec<u8>>,
    spot: Spot,
    source: Source,
}

/// Where an object came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Manifest,
    Directory,
}

/// Why a reference leads nowhere, as a phrase.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

/// How the values of a manifest's map are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    Text,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&String> = self.entries.keys().collect();
        write!(f, "{:?} {} {keys:?}", self.kind, self.name)
    }
}

impl Objects {
    /// An object in a directory of its own. A manifest of the same name goes before.
    pub(super) fn add_directory(&mut self, object: &Object, spot: Spot) {
        self.all.push(Held {
            kind: object.kind,
            name: object.name.clone(),
            namespace: None,
            entries: object.entries.clone(),
            spot,
            source: Source::Directory,
        });
    }

    pub(super) fn add_manifest(&mut self, manifest: &Manifest<'_>, kind: ObjectKind, reading: &mut Reading) {
        let maps: &[(&str, Encoding)] = match kind {
            ObjectKind::Secret => &[("data", Encoding::Base64), ("stringData", Encoding::Text)],
            ObjectKind::ConfigMap => &[("data", Encoding::Text), ("binaryData", Encoding::Base64)],
        };
        let mut known = vec!["apiVersion", "kind", "metadata", "immutable"];
        known.extend(maps.iter().map(|(name, _)| *name));
        if kind == ObjectKind::Secret {
            known.push("type");
        }
        manifest.refuse_other_fields(&known, reading);
        let metadata = manifest.metadata("object-name", reading);
        let mut entries = BTreeMap::new();
        for (name, encoding) in maps {
            if let Some(map) = manifest.field(name) {
                take(&mut entries, (map, &manifest.at(name)), (kind, *encoding), reading);
            }
        }
        let Some(metadata) = metadata else { return };
        let same =
            |held: &&Held| held.kind == kind && held.name == metadata.name && held.namespace == metadata.namespace;
        if let Some(first) = self.all.iter().find(same) {
            let expected =
                format!("a {kind:?} of this name is in {}:{}; give another", first.spot.file.path, first.spot.line);
            reading.refuse_at(&manifest.at("metadata.name"), format!("\"{}\"", metadata.name), expected);
        }
        let (name, namespace) = (metadata.name, metadata.namespace);
        self.all.push(Held { kind, name, namespace, entries, spot: manifest.spot.clone(), source: Source::Manifest });
    }

    /// What a key of an object holds.
    ///
    /// # Errors
    /// There is no such object in the namespace, or no such key in it.
    pub(crate) fn find(&self, (kind, name): (ObjectKind, &str), key: &str, namespace: &str) -> Result<&[u8], Missing> {
        let held = self.held((kind, name), namespace)?;
        let content = held.entries.get(key).filter(|content| !content.is_empty());
        content.map(Vec::as_slice).ok_or_else(|| Missing(format!("{} has no {key}; add it", held.shown())))
    }

    /// A certificate and its key in a Secret, `tls.crt` and `tls.key` or called otherwise, both of which look like PEM.
    ///
    /// # Errors
    /// There is no such Secret in the namespace, or one of the two is not in it, or no PEM.
    pub(crate) fn pem_pair(
        &self,
        (name, chain, key): (&str, &str, &str),
        namespace: &str,
    ) -> Result<(&[u8], &[u8]), Missing> {
        let found = |key, label: &str| {
            let content = self.find((ObjectKind::Secret, name), key, namespace)?;
            let is_pem = String::from_utf8_lossy(content).contains(label);
            is_pem
                .then_some(content)
                .ok_or_else(|| Missing(format!("the Secret's {key} is not PEM; it has no {label}")))
        };
        match (found(chain, "-----BEGIN CERTIFICATE-----"), found(key, "PRIVATE KEY-----")) {
            (Ok(chain), Ok(key)) => Ok((chain, key)),
            (chain, key) => {
                let mut whys: Vec<String> = [chain.err(), key.err()].into_iter().flatten().map(|why| why.0).collect();
                whys.dedup();
                Err(Missing(whys.join("; ")))
            }
        }
    }

    /// All that an object holds, by key; with how problems name it.
    ///
    /// # Errors
    /// There is no such object in the namespace, or nothing is in it.
    pub(crate) fn all_of(
        &self,
        (kind, name): (ObjectKind, &str),
        namespace: &str,
    ) -> Result<(&BTreeMap<String, Vec<u8>>, String), Missing> {
        let held = self.held((kind, name), namespace)?;
        match held.entries.is_empty() {
            true => Err(Missing(format!("{} is empty; add what it is to hold", held.shown()))),
            false => Ok((&held.entries, held.shown())),
        }
    }

    /// Whether there is an object of this name, in whatever namespace.
    pub(crate) fn knows(&self, (kind, name): (ObjectKind, &str)) -> bool {
        self.all.iter().any(|held| held.kind == kind && held.name == name)
    }

    fn held(&self, (kind, name): (ObjectKind, &str), namespace: &str) -> Result<&Held, Missing> {
        let called = || self.all.iter().filter(|held| held.kind == kind && held.name == name);
        let within = called().filter(|held| held.namespace.as_deref().is_none_or(|space| space == namespace));
        within.min_by_key(|held| held.source == Source::Directory).ok_or_else(|| {
            let folder = if kind == ObjectKind::Secret { "secrets" } else { "configmaps" };
            let elsewhere = called().find_map(|held| held.namespace.as_deref());
            Missing(match elsewhere {
                Some(space) => format!("the {kind:?} {name} is in the namespace {space}, this needs it in {namespace}"),
                None => format!(
                    "there is no {kind:?} {name}; give its manifest, or a directory {folder}/{name} with a file a key"
                ),
            })
        })
    }
}

impl Held {
    /// As problems name it.
    fn shown(&self) -> String {
        let line = if self.source == Source::Manifest { format!(":{}", self.spot.line) } else { String::new() };
        format!("the {:?} {} ({}{line})", self.kind, self.name, self.spot.file.path)
    }
}

fn take(
    entries: &mut BTreeMap<String, Vec<u8>>,
    (map, spot): (&Node, &Spot),
    (kind, encoding): (ObjectKind, Encoding),
    reading: &mut Reading,
) {
    let Some(fields) = map.entries() else {
        reading.refuse_at(spot, "what it holds", "give keys with values, one a line");
        return;
    };
    for (key, node) in fields {
        let spot = spot.moved(key.line, format!("{}.{}", spot.path, crate::document::shortened(&key.text)));
        // Not even a wrong value of a Secret is shown.
        let shown = if kind == ObjectKind::Secret { "(not shown)".to_owned() } else { node.shown() };
        let content = match (&node.value, encoding) {
            _ if node.is_null() => Some(Vec::new()),
            (Value::Scalar(_), Encoding::Text) => node.text().map(|text| text.as_bytes().to_vec()),
            (Value::Scalar(scalar), Encoding::Base64) => {
                let packed: String = scalar.text.split_ascii_whitespace().collect();
                STANDARD.decode(packed).ok()
            }
            _ => None,
        };
        let expected = match encoding {
            Encoding::Base64 => "give it in base64",
            Encoding::Text => "give text; what looks like a number needs quotes",
        };
        match content {
            Some(content) => {
                entries.insert(key.text.clone(), content);
            }
            None => reading.refuse_at(&spot, shown, expected),
        }
    }
}
