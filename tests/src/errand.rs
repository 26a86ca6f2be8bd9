//! The program run for one errand (`check`, `explain`), with everything it says.

use std::process::Command;

use crate::broker::program;

/// How it ended and what it said.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program with these arguments to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Outcome {
    run_with(&[], arguments)
}

/// The same with these variables in its environment.
pub fn run_with<S: AsRef<std::ffi::OsStr>>(variables: &[(&str, String)], arguments: &[S]) -> Outcome {
    let mut command = Command::new(program());
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = command.args(arguments).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a program that prints text");
    Outcome {
        code: output.status.code().expect("an exit code"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// One line of `explain`: where a value is set, what it is, where it came from with what is to be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    pub path: String,
    pub value: String,
    pub origin: String,
}

/// The values that `explain` prints with these arguments; panics where it fails.
pub fn explain<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Vec<Explained> {
    let mut words: Vec<&std::ffi::OsStr> = vec!["explain".as_ref()];
    words.extend(arguments.iter().map(AsRef::as_ref));
    let outcome = run(&words);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    // Columns are two spaces or more apart; the last is all the rest.
    let line = |line: &str| {
        let (path, rest) = line.split_once("  ")?;
        let (value, origin) = rest.trim_start().split_once("  ")?;
        let [path, value, origin] = [path, value, origin].map(|text| text.trim().to_string());
        Some(Explained { path, value, origin })
    };
    outcome.stdout.lines().filter(|text| !text.starts_with("note: ")).filter_map(line).collect()
}
