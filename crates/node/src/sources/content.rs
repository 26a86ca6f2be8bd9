//! What the files say, read whole and at one moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use config::{Object, Problem, Text};

use super::Signature;
use super::found::{Found, Sources, problem, remedy};

/// One file; as much as Kubernetes takes in a Secret.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// All files.
const MAX_TOTAL_BYTES: u64 = 64 << 20;
/// How often files that are written meanwhile are read again before giving up.
const ATTEMPTS: usize = 5;

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) texts: Vec<Text>,
    pub(crate) broker_config: Option<Text>,
    pub(crate) objects: Vec<Object>,
}

impl Sources {
    /// Reads everything, with the signature of the state in which it was. What somebody writes meanwhile is read again, so that
    /// no half of one state is put together with half of another.
    ///
    /// # Errors
    /// Every path that is missing, unreadable or too large; files that do not stop changing.
    pub(crate) fn read(&self) -> (Signature, Result<Content, Vec<Problem>>) {
        let mut before = self.signature();
        for _ in 0..ATTEMPTS {
            let content = read(self.find());
            let after = self.signature();
            if before == after {
                return (after, content);
            }
            before = after;
        }
        let path = self.resources.iter().chain(&self.broker_config).next().map_or(Path::new(""), |path| path);
        let expected = "files change while they are read; try again when they are written".to_owned();
        (before, Err(vec![problem("--resources", path, expected)]))
    }
}

struct Reader {
    problems: Vec<Problem>,
    left: u64,
}

fn read(found: Found) -> Result<Content, Vec<Problem>> {
    let mut reader = Reader { problems: found.problems, left: MAX_TOTAL_BYTES };
    let mut content = Content::default();
    for path in found.texts {
        content.texts.extend(reader.text(&path));
    }
    content.broker_config = found.broker_config.and_then(|path| reader.text(&path));
    for object in found.objects {
        let mut entries = BTreeMap::new();
        for (key, path) in object.entries {
            entries.extend(reader.bytes(&path).map(|bytes| (key, bytes)));
        }
        let path = object.path.display().to_string();
        content.objects.push(Object { kind: object.kind, name: object.name, path, entries });
    }
    match reader.problems.is_empty() {
        true => Ok(content),
        false => Err(reader.problems),
    }
}

impl Reader {
    fn text(&mut self, path: &Path) -> Option<Text> {
        let bytes = self.bytes(path)?;
        Some(Text { path: path.display().to_string(), bytes })
    }

    /// `None` is a problem, which is noted.
    fn bytes(&mut self, path: &Path) -> Option<Vec<u8>> {
        match self.try_bytes(path) {
            Ok(bytes) => Some(bytes),
            Err(expected) => {
                self.problems.push(problem("file", path, expected));
                None
            }
        }
    }

    fn try_bytes(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        // Before it is opened, which for a pipe would wait for its writer.
        let there = fs::metadata(path).map_err(|error| remedy(&error))?;
        if !there.is_file() {
            return Err("it is not a file; give a file or a folder of files".to_owned());
        }
        if self.left == 0 {
            return Err(format!("all files together are larger than {} MiB; give fewer", MAX_TOTAL_BYTES >> 20));
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| remedy(&error))?;
        let limit = MAX_FILE_BYTES.min(self.left);
        let length = file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| remedy(&error))? as u64;
        if length > MAX_FILE_BYTES {
            return Err(format!("it is larger than {} MiB; split it", MAX_FILE_BYTES >> 20));
        }
        self.left = self.left.saturating_sub(length);
        Ok(bytes)
    }
}
