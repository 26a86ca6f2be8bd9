//! Checks a tree against a shape: finds everything that is wrong, and keeps what is right.

use serde_json::{Map, Number, Value as Json};

use super::nearest;
use super::shape::{Field, Numbers, Shape, Shown, Standing, Word};
use crate::document::{Key, Node, Scalar, ScalarKind, Value};
use crate::reading::{Reading, Spot};

/// Checks `node`, which lies at `spot`, and says what is wrong with it. What comes back is sound: null, what is wrong,
/// and what nobody looks at are left out.
pub(crate) fn check(shape: &Shape, node: &Node, spot: &Spot, reading: &mut Reading) -> Json {
    Walk { reading }
        .value(shape, node, At { spot, unit: None, show: Shown::Always })
        .unwrap_or_else(|| Json::Object(Map::new()))
}

/// In place of a value that nobody may see.
const HIDDEN: &str = "(not shown)";

struct Walk<'a> {
    reading: &'a mut Reading,
}

/// Where a value is, and what it counts.
#[derive(Clone, Copy)]
struct At<'a> {
    spot: &'a Spot,
    unit: Option<&'a str>,
    show: Shown,
}

impl At<'_> {
    /// The value as a problem shows it.
    fn shown(&self, node: &Node) -> String {
        match self.show {
            Shown::Always => node.shown(),
            Shown::Never => HIDDEN.to_owned(),
        }
    }
}

