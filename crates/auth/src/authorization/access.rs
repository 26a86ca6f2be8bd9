//! What the rules allow one principal: tokens filled in, rules for others left out.

use std::collections::HashMap;
use std::sync::Arc;

use super::compiled::{CompiledResource, CompiledRules, KeyTemplates};
use super::glob::Glob;
use super::pattern::{TopicPattern, TopicTemplate};
use super::rules::StoreAccess;
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
    publish: Topics,
    subscribe: Topics,
    store: Vec<(StoreAccess, StoreKeys, Source)>,
    /// The rules that are for this principal.
    rules: Vec<u32>,
}

#[derive(Debug)]
enum StoreKeys {
    Pattern(Glob),
    Exact(Box<[u8]>),
}

/// Topics of one method: those without wildcards by name, the others one by one, in the order of the rules.
#[derive(Debug, Default)]
struct Topics {
    exact: HashMap<Box<str>, Source>,
    patterns: Vec<(TopicPattern, Source)>,
}

impl Topics {
    fn add(&mut self, templates: &[TopicTemplate], principal: &Principal, source: Source) {
        for (entry, template) in templates.iter().enumerate() {
            let source = Source { entry: entry as u32, ..source };
            let Some(pattern) = template.fill(principal) else { continue };
            match pattern.exact() {
                Some(topic) => {
                    self.exact.entry(topic.into()).or_insert(source);
                }
                None => self.patterns.push((pattern, source)),
            }
        }
    }

    fn find(&self, topic: &str, fits: impl Fn(&TopicPattern) -> bool) -> Option<Source> {
        let by_name = self.exact.get(topic).copied();
        by_name.or_else(|| self.patterns.iter().find(|(pattern, _)| fits(pattern)).map(|(_, source)| *source))
    }
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
            CompiledResource::Publish(topics) => self.publish.add(topics, principal, source),
            CompiledResource::Subscribe(topics) => self.subscribe.add(topics, principal, source),
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
        self.publish.find(topic, |pattern| pattern.matches(topic))
    }

    /// What lets it subscribe to a filter, `$share/{group}/` understood: one entry has to allow all the filter matches.
    pub fn subscribe(&self, filter: &str) -> Option<Source> {
        let inner = mqtt::Filter::parse(filter).map_or(filter, |parsed| parsed.filter);
        self.subscribe.find(inner, |pattern| pattern.covers(inner))
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
