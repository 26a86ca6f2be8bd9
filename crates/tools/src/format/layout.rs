//! Width and alignment of a field, as printf has them: `%-20t`, `%05l`, `%.10t`.

use std::io::{self, Write};
use std::iter::Peekable;
use std::str::Chars;

/// The widest field; bounds what one letter can make of a message.
const MOST: usize = 10_000;

/// How a field stands in its place, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Layout {
    side: Side,
    padding: Padding,
    at_least: usize,
    at_most: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Side {
    Left,
    #[default]
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Padding {
    #[default]
    Blanks,
    Zeros,
}

impl Layout {
    /// Takes flags, width and maximum off the front of what follows a `%`.
    pub fn take(characters: &mut Peekable<Chars<'_>>) -> Self {
        let mut layout = Self::default();
        while let Some(flag) = characters.next_if(|c| matches!(c, '-' | '0')) {
            match flag {
                '-' => layout.side = Side::Left,
                _ => layout.padding = Padding::Zeros,
            }
        }
        layout.at_least = number(characters).unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            layout.at_most = Some(number(characters).unwrap_or(0));
        }
        layout
    }

    pub fn print(self, out: &mut impl Write, field: &[u8]) -> io::Result<()> {
        if self == Self::default() {
            return out.write_all(field);
        }
        let Ok(text) = std::str::from_utf8(field) else { return out.write_all(field) };
        let shown: String = text.chars().take(self.at_most.unwrap_or(usize::MAX)).collect();
        let missing = self.at_least.saturating_sub(shown.chars().count());
        match (self.side, self.padding) {
            (Side::Left, _) => write!(out, "{shown}{}", " ".repeat(missing)),
            (Side::Right, Padding::Blanks) => write!(out, "{}{shown}", " ".repeat(missing)),
            (Side::Right, Padding::Zeros) => write!(out, "{}{shown}", "0".repeat(missing)),
        }
    }
}

fn number(characters: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut number = None;
    while let Some(digit) = characters.peek().and_then(|c| c.to_digit(10)) {
        characters.next();
        number = Some(MOST.min(number.unwrap_or(0) * 10 + digit as usize));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_cut_and_padded_as_printf_does() {
        for (layout, expected) in [
            ("", "topic"),
            ("8", "   topic"),
            ("-8", "topic   "),
            ("08", "000topic"),
            (".3", "top"),
            ("-6.3", "top   "),
            ("2", "topic"),
            (".", ""),
        ] {
            let mut characters = layout.chars().peekable();
            let taken = Layout::take(&mut characters);
            assert_eq!(characters.next(), None);
            let mut out = Vec::new();
            taken.print(&mut out, b"topic").unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{layout:?}");
        }
    }

    #[test]
    fn what_is_no_text_and_what_is_too_wide_are_bounded() {
        let mut out = Vec::new();
        Layout::take(&mut "8".chars().peekable()).print(&mut out, &[0xff]).unwrap();
        assert_eq!(out, [0xff]);
        out.clear();
        Layout::take(&mut "99999999999999999999".chars().peekable()).print(&mut out, b"x").unwrap();
        assert_eq!(out.len(), MOST);
    }
}