impl Walk<'_> {
    fn value(&mut self, shape: &Shape, node: &Node, at: At<'_>) -> Option<Json> {
        match (shape, &node.value) {
            (_, Value::Scalar(Scalar { kind: ScalarKind::Null, .. })) | (Shape::Any, _) => None,
            (Shape::Object(fields), Value::Map(entries)) => Some(self.object(fields, entries, at)),
            (Shape::Map(values), Value::Map(entries)) => Some(self.map(values, entries, at)),
            (Shape::List { item, at_least }, Value::List(items)) => Some(self.list((item, *at_least), items, at)),
            (Shape::Words(words), Value::Scalar(scalar)) => self.word(words, scalar, (shape, node, at)),
            (Shape::Integer { min, max }, Value::Scalar(scalar)) => {
                self.integer((*min, *max), scalar, (shape, node, at))
            }
            (Shape::Text { numbers, .. }, Value::Scalar(scalar)) => self.text(*numbers, scalar, (shape, node, at)),
            _ => {
                self.reading.refuse_at(at.spot, at.shown(node), shape.expected(at.unit));
                None
            }
        }
    }

    fn object(&mut self, fields: &[Field], entries: &[(Key, Node)], at: At<'_>) -> Json {
        let mut kept = Map::new();
        for (key, node) in entries {
            let Some(field) = fields.iter().find(|field| field.name == key.text) else {
                self.unknown(fields, key, at.spot);
                continue;
            };
            if node.is_null() || field.standing == Standing::Ignored {
                continue;
            }
            let spot = at.spot.moved(key.line, joined(&at.spot.path, &key.text));
            if let Some(refused) = &field.refused {
                self.reading.refuse_at(&spot, node.shown(), refused);
                continue;
            }
            // What lies in something hidden is hidden, too.
            let show = if at.show == Shown::Never { Shown::Never } else { field.shown };
            let at = At { spot: &spot, unit: field.unit.as_deref(), show };
            if let Some(value) = self.value(&field.shape, node, at) {
                kept.insert(key.text.clone(), value);
            }
        }
        let is_there = |field: &Field| entries.iter().any(|(key, node)| key.text == field.name && !node.is_null());
        for field in fields.iter().filter(|field| field.required && !is_there(field)) {
            let expected = field.shape.expected(field.unit.as_deref());
            self.reading.refuse_at(at.spot, &field.name, format!("is missing; {expected}"));
        }
        Json::Object(kept)
    }

    fn unknown(&mut self, fields: &[Field], key: &Key, spot: &Spot) {
        if self.reading.is_full() {
            // What is only counted needs no words.
            self.reading.refuse_at(spot, "", "");
            return;
        }
        let known = || fields.iter().filter(|field| field.is_offered()).map(|field| field.name.as_str());
        let expected = match nearest(&key.text, known()) {
            Some(close) => format!("no such field; did you mean {close}?"),
            None if known().next().is_none() => "no such field; there is none".to_owned(),
            None => format!("no such field; there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let spot = spot.moved(key.line, spot.path.clone());
        self.reading.refuse_at(&spot, crate::document::shortened(&key.text), expected);
    }

    fn map(&mut self, values: &Shape, entries: &[(Key, Node)], at: At<'_>) -> Json {
        let mut kept = Map::new();
        for (key, node) in entries {
            let spot = at.spot.moved(key.line, joined(&at.spot.path, &crate::document::shortened(&key.text)));
            // A name was written, so something was meant by it.
            if node.is_null() {
                self.reading.refuse_at(&spot, "null", values.expected(at.unit));
            }
            if let Some(value) = self.value(values, node, At { spot: &spot, ..at }) {
                kept.insert(key.text.clone(), value);
            }
        }
        Json::Object(kept)
    }

    fn list(&mut self, (item, at_least): (&Shape, usize), items: &[Node], at: At<'_>) -> Json {
        if items.len() < at_least {
            let entries = if at_least == 1 { "entry" } else { "entries" };
            self.reading.refuse_at(at.spot, "[]", format!("give at least {at_least} {entries}"));
        }
        let mut kept = Vec::new();
        for (n, node) in items.iter().enumerate() {
            let spot = at.spot.moved(node.line, format!("{}[{n}]", at.spot.path));
            if node.is_null() {
                self.reading.refuse_at(&spot, "null", item.expected(at.unit));
            }
            match (self.value(item, node, At { spot: &spot, ..at }), item) {
                (Some(value), _) => kept.push(value),
                // Keeps its place, so that the others keep their numbers.
                (None, Shape::Object(_)) => kept.push(Json::Object(Map::new())),
                (None, _) => {}
            }
        }
        Json::Array(kept)
    }

    fn word(&mut self, words: &[Word], scalar: &Scalar, (shape, node, at): (&Shape, &Node, At<'_>)) -> Option<Json> {
        if scalar.kind == ScalarKind::Text && words.iter().any(|word| word.text == scalar.text) {
            return Some(Json::String(scalar.text.clone()));
        }
        let known = || words.iter().map(|word| word.text.as_str());
        let meant = switched(&scalar.text).filter(|meant| known().any(|word| word == *meant));
        let close = meant.or_else(|| nearest(&scalar.text, known())).filter(|_| words.len() > 1);
        let hint = close.map(|close| format!("; did you mean {close}?")).unwrap_or_default();
        self.reading.refuse_at(at.spot, at.shown(node), format!("{}{hint}", shape.expected(at.unit)));
        None
    }

    fn integer(
        &mut self,
        (min, max): (i128, i128),
        scalar: &Scalar,
        (shape, node, at): (&Shape, &Node, At<'_>),
    ) -> Option<Json> {
        let number = scalar.text.parse::<i128>().ok().filter(|number| (min..=max).contains(number));
        let hint = match (scalar.kind, number) {
            (ScalarKind::Integer, Some(number)) => {
                let unsigned = u64::try_from(number).ok().map(Number::from);
                return unsigned.or_else(|| i64::try_from(number).ok().map(Number::from)).map(Json::Number);
            }
            (ScalarKind::Text, Some(_)) => ", without quotes",
            (ScalarKind::Number, _) => ", whole and in decimal digits",
            _ => "",
        };
        self.reading.refuse_at(at.spot, at.shown(node), format!("{}{hint}", shape.expected(at.unit)));
        None
    }

    fn text(&mut self, numbers: Numbers, scalar: &Scalar, (shape, node, at): (&Shape, &Node, At<'_>)) -> Option<Json> {
        let Shape::Text { format, .. } = shape else { return None };
        let holds = format.is_none_or(|format| (format.holds)(&scalar.text));
        let is_number = matches!(scalar.kind, ScalarKind::Integer | ScalarKind::Number);
        let taken = scalar.kind == ScalarKind::Text || (is_number && numbers == Numbers::Allowed);
        if taken && holds {
            return Some(Json::String(scalar.text.clone()));
        }
        let expected = match (holds, scalar.kind) {
            (true, ScalarKind::Bool) => "put it into quotes; without them it is a truth value".to_owned(),
            (true, _) => "put it into quotes; without them it is a number".to_owned(),
            (false, _) => shape.expected(at.unit),
        };
        self.reading.refuse_at(at.spot, at.shown(node), expected);
        None
    }
}

/// What people write who think of a switch as a truth value.
fn switched(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "enable" | "1" => Some("Enabled"),
        "false" | "no" | "off" | "disable" | "0" => Some("Disabled"),
        _ => None,
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
