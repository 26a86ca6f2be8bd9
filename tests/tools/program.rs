//! One run of a command-line program, with a deadline.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use causeway_tests::deadline::{patience, within};
use causeway_tests::{broker, process};

use crate::brokers::Target;

/// What a program has done.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// A program that runs.
pub struct Program {
    child: Child,
    out: JoinHandle<String>,
    err: JoinHandle<String>,
}

/// `causeway` with these words.
pub fn causeway(words: &[&str]) -> Command {
    let mut command = Command::new(broker::program());
    command.args(words);
    command
}

/// As [`causeway`], with the port of a plain listener.
pub fn at(target: &Target, words: &[&str]) -> Command {
    let mut command = causeway(words);
    command.args(["-h", "127.0.0.1", "-p", &target.plain.port().to_string()]);
    command
}

impl Program {
    pub fn start(command: Command) -> Self {
        Program::start_with(command, b"")
    }

    /// Starts with that on its standard input, which then ends.
    pub fn start_with(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process::spawn(command).expect("the program starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        let input = input.to_vec();
        // A program that ends early takes no more.
        std::thread::spawn(move || stdin.write_all(&input));
        let out = reader(child.stdout.take().expect("its standard output"));
        let err = reader(child.stderr.take().expect("its standard error"));
        Program { child, out, err }
    }

    pub fn signal(&self, number: i32) {
        process::signal(&self.child, number);
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let status = within(patience() * 3, "the program ends", || self.child.try_wait().expect("its state"));
        let text = |thread: JoinHandle<String>| thread.join().expect("its output");
        Ended { status, out: text(self.out), err: text(self.err) }
    }
}

/// Runs to the end; panics unless it succeeds.
pub fn succeed(command: Command) -> String {
    let words = format!("{command:?}");
    let ended = Program::start(command).end();
    assert!(ended.status.success(), "{words}: {ended:?}");
    ended.out
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
