//! Each guard of the product that can be broken on purpose is broken, and the judge notices within so many seeds; and the
//! same seed is the same run.
//!
//! Many runs may be needed for one that notices, so they begin with one that does.

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// Runs that may pass before one notices. The first is one that does at present; a change of the product or of what is drawn makes
/// other runs of the same seeds, most of which notice too.
const SEEDS: u64 = 40;

fn simulation(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_simulation")).args(arguments).output();
    output.expect("the simulation starts")
}

/// The rules that a run has broken.
fn broken(seed: u64, profile: &str, more: &[&str]) -> BTreeSet<String> {
    let output = simulation(&[&["--seed", &seed.to_string(), "--profile", profile], more].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let rules = text.lines().filter_map(|line| line.strip_prefix("VIOLATION of ")?.split([',', ' ']).next());
    rules.map(str::to_owned).collect()
}

/// The guard is broken in runs of a profile until one of the rules is, which is not when the guard is whole.
fn is_noticed(guard: &str, (profile, first): (&str, u64), rules: &[&str]) {
    let mut others = BTreeSet::new();
    for seed in first..first + SEEDS {
        let found = broken(seed, profile, &["--sabotage", guard]);
        if let Some(rule) = rules.iter().find(|rule| found.contains(**rule))
            && !broken(seed, profile, &[]).contains(*rule)
        {
            return println!("{guard} is noticed by {rule} in seed {seed}");
        }
        others.extend(found);
    }
    panic!("{guard} is not noticed by {rules:?} in {SEEDS} runs of {profile} from seed {first}, but by {others:?}");
}

#[test]
fn a_lane_that_takes_batches_twice_is_noticed() {
    is_noticed("lane-repeats", ("everything", 15), &["exactly-once", "identifiers", "retained", "order"]);
}

#[test]
fn a_log_that_is_not_synced_is_noticed() {
    is_noticed("synced", ("power", 3), &["at-least-once", "kept-session", "retained"]);
}

#[test]
fn a_leader_that_forgets_what_is_owed_is_noticed() {
    is_noticed("resume", ("crashes", 13), &["will", "drained"]);
}

#[test]
fn a_session_with_two_connections_is_noticed() {
    is_noticed("take-over", ("calm", 0), &["one-connection"]);
}

#[test]
fn identifiers_that_begin_anew_are_noticed() {
    is_noticed("identifiers", ("crashes", 0), &["identifiers"]);
}

#[test]
fn publishes_that_are_not_remembered_are_noticed() {
    is_noticed("exactly-once", ("crashes", 1), &["exactly-once"]);
}

#[test]
fn an_end_of_an_older_connection_that_counts_is_noticed() {
    is_noticed("close-epoch", ("calm", 0), &["one-connection", "will", "at-least-once", "drained"]);
}

#[test]
fn a_suback_that_comes_early_is_noticed() {
    is_noticed("subscribed", ("late", 6), &["subscribed", "at-least-once"]);
}

#[test]
fn batches_that_come_again_in_another_order_are_noticed() {
    is_noticed("lane-order", ("crashes", 1), &["order", "retained"]);
}

#[test]
fn answers_that_are_taken_twice_are_noticed() {
    is_noticed("answer-repeats", ("late", 0), &["exactly-once"]);
}

#[test]
fn an_acknowledgement_before_others_have_it_is_noticed() {
    is_noticed("taken", ("late", 18), &["subscribed", "at-least-once"]);
}

#[test]
fn a_link_that_takes_frames_twice_is_noticed() {
    is_noticed("link-repeats", ("network", 2), &["exactly-once"]);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let trace = || {
        let output = simulation(&["--seed", "6", "--profile", "everything"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| line.strip_prefix("trace ")).map(str::to_owned)
    };
    let first = trace();
    assert!(first.is_some(), "a run says its trace");
    assert_eq!(first, trace());
}
