//! Topics and filters from templates: `causeway/bench/{run}/{publisher}`.

use mqtt::{Filter, TopicError, check_topic_name};

/// What stands for a number in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Publisher,
    Subscriber,
    /// Which of a publisher's topics.
    Topic,
}

impl Place {
    const fn text(self) -> &'static str {
        match self {
            Self::Publisher => "{publisher}",
            Self::Subscriber => "{subscriber}",
            Self::Topic => "{topic}",
        }
    }
}

/// A topic or filter with the run already in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicTemplate(String);

impl TopicTemplate {
    pub(super) fn new(text: &str, run: u32) -> Self {
        Self(text.replace("{run}", &format!("{run:08x}")))
    }

    pub(super) fn has(&self, place: Place) -> bool {
        self.0.contains(place.text())
    }

    /// With numbers for places.
    pub(super) fn fill(&self, numbers: &[(Place, u32)]) -> String {
        numbers.iter().fold(self.0.clone(), |text, (place, number)| text.replace(place.text(), &number.to_string()))
    }

    /// The filter for all topics this makes: each level with one of `open` in it is any level.
    pub(super) fn any(&self, open: &[Place]) -> Self {
        let level = |level: &str| {
            let is_open = open.iter().any(|place| level.contains(place.text()));
            if is_open { "+".to_owned() } else { level.to_owned() }
        };
        Self(self.0.split('/').map(level).collect::<Vec<_>>().join("/"))
    }

    /// The same with one place in the stead of another.
    pub(super) fn with(&self, place: Place, instead: Place) -> Self {
        Self(self.0.replace(place.text(), instead.text()))
    }

    /// Checked with the largest numbers.
    ///
    /// # Errors
    /// It is no topic name.
    pub(super) fn check_topic(&self) -> Result<(), TopicError> {
        check_topic_name(&self.longest())
    }

    /// # Errors
    /// It is no topic filter.
    pub(super) fn check_filter(&self) -> Result<(), TopicError> {
        Filter::parse(&self.longest()).map(|_| ())
    }

    fn longest(&self) -> String {
        self.fill(&[(Place::Publisher, u32::MAX), (Place::Subscriber, u32::MAX), (Place::Topic, u32::MAX)])
    }
}

impl std::fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let template = TopicTemplate::new("a/{run}/{publisher}-{topic}", 0xbeef);
        assert_eq!(template.fill(&[(Place::Publisher, 3), (Place::Topic, 0)]), "a/0000beef/3-0");
    }

    #[test]
    fn a_filter_matches_every_topic_of_its_template() {
        let template = TopicTemplate::new("a/{publisher}/x{topic}/b", 1);
        let filter = template.any(&[Place::Publisher, Place::Topic]);
        assert_eq!(filter.to_string(), "a/+/+/b");
        let own = template.any(&[Place::Topic]).with(Place::Publisher, Place::Subscriber);
        assert_eq!(own.fill(&[(Place::Subscriber, 5)]), "a/5/+/b");
        let topic = template.fill(&[(Place::Publisher, 5), (Place::Topic, 9)]);
        assert!(mqtt::matches("a/+/+/b", &topic) && mqtt::matches("a/5/+/b", &topic));
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        assert!(TopicTemplate::new("a/+", 1).check_topic().is_err());
        assert!(TopicTemplate::new("a/{publisher}", 1).check_topic().is_ok());
        assert!(TopicTemplate::new("a/#/b", 1).check_filter().is_err());
        assert!(TopicTemplate::new("$share/g/a/+", 1).check_filter().is_ok());
    }
}
