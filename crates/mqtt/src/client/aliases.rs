//! Topic aliases of one connection, in either direction (section 3.3.2.3.4).

use std::num::NonZeroU16;
use std::sync::Arc;

use super::breach::Breach;

/// What the server's aliases stand for.
#[derive(Debug, Default)]
pub(super) struct IncomingAliases {
    maximum: u16,
    /// Grows up to `maximum`; alias 1 is at index 0.
    topics: Vec<Option<Arc<str>>>,
}

impl IncomingAliases {
    pub fn new(maximum: u16) -> Self {
        Self { maximum, topics: Vec::new() }
    }

    /// The topic of a PUBLISH with an alias; a topic that is not empty takes the alias over.
    pub fn resolve(&mut self, alias: NonZeroU16, topic: &str) -> Result<Arc<str>, Breach> {
        if alias.get() > self.maximum {
            return Err(Breach::TopicAlias);
        }
        let index = usize::from(alias.get()) - 1;
        if topic.is_empty() {
            return self.topics.get(index).cloned().flatten().ok_or(Breach::TopicAlias);
        }
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        let topic: Arc<str> = topic.into();
        self.topics[index] = Some(topic.clone());
        Ok(topic)
    }
}

/// What the client's aliases stand for.
#[derive(Debug, Default)]
pub(super) struct OutgoingAliases {
    topics: Vec<Option<Arc<str>>>,
}

impl OutgoingAliases {
    /// Whether the alias stands for the topic already, so that it can go without.
    pub fn stands_for(&self, alias: NonZeroU16, topic: &str) -> bool {
        self.topics.get(usize::from(alias.get()) - 1).and_then(Option::as_deref) == Some(topic)
    }

    /// Notes that the alias was sent with its topic.
    pub fn sent(&mut self, alias: NonZeroU16, topic: &Arc<str>) {
        let index = usize::from(alias.get()) - 1;
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        self.topics[index] = Some(topic.clone());
    }
}
