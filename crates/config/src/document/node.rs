//! A tree of what was written, with the line of each part.

use std::collections::BTreeMap;

/// A value and the line it begins in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// From 1.
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the text; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A single value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// Without quotes, escapes resolved.
    pub(crate) text: String,
    pub(crate) kind: ScalarKind,
}

/// What the language of the text makes of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    Null,
    Bool,
    /// Decimal digits, perhaps with a sign.
    Integer,
    /// Any other way to write a number: a fraction, an exponent, leading zeros, another base, underscores.
    Number,
    Text,
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// From 1.
    pub(crate) line: u32,
    pub(crate) text: String,
}

/// Characters of a value that a message shows.
const SHOWN_CHARACTERS: usize = 60;

impl Node {
    pub(crate) fn scalar(line: u32, text: impl Into<String>, kind: ScalarKind) -> Self {
        Self { line, value: Value::Scalar(Scalar { text: text.into(), kind }) }
    }

    /// Nothing written is the same as null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    pub(crate) fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a scalar that is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, kind: ScalarKind::Text }) => Some(text),
            _ => None,
        }
    }

    /// What a map has under a key, null left out.
    pub(crate) fn field(&self, key: &str) -> Option<&Node> {
        let (_, node) = self.entries()?.iter().find(|(k, _)| k.text == key)?;
        (!node.is_null()).then_some(node)
    }

    /// What lies at a path such as `ports[0].tls.mode`, null left out.
    pub(crate) fn at(&self, path: &str) -> Option<&Node> {
        self.find(path).map(|(node, _)| node)
    }

    /// The line of the key, or of the list's entry, at a path.
    pub(crate) fn line_of(&self, path: &str) -> Option<u32> {
        self.find(path).map(|(_, line)| line)
    }

    fn find(&self, path: &str) -> Option<(&Node, u32)> {
        let mut found = (self, self.line);
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let (name, indices) = step.split_once('[').unwrap_or((step, ""));
            let (key, node) = found.0.entries()?.iter().find(|(key, _)| key.text == name)?;
            found = (node, key.line);
            for index in indices.split('[').filter(|index| !index.is_empty()) {
                let item = found.0.items()?.get(index.trim_end_matches(']').parse::<usize>().ok()?)?;
                found = (item, item.line);
            }
        }
        (!found.0.is_null()).then_some(found)
    }

    /// The line of each key and each entry below this node, by its path.
    pub(crate) fn lines(&self) -> BTreeMap<String, u32> {
        let mut lines = BTreeMap::new();
        self.add_lines("", &mut lines);
        lines
    }

    fn add_lines(&self, path: &str, lines: &mut BTreeMap<String, u32>) {
        let below: Vec<(String, u32, &Self)> = match &self.value {
            Value::Map(entries) => {
                let dot = if path.is_empty() { "" } else { "." };
                entries.iter().map(|(key, node)| (format!("{path}{dot}{}", key.text), key.line, node)).collect()
            }
            Value::List(items) => {
                items.iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item.line, item)).collect()
            }
            Value::Scalar(_) => Vec::new(),
        };
        for (path, line, node) in below {
            node.add_lines(&path, lines);
            lines.insert(path, line);
        }
    }

    /// The value as a message shows it: short, on one line.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::List(items) if items.is_empty() => "[]".to_owned(),
            Value::List(_) => "[...]".to_owned(),
            Value::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Value::Map(_) => "{...}".to_owned(),
            Value::Scalar(Scalar { kind: ScalarKind::Null, .. }) => "null".to_owned(),
            Value::Scalar(Scalar { text, kind: ScalarKind::Text }) if has_user(text) => "(not shown)".to_owned(),
            Value::Scalar(Scalar { text, kind: ScalarKind::Text }) => format!("\"{}\"", shortened(text)),
            Value::Scalar(Scalar { text, .. }) => shortened(text),
        }
    }
}

/// Whether a text is an address with a user in it, who may have a password.
fn has_user(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// A text as a message shows it: at most so many characters, none that moves the cursor.
pub(crate) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).flat_map(printable).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push_str("...");
    }
    shown
}

fn printable(c: char) -> Vec<char> {
    match c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        true => c.escape_default().collect(),
        false => vec![c],
    }
}
