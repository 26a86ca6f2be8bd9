//! Keeps docs/conformance.md true: it is written from `clauses.txt`, the names of the tests and `malformed.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CLAUSES: &str = include_str!("clauses.txt");
const MALFORMED: &str = include_str!("malformed.txt");

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Names of all test functions below tests/conformance and tests/survival.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for suite in ["conformance", "survival"] {
        for entry in fs::read_dir(folder().join(suite)).expect("a suite's folder").flatten() {
            if entry.path().extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(entry.path()).expect("a readable file");
                names.extend(functions(&text));
            }
        }
    }
    names
}

fn functions(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("fn ")?.split('(').next()?;
        Some(name.to_string())
    });
    names.collect()
}

/// `mqtt_3_1_2_22_x` is of clause MQTT-3.1.2-22, `mqtt311_3_1_2_2_x` of MQTT311-3.1.2-2.
fn clause_of(test: &str) -> Option<String> {
    let (spec, rest) = test.split_once('_')?;
    let spec = match spec {
        "mqtt" => "MQTT",
        "mqtt311" => "MQTT311",
        _ => return None,
    };
    let numbers: Vec<&str> = rest.split('_').take_while(|p| p.parse::<u32>().is_ok()).take(4).collect();
    let [a, b, c, d] = numbers[..] else { return None };
    Some(format!("{spec}-{a}.{b}.{c}-{d}"))
}

/// Clauses cited in the table of malformed packets, with the number of rows.
fn malformed() -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for line in MALFORMED.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let clause = line.split('|').nth(3).expect("a clause").trim();
        *rows.entry(clause.to_string()).or_insert(0) += 1;
    }
    rows
}

struct Page<'a> {
    tests: BTreeSet<String>,
    named: BTreeMap<String, Vec<String>>,
    rows: BTreeMap<String, usize>,
    listed: BTreeMap<&'a str, &'a str>,
    wrong: Vec<String>,
}

impl Page<'_> {
    /// What stands for a clause, as one cell of the table.
    fn evidence(&mut self, clause: &str) -> String {
        let listed = self.listed.get(clause).copied().unwrap_or_default();
        if listed == "client" {
            return "binds clients only".into();
        }
        if let Some(why) = listed.strip_prefix("why: ") {
            return why.to_string();
        }
        let mut parts: Vec<String> = Vec::new();
        for test in self.named.get(clause).into_iter().flatten() {
            parts.push(format!("`{test}`"));
        }
        let (same, others) = match listed.strip_prefix("= ") {
            Some(other) => (Some(other.trim()), ""),
            None => (None, listed),
        };
        for test in others.split(',').map(str::trim).filter(|t| !t.is_empty()) {
            if test == "harness" {
                parts.push("every packet the harness reads".into());
            } else {
                if !self.tests.contains(test) {
                    self.wrong.push(format!("{clause}: there is no test {test}"));
                }
                parts.push(format!("`{test}`"));
            }
        }
        if let Some(count) = self.rows.get(clause) {
            parts.push(format!("`malformed.txt` ({count} {})", if *count == 1 { "row" } else { "rows" }));
        }
        if let Some(other) = same {
            if !self.listed.contains_key(other) {
                self.wrong.push(format!("{clause}: there is no clause {other}"));
            }
            parts.push(format!("as {other}"));
        }
        if parts.is_empty() {
            self.wrong.push(format!("{clause} has no test and no reason"));
        }
        let mut seen = BTreeSet::new();
        parts.retain(|p| seen.insert(p.clone()));
        parts.join(", ")
    }
}

fn page() -> (String, Vec<String>) {
    let lines: Vec<&str> = CLAUSES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let fields = lines.iter().map(|line| {
        let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let [clause, says, evidence] = parts[..] else { panic!("three fields in: {line}") };
        (clause, says, evidence)
    });
    let fields: Vec<_> = fields.collect();
    let tests = tests();
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for test in &tests {
        if let Some(clause) = clause_of(test) {
            named.entry(clause).or_default().push(test.clone());
        }
    }
    let listed: BTreeMap<&str, &str> = fields.iter().map(|(clause, _, evidence)| (*clause, *evidence)).collect();
    let mut wrong = Vec::new();
    for clause in named.keys().filter(|c| !listed.contains_key(c.as_str())) {
        wrong.push(format!("a test is named by {clause}, which clauses.txt does not have"));
    }
    let mut page = Page { tests, named, rows: malformed(), listed, wrong };
    let mut text = String::from(HEAD);
    for (title, prefix) in [("MQTT 5.0", "MQTT-"), ("MQTT 3.1.1", "MQTT311-")] {
        text += &format!("\n## {title}\n\n| clause | what it says | shown by |\n|---|---|---|\n");
        for (clause, says, _) in fields.iter().filter(|(clause, _, _)| clause.starts_with(prefix)) {
            let evidence = page.evidence(clause);
            text += &format!("| {clause} | {says} | {evidence} |\n");
        }
    }
    (text, page.wrong)
}

const HEAD: &str = "\
# Conformance

Every normative statement of MQTT 5.0 (appendix B there) and of MQTT 3.1.1 (written `MQTT311-` here), in our words, and
what shows that the broker keeps it. Tests named `mqtt_...` run for both versions where both have the rule; they are in
`tests/conformance`, a few in `tests/survival`. `malformed.txt` there is a table of packets that must be refused, run
row by row. \"Every packet the harness reads\" means that the test client checks the rule for all that the broker sends,
in every test.

This page is written from `tests/conformance/clauses.txt`. A test fails when it is stale or names a test that does not
exist; `CAUSEWAY_BLESS=1 cargo nextest run -p causeway-tests --test conformance clauses` writes it anew.
";

#[test]
fn the_page_is_up_to_date() {
    let (text, wrong) = page();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let path: &Path = &folder().join("../docs/conformance.md");
    if std::env::var_os("CAUSEWAY_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("docs");
        fs::write(path, &text).expect("docs/conformance.md is written");
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "docs/conformance.md is stale: run this test with CAUSEWAY_BLESS=1");
}

/// The rows of the malformed table cite clauses or sections, in one spelling.
#[test]
fn malformed_rows_cite_clauses() {
    for clause in malformed().keys() {
        assert!(clause.starts_with("MQTT-") || clause.starts_with("MQTT311-"), "{clause}");
    }
}
