//! Everything a plan is made of: flags, resource files, and the objects that lie beside them.

use std::collections::BTreeMap;
use std::fmt;

use crate::Request;

/// What was written, wherever it was written; nothing of it is read yet.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// The command line.
    pub flags: Request,
    /// Resource files, in the order in which problems are to be listed.
    pub texts: Vec<Text>,
    /// The Broker's properties alone, as JSON.
    pub broker_config: Option<Text>,
    /// Secrets and ConfigMaps that are directories, one file a key. A manifest of the same name goes before.
    pub objects: Vec<Object>,
    /// Whether this process runs in a pod: listeners then bind every interface, as the pod's own address is what the
    /// Service sends to.
    pub in_pod: bool,
}

/// One file. A path that ends in `.json` is read as JSON, any other as YAML. Debug prints no content: it may be a
/// Secret.
#[derive(Clone)]
pub struct Text {
    /// As problems name it.
    pub path: String,
    /// Its content, of any encoding and size.
    pub bytes: Vec<u8>,
}

/// A Secret or ConfigMap that is a directory. Debug prints no content.
#[derive(Clone)]
pub struct Object {
    /// Which of the two.
    pub kind: ObjectKind,
    /// The directory's name, by which resources refer to it.
    pub name: String,
    /// The directory, as problems name it.
    pub path: String,
    /// File names and contents.
    pub entries: BTreeMap<String, Vec<u8>>,
}

/// What an [`Object`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// Keys and tokens.
    Secret,
    /// What everybody may read.
    ConfigMap,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({}, {} bytes)", self.path, self.bytes.len())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.entries.keys().collect();
        write!(f, "Object({:?} {}, keys {keys:?})", self.kind, self.name)
    }
}
