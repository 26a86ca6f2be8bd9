//! Why something is allowed or denied, in words for people.

use std::fmt;

use super::access::{Access, Source};
use super::named::Authorization;
use super::rules::{BrokerResource, Rules};
use crate::Policy;
use crate::principal::{Principal, Standing};
use crate::rights::is_broker_topic;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    Connect,
    /// To a topic name.
    Publish(&'a str),
    /// To a filter, `$share/{group}/` understood.
    Subscribe(&'a str),
}

/// A decision and its ground; `Display` is a sentence or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// As `publish to a/b`.
    pub action: String,
    pub because: Because,
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Allowed: the port has no BrokerAuthorization.
    NoRules,
    /// Allowed by this entry.
    Rule {
        /// The BrokerAuthorization.
        name: String,
        /// As `authorizationPolicies.rules[0].brokerResources[1].topics[0]`.
        place: String,
        /// The entry as written; `None` where an empty list allows everything.
        entry: Option<String>,
    },
    /// Denied: the topic is the broker's own.
    Reserved,
    /// Denied: rules are for this principal, and none allows it.
    NotAllowed { name: String, rules: Vec<u32> },
    /// Denied: no rule is for this principal.
    NoRuleForPrincipal { name: String },
}

impl Policy {
    /// What the rules say to `action`, and why. Says the same as the permits do, and takes longer.
    pub fn explain(&self, principal: &Principal, action: Action<'_>) -> Explanation {
        let because = if is_reserved(principal, action) {
            Because::Reserved
        } else {
            self.authorization().map_or(Because::NoRules, |authorization| by_rules(authorization, principal, action))
        };
        Explanation { action: action.to_string(), because }
    }
}

fn is_reserved(principal: &Principal, action: Action<'_>) -> bool {
    let Action::Publish(topic) = action else { return false };
    is_broker_topic(topic) || mqtt::is_self_check(topic) && principal.standing != Standing::Internal
}

fn by_rules(authorization: &Authorization, principal: &Principal, action: Action<'_>) -> Because {
    let access = authorization.compiled().access(principal);
    let name = authorization.name().to_owned();
    match source(&access, action) {
        Some(source) => {
            let (place, entry) = place(authorization.rules(), source);
            Because::Rule { name, place, entry }
        }
        None if access.rules().is_empty() => Because::NoRuleForPrincipal { name },
        None => Because::NotAllowed { name, rules: access.rules().to_vec() },
    }
}

fn source(access: &Access, action: Action<'_>) -> Option<Source> {
    match action {
        Action::Connect => access.connect(),
        Action::Publish(topic) => access.publish(topic),
        Action::Subscribe(filter) => access.subscribe(filter),
    }
}

fn place(rules: &Rules, source: Source) -> (String, Option<String>) {
    let Source { rule, resource, entry } = source;
    let at = format!("authorizationPolicies.rules[{rule}].brokerResources[{resource}]");
    let written = rules.rules.get(rule as usize).and_then(|rule| rule.broker.get(resource as usize));
    let (list, texts) = match written {
        Some(BrokerResource::Connect { client_ids }) => ("clientIds", client_ids),
        Some(BrokerResource::Publish { topics } | BrokerResource::Subscribe { topics }) => ("topics", topics),
        None => return (at, None),
    };
    match texts.get(entry as usize) {
        Some(text) => (format!("{at}.{list}[{entry}]"), Some(text.clone())),
        None => (at, None),
    }
}

impl Explanation {
    pub fn is_allowed(&self) -> bool {
        matches!(self.because, Because::NoRules | Because::Rule { .. })
    }
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Publish(topic) => write!(f, "publish to {topic}"),
            Self::Subscribe(filter) => write!(f, "subscribe to {filter}"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = if self.is_allowed() { "allowed" } else { "denied" };
        write!(f, "{}: {decision}: {}", self.action, self.because)
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRules => f.write_str("the port has no BrokerAuthorization"),
            Self::Rule { name, place, entry: Some(entry) } => {
                write!(f, "BrokerAuthorization {name}, {place}: {entry}")
            }
            Self::Rule { name, place, entry: None } => {
                write!(f, "BrokerAuthorization {name}, {place}, which names no client ids and so means any")
            }
            Self::Reserved => f.write_str("only the broker itself publishes there"),
            Self::NotAllowed { name, rules } => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                let rules = rules.join(", ");
                write!(f, "BrokerAuthorization {name}: of the rules for this client ({rules}) none allows it")
            }
            Self::NoRuleForPrincipal { name } => {
                write!(f, "BrokerAuthorization {name}: no rule's principals include this client")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::authorization::{DecisionCache, DeniedPublish, Principals, Rule};

    fn policy() -> Policy {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rules = Rules {
            rules: vec![Rule {
                principals: Principals { usernames: texts(&["ann"]), ..Principals::default() },
                broker: vec![
                    BrokerResource::Connect { client_ids: Vec::new() },
                    BrokerResource::Publish { topics: texts(&["x", "telemetry/{principal.clientId}/#"]) },
                ],
                state_store: Vec::new(),
            }],
        };
        let authorization =
            Authorization::compile("plant", rules, DecisionCache::Enabled, DeniedPublish::Acknowledge).unwrap();
        Policy::new(None, Some(Arc::new(authorization)))
    }

    #[test]
    fn the_entry_that_decides_is_named_as_written() {
        let ann = Principal::declared("pump", Some("ann"));
        let said = |action| policy().explain(&ann, action).to_string();
        assert_eq!(
            said(Action::Publish("telemetry/pump/1")),
            "publish to telemetry/pump/1: allowed: BrokerAuthorization plant, \
             authorizationPolicies.rules[0].brokerResources[1].topics[1]: telemetry/{principal.clientId}/#"
        );
        assert_eq!(
            said(Action::Connect),
            "connect: allowed: BrokerAuthorization plant, authorizationPolicies.rules[0].brokerResources[0], which \
             names no client ids and so means any"
        );
        assert_eq!(
            said(Action::Subscribe("x")),
            "subscribe to x: denied: BrokerAuthorization plant: of the rules for this client (0) none allows it"
        );
    }

    #[test]
    fn who_is_in_no_rule_and_what_is_nobodys_is_said() {
        let ben = Principal::declared("pump", Some("ben"));
        let because = |policy: &Policy, action| policy.explain(&ben, action).because;
        assert_eq!(because(&policy(), Action::Connect), Because::NoRuleForPrincipal { name: "plant".to_owned() });
        assert_eq!(because(&Policy::open(), Action::Publish("$SYS/a")), Because::Reserved);
        assert_eq!(because(&Policy::open(), Action::Subscribe("$SYS/#")), Because::NoRules);
    }
}
