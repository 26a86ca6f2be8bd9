//! Asking for a password on a terminal, without showing it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use config::SecretBytes;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// What the password file and MQTT can carry.
const LONGEST: usize = 65_535;
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const KILL_LINE: u8 = 0x15;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("there is no terminal to ask for the password on; give it on standard input, with --password-stdin")]
    NoTerminal,
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("interrupted; nothing was changed")]
    Interrupted,
    #[error("the password is longer than {LONGEST} bytes")]
    TooLong,
    #[error("cannot read the password: {0}")]
    Io(#[from] io::Error),
}

/// The terminal that this process belongs to, whatever its input and output are.
pub(super) fn open() -> Result<File, AskError> {
    open_at(Path::new("/dev/tty"))
}

pub(super) fn open_at(path: &Path) -> Result<File, AskError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(|_| AskError::NoTerminal)
}

/// Asks for a new password, twice.
pub(super) fn ask_twice(terminal: &File, username: &str) -> Result<SecretBytes, AskError> {
    let hidden = Hidden::begin(terminal)?;
    let first = hidden.ask(&format!("New password of {}: ", username.escape_debug()))?;
    let second = hidden.ask("The same once more: ")?;
    if first == second { Ok(first) } else { Err(AskError::Differ) }
}

/// A terminal that shows nothing of what is typed, until dropped. Its keys are read here one by one, so that Ctrl-C does not
/// end the process with the terminal left silent.
struct Hidden<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Hidden<'t> {
    fn begin(terminal: &'t File) -> Result<Self, AskError> {
        let before = tcgetattr(terminal).map_err(|_| AskError::NoTerminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
        Ok(Self { terminal, before })
    }

    fn ask(&self, question: &str) -> Result<SecretBytes, AskError> {
        let mut terminal = self.terminal;
        terminal.write_all(question.as_bytes())?;
        let answer = self.line();
        terminal.write_all(b"\r\n")?;
        answer
    }

    fn line(&self) -> Result<SecretBytes, AskError> {
        let mut line = Vec::new();
        let mut key = [0];
        loop {
            if (&*self.terminal).read(&mut key)? == 0 {
                return Err(AskError::Interrupted);
            }
            match key[0] {
                b'\r' | b'\n' => return Ok(SecretBytes::new(line)),
                INTERRUPT => return Err(AskError::Interrupted),
                END if line.is_empty() => return Err(AskError::Interrupted),
                END => {}
                BACKSPACE | DELETE => drop_last_character(&mut line),
                KILL_LINE => line.clear(),
                _ if line.len() == LONGEST => return Err(AskError::TooLong),
                byte => line.push(byte),
            }
        }
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn drop_last_character(line: &mut Vec<u8>) {
    const CONTINUES: std::ops::Range<u8> = 0x80..0xc0;
    while line.pop().is_some_and(|byte| CONTINUES.contains(&byte)) {}
}

/// The password on standard input: all of it, without the end of its last line.
pub(super) fn read_all(input: impl Read) -> Result<SecretBytes, AskError> {
    const LINE_END: usize = 2;
    let mut bytes = Vec::new();
    input.take((LONGEST + LINE_END + 1) as u64).read_to_end(&mut bytes)?;
    for end in *b"\n\r" {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.len() > LONGEST { Err(AskError::TooLong) } else { Ok(SecretBytes::new(bytes)) }
}
