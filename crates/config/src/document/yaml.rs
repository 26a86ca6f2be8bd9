//! YAML as a tree: saphyr's parser finds the events, the composer makes nodes of them.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::compose::{Composer, Quoting};
use super::scalar;
use super::{Fault, Node, Parsed, ScalarKind};

pub(super) fn read(text: &str) -> Parsed {
    let mut composer = Composer::default();
    let mut parser = Parser::new_from_str(text);
    loop {
        // Pulled one by one: the parser's own way to push them calls itself once per level of nesting.
        let fault = match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => take(&mut composer, event, line(span.start.line())),
            Some(Err(error)) => Err(syntax(&error, text)),
        };
        if let Err(fault) = fault {
            composer.faults.push(fault);
            break;
        }
    }
    Parsed { documents: composer.documents, faults: composer.faults }
}

/// # Errors
/// A bound was reached; reading ends.
fn take(composer: &mut Composer, event: Event<'_>, line: u32) -> Result<(), Fault> {
    match event {
        Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        Event::Alias(anchor) => composer.alias(line, anchor),
        Event::Scalar(text, style, anchor, tag) => {
            let kind = kind(composer, line, (&text, style), tag.as_deref());
            // The parser notices only at the next token that a value was left out.
            let line = if text.is_empty() { composer.key_line().unwrap_or(line) } else { line };
            let quoting = if style == ScalarStyle::Plain { Quoting::Plain } else { Quoting::Quoted };
            composer.scalar(Node::scalar(line, text, kind), anchor, quoting)
        }
        Event::SequenceStart(anchor, tag) => {
            refuse_tag(composer, line, tag.as_deref(), "seq");
            composer.begin_list(line, anchor)
        }
        Event::MappingStart(anchor, tag) => {
            refuse_tag(composer, line, tag.as_deref(), "map");
            composer.begin_map(line, anchor)
        }
        Event::SequenceEnd | Event::MappingEnd => {
            composer.end();
            Ok(())
        }
    }
}

fn kind(composer: &mut Composer, line: u32, (text, style): (&str, ScalarStyle), tag: Option<&Tag>) -> ScalarKind {
    let resolved = scalar::resolve(text);
    match tag.map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str())) {
        None if style == ScalarStyle::Plain => resolved,
        None | Some((true, "str")) => ScalarKind::Text,
        Some((true, "int")) if resolved == ScalarKind::Integer => resolved,
        Some((true, "bool")) if resolved == ScalarKind::Bool => resolved,
        Some((true, "null")) if resolved == ScalarKind::Null => resolved,
        Some((true, "float")) if matches!(resolved, ScalarKind::Integer | ScalarKind::Number) => resolved,
        Some(_) => {
            refuse_tag(composer, line, tag, "str");
            ScalarKind::Text
        }
    }
}

fn refuse_tag(composer: &mut Composer, line: u32, tag: Option<&Tag>, allowed: &str) {
    let Some(tag) = tag else { return };
    if !(tag.is_yaml_core_schema() && tag.suffix == allowed) {
        let text = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let expected = "write the value without a tag".to_owned();
        composer.faults.push(Fault { line, text: super::node::shortened(&text), expected });
    }
}

fn syntax(error: &ScanError, text: &str) -> Fault {
    // What ends too early is noticed behind the last line.
    let number = line(error.marker().line().min(text.lines().count()));
    let expected = match tab_near(text, number) {
        Some(at) => return Fault { line: at, ..fault_of_tab() },
        None => error.info().trim_end_matches('.').to_owned(),
    };
    Fault { line: number, text: "is not YAML".to_owned(), expected }
}

fn fault_of_tab() -> Fault {
    let (text, expected) = ("is indented with a tab".to_owned(), "indent with spaces, as YAML asks".to_owned());
    Fault { line: 0, text, expected }
}

/// The line at an error, or the one before it, if a tab is part of its indentation.
fn tab_near(text: &str, number: u32) -> Option<u32> {
    let indented_by_tab = |number: &u32| {
        let Some(index) = number.checked_sub(1) else { return false };
        let line = text.lines().nth(index as usize).unwrap_or_default();
        line.trim_start_matches(' ').starts_with('\t')
    };
    [number, number.saturating_sub(1)].into_iter().find(indented_by_tab)
}

fn line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}
