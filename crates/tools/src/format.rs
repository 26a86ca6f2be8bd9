//! `-F`: how a message is printed, in the language of mosquitto_sub.

mod field;
mod json;
mod layout;

use std::fmt::Write as _;
use std::io::{self, Write};

use chrono::{DateTime, Local};
use mqtt::client::{MessageProperties, Received};

use crate::failure::Failure;
use field::Field;
use layout::Layout;

/// A format, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// `%X`, or `%-20.10X`
    Field(Field, Layout),
    /// `@X`, as strftime's `%X`.
    Time(char),
}

/// The letters of strftime that are taken.
const TIME_LETTERS: &str = "aAbBcCdDeFgGhHIjklmMnNpPrRsStTuUVwWxXyYzZ";

/// A message with what printing it needs.
pub(super) struct Sample<'a> {
    pub received: &'a Received,
    pub properties: MessageProperties,
    pub time: DateTime<Local>,
}

impl Format {
    /// # Errors
    /// A letter that stands for nothing, a format that ends within a specifier.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let layout = if character == '%' { Layout::take(&mut characters) } else { Layout::default() };
            let mut following = |what: &str| {
                let next = characters.next();
                next.ok_or_else(|| {
                    Failure::usage(format!(
                        "-F: the format ends within {what}; write {character}{character} for {character}"
                    ))
                })
            };
            let piece = match character {
                '%' => match following("a format specifier")? {
                    '%' => Err(b'%'),
                    letter => Ok(Piece::Field(Field::of(letter).ok_or_else(|| unknown(letter))?, layout)),
                },
                '@' => match following("a time specifier")? {
                    '@' => Err(b'@'),
                    letter if TIME_LETTERS.contains(letter) => Ok(Piece::Time(letter)),
                    letter => {
                        let text = format!("-F: @{letter} stands for nothing; expected a letter of strftime");
                        return Err(Failure::usage(text));
                    }
                },
                '\\' => Err(escape(following("an escape")?)?),
                other => {
                    literal.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
            };
            match piece {
                Err(byte) => literal.push(byte),
                Ok(piece) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece);
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Prints a message as it stood at `time`.
    pub fn print(&self, out: &mut impl Write, received: &Received, time: DateTime<Local>) -> io::Result<()> {
        let sample = Sample { received, properties: received.message_properties(), time };
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.write_all(bytes)?,
                Piece::Field(field, layout) if *layout == Layout::default() => field.print(out, &sample)?,
                Piece::Field(field, layout) => {
                    let mut text = Vec::new();
                    field.print(&mut text, &sample)?;
                    layout.print(out, &text)?;
                }
                Piece::Time('N') => write!(out, "{:09}", nanoseconds(time))?,
                Piece::Time(letter) => out.write_all(strftime(time, &format!("%{letter}")).as_bytes())?,
            }
        }
        Ok(())
    }
}

fn unknown(letter: char) -> Failure {
    Failure::usage(format!("-F: %{letter} stands for nothing; expected one of {}", field::letters()))
}

fn escape(letter: char) -> Result<u8, Failure> {
    Ok(match letter {
        '\\' => b'\\',
        '0' => 0,
        'a' => 0x07,
        'e' => 0x1b,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        _ => {
            return Err(Failure::usage(format!(
                "-F: \\{letter} stands for nothing; expected \\\\ \\0 \\a \\e \\n \\r \\t or \\v"
            )));
        }
    })
}

/// What strftime makes of `time`; nothing of what it does not know.
fn strftime(time: DateTime<Local>, format: &str) -> String {
    let mut text = String::new();
    write!(text, "{}", time.format(format)).ok();
    text
}

/// Nanoseconds within the second; a leap second has no more.
fn nanoseconds(time: DateTime<Local>) -> u32 {
    time.timestamp_subsec_nanos().min(999_999_999)
}

#[cfg(test)]
mod tests;
