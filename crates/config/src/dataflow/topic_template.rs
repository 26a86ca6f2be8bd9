//! Topics that are made of the topic a message came in on.

use std::fmt;

/// What a message is published to: text, and parts of the topic it came in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicTemplate(pub(crate) Vec<TopicPiece>);

/// A part of a [`TopicTemplate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicPiece {
    /// As it is written.
    Text(String),
    /// `${inputTopic}`: all of it.
    Whole,
    /// `${inputTopic.N}`: one level, from 1; slashes at both ends do not count.
    Level(u16),
    /// `${inputTopic.N+}`: that level, which has to be there, and all after it.
    From(u16),
}

const OPENING: &str = "${";
const NAME: &str = "inputTopic";

impl TopicTemplate {
    /// Reads one as it is written. What is not between `${` and `}` is text.
    ///
    /// # Errors
    /// What would be right, as a phrase.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(OPENING) {
            let (before, after) = rest.split_at(start);
            let after = &after[OPENING.len()..];
            let end = after.find('}').ok_or("a ${ is not closed; give a } after it")?;
            if !before.is_empty() {
                pieces.push(TopicPiece::Text(before.to_owned()));
            }
            pieces.push(piece(&after[..end])?);
            rest = &after[end + 1..];
        }
        if !rest.is_empty() {
            pieces.push(TopicPiece::Text(rest.to_owned()));
        }
        let template = Self(pieces);
        template.check()?;
        Ok(template)
    }

    /// In order. Never empty; no two texts beside each other.
    pub fn pieces(&self) -> &[TopicPiece] {
        &self.0
    }

    fn check(&self) -> Result<(), String> {
        let texts =
            || self.0.iter().filter_map(|piece| if let TopicPiece::Text(text) = piece { Some(text) } else { None });
        if texts().any(|text| text.contains(['+', '#'])) {
            return Err("give a topic without + and #: messages are published to it".to_owned());
        }
        let whole: String = texts().map(String::as_str).collect();
        // What takes the place of the other pieces may be anything, so texts alone are judged as far as they can be.
        let judged = if texts().count() == self.0.len() { whole } else { format!("{whole}.") };
        mqtt::check_topic_name(&judged).map_err(|error| format!("give a topic; {error}"))
    }
}

fn piece(inside: &str) -> Result<TopicPiece, String> {
    let expected =
        || "give ${inputTopic}, ${inputTopic.N} or ${inputTopic.N+}, with a level N from 1 to 200".to_owned();
    let rest = inside.strip_prefix(NAME).ok_or_else(expected)?;
    if rest.is_empty() {
        return Ok(TopicPiece::Whole);
    }
    let number = rest.strip_prefix('.').ok_or_else(expected)?;
    let (digits, open) = number.strip_suffix('+').map_or((number, false), |digits| (digits, true));
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let level = digits.parse::<u16>().ok().filter(|level| decimal && (1..=200).contains(level)).ok_or_else(expected)?;
    Ok(if open { TopicPiece::From(level) } else { TopicPiece::Level(level) })
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                TopicPiece::Text(text) => f.write_str(text)?,
                TopicPiece::Whole => write!(f, "${{{NAME}}}")?,
                TopicPiece::Level(n) => write!(f, "${{{NAME}.{n}}}")?,
                TopicPiece::From(n) => write!(f, "${{{NAME}.{n}+}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TopicTemplate;

    #[test]
    fn pieces_are_told_apart() {
        use super::TopicPiece::{From, Level, Text, Whole};
        let text = |text: &str| Text(text.to_owned());
        for (template, pieces) in [
            ("a/b", vec![text("a/b")]),
            ("${inputTopic}", vec![Whole]),
            ("up/${inputTopic}", vec![text("up/"), Whole]),
            ("${inputTopic.2}/of/${inputTopic.200}", vec![Level(2), text("/of/"), Level(200)]),
            ("a-${inputTopic.3+}-b", vec![text("a-"), From(3), text("-b")]),
            ("$inputTopic.2", vec![text("$inputTopic.2")]),
            ("a}b$", vec![text("a}b$")]),
        ] {
            let parsed = TopicTemplate::parse(template).unwrap();
            assert_eq!(parsed.pieces(), pieces, "{template}");
            assert_eq!(parsed.to_string(), template);
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "",
            "a/#",
            "a/+/b",
            "${inputTopic",
            "${inputTopic.0}",
            "${inputTopic.201}",
            "${inputTopic.99999999}",
            "${inputTopic.+}",
            "${inputTopic.-1}",
            "${inputTopic.+1}",
            "${inputTopic.2-3}",
            "${inputtopic}",
            "${outputTopic}",
            "${}",
            "a\u{0}b",
        ] {
            assert!(TopicTemplate::parse(text).is_err(), "{text}");
        }
    }
}
