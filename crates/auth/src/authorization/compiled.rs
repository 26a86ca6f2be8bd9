//! Rules made ready for decisions: every text parsed once, for all principals.

use std::sync::Arc;

use super::access::Access;
use super::glob::{GlobError, GlobTemplate};
use super::names::{NamePattern, Whom};
use super::pattern::{PatternError, TopicTemplate};
use super::rules::{BrokerResource, Keys, Rules, StoreAccess};
use super::token::UnknownToken;
use super::topics::Topics;
use crate::Principal;

/// A BrokerAuthorization, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledRules {
    pub(super) rules: Box<[CompiledRule]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompiledRule {
    pub whom: Whom,
    pub broker: Box<[CompiledResource]>,
    pub state_store: Box<[CompiledKeys]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CompiledResource {
    Connect(Box<[NamePattern]>),
    Publish(CompiledTopics),
    Subscribe(CompiledTopics),
}

/// Topics of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompiledTopics {
    /// Those that are the same for everybody, shared by all whom the rule is for.
    pub same: Arc<Topics>,
    /// Those with tokens, with their numbers.
    pub with_tokens: Box<[(u32, TopicTemplate)]>,
}

impl CompiledTopics {
    fn new(templates: Box<[TopicTemplate]>) -> Self {
        let (mut same, mut with_tokens) = (Topics::default(), Vec::new());
        for (entry, template) in (0..).zip(templates) {
            match template.without_tokens() {
                Some(pattern) => same.add(pattern, entry),
                None => with_tokens.push((entry, template)),
            }
        }
        Self { same: Arc::new(same), with_tokens: with_tokens.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompiledKeys {
    pub access: StoreAccess,
    pub keys: KeyTemplates,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyTemplates {
    Pattern(Box<[GlobTemplate]>),
    Exact(Box<[Box<[u8]>]>),
}

/// What of the rules cannot be, with its place among them, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rules[{rule}].{place}: {text}: {fault}")]
pub struct RuleError {
    pub rule: usize,
    /// As `brokerResources[1].topics[0]`.
    pub place: String,
    pub text: String,
    pub fault: RuleFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFault {
    #[error(transparent)]
    Token(#[from] UnknownToken),
    #[error(transparent)]
    Topic(#[from] PatternError),
    #[error(transparent)]
    Key(#[from] GlobError),
}

impl CompiledRules {
    /// Parses every text of the rules.
    ///
    /// # Errors
    /// Everything that cannot be, at once.
    pub fn compile(rules: &Rules) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut compiled = Vec::with_capacity(rules.rules.len());
        for (number, rule) in rules.rules.iter().enumerate() {
            let mut reading = Reading { rule: number, errors: &mut errors };
            let usernames = &rule.principals.usernames;
            reading.each("principals.usernames", usernames, NamePattern::exact);
            let broker = rule.broker.iter().enumerate().map(|(n, resource)| broker_resource(n, resource, &mut reading));
            let broker = broker.collect();
            let state_store = rule.state_store.iter().enumerate();
            let state_store = state_store.map(|(n, resource)| CompiledKeys {
                access: resource.access,
                keys: keys(n, &resource.keys, &mut reading),
            });
            let state_store = state_store.collect();
            if let Ok(whom) = Whom::compile(&rule.principals) {
                compiled.push(CompiledRule { whom, broker, state_store });
            }
        }
        if errors.is_empty() { Ok(Self { rules: compiled.into() }) } else { Err(errors) }
    }

    /// What they allow this principal.
    pub fn access(self: &Arc<Self>, principal: &Principal) -> Access {
        Access::new(self, principal)
    }
}

struct Reading<'a> {
    rule: usize,
    errors: &'a mut Vec<RuleError>,
}

impl Reading<'_> {
    fn each<T, E: Into<RuleFault>>(
        &mut self,
        list: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Box<[T]> {
        let mut parsed = Vec::with_capacity(texts.len());
        for (n, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(one) => parsed.push(one),
                Err(fault) => self.errors.push(RuleError {
                    rule: self.rule,
                    place: format!("{list}[{n}]"),
                    text: text.clone(),
                    fault: fault.into(),
                }),
            }
        }
        parsed.into()
    }
}

fn broker_resource(number: usize, resource: &BrokerResource, reading: &mut Reading<'_>) -> CompiledResource {
    let list = |name: &str| format!("brokerResources[{number}].{name}");
    match resource {
        BrokerResource::Connect { client_ids } => {
            CompiledResource::Connect(reading.each(&list("clientIds"), client_ids, NamePattern::with_wildcard))
        }
        BrokerResource::Publish { topics } => {
            CompiledResource::Publish(CompiledTopics::new(reading.each(&list("topics"), topics, TopicTemplate::parse)))
        }
        BrokerResource::Subscribe { topics } => CompiledResource::Subscribe(CompiledTopics::new(reading.each(
            &list("topics"),
            topics,
            TopicTemplate::parse,
        ))),
    }
}

fn keys(number: usize, keys: &Keys, reading: &mut Reading<'_>) -> KeyTemplates {
    match keys {
        Keys::Pattern(patterns) => KeyTemplates::Pattern(reading.each(
            &format!("stateStoreResources[{number}].keys"),
            patterns,
            GlobTemplate::parse,
        )),
        Keys::Exact(keys) => KeyTemplates::Exact(keys.iter().map(|key| key.as_slice().into()).collect()),
    }
}
