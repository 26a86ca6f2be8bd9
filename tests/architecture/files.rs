//! Rules about source files: names, lengths, first lines, and what pure crates may not mention.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace;

const FORBIDDEN: &[&str] =
    &["common", "core", "types", "util", "utils", "helper", "helpers", "misc", "manager", "managers"];
const MOST_LINES: usize = 700;

/// All source files of ours.
fn sources() -> Vec<PathBuf> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "corpus", "artifacts"].contains(&name.as_str()) {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    ["crates", "tests", "benches"].iter().for_each(|folder| walk(&workspace().join(folder), &mut found));
    found.sort();
    assert!(found.len() > 20, "only {} source files", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

#[test]
fn no_file_is_longer_than_700_lines() {
    let long = sources().into_iter().filter_map(|path| {
        let lines = fs::read_to_string(&path).expect("a readable file").lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines", shown(&path)))
    });
    let long: Vec<String> = long.collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_file_or_folder_has_a_name_that_says_nothing() {
    for path in sources() {
        let inside = path.strip_prefix(workspace()).expect("a path below the workspace");
        for part in inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()) {
            let stem = part.trim_end_matches(".rs");
            assert!(!FORBIDDEN.contains(&stem), "{}", shown(&path));
        }
    }
}

/// A file says first what it is for. Files that are included into others cannot have an inner comment.
#[test]
fn every_file_begins_with_what_it_is_for() {
    let included = ["tests/clients/rumqttc/src/peer.rs", "tests/clients/rumqttc/src/scenarios.rs"];
    let without = sources().into_iter().filter(|path| {
        let text = fs::read_to_string(path).expect("a readable file");
        let start = if included.contains(&shown(path).as_str()) { "// " } else { "//! " };
        // Targets that are compiled for a fuzzer begin with an attribute.
        let text = text.trim_start_matches("#![no_main]").trim_start();
        !text.starts_with(start)
    });
    let without: Vec<String> = without.map(|p| shown(&p)).collect();
    assert!(without.is_empty(), "no first sentence in\n{}", without.join("\n"));
}

/// The protocol and the partition know no clock, no chance and no I/O; their tests may.
#[test]
fn pure_crates_mention_no_clock_and_no_io() {
    let words = ["std::net", "std::fs", "std::thread", "SystemTime", "Instant::now", "std::env"];
    let mut wrong = Vec::new();
    for path in sources() {
        let name = shown(&path);
        let pure = name.starts_with("crates/mqtt/src") || name.starts_with("crates/partition/src");
        if !pure || name.contains("tests") || name.contains("test_") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in words.iter().filter(|w| product.contains(**w)) {
            wrong.push(format!("{name} mentions {word}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Work that is left to do stands in an issue, not in the code.
#[test]
fn no_marks_of_unfinished_work() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a readable file");
        for (n, line) in text.lines().enumerate() {
            let found = marks.iter().any(|m| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *m));
            assert!(!found, "{}:{}: {line}", shown(&path), n + 1);
        }
    }
}
