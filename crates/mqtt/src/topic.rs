//! Topic names and topic filters: what is well formed, and what matches.

/// The most levels a topic name or filter may have; bounds the depth of every walk over them.
pub const MAX_LEVELS: usize = 200;

/// Why a string is no topic name or topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopicError {
    /// MQTT-4.7.3-1
    #[error("topic is empty")]
    Empty,
    /// MQTT-4.7.3-3
    #[error("topic is longer than 65,535 bytes")]
    TooLong,
    /// MQTT-4.7.3-2
    #[error("topic contains U+0000")]
    Nul,
    /// MQTT-4.7.0-1 / MQTT-4.7.1-1, MQTT-3.3.2-2
    #[error("topic name contains a wildcard")]
    Wildcard,
    /// MQTT-4.7.1-1 / MQTT-4.7.1-2
    #[error("`#` is not the last level on its own")]
    MultiLevelWildcard,
    /// MQTT-4.7.1-2 / MQTT-4.7.1-3
    #[error("`+` does not occupy a whole level")]
    SingleLevelWildcard,
    /// MQTT-4.8.2-1, MQTT-4.8.2-2
    #[error("shared subscription is not `$share/{{name}}/{{filter}}`")]
    Share,
    /// A limit of this implementation: `MAX_LEVELS`.
    #[error("topic has more than {MAX_LEVELS} levels")]
    TooManyLevels,
}

/// Checks a topic name: not empty, at most 65,535 bytes, no wildcard, no U+0000, at most `MAX_LEVELS` levels.
///
/// # Errors
/// The first rule that does not hold.
pub fn check_topic_name(name: &str) -> Result<(), TopicError> {
    check_text(name)?;
    if memchr::memchr2(b'+', b'#', name.as_bytes()).is_some() {
        return Err(TopicError::Wildcard);
    }
    check_levels(name)
}

/// What names and filters have in common.
fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong);
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(TopicError::Nul);
    }
    Ok(())
}

fn check_levels(text: &str) -> Result<(), TopicError> {
    if memchr::memchr_iter(b'/', text.as_bytes()).count() < MAX_LEVELS {
        Ok(())
    } else {
        Err(TopicError::TooManyLevels)
    }
}

/// A well-formed topic filter, split from its share name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Filter<'a> {
    /// The share name of `$share/{name}/{filter}`.
    pub share: Option<&'a str>,
    /// What topic names are matched against.
    pub filter: &'a str,
}

impl<'a> Filter<'a> {
    /// Parses a filter as SUBSCRIBE carries it. `$share` alone is an ordinary name; `$share/` begins a shared
    /// subscription.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        check_text(text)?;
        let parsed = match text.strip_prefix("$share/") {
            None => Self { share: None, filter: text },
            Some(shared) => {
                let (name, filter) = shared.split_once('/').ok_or(TopicError::Share)?;
                if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() {
                    return Err(TopicError::Share);
                }
                Self { share: Some(name), filter }
            }
        };
        parsed.check_wildcards()?;
        check_levels(parsed.filter)?;
        Ok(parsed)
    }

    fn check_wildcards(&self) -> Result<(), TopicError> {
        if !self.has_wildcards() {
            return Ok(());
        }
        let mut levels = self.levels().peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level.len() > 1 || levels.peek().is_some()) {
                return Err(TopicError::MultiLevelWildcard);
            }
            if level.contains('+') && level.len() > 1 {
                return Err(TopicError::SingleLevelWildcard);
            }
        }
        Ok(())
    }

    /// Whether it can match more than one topic name.
    pub fn has_wildcards(&self) -> bool {
        memchr::memchr2(b'+', b'#', self.filter.as_bytes()).is_some()
    }

    /// The levels of `filter`.
    pub fn levels(&self) -> std::str::Split<'a, char> {
        self.filter.split('/')
    }
}

/// Where the broker checks itself: reserved, and only found by those who ask for it by name.
pub const SELF_CHECK_TOPIC: &str = "azedge/dmqtt/selftest";

const SELF_CHECK_LEVELS: usize = 3;

/// How many levels at the front of a topic name no wildcard stands for: 1 where it begins with `$` (MQTT-4.7.2-1), 3 for
/// [`SELF_CHECK_TOPIC`] and what is below it, else 0.
pub fn literal_levels(topic: &str) -> usize {
    match topic.as_bytes().first() {
        Some(b'$') => 1,
        Some(b'a') if is_self_check(topic) => SELF_CHECK_LEVELS,
        _ => 0,
    }
}

/// Whether it is [`SELF_CHECK_TOPIC`] or below.
pub fn is_self_check(topic: &str) -> bool {
    topic.strip_prefix(SELF_CHECK_TOPIC).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Whether a well-formed filter (without `$share`) matches a well-formed topic name. Compared byte by byte
/// (MQTT-4.7.3-4); a wildcard among the topic's [`literal_levels`] matches nothing.
pub fn matches(filter: &str, topic: &str) -> bool {
    let mut literal = literal_levels(topic);
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        if literal > 0 && matches!(wanted, "#" | "+") {
            return false;
        }
        literal = literal.saturating_sub(1);
        if wanted == "#" {
            // Also the parent level: `a/#` matches `a`.
            return true;
        }
        match levels.next() {
            Some(level) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_check_is_found_by_its_name_alone() {
        let topic = "azedge/dmqtt/selftest/0/publish";
        for hidden in ["#", "+/#", "azedge/#", "azedge/+/selftest/#", "azedge/dmqtt/#", "azedge/dmqtt/+/0/publish"] {
            assert!(!matches(hidden, topic), "{hidden}");
        }
        for shown in ["azedge/dmqtt/selftest/#", "azedge/dmqtt/selftest/+/publish", topic] {
            assert!(matches(shown, topic), "{shown}");
        }
        assert!(matches("azedge/dmqtt/selftest/#", SELF_CHECK_TOPIC));
        assert!(!matches("azedge/dmqtt/+", SELF_CHECK_TOPIC));
        for beside in ["azedge/dmqtt/selftests", "azedge/dmqtt", "azedge/dmqtt/other/selftest"] {
            assert!(matches("#", beside), "{beside}");
        }
    }

    #[test]
    fn mqtt_4_7_2_1_a_leading_wildcard_does_not_match_a_dollar_topic() {
        for (filter, topic, expected) in [
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("$SYS/+", "$SYS/a", true),
            ("$SYS/#", "$SYS", true),
            ("#", "a/$SYS", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }
}
