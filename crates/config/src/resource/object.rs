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
        let called = || self.all.iter().filter(|held| held.kind == kind && held.name == name);
        let within = called().filter(|held| held.namespace.as_deref().is_none_or(|space| space == namespace));
        let Some(held) = within.min_by_key(|held| held.source == Source::Directory) else {
            let folder = if kind == ObjectKind::Secret { "secrets" } else { "configmaps" };
            let elsewhere = called().find_map(|held| held.namespace.as_deref());
            return Err(Missing(match elsewhere {
                Some(space) => format!("the {kind:?} {name} is in the namespace {space}, this needs it in {namespace}"),
                None => format!(
                    "there is no {kind:?} {name}; give its manifest, or a directory {folder}/{name} with a file a key"
                ),
            }));
        };
        let content = held.entries.get(key).filter(|content| !content.is_empty());
        content.map(Vec::as_slice).ok_or_else(|| {
            let place = held.spot.file.path.as_str();
            let line = if held.source == Source::Manifest { format!(":{}", held.spot.line) } else { String::new() };
            Missing(format!("the {kind:?} {name} ({place}{line}) has no {key}; add it"))
        })
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
