//! Topics made from topics: `${inputTopic}`, `${inputTopic.N}` and `${inputTopic.N+}`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use mqtt::{TopicError, check_topic_name};

/// A destination topic with places for parts of the source topic. Its levels count from 1; leading and trailing slashes
/// of the source topic are no levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicTemplate {
    text: String,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// The same for every message.
    Fixed(Arc<str>),
    /// The source topic as it is.
    Whole,
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Whole,
    Level(NonZeroUsize),
    /// This level and all behind it.
    From(NonZeroUsize),
}

/// Why a text is no topic template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    #[error("`${{` is not closed by `}}`")]
    Open,
    #[error("`${{{0}}}` is not `${{inputTopic}}`, `${{inputTopic.N}}` or `${{inputTopic.N+}}` with N from 1 on")]
    Unknown(String),
    /// What would be wrong whatever the source topic is.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

/// Why a source topic gives no destination topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved {
    #[error("the topic has no level {0}")]
    Level(usize),
    #[error("the topic that comes out is none: {0}")]
    Topic(#[from] TopicError),
}

impl FromStr for TopicTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let parts = parts(text)?;
        let literal: String =
            parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "x" }).collect();
        check_topic_name(&literal)?;
        let shape = match &parts[..] {
            [Part::Text(topic)] => Shape::Fixed(topic.as_str().into()),
            [Part::Whole] => Shape::Whole,
            _ => Shape::Parts(parts),
        };
        Ok(Self { text: text.to_owned(), shape })
    }
}

fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let (place, behind) = after.split_once('}').ok_or(TemplateError::Open)?;
        parts.push(part(place).ok_or_else(|| TemplateError::Unknown(place.to_owned()))?);
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn part(place: &str) -> Option<Part> {
    let level = match place.strip_prefix("inputTopic")? {
        "" => return Some(Part::Whole),
        level => level.strip_prefix('.')?,
    };
    let (number, rest) = level.strip_suffix('+').map_or((level, false), |number| (number, true));
    let number = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    Some(if rest { Part::From(number) } else { Part::Level(number) })
}

impl TopicTemplate {
    /// The destination topic of a message with the topic `input`.
    ///
    /// # Errors
    /// A level that `input` has not, or an outcome that is no topic name.
    pub fn resolve(&self, input: &Arc<str>) -> Result<Arc<str>, Unresolved> {
        match &self.shape {
            Shape::Fixed(topic) => Ok(topic.clone()),
            Shape::Whole => Ok(input.clone()),
            Shape::Parts(parts) => {
                let topic = join(parts, input)?;
                check_topic_name(&topic)?;
                Ok(topic.into())
            }
        }
    }
}

fn join(parts: &[Part], input: &str) -> Result<String, Unresolved> {
    let mut topic = String::with_capacity(input.len());
    for part in parts {
        match part {
            Part::Text(text) => topic.push_str(text),
            Part::Whole => topic.push_str(input),
            Part::Level(number) => {
                let (level, _) = from(input, *number)?;
                topic.push_str(level);
            }
            Part::From(number) => {
                let (_, rest) = from(input, *number)?;
                topic.push_str(rest);
            }
        }
    }
    Ok(topic)
}

/// The level with this number, and it with all behind it.
fn from(input: &str, number: NonZeroUsize) -> Result<(&str, &str), Unresolved> {
    let mut rest = input.trim_matches('/');
    let missing = Unresolved::Level(number.get());
    for _ in 1..number.get() {
        rest = rest.split_once('/').ok_or_else(|| missing.clone())?.1;
    }
    match rest {
        "" => Err(missing),
        rest => Ok((rest.split_once('/').map_or(rest, |(level, _)| level), rest)),
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(template: &str, input: &str) -> Result<String, Unresolved> {
        template.parse::<TopicTemplate>().unwrap().resolve(&input.into()).map(|topic| topic.to_string())
    }

    #[test]
    fn places_take_parts_of_the_source_topic() {
        for (template, input, expected) in [
            ("fixed", "a/b/c", "fixed"),
            ("${inputTopic}", "a/b/c", "a/b/c"),
            ("site/${inputTopic}", "a/b/c", "site/a/b/c"),
            ("${inputTopic.1}", "a/b/c", "a"),
            ("x/${inputTopic.3}/${inputTopic.1}", "a/b/c", "x/c/a"),
            ("x/${inputTopic.2+}", "a/b/c/d", "x/b/c/d"),
            ("x/${inputTopic.1+}/y", "a", "x/a/y"),
            // Slashes around the topic are no levels.
            ("x/${inputTopic.1}", "/a/b/", "x/a"),
            ("x/${inputTopic.2+}", "/a/b/", "x/b"),
            // Without braces it is text.
            ("x/$inputTopic.2", "a/b/c", "x/$inputTopic.2"),
        ] {
            assert_eq!(resolve(template, input).as_deref(), Ok(expected), "{template} {input}");
        }
    }

    #[test]
    fn what_the_source_topic_has_not_is_no_topic() {
        assert_eq!(resolve("x/${inputTopic.5}", "a/b/c"), Err(Unresolved::Level(5)));
        assert_eq!(resolve("x/${inputTopic.4+}", "a/b/c"), Err(Unresolved::Level(4)));
        assert_eq!(resolve("x/${inputTopic.1}", "///"), Err(Unresolved::Level(1)));
        let long = format!("a/{}", "b".repeat(65_533));
        assert_eq!(resolve("x/${inputTopic}", &long), Err(Unresolved::Topic(TopicError::TooLong)));
    }

    #[test]
    fn what_can_never_be_a_topic_is_refused() {
        let refused = |text: &str| text.parse::<TopicTemplate>().unwrap_err();
        assert_eq!(refused("a/+"), TemplateError::Topic(TopicError::Wildcard));
        assert_eq!(refused("a/#"), TemplateError::Topic(TopicError::Wildcard));
        assert_eq!(refused("+/${inputTopic}"), TemplateError::Topic(TopicError::Wildcard));
        assert_eq!(refused(""), TemplateError::Topic(TopicError::Empty));
        assert_eq!(refused("a/${inputTopic"), TemplateError::Open);
        for unknown in [
            "topic",
            "inputTopic.0",
            "inputTopic.",
            "inputTopic.+",
            "inputTopic.-1",
            "inputTopic.+1",
            "inputTopic.x",
            "",
        ] {
            assert_eq!(refused(&format!("a/${{{unknown}}}")), TemplateError::Unknown(unknown.to_owned()));
        }
    }
}
