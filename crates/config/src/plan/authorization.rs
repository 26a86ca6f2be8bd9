//! What who is let in may do, out of BrokerAuthorizations.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::leaves;
use crate::authorization::{Authorization, BrokerResource, Principals, Rule, StateStoreResource, StoreKeys};
use crate::format::NotEmpty;
use crate::reading::Reading;
use crate::resource::{
    AUTHORIZATION, AuthorizationSpec, BrokerMethod, BrokerResourceSpec, KeyType, PrincipalsSpec, Resource, Resources,
    RuleSpec, StateStoreResourceSpec,
};

const KIND: &str = "BrokerAuthorization";

/// All of them, by name.
pub(super) fn settle(resources: &Resources, reading: &mut Reading) -> BTreeMap<String, Authorization> {
    let one = |resource: &Resource<AuthorizationSpec>| {
        leaves::note(resource, KIND, &AUTHORIZATION, reading);
        (resource.name.clone(), Rules { resource, reading: &mut *reading }.settle())
    };
    resources.authorizations.iter().map(one).collect()
}

/// Rules on their way to the plan.
struct Rules<'a, 'r> {
    resource: &'a Resource<AuthorizationSpec>,
    reading: &'r mut Reading,
}

impl Rules<'_, '_> {
    fn settle(&mut self) -> Authorization {
        const RULES: &str = "authorizationPolicies.rules";
        let policies = self.resource.spec.authorization_policies.clone().unwrap_or_default();
        let rules: Vec<Rule> =
            policies.rules.iter().flatten().enumerate().map(|(n, rule)| self.rule(n, rule)).collect();
        // Rules that are wrong are a problem, and no missing ones.
        let shown = self.resource.shown(RULES);
        if let "" | "[]" = shown.as_str() {
            let text = if shown.is_empty() { "rules" } else { "[]" };
            let place = self.resource.place(RULES).place();
            self.reading.notice(&place, text, "there is no rule, so nobody may do anything");
        }
        Authorization {
            place: self.resource.whereabouts(),
            cache: policies.cache.unwrap_or_default(),
            denied_publish: policies.denied_publish.unwrap_or_default(),
            rules,
        }
    }

    fn rule(&mut self, n: usize, spec: &RuleSpec) -> Rule {
        let path = format!("authorizationPolicies.rules[{n}]");
        let resources = spec.broker_resources.iter().flatten().enumerate();
        let keys = spec.state_store_resources.iter().flatten().enumerate();
        Rule {
            principals: self.principals(&format!("{path}.principals"), &spec.principals.clone().unwrap_or_default()),
            broker: resources.filter_map(|(n, r)| self.broker(&format!("{path}.brokerResources[{n}]"), r)).collect(),
            state_store: keys
                .filter_map(|(n, keys)| self.state_store(&format!("{path}.stateStoreResources[{n}]"), keys))
                .collect(),
        }
    }

    fn principals(&mut self, path: &str, spec: &PrincipalsSpec) -> Principals {
        let attributes = spec.attributes.clone().unwrap_or_default();
        for (n, _) in attributes.iter().enumerate().filter(|(_, pairs)| pairs.is_empty()) {
            let path = format!("{path}.attributes[{n}]");
            // One whose pairs are wrong is refused as such.
            if let (Some(spot), "{}") = (self.resource.given(&path), self.resource.shown(&path).as_str()) {
                self.reading.refuse_at(&spot, "{}", "give at least one name with its value");
            }
        }
        let (usernames, client_ids) = (texts(spec.usernames.clone()), texts(spec.client_ids.clone()));
        if let (true, true, true, Some(spot)) =
            (usernames.is_empty(), client_ids.is_empty(), attributes.is_empty(), self.resource.given(path))
        {
            self.reading.notice(&spot.place(), "principals", "there is none, so the rule is for nobody");
        }
        Principals { usernames, client_ids, attributes }
    }

    /// `None` if it is wrong, which is then a problem.
    fn broker(&mut self, path: &str, spec: &BrokerResourceSpec) -> Option<BrokerResource> {
        let (client_ids, topics) = (texts(spec.client_ids.clone()), texts(spec.topics.clone()));
        let method = spec.method?;
        match method {
            BrokerMethod::Connect => {
                let expected = "belongs to Publish and Subscribe; leave it out, or give one of them";
                self.refuse_entries(&format!("{path}.topics"), expected);
                return Some(BrokerResource::Connect { client_ids });
            }
            BrokerMethod::Publish | BrokerMethod::Subscribe => {
                let expected = "belongs to Connect; name whom the rule is for in principals.clientIds";
                self.refuse_entries(&format!("{path}.clientIds"), expected);
            }
        }
        let topics_path = format!("{path}.topics");
        let spot = self.resource.place(&topics_path);
        match self.resource.shown(&topics_path).as_str() {
            "" => {
                self.reading.refuse_at(&spot, "topics", format!("is missing; {method:?} needs it, such as # for all"))
            }
            "[]" => self.reading.refuse_at(&spot, "[]", format!("{method:?} needs at least one, such as # for all")),
            _ => {}
        }
        match method {
            BrokerMethod::Publish => Some(BrokerResource::Publish { topics }),
            _ => Some(BrokerResource::Subscribe { topics }),
        }
    }

    /// Refuses a list that has entries; an empty one is what the model writes for none.
    fn refuse_entries(&mut self, path: &str, expected: &str) {
        let shown = self.resource.shown(path);
        if let (Some(spot), true) = (self.resource.given(path), shown != "[]") {
            self.reading.refuse_at(&spot, shown, expected);
        }
    }

    fn state_store(&mut self, path: &str, spec: &StateStoreResourceSpec) -> Option<StateStoreResource> {
        let (keys, key_type) = (texts(spec.keys.clone()), spec.key_type?);
        let keys = match key_type {
            KeyType::Pattern => StoreKeys::Pattern(keys),
            KeyType::String => StoreKeys::Exact(keys.into_iter().map(String::into_bytes).collect()),
            KeyType::Binary => StoreKeys::Exact(self.binary(path, keys)),
        };
        Some(StateStoreResource { access: spec.method?, keys })
    }

    fn binary(&mut self, path: &str, keys: Vec<String>) -> Vec<Vec<u8>> {
        let mut decoded = Vec::new();
        for (n, key) in keys.into_iter().enumerate() {
            match STANDARD.decode(&key) {
                Ok(bytes) => decoded.push(bytes),
                Err(_) => {
                    let path = format!("{path}.keys[{n}]");
                    let text = format!("\"{}\"", crate::document::shortened(&key));
                    self.reading.refuse_at(
                        &self.resource.place(&path),
                        text,
                        "give it in base64, as keyType is Binary",
                    );
                }
            }
        }
        decoded
    }
}

fn texts(texts: Option<Vec<NotEmpty>>) -> Vec<String> {
    texts.into_iter().flatten().map(NotEmpty::text).collect()
}
