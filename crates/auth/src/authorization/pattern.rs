//! Topic patterns of rules: compiled once, then filled in for a principal, then compared with topics and filters.

use mqtt::{Filter, TopicError};
use smallvec::SmallVec;

use super::token::{Piece, Token, UnknownToken, pieces};
use crate::Principal;

/// One level of a pattern whose tokens are filled in. A value is always a literal: whoever is called `#` gets no wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Literal(Box<str>),
    Any,
    Rest,
}

/// Why a topic of a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    #[error(transparent)]
    Token(#[from] UnknownToken),
    #[error("a token has to be a whole level of a topic: write a/{{principal.…}}/b, not a-{{principal.…}}")]
    PartOfLevel,
    #[error("{0}")]
    Topic(#[from] TopicError),
    #[error("$share/... is no topic; a shared subscription is allowed by the filter behind its group")]
    Share,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Template {
    Fixed(Level),
    Token(Token),
}

/// A topic of a rule, tokens not filled in yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicTemplate(Box<[Template]>);

impl TopicTemplate {
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut levels = Vec::new();
        let mut plain = Vec::new();
        for level in text.split('/') {
            let pieces = pieces(level)?;
            let template = match pieces.as_slice() {
                [Piece::Token(token)] => Template::Token(token.clone()),
                [] | [Piece::Text(_)] => Template::Fixed(match level {
                    "+" => Level::Any,
                    "#" => Level::Rest,
                    literal => Level::Literal(literal.into()),
                }),
                _ => return Err(PatternError::PartOfLevel),
            };
            plain.push(if matches!(template, Template::Token(_)) { "token" } else { level });
            levels.push(template);
        }
        // What MQTT says of filters holds for patterns, with a token as a plain level.
        if Filter::parse(&plain.join("/"))?.share.is_some() {
            return Err(PatternError::Share);
        }
        Ok(Self(levels.into()))
    }

    /// What it is for everybody; `None` where it depends on who asks.
    pub fn without_tokens(&self) -> Option<TopicPattern> {
        let levels = self.0.iter().map(|template| match template {
            Template::Fixed(level) => Some(level.clone()),
            Template::Token(_) => None,
        });
        levels.collect::<Option<_>>().map(TopicPattern)
    }

    /// Filled in for a principal; `None` where a token stands for nothing, or for what cannot be one level.
    pub fn fill(&self, principal: &Principal) -> Option<TopicPattern> {
        let levels = self.0.iter().map(|template| match template {
            Template::Fixed(level) => Some(level.clone()),
            Template::Token(token) => {
                let value = token.value(principal)?;
                (!value.contains('/')).then(|| Level::Literal(value.into()))
            }
        });
        levels.collect::<Option<_>>().map(TopicPattern)
    }
}

/// The levels of a topic name or filter: taken apart once, compared with many patterns.
pub(crate) type Levels<'a> = SmallVec<[&'a str; 16]>;

pub(crate) fn levels(text: &str) -> Levels<'_> {
    text.split('/').collect()
}

/// A topic of a rule for one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicPattern(Box<[Level]>);

impl TopicPattern {
    /// The topic it is, if it has no wildcards.
    pub fn exact(&self) -> Option<String> {
        let literals: Option<Vec<&str>> = self
            .0
            .iter()
            .map(|level| match level {
                Level::Literal(text) => Some(text.as_ref()),
                Level::Any | Level::Rest => None,
            })
            .collect();
        literals.map(|levels| levels.join("/"))
    }

    /// Whether a topic name is among what it allows, by the rules of MQTT-4.7.1 and MQTT-4.7.2-1.
    pub fn matches(&self, topic: &Levels<'_>) -> bool {
        self.contains(topic, |_| false)
    }

    /// Whether every topic that `filter` matches is among what it allows. `filter` is without `$share/…`.
    pub fn covers(&self, filter: &Levels<'_>) -> bool {
        self.contains(filter, |level| level == "+" || level == "#")
    }

    fn contains(&self, asked: &Levels<'_>, is_wildcard: impl Fn(&str) -> bool) -> bool {
        let reserved_at_all = asked.first().is_some_and(|first| first.starts_with('$'));
        let mut asked = asked.iter().copied();
        for (depth, level) in self.0.iter().enumerate() {
            let reserved = depth == 0 && reserved_at_all;
            match (level, asked.next()) {
                // `#` also is the level above it: `a/#` contains `a`.
                (Level::Rest, _) => return !reserved,
                (Level::Any, Some(level)) if level != "#" || !is_wildcard(level) => {
                    if reserved {
                        return false;
                    }
                }
                (Level::Literal(literal), Some(level)) if literal.as_ref() == level && !is_wildcard(level) => {}
                _ => return false,
            }
        }
        asked.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TopicPattern {
        let nobody = Principal::declared("c", Some("u"));
        TopicTemplate::parse(text).unwrap().fill(&nobody).unwrap()
    }

    #[test]
    fn a_topic_is_allowed_as_a_subscription_would_match_it() {
        for (allowed, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("+/+", "/a", true),
            ("/#", "/", true),
            ("A", "a", false),
        ] {
            assert_eq!(pattern(allowed).matches(&levels(topic)), expected, "{allowed} and {topic}");
            assert!(!expected || mqtt::matches(allowed, topic), "{allowed} and {topic}");
        }
    }

    #[test]
    fn a_filter_is_allowed_if_all_it_matches_is() {
        for (allowed, filter, expected) in [
            ("a/#", "a/+/c", true),
            ("a/#", "a/#", true),
            ("a/#", "a", true),
            ("a/+", "a/#", false),
            ("a/+", "a/+", true),
            ("a/b", "a/+", false),
            ("#", "+/b", true),
            ("#", "#", true),
            ("#", "$SYS/#", false),
            ("+", "#", false),
            ("+/#", "#", false),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/#", false),
            ("a/b/#", "a/#", false),
        ] {
            assert_eq!(pattern(allowed).covers(&levels(filter)), expected, "{allowed} and {filter}");
        }
    }

    #[test]
    fn a_token_is_one_literal_level() {
        let template = TopicTemplate::parse("site/{principal.username}/#").unwrap();
        let of = |username| template.fill(&Principal::declared("c", username));
        assert!(of(Some("u")).unwrap().matches(&levels("site/u/x")));
        assert!(!of(Some("u")).unwrap().matches(&levels("site/v/x")));
        for trick in ["#", "+"] {
            let filled = of(Some(trick)).unwrap();
            assert!(!filled.matches(&levels("site/v/x")), "{trick}");
            assert!(!filled.covers(&levels("site/+/x")) && !filled.covers(&levels("site/#")), "{trick}");
        }
        assert_eq!(of(Some("u/v")), None);
        assert_eq!(of(None), None);
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for (text, expected) in [
            ("a-{principal.username}", PatternError::PartOfLevel),
            ("{principal.username}{principal.clientId}/a", PatternError::PartOfLevel),
            ("a/{principal.name}", PatternError::Token(UnknownToken("{principal.name}".to_owned()))),
            ("a/{principal.attributes.}", PatternError::Token(UnknownToken("{principal.attributes.}".to_owned()))),
            ("a/{b", PatternError::Token(UnknownToken("{b".to_owned()))),
            ("a/#/b", PatternError::Topic(TopicError::MultiLevelWildcard)),
            ("a+/b", PatternError::Topic(TopicError::SingleLevelWildcard)),
            ("", PatternError::Topic(TopicError::Empty)),
            ("$share/g/a", PatternError::Share),
        ] {
            assert_eq!(TopicTemplate::parse(text), Err(expected), "{text}");
        }
    }
}
