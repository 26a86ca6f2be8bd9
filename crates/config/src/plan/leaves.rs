//! Every field of a resource with its value, as `explain` lists them.

use crate::document::{Node, Value, shortened};
use crate::reading::{Reading, Spot};
use crate::resource::Resource;
use crate::schema::{Field, Shape, Shown};
use crate::{EffectiveValue, Origin};

/// What is left out where a field without a value has no effect: its default is not worth a line.
const NOTHING: &str = "none";

/// Notes the fields of `resource`, which is of a `kind` and so called: those that are given, and of each object that is
/// given those that are at their default.
pub(super) fn note<T>(resource: &Resource<T>, kind: &str, shape: &Shape, reading: &mut Reading) {
    let (Some(tree), spot) = (resource.tree(""), resource.place("")) else { return };
    let mut leaves = Leaves { prefix: format!("{kind}/{}", resource.name), reading };
    leaves.object(shape.fields(), tree, &At { path: "", spot: &spot });
}

struct Leaves<'a> {
    prefix: String,
    reading: &'a mut Reading,
}

/// An object, or a field of it.
struct At<'a> {
    path: &'a str,
    spot: &'a Spot,
}

impl Leaves<'_> {
    fn object(&mut self, fields: &[Field], node: &Node, at: &At<'_>) {
        let entries = node.entries().unwrap_or_default();
        for (key, node) in entries.iter().filter(|(_, node)| !node.is_null()) {
            let Some(field) = fields.iter().find(|field| field.name == key.text && field.is_offered()) else {
                continue;
            };
            let spot = at.spot.moved(key.line, "");
            self.value(field, (&field.shape, node), &At { path: &joined(at.path, &key.text), spot: &spot });
        }
        let is_given = |field: &Field| node.field(&field.name).is_some();
        for field in fields.iter().filter(|field| field.is_offered() && !is_given(field)) {
            let Some(default) = field.default.as_deref().filter(|default| *default != NOTHING) else { continue };
            self.push(joined(at.path, &field.name), default.to_owned(), (Origin::Default, field.kept.clone()));
        }
    }

    fn value(&mut self, field: &Field, (shape, node): (&Shape, &Node), at: &At<'_>) {
        match (shape, &node.value) {
            (Shape::Object(fields), Value::Map(_)) => self.object(fields, node, at),
            (Shape::Map(values), Value::Map(entries)) => {
                for (key, node) in entries {
                    let spot = at.spot.moved(key.line, "");
                    let path = joined(at.path, &shortened(&key.text));
                    self.value(field, (values, node), &At { path: &path, spot: &spot });
                }
            }
            (Shape::List { item, .. }, Value::List(items)) if is_nested(item) => {
                for (n, node) in items.iter().enumerate() {
                    let spot = at.spot.moved(node.line, "");
                    self.value(field, (item, node), &At { path: &format!("{}[{n}]", at.path), spot: &spot });
                }
            }
            (Shape::List { .. }, Value::List(items)) => {
                let shown: Vec<String> = items.iter().map(|item| text(field, item)).collect();
                let nothing = || field.default.clone().unwrap_or_else(|| NOTHING.to_owned());
                let shown = if shown.is_empty() { nothing() } else { shown.join(", ") };
                self.push(at.path.to_owned(), shown, (at.spot.origin(), field.kept.clone()));
            }
            _ => self.push(at.path.to_owned(), text(field, node), (at.spot.origin(), field.kept.clone())),
        }
    }

    fn push(&mut self, path: String, value: String, (origin, note): (Origin, Option<String>)) {
        let path = format!("{} {path}", self.prefix);
        self.reading.values.push(EffectiveValue { path, value, origin, note });
    }
}

fn is_nested(shape: &Shape) -> bool {
    matches!(shape, Shape::Map(_)) || !shape.fields().is_empty()
}

/// A value without quotes; not of what nobody may see, nor the query of an address, which may be a key.
fn text(field: &Field, node: &Node) -> String {
    match &node.value {
        _ if field.shown == Shown::Never => "(not shown)".to_owned(),
        Value::Scalar(scalar) => match scalar.text.split_once('?') {
            Some((front, _)) if front.contains("://") => format!("{}?(not shown)", shortened(front)),
            _ => shortened(&scalar.text),
        },
        _ => node.shown(),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
