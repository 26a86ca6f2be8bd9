//! Puts nodes together: lists, maps, anchors and merge keys, within bounds.

use std::collections::HashMap;

use super::{Fault, Key, MAX_DEPTH, MAX_NODES, Node, Value};

/// Builds documents out of what a parser meets, in order.
#[derive(Debug, Default)]
pub(super) struct Composer {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    pub(super) documents: Vec<Node>,
    pub(super) faults: Vec<Fault>,
}

/// A list or map that has begun.
#[derive(Debug)]
struct Open {
    line: u32,
    anchor: usize,
    kind: OpenKind,
    /// How deep the deepest of its children is, itself not counted.
    height: usize,
}

#[derive(Debug)]
enum OpenKind {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Debug, Default)]
struct OpenMap {
    entries: Vec<(Key, Node)>,
    /// The lines of the keys there are: a map may have as many as a file has values.
    lines: HashMap<String, u32>,
    /// A key whose value has not come yet.
    key: Option<MapKey>,
    merged: Vec<Node>,
}

#[derive(Debug)]
enum MapKey {
    /// Its value goes under this key.
    Named(Key),
    /// `<<`: its value is a map, or a list of maps, whose keys are taken over.
    Merge,
    /// It cannot be a key; a fault already.
    Unusable,
}

#[derive(Debug)]
struct Anchored {
    node: Node,
    size: usize,
    height: usize,
}

/// Whether a scalar may be a merge key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    Quoted,
}

/// A node with what is known of it.
struct Finished {
    node: Node,
    anchor: usize,
    height: usize,
}

impl Composer {
    fn fault(&mut self, line: u32, text: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(Fault { line, text: text.into(), expected: expected.into() });
    }

    /// Where a value is expected that was left out: the line of its key.
    pub(super) fn key_line(&self) -> Option<u32> {
        match &self.open.last()?.kind {
            OpenKind::Map(OpenMap { key: Some(MapKey::Named(key)), .. }) => Some(key.line),
            _ => None,
        }
    }

    /// # Errors
    /// The file has more nodes than are read; reading ends.
    pub(super) fn scalar(&mut self, node: Node, anchor: usize, quoting: Quoting) -> Result<(), Fault> {
        self.count(node.line, 1)?;
        if quoting == Quoting::Plain
            && node.text() == Some("<<")
            && let Some(Open { kind: OpenKind::Map(OpenMap { key: key @ None, .. }), .. }) = self.open.last_mut()
        {
            *key = Some(MapKey::Merge);
            return Ok(());
        }
        self.finish(Finished { node, anchor, height: 0 });
        Ok(())
    }

    /// # Errors
    /// Too deep or too many; reading ends.
    pub(super) fn begin_list(&mut self, line: u32, anchor: usize) -> Result<(), Fault> {
        self.begin(Open { line, anchor, kind: OpenKind::List(Vec::new()), height: 0 })
    }

    /// # Errors
    /// Too deep or too many; reading ends.
    pub(super) fn begin_map(&mut self, line: u32, anchor: usize) -> Result<(), Fault> {
        self.begin(Open { line, anchor, kind: OpenKind::Map(OpenMap::default()), height: 0 })
    }

    /// The list or map begun last ends.
    pub(super) fn end(&mut self) {
        let Some(Open { line, anchor, kind, height }) = self.open.pop() else { return };
        let value = match kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map(mut map) => {
                for source in std::mem::take(&mut map.merged) {
                    self.merge(&mut map, source);
                }
                Value::Map(map.entries)
            }
        };
        self.finish(Finished { node: Node { line, value }, anchor, height: height + 1 });
    }

    /// # Errors
    /// The alias makes the document too large or too deep; reading ends.
    pub(super) fn alias(&mut self, line: u32, anchor: usize) -> Result<(), Fault> {
        let Some(Anchored { node, size, height }) = self.anchors.get(&anchor) else {
            self.fault(line, "is an alias of what contains it", "write it out");
            return self.scalar(Node::scalar(line, "", super::ScalarKind::Null), 0, Quoting::Plain);
        };
        let (size, height) = (*size, *height);
        if self.open.len() + height > MAX_DEPTH {
            return Err(too_deep(line));
        }
        // Counted before it is copied: this is what an alias bomb meets.
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > MAX_NODES {
            return Err(too_many(line));
        }
        self.finish(Finished { node: node.clone(), anchor: 0, height });
        Ok(())
    }

    fn begin(&mut self, open: Open) -> Result<(), Fault> {
        self.count(open.line, 1)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(open.line));
        }
        self.open.push(open);
        Ok(())
    }

    fn count(&mut self, line: u32, more: usize) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MAX_NODES { Err(too_many(line)) } else { Ok(()) }
    }

    fn finish(&mut self, Finished { node, anchor, height }: Finished) {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), size: size(&node), height });
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return;
        };
        open.height = open.height.max(height);
        let faults = &mut self.faults;
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map(map) => match map.key.take() {
                None => map.key = Some(as_key(node, faults)),
                Some(MapKey::Named(key)) => map.add(key, node, faults),
                Some(MapKey::Merge) => map.merged.push(node),
                Some(MapKey::Unusable) => {}
            },
        }
    }

    /// Takes over what `map` does not have; of several sources the first goes before.
    fn merge(&mut self, map: &mut OpenMap, source: Node) {
        match source.value {
            Value::Map(more) => {
                for (key, node) in more {
                    if !map.lines.contains_key(&key.text) {
                        map.lines.insert(key.text.clone(), key.line);
                        map.entries.push((key, node));
                    }
                }
            }
            Value::List(sources) if sources.iter().all(|source| matches!(source.value, Value::Map(_))) => {
                for source in sources {
                    self.merge(map, source);
                }
            }
            _ => self.fault(source.line, "<<", "give an alias of a map, or a list of such"),
        }
    }
}

fn as_key(node: Node, faults: &mut Vec<Fault>) -> MapKey {
    let line = node.line;
    match node.value {
        Value::Scalar(scalar) if scalar.kind != super::ScalarKind::Null => {
            MapKey::Named(Key { line, text: scalar.text })
        }
        _ => {
            faults.push(Fault {
                line,
                text: format!("key {}", node.shown()),
                expected: "give a name as key".to_owned(),
            });
            MapKey::Unusable
        }
    }
}

impl OpenMap {
    fn add(&mut self, key: Key, node: Node, faults: &mut Vec<Fault>) {
        match self.lines.get(&key.text) {
            Some(first) => faults.push(Fault {
                line: key.line,
                text: super::node::shortened(&key.text),
                expected: format!("is already in line {first}; leave one of them out"),
            }),
            None => {
                self.lines.insert(key.text.clone(), key.line);
                self.entries.push((key, node));
            }
        }
    }
}

/// Nodes in a tree, which is at most [`MAX_DEPTH`] deep.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + size(node)).sum::<usize>(),
    }
}

fn too_deep(line: u32) -> Fault {
    let expected = format!("nest lists and maps at most {MAX_DEPTH} deep");
    Fault { line, text: "lies too deep".to_owned(), expected }
}

fn too_many(line: u32) -> Fault {
    let expected = format!("split it, or use fewer aliases; at most {MAX_NODES} values of a file are read");
    Fault { line, text: "is one value too many".to_owned(), expected }
}
