//! Where a resource and its fields were written, for what is found wrong with them after the plan is made.

use std::collections::BTreeMap;
use std::fmt;

/// A resource in a file. Prints as the file and the line in which its fields begin: `file.yaml:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: String,
    line: u32,
    /// What the fields lie in: `spec`.
    root: String,
    /// Lines of fields, by their path below the root.
    lines: BTreeMap<String, u32>,
}

impl Place {
    pub(crate) fn new(file: String, (root, line): (String, u32), lines: BTreeMap<String, u32>) -> Self {
        Self { file, line, root, lines }
    }

    /// The place of a field such as `authenticationMethods[1]`, as a [`crate::Problem`] names it: `file.yaml:14
    /// spec.authenticationMethods[1]`. The line of one that was not written is that of what it would have been in.
    pub fn of(&self, field: &str) -> String {
        let mut known = field;
        let line = loop {
            match (self.lines.get(known), known.rfind(['.', '['])) {
                (Some(line), _) => break *line,
                (None, Some(end)) => known = &known[..end],
                (None, None) => break self.line,
            }
        };
        let dot = if self.root.is_empty() || field.is_empty() { "" } else { "." };
        format!("{}:{line} {}{dot}{field}", self.file, self.root)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_field_that_was_not_written_is_where_its_parent_is() {
        let lines = [("rules", 5), ("rules[1]", 9), ("rules[1].topics", 11)];
        let lines = lines.map(|(path, line)| (path.to_owned(), line)).into();
        let place = Place::new("a.yaml".to_owned(), ("spec".to_owned(), 4), lines);
        assert_eq!(place.to_string(), "a.yaml:4");
        for (field, line) in [("rules[1].topics[3]", 11), ("rules[1].x.y", 9), ("rules[2]", 5), ("other", 4)] {
            assert_eq!(place.of(field), format!("a.yaml:{line} spec.{field}"));
        }
        assert_eq!(place.of(""), "a.yaml:4 spec");
    }
}
