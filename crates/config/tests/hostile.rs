//! Whatever a file holds, checking it ends, and ends in a plan or in problems.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::fs;
use std::path::Path;

use config::{Host, Input, Plan, Text};
use proptest::prelude::*;

const HOST: Host = Host { cores: 4, remembered: None };

/// What to throw in: what means something to YAML, JSON or the resources.
const SCRAPS: &[&str] = &[
    "\n",
    "  ",
    "\t",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    "\"",
    "#",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "!x ",
    "|\n",
    ">-\n",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "null",
    "~",
    "true",
    "-1",
    "18446744073709551616",
    "1e309",
    "\\u0000",
    "\u{feff}",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\\",
    "apiVersion: ",
    "kind: List\n",
    "items:\n",
    "ports",
    "spec",
    "Automatic",
    "Manual",
    "876001h",
    "default",
    "../",
    "NodePort",
    "authenticationRef: default\n",
    "authenticationMethods",
    "X509",
    "{principal.username}",
    "kind: Dataflow\n",
    "operations",
    "mqttSettings",
    "$share/a/",
    "${inputTopic.1}",
    "999999999999999999999999h",
    "0.000000000001s",
];

/// Everything the other tests give, good and broken.
fn corpus() -> Vec<(bool, Vec<u8>)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths = Vec::new();
    for folder in ["accepted", "broken"] {
        paths.extend(fs::read_dir(tests.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"));
    paths.sort();
    paths.iter().map(|path| (path.extension().is_some_and(|e| e == "json"), fs::read(path).unwrap())).collect()
}

#[derive(Debug, Clone)]
enum Mutation {
    Cut { at: usize, length: usize },
    Repeat { at: usize, length: usize, times: usize },
    Flip { at: usize, bit: u8 },
    Insert { at: usize, scrap: usize },
    End { at: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 1..40_usize).prop_map(|(at, length)| Mutation::Cut { at, length }),
        (at(), 1..80_usize, 1..20_usize).prop_map(|(at, length, times)| Mutation::Repeat { at, length, times }),
        (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        (at(), 0..SCRAPS.len()).prop_map(|(at, scrap)| Mutation::Insert { at, scrap }),
        (at(), 0..SCRAPS.len()).prop_map(|(at, scrap)| Mutation::Insert { at, scrap }),
        at().prop_map(|at| Mutation::End { at }),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let place = |at: usize| at % (bytes.len() + 1);
    match *mutation {
        Mutation::Cut { at, length } => {
            let at = place(at);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Mutation::Repeat { at, length, times } => {
            let at = place(at);
            let piece = bytes[at..(at + length).min(bytes.len())].repeat(times);
            bytes.splice(at..at, piece);
        }
        Mutation::Flip { at, bit } => {
            let at = place(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Mutation::Insert { at, scrap } => {
            let at = place(at);
            bytes.splice(at..at, SCRAPS[scrap].bytes());
        }
        Mutation::End { at } => bytes.truncate(place(at)),
    }
}

/// Checks bytes as a resource file, JSON also as the Broker's properties. Problems are put into words, too.
fn check(bytes: &[u8], path: &str) {
    let text = Text { path: path.to_owned(), bytes: bytes.to_vec() };
    let config = path.ends_with(".json").then(|| Input { broker_config: Some(text.clone()), ..Input::default() });
    for input in [Some(Input { texts: vec![text], ..Input::default() }), config].into_iter().flatten() {
        match Plan::check(&input, &HOST) {
            Ok(plan) => assert!(!plan.listeners.is_empty()),
            Err(problems) => {
                let words = problems.to_string();
                assert!(words.lines().count() == problems.iter().count(), "a problem is more than a line: {words}");
                assert!(words.chars().all(|c| c == '\n' || !c.is_control()), "{words:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_end_in_a_plan_or_in_problems(
        chosen in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let corpus = corpus();
        let (json, mut bytes) = corpus[chosen.index(corpus.len())].clone();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        check(&bytes, if json { "a.json" } else { "a.yaml" });
    }

    #[test]
    fn scraps_end_in_a_plan_or_in_problems(scraps in prop::collection::vec(0..SCRAPS.len(), 0..60)) {
        let text: String = scraps.into_iter().map(|scrap| SCRAPS[scrap]).collect();
        check(text.as_bytes(), "a.yaml");
    }
}

#[test]
fn long_files_of_one_kind_end() {
    for piece in [
        "[", "{a: ", "- ", "? ", "&a ", "*a ", "a: &a\n", "'", "\"\\u", "# ", "%", "!", "|", "---\n", "a", "a\n", ": ",
        ",", "\t", " ", "- - ", "<<: ",
    ] {
        check(piece.repeat(4_000).as_bytes(), "a.yaml");
        check(piece.repeat(4_000).as_bytes(), "a.json");
    }
    let many = |line: &dyn Fn(usize) -> String| (0..5_000).map(line).collect::<String>();
    let head = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nmetadata: {name: default}\nspec:\n";
    check(many(&|n| format!("k{n}: {n}\n")).as_bytes(), "a.yaml");
    check(format!("{head}{}", many(&|n| format!("  memory-profile-{n}: {n}\n"))).as_bytes(), "a.yaml");
    check(many(&|_| "a: 1\n".to_owned()).as_bytes(), "a.yaml");
    check(format!("a: &a {{{}}}\nb:\n  <<: *a\n", many(&|n| format!("k{n},"))).as_bytes(), "a.yaml");
}
