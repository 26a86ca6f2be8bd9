//! Where the payload of a message comes from.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, stdin};

use crate::failure::Failure;

/// The heading of these flags in the help.
pub(crate) const PAYLOAD: &str = "Payload (one of these)";
/// No packet holds more.
const BYTES_MAX: usize = 268_435_455;

/// Where a payload comes from; exactly one.
#[derive(Debug, Clone, Args)]
#[group(id = "payload", required = true, multiple = false)]
pub(crate) struct Payload {
    /// This text
    #[arg(short = 'm', long = "message", value_name = "TEXT", allow_hyphen_values = true, help_heading = PAYLOAD)]
    pub text: Option<String>,
    /// This file's content
    #[arg(short = 'f', long, value_name = "FILE", help_heading = PAYLOAD)]
    pub file: Option<PathBuf>,
    /// Nothing; with -r the broker forgets the topic's retained message
    #[arg(short = 'n', long = "null-message", help_heading = PAYLOAD)]
    pub null: bool,
    /// Standard input as a whole
    #[arg(short = 's', long = "stdin-file", help_heading = PAYLOAD)]
    pub stdin: bool,
}

impl Payload {
    /// Reads it.
    ///
    /// # Errors
    /// A file that cannot be read, more bytes than a packet holds.
    pub async fn read(&self) -> Result<Bytes, Failure> {
        let (bytes, from) = match (&self.text, &self.file) {
            (Some(text), _) => (text.clone().into_bytes(), "-m".to_owned()),
            (None, Some(path)) => {
                let unreadable = |e| Failure::usage(format!("-f: cannot read {}: {e}", path.display()));
                (fs::read(path).map_err(unreadable)?, path.display().to_string())
            }
            (None, None) if self.stdin => {
                let mut bytes = Vec::new();
                let read = stdin().take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await;
                read.map_err(|e| Failure::general(format!("cannot read standard input: {e}")))?;
                (bytes, "standard input".to_owned())
            }
            (None, None) => (Vec::new(), "-n".to_owned()),
        };
        if bytes.len() > BYTES_MAX {
            return Err(too_large(&from));
        }
        Ok(bytes.into())
    }
}

fn too_large(from: &str) -> Failure {
    Failure::usage(format!("{from} is larger than any MQTT packet; expected at most {BYTES_MAX} bytes"))
}

/// The next line of `input` without its end; `None` behind the last.
///
/// # Errors
/// Input that cannot be read, a line of more bytes than a packet holds.
pub(crate) async fn next_line(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Bytes>, Failure> {
    let mut line = Vec::new();
    loop {
        let read = input.fill_buf().await;
        let part = read.map_err(|e| Failure::general(format!("cannot read standard input: {e}")))?;
        if part.is_empty() {
            return Ok((!line.is_empty()).then(|| line.into()));
        }
        let end = part.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(part.len());
        line.extend_from_slice(&part[..taken]);
        input.consume(end.map_or(taken, |end| end + 1));
        if line.len() > BYTES_MAX {
            return Err(too_large("a line of standard input"));
        }
        if end.is_some() {
            return Ok(Some(line.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_at_line_ends_and_at_the_end() {
        let mut input = tokio::io::BufReader::with_capacity(3, &b"one\n\ntwo\r\nlast"[..]);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).await.unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two\r", b"last"]);
    }
}
