//! One page: an introduction, an example, a table for each object.

use std::fmt::Write;

use crate::schema::{Field, Shape, Standing};

/// What a page is made of.
pub(super) struct Page<'a> {
    pub(super) kind: &'a str,
    pub(super) introduction: &'a str,
    pub(super) example: &'a str,
    pub(super) shape: &'a Shape,
}

const FOOT: &str = "\
What marks a field: **required** if the object around it is given; **Causeway's own**: Azure IoT Operations does not have it;
**refused**: known, but not there yet, and giving it is an error; **ignored**: Azure IoT Operations writes it, so that what
`kubectl get -o yaml` prints can be given as it is. The same holds for `status` and for all of `metadata` but `name` and
`namespace`. A field that is null is as one left out. An unknown field is an error.
";

/// Objects of so many bytes of text are told once; the next of the same fields refers to the first.
const REPEATED_BYTES: usize = 1000;

pub(super) fn written(page: &Page<'_>) -> String {
    let Page { kind, introduction, example, shape } = page;
    let mut text = format!(
        "<!-- Written from the types of crates/config; CAUSEWAY_BLESS=1 cargo test -p config writes it anew. -->\n\n\
         # {kind}\n\n{introduction}\n\n```yaml\n{example}```\n\n{FOOT}\n## `spec`\n"
    );
    Tables::default().add(&mut text, "", shape);
    text
}

/// What was told already: text, with a placeholder for its path, and the path.
#[derive(Default)]
struct Tables(Vec<(String, String)>);

impl Tables {
    /// The table of an object's own fields, then the sections of the objects in it.
    fn add(&mut self, text: &mut String, path: &str, shape: &Shape) {
        let own = || shape.fields().iter().filter(|field| field.shape.fields().is_empty());
        if own().next().is_some() {
            text.push_str("\n| field | value | default | a change takes effect | meaning |\n|---|---|---|---|---|\n");
        }
        for field in own() {
            row(text, field);
        }
        for field in shape.fields().iter().filter(|field| !field.shape.fields().is_empty()) {
            self.section(text, path, field);
        }
    }

    fn section(&mut self, text: &mut String, parent: &str, field: &Field) {
        let brackets = match field.shape {
            Shape::List { .. } => "[]",
            Shape::Map(_) => ".NAME",
            _ => "",
        };
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}{brackets}", field.name);
        let mark = match (field.required, field.standing) {
            (true, _) => " **Required.**",
            (_, Standing::Own) => " **Causeway's own.**",
            _ => "",
        };
        // Writing to a string does not fail.
        let _ = write!(text, "\n## `{path}`\n\n{}{mark}\n", paragraph(&field.meaning));
        let mut body = String::new();
        self.add(&mut body, &path, &field.shape);
        let neutral = body.replace(&format!("`{path}"), "`");
        match self.0.iter().find(|(known, _)| *known == neutral) {
            Some((_, first)) => {
                let _ = write!(text, "\nThe fields are those of `{first}`.\n");
            }
            None => {
                text.push_str(&body);
                if body.len() >= REPEATED_BYTES {
                    self.0.push((neutral, path));
                }
            }
        }
    }
}

fn row(text: &mut String, field: &Field) {
    let mut meaning = paragraph(&field.meaning);
    if let Shape::Words(words) = words_of(&field.shape) {
        for word in words {
            let _ = write!(meaning, "<br>`{}`: {}", word.text, paragraph(&word.meaning));
        }
    }
    let marks = [
        field.required.then(|| "**Required.**".to_owned()),
        (field.standing == Standing::Own).then(|| "**Causeway's own.**".to_owned()),
        (field.standing == Standing::Ignored).then(|| "**Ignored.**".to_owned()),
        field.refused.as_ref().map(|why| format!("**Refused**: {why}.")),
        field.kept.as_ref().map(|kept| format!("*{}.*", capital(kept))),
    ];
    for mark in marks.into_iter().flatten() {
        let _ = write!(meaning, " {mark}");
    }
    let default = field.default.as_deref().map(quoted).unwrap_or_default();
    let change = field.change.as_deref().unwrap_or_default();
    let cells = [
        format!("`{}`", field.name),
        value(&field.shape, field.unit.as_deref()).replace('*', "\\*"),
        default,
        change.to_owned(),
        meaning,
    ];
    let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
}

fn words_of(shape: &Shape) -> &Shape {
    match shape {
        Shape::List { item, .. } => item,
        other => other,
    }
}

fn value(shape: &Shape, unit: Option<&str>) -> String {
    match shape {
        Shape::Words(words) => words.iter().map(|word| format!("`{}`", word.text)).collect::<Vec<_>>().join(", "),
        Shape::Integer { min, max } => {
            format!("{min} to {max}{}", unit.map(|unit| format!(" {unit}")).unwrap_or_default())
        }
        Shape::Text { format: Some(format), .. } => format.expected.trim_start_matches("give ").to_owned(),
        Shape::Text { format: None, .. } => "text".to_owned(),
        Shape::List { item, .. } => format!("list: {}", value(item, unit)),
        Shape::Map(values) => format!("names with values: {}", value(values, unit)),
        Shape::Object(_) | Shape::Any => String::new(),
    }
}

/// A default that could be written is set as code; one that is told in words is not.
fn quoted(default: &str) -> String {
    let is_word = !default.contains(' ') || default.contains('`');
    if is_word && !default.contains('`') { format!("`{default}`") } else { default.to_owned() }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

fn paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
