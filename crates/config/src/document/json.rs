//! JSON as a tree: serde_json says whether it is JSON, a second look finds where its values are.

use super::compose::{Composer, Quoting};
use super::{Fault, Node, Parsed, ScalarKind, scalar};

pub(super) fn read(text: &str) -> Parsed {
    let mut composer = Composer::default();
    let walked = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Scanner { text, at: 0, line: 1 }.walk(&mut composer),
        Err(error) => Err(syntax(&error)),
    };
    composer.faults.extend(walked.err());
    Parsed { documents: composer.documents, faults: composer.faults }
}

fn syntax(error: &serde_json::Error) -> Fault {
    // Its display ends with " at line 3 column 5", which the place says already.
    let said = error.to_string();
    let expected = said.split(" at line ").next().unwrap_or(&said).to_owned();
    Fault { line: u32::try_from(error.line()).unwrap_or(u32::MAX).max(1), text: "is not JSON".to_owned(), expected }
}

/// Reads text that is known to be JSON.
struct Scanner<'a> {
    text: &'a str,
    /// Byte offset of what comes next; always between two characters.
    at: usize,
    line: u32,
}

impl Scanner<'_> {
    /// # Errors
    /// A bound was reached.
    fn walk(mut self, composer: &mut Composer) -> Result<(), Fault> {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            match byte {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | b',' | b':' => self.at += 1,
                b'[' => {
                    composer.begin_list(self.line, 0)?;
                    self.at += 1;
                }
                b'{' => {
                    composer.begin_map(self.line, 0)?;
                    self.at += 1;
                }
                b']' | b'}' => {
                    composer.end();
                    self.at += 1;
                }
                b'"' => {
                    let text = self.string();
                    composer.scalar(Node::scalar(self.line, text, ScalarKind::Text), 0, Quoting::Quoted)?;
                }
                _ => {
                    let node = self.bare();
                    composer.scalar(node, 0, Quoting::Quoted)?;
                }
            }
        }
        Ok(())
    }

    /// A string from its opening quote on.
    fn string(&mut self) -> String {
        let rest = &self.text[self.at..];
        let mut escaped = false;
        let end = rest.bytes().enumerate().skip(1).find_map(|(n, byte)| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends.then_some(n + 1)
        });
        let quoted = &rest[..end.unwrap_or(rest.len())];
        self.at += quoted.len();
        // Accepted as a whole before, so its parts are.
        serde_json::from_str(quoted).unwrap_or_default()
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Node {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        // A byte that is none of JSON cannot be here; it is stepped over all the same, so that the walk ends.
        let word = &rest[..end.max(rest.chars().next().map_or(1, char::len_utf8))];
        self.at += word.len();
        let kind = match word {
            "null" => ScalarKind::Null,
            "true" | "false" => ScalarKind::Bool,
            _ if scalar::is_decimal(word.trim_start_matches('-')) => ScalarKind::Integer,
            _ => ScalarKind::Number,
        };
        Node::scalar(self.line, word, kind)
    }
}
