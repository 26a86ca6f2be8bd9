//! Texts as trees whose every node knows its line, whether they were written as YAML or as JSON.

mod bytes;
mod compose;
mod json;
mod node;
mod scalar;
#[cfg(test)]
mod tests;
mod yaml;

pub(crate) use node::{Key, Node, Scalar, ScalarKind, Value, shortened};

use crate::Text;

/// What a file holds, as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The documents, in order; those before a fault that ends the reading are among them.
    pub(crate) documents: Vec<Node>,
    /// What is wrong with the text itself.
    pub(crate) faults: Vec<Fault>,
}

/// Something wrong with a text, whatever it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1.
    pub(crate) line: u32,
    /// What is there.
    pub(crate) text: String,
    /// What would be right.
    pub(crate) expected: String,
}

/// The largest file that is read: several times what Kubernetes takes as one object.
const MAX_FILE_BYTES: usize = 8 << 20;
/// How deep lists and maps may lie in each other.
const MAX_DEPTH: usize = 64;
/// Nodes of one file, after aliases are resolved: what keeps a few lines of aliases from filling the memory.
const MAX_NODES: usize = 200_000;

/// Reads a file by its name: JSON if it ends in `.json`, else YAML.
pub(crate) fn read(file: &Text) -> Parsed {
    let json = file.path.len() >= 5 && file.path.as_bytes()[file.path.len() - 5..].eq_ignore_ascii_case(b".json");
    match (bytes::text(&file.bytes), json) {
        (Err(fault), _) => Parsed { documents: Vec::new(), faults: vec![fault] },
        (Ok(text), true) => json::read(text),
        (Ok(text), false) => yaml::read(text),
    }
}

/// Reads a file that has to be JSON, whatever its name.
pub(crate) fn read_json(file: &Text) -> Parsed {
    match bytes::text(&file.bytes) {
        Err(fault) => Parsed { documents: Vec::new(), faults: vec![fault] },
        Ok(text) => json::read(text),
    }
}
