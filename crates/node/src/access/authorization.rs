//! BrokerAuthorization.

use auth::authorization::{
    Authorization, BrokerResource, DecisionCache, DeniedPublish, Keys, Principals, Rule, Rules, StateStoreResource,
    StoreAccess,
};
use config::Problem;
use config::authorization as asked;

/// The rules of the resource `name`, ready for decisions.
///
/// # Errors
/// Everything in them that cannot be.
pub(super) fn authorization(name: &str, asked: &asked::Authorization) -> Result<Authorization, Vec<Problem>> {
    let rules = rules(asked);
    Authorization::compile(name, rules, cache(asked.cache), denied_publish(asked.denied_publish)).map_err(|errors| {
        let problem = |error: auth::authorization::RuleError| Problem {
            place: asked.place.of(&format!("authorizationPolicies.rules[{}].{}", error.rule, error.place)),
            text: error.text,
            expected: error.fault.to_string(),
        };
        errors.into_iter().map(problem).collect()
    })
}

/// Whether `compiled` is what `asked` comes to.
pub(super) fn is_same(compiled: &Authorization, asked: &asked::Authorization) -> bool {
    *compiled.rules() == rules(asked)
        && compiled.cache() == cache(asked.cache)
        && compiled.denied_publish() == denied_publish(asked.denied_publish)
}

fn rules(asked: &asked::Authorization) -> Rules {
    let rule = |rule: &asked::Rule| Rule {
        principals: principals(&rule.principals),
        broker: rule.broker.iter().map(broker_resource).collect(),
        state_store: rule.state_store.iter().map(state_store_resource).collect(),
    };
    Rules { rules: asked.rules.iter().map(rule).collect() }
}

fn principals(asked: &asked::Principals) -> Principals {
    let asked::Principals { usernames, client_ids, attributes } = asked.clone();
    Principals { usernames, client_ids, attributes }
}

fn broker_resource(asked: &asked::BrokerResource) -> BrokerResource {
    match asked.clone() {
        asked::BrokerResource::Connect { client_ids } => BrokerResource::Connect { client_ids },
        asked::BrokerResource::Publish { topics } => BrokerResource::Publish { topics },
        asked::BrokerResource::Subscribe { topics } => BrokerResource::Subscribe { topics },
    }
}

fn state_store_resource(asked: &asked::StateStoreResource) -> StateStoreResource {
    StateStoreResource {
        access: match asked.access {
            asked::StoreAccess::Read => StoreAccess::Read,
            asked::StoreAccess::Write => StoreAccess::Write,
            asked::StoreAccess::ReadWrite => StoreAccess::ReadWrite,
        },
        keys: match asked.keys.clone() {
            asked::StoreKeys::Pattern(patterns) => Keys::Pattern(patterns),
            asked::StoreKeys::Exact(keys) => Keys::Exact(keys),
        },
    }
}

fn cache(asked: asked::Cache) -> DecisionCache {
    match asked {
        asked::Cache::Enabled => DecisionCache::Enabled,
        asked::Cache::Disabled => DecisionCache::Disabled,
    }
}

fn denied_publish(asked: asked::DeniedPublish) -> DeniedPublish {
    match asked {
        asked::DeniedPublish::Acknowledge => DeniedPublish::Acknowledge,
        asked::DeniedPublish::Disconnect => DeniedPublish::Disconnect,
    }
}
