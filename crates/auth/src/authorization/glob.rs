//! Key patterns of the state store: `*` any run, `?` one character, `[0-9]` one of a range.

use super::token::{Piece, Token, UnknownToken, pieces};
use crate::Principal;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Character(char),
    One,
    Run,
    Range(char, char),
    Token(Token),
}

/// Why a key pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobError {
    #[error(transparent)]
    Token(#[from] UnknownToken),
    #[error("a range is written [0-9]: two characters, the lower one first")]
    Range,
}

/// A key pattern of a rule, tokens not filled in yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GlobTemplate(Box<[Part]>);

impl GlobTemplate {
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            match piece {
                Piece::Token(token) => parts.push(Part::Token(token)),
                Piece::Text(text) => parse_text(&text, &mut parts)?,
            }
        }
        Ok(Self(parts.into()))
    }

    /// Filled in for a principal: what a token stands for is literal. `None` where it stands for nothing.
    pub fn fill(&self, principal: &Principal) -> Option<Glob> {
        let mut parts = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            match part {
                Part::Token(token) => parts.extend(token.value(principal)?.chars().map(Part::Character)),
                other => parts.push(other.clone()),
            }
        }
        Some(Glob(parts.into()))
    }
}

fn parse_text(text: &str, parts: &mut Vec<Part>) -> Result<(), GlobError> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '*' => Part::Run,
            '?' => Part::One,
            '[' => {
                let mut next = || characters.next().ok_or(GlobError::Range);
                let (low, dash, high, end) = (next()?, next()?, next()?, next()?);
                if dash != '-' || end != ']' || low > high {
                    return Err(GlobError::Range);
                }
                Part::Range(low, high)
            }
            other => Part::Character(other),
        });
    }
    Ok(())
}

/// A key pattern for one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(Box<[Part]>);

impl Glob {
    /// Keys that are not UTF-8 match no pattern. Takes time in proportion to key times pattern at the most.
    pub fn matches(&self, key: &[u8]) -> bool {
        let Ok(key) = std::str::from_utf8(key) else { return false };
        let key: Vec<char> = key.chars().collect();
        let (mut at, mut part) = (0, 0);
        // Where to go on if what follows the last `*` fails: with one character more in its run.
        let mut retry: Option<(usize, usize)> = None;
        while at < key.len() {
            match self.0.get(part) {
                Some(Part::Run) => {
                    retry = Some((part + 1, at));
                    part += 1;
                }
                Some(single) if takes(single, key[at]) => (at, part) = (at + 1, part + 1),
                _ => {
                    let Some((after, from)) = retry else { return false };
                    retry = Some((after, from + 1));
                    (part, at) = (after, from + 1);
                }
            }
        }
        self.0[part..].iter().all(|part| *part == Part::Run)
    }
}

fn takes(part: &Part, character: char) -> bool {
    match part {
        Part::Character(own) => *own == character,
        Part::One => true,
        Part::Range(low, high) => (low..=high).contains(&&character),
        Part::Run | Part::Token(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, key: &str) -> bool {
        let someone = Principal::declared("c", Some("u*"));
        GlobTemplate::parse(pattern).unwrap().fill(&someone).unwrap().matches(key.as_bytes())
    }

    #[test]
    fn a_glob_matches_whole_keys() {
        for (pattern, key, expected) in [
            ("*", "", true),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("m[0-9]", "m7", true),
            ("m[0-9]", "mx", false),
            ("**a", "bba", true),
            ("é?", "éx", true),
            ("{principal.username}/k", "u*/k", true),
            ("{principal.username}/k", "uxx/k", false),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} and {key}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
        assert!(!matches(&format!("{}b", "a*".repeat(50)), &"a".repeat(5000)));
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for text in ["[0-9", "[9-0]", "[09]", "["] {
            assert_eq!(GlobTemplate::parse(text), Err(GlobError::Range), "{text}");
        }
        assert!(matches!(GlobTemplate::parse("{x}"), Err(GlobError::Token(_))));
    }
}
