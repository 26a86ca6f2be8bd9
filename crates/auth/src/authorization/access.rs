//! What the rules allow one principal: tokens filled in, rules for others left out.

use std::cell::OnceCell;
use std::sync::Arc;

use super::compiled::{CompiledResource, CompiledRules, CompiledTopics, KeyTemplates};
use super::glob::Glob;
use super::pattern::{Levels, TopicPattern};
use super::rules::StoreAccess;
use super::topics::Topics;
use crate::Principal;

/// Which part of the rules allows something; counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// `rules[rule]`
    pub rule: u32,
    /// `brokerResources[resource]` or `stateStoreResources[resource]`
    pub resource: u32,
    /// `topics[entry]`, `clientIds[entry]` or `keys[entry]`
    pub entry: u32,
}

/// Decisions for one principal. Made once for a connection; holds no reference to the rules.
#[derive(Debug, Default)]
pub struct Access {
    connect: Option<Source>,
    publish: Vec<Granted>,
    subscribe: Vec<Granted>,
    store: Vec<(StoreAccess, StoreKeys, Source)>,
    /// The rules that are for this principal.
    rules: Vec<u32>,
}

#[derive(Debug)]
enum StoreKeys {
    Pattern(Glob),
    Exact(Box<[u8]>),
}

/// What one resource of a rule grants.
#[derive(Debug)]
struct Granted {
    /// With its first entry.
    source: Source,
    same: Arc<Topics>,
    /// Those whose tokens are filled in; mostly none.
    own: Option<Box<Topics>>,
}

impl Granted {
    /// `None` if the resource has nothing for this principal.
    fn new(topics: &CompiledTopics, principal: &Principal, source: Source) -> Option<Self> {
        let mut own = Topics::default();
        for (entry, template) in &topics.with_tokens {
            if let Some(pattern) = template.fill(principal) {
                own.add(pattern, *entry);
            }
        }
        let own = (!own.is_empty()).then(|| Box::new(own));
        (own.is_some() || !topics.same.is_empty()).then(|| Self { source, same: Arc::clone(&topics.same), own })
    }
}

fn find<'t>(granted: &[Granted], text: &'t str, fits: impl Fn(&TopicPattern, &Levels<'t>) -> bool) -> Option<Source> {
    let apart = OnceCell::new();
    granted.iter().find_map(|granted| {
        let own = || granted.own.as_ref().and_then(|own| own.find(text, &apart, &fits));
        let entry = granted.same.find(text, &apart, &fits).or_else(own)?;
        Some(Source { entry, ..granted.source })
    })
}

impl Access {
    pub(super) fn new(rules: &Arc<CompiledRules>, principal: &Principal) -> Self {
        let mut access = Self::default();
        for (number, rule) in rules.rules.iter().enumerate().filter(|(_, rule)| rule.whom.includes(principal)) {
            access.rules.push(number as u32);
            let source = |resource: usize| Source { rule: number as u32, resource: resource as u32, entry: 0 };
            for (n, resource) in rule.broker.iter().enumerate() {
                access.add(resource, principal, source(n));
            }
            for (n, resource) in rule.state_store.iter().enumerate() {
                access.add_keys(resource.access, &resource.keys, principal, source(n));
            }
        }
        access
    }

    fn add(&mut self, resource: &CompiledResource, principal: &Principal, source: Source) {
        match resource {
            CompiledResource::Publish(topics) => self.publish.extend(Granted::new(topics, principal, source)),
            CompiledResource::Subscribe(topics) => self.subscribe.extend(Granted::new(topics, principal, source)),
            CompiledResource::Connect(client_ids) if client_ids.is_empty() => {
                self.connect.get_or_insert(source);
            }
            CompiledResource::Connect(client_ids) => {
                let fitting = client_ids.iter().position(|pattern| pattern.fits(&principal.client_id, principal));
                if let Some(entry) = fitting {
                    self.connect.get_or_insert(Source { entry: entry as u32, ..source });
                }
            }
        }
    }

    fn add_keys(&mut self, access: StoreAccess, keys: &KeyTemplates, principal: &Principal, source: Source) {
        let at = |entry: usize| Source { entry: entry as u32, ..source };
        match keys {
            KeyTemplates::Pattern(patterns) => {
                let filled = patterns.iter().enumerate().filter_map(|(n, pattern)| Some((n, pattern.fill(principal)?)));
                self.store.extend(filled.map(|(n, glob)| (access, StoreKeys::Pattern(glob), at(n))));
            }
            KeyTemplates::Exact(keys) => {
                let exact = keys.iter().enumerate();
                self.store.extend(exact.map(|(n, key)| (access, StoreKeys::Exact(key.clone()), at(n))));
            }
        }
    }

    /// What lets the principal connect with its client id.
    pub fn connect(&self) -> Option<Source> {
        self.connect
    }

    /// What lets it publish to a topic name.
    pub fn publish(&self, topic: &str) -> Option<Source> {
        find(&self.publish, topic, TopicPattern::matches)
    }

    /// What lets it subscribe to a filter, `$share/{group}/` understood: one entry has to allow all the filter matches.
    pub fn subscribe(&self, filter: &str) -> Option<Source> {
        let inner = mqtt::Filter::parse(filter).map_or(filter, |parsed| parsed.filter);
        find(&self.subscribe, inner, TopicPattern::covers)
    }

    /// What lets it have messages of a topic name: a filter it may subscribe to that matches it.
    pub fn receive(&self, topic: &str) -> Option<Source> {
        find(&self.subscribe, topic, TopicPattern::matches)
    }

    /// What lets it read (`StoreAccess::Read`) or write a key of the state store; for both, one entry has to allow both.
    pub fn store(&self, asked: StoreAccess, key: &[u8]) -> Option<Source> {
        let allowing = self.store.iter().find(|(access, keys, _)| {
            let method = *access == StoreAccess::ReadWrite || *access == asked;
            method
                && match keys {
                    StoreKeys::Pattern(glob) => glob.matches(key),
                    StoreKeys::Exact(exact) => exact.as_ref() == key,
                }
        });
        allowing.map(|(_, _, source)| *source)
    }

    /// The rules whose principals include this one, by number.
    pub fn rules(&self) -> &[u32] {
        &self.rules
    }
}
