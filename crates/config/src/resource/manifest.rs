//! What every Kubernetes manifest has: group, version, kind, name, namespace.

use super::whole_file;
use crate::document::{Node, ScalarKind, Value};
use crate::format;
use crate::reading::{Reading, Spot};

/// A document that says what it is.
pub(super) struct Manifest<'a> {
    /// Empty for Kubernetes' own.
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) kind: &'a str,
    node: &'a Node,
    /// The document as a whole.
    pub(super) spot: Spot,
}

/// What a manifest is called.
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

impl<'a> Manifest<'a> {
    /// `None` if it does not say what it is, which is then a problem.
    pub(super) fn of(node: &'a Node, file: &Spot, reading: &mut Reading) -> Option<Self> {
        let spot = whole_file(file.file.clone()).moved(node.line, "");
        let Value::Map(_) = &node.value else {
            reading.refuse_at(&spot, node.shown(), "give a resource: apiVersion, kind, metadata and spec");
            return None;
        };
        let api_version = text(node, "apiVersion", &spot, reading);
        let kind = text(node, "kind", &spot, reading);
        let (api_version, kind) = (api_version?, kind?);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Some(Self { group, version, kind, node, spot })
    }

    /// The place of a field of the document.
    pub(super) fn at(&self, path: &str) -> Spot {
        self.spot.moved(self.node.line_of(path).unwrap_or(self.node.line), path)
    }

    pub(super) fn field(&self, name: &str) -> Option<&'a Node> {
        self.node.field(name)
    }

    pub(super) fn refuse_other_fields(&self, known: &[&str], reading: &mut Reading) {
        for (key, _) in self.node.entries().unwrap_or_default() {
            if known.contains(&key.text.as_str()) {
                continue;
            }
            let expected = match crate::schema::nearest(&key.text, known.iter().copied()) {
                Some(close) => format!("no such field; did you mean {close}?"),
                None => format!("no such field; there are {}", known.join(", ")),
            };
            reading.refuse_at(&self.spot.moved(key.line, ""), crate::document::shortened(&key.text), expected);
        }
    }

    /// Name and namespace. What else `metadata` holds is Kubernetes' own affair.
    pub(super) fn metadata(&self, name_format: &str, reading: &mut Reading) -> Option<Metadata> {
        let Some(metadata) = self.field("metadata") else {
            reading.refuse_at(&self.spot, "metadata", "is missing; give metadata with a name");
            return None;
        };
        let spot = self.at("metadata");
        if metadata.entries().is_none() {
            reading.refuse_at(&spot, metadata.shown(), "give name and namespace, one a line");
            return None;
        }
        let name = text(metadata, "name", &spot, reading);
        let namespace = match metadata.field("namespace") {
            Some(_) => text(metadata, "namespace", &spot, reading).map(str::to_owned),
            None => None,
        };
        let named = |name: &str, path: &str, format: &str, reading: &mut Reading| {
            let Some(format) = format::by_name(format) else { return true };
            let holds = (format.holds)(name);
            if !holds {
                reading.refuse_at(&self.at(path), format!("\"{}\"", crate::document::shortened(name)), format.expected);
            }
            holds
        };
        let name_holds = named(name?, "metadata.name", name_format, reading);
        let space_holds =
            namespace.as_ref().is_none_or(|space| named(space, "metadata.namespace", "namespace", reading));
        (name_holds && space_holds).then(|| Metadata { name: name.unwrap_or_default().to_owned(), namespace })
    }
}

/// A text that has to be there.
fn text<'a>(node: &'a Node, name: &str, parent: &Spot, reading: &mut Reading) -> Option<&'a str> {
    let Some(field) = node.field(name) else {
        reading.refuse_at(parent, name, "is missing");
        return None;
    };
    if field.text().is_none() {
        let expected = match &field.value {
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Bool => {
                "put it into quotes; without them it is a truth value"
            }
            Value::Scalar(_) => "put it into quotes; without them it is a number",
            _ => "give text",
        };
        let dot = if parent.path.is_empty() { "" } else { "." };
        let spot = parent.moved(node.line_of(name).unwrap_or(parent.line), format!("{}{dot}{name}", parent.path));
        reading.refuse_at(&spot, field.shown(), expected);
    }
    field.text()
}
