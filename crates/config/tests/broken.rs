//! Files that are wrong, each with exactly what is said about it: `broken/NAME.yaml` is given as a resource file,
//! `broken/NAME.json` as the Broker's properties, and `broken/NAME.expected` is the answer. CAUSEWAY_BLESS=1 writes the
//! answers anew, to be read before they are kept.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use config::{Host, Input, Plan, Text};

const HOST: Host = Host { cores: 4, remembered: None };
const FEWEST: usize = 60;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "expected"));
    paths.sort();
    paths
}

/// What is said about a file, a line a problem.
fn answer(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let text = Text { path: name, bytes: fs::read(path).unwrap() };
    let input = match path.extension().is_some_and(|extension| extension == "json") {
        true => Input { broker_config: Some(text), ..Input::default() },
        false => Input { texts: vec![text], ..Input::default() },
    };
    match Plan::check(&input, &HOST) {
        Err(problems) => format!("{problems}\n"),
        Ok(_) => panic!("{} is accepted", path.display()),
    }
}

#[test]
fn every_broken_file_gets_its_answer() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= FEWEST, "{} files", fixtures.len());
    let bless = std::env::var_os("CAUSEWAY_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in &fixtures {
        let (answer, beside) = (answer(path), path.with_extension("expected"));
        if bless {
            fs::write(&beside, &answer).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if answer != expected {
            wrong.push(format!("{}\nsays:\n{answer}where this is expected:\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_answer_names_file_and_line_and_what_would_be_right() {
    for path in fixtures() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let lines = fs::read(&path).unwrap().split(|byte| *byte == b'\n').count();
        for sentence in answer(&path).lines() {
            let rest = sentence.strip_prefix(&format!("{name}:")).unwrap_or_else(|| panic!("{sentence}"));
            let (line, rest) = rest.split_once(' ').unwrap();
            assert!((1..=lines).contains(&line.parse().unwrap()), "{sentence}");
            assert!(rest.contains(": "), "{sentence}");
            assert!(!sentence.contains("hunter2"), "the content of a Secret is shown: {sentence}");
        }
    }
}
