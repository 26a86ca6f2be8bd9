//! Compiled decisions beside an evaluator that takes the rules as they are written, on random rules and requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{BrokerResource, CompiledRules, Keys, Principals, Rule, Rules, StateStoreResource, StoreAccess};
use crate::Principal;

/// What a text with tokens says of a principal, by replacing text.
fn replaced(text: &str, principal: &Principal) -> Option<String> {
    let mut text = text.replace("{principal.clientId}", &principal.client_id);
    if text.contains("{principal.username}") {
        text = text.replace("{principal.username}", principal.username.as_deref()?);
    }
    while let Some(at) = text.find("{principal.attributes.") {
        let end = at + text[at..].find('}').unwrap();
        let name = &text[at + "{principal.attributes.".len()..end];
        let value = principal.attributes.get(name)?.to_string();
        text.replace_range(at..=end, &value);
    }
    Some(text)
}

fn is_for(rule: &Rule, principal: &Principal) -> bool {
    let name = principal.username.as_deref();
    rule.principals.usernames.iter().any(|text| name.is_some() && replaced(text, principal).as_deref() == name)
        || rule.principals.client_ids.iter().any(|id| **id == *principal.client_id)
        || rule.principals.attributes.iter().any(|map| {
            let has = |(n, v): (&String, &String)| principal.attributes.get(n.as_str()).is_some_and(|own| **own == **v);
            !map.is_empty() && map.iter().all(has)
        })
}

/// Every topic over a small alphabet: a filter is allowed if everything it matches among them is.
fn universe() -> Vec<String> {
    let names = ["a", "b", "u", "s", "$x"];
    let mut topics: Vec<String> = names.iter().map(ToString::to_string).collect();
    for first in names {
        for second in names {
            topics.push(format!("{first}/{second}"));
            topics.extend(names.iter().map(|third| format!("{first}/{second}/{third}")));
        }
    }
    topics
}

fn allows(topics: &[String], principal: &Principal, asked: &str, subscribe: bool) -> bool {
    topics.iter().filter_map(|text| replaced(text, principal)).any(|allowed| {
        if !subscribe {
            return mqtt::matches(&allowed, asked);
        }
        let matched: Vec<String> = universe().into_iter().filter(|topic| mqtt::matches(asked, topic)).collect();
        // What ends in `#` matches topics deeper than those tried here.
        let deep = !asked.ends_with('#') || allowed.ends_with('#');
        deep && matched.iter().all(|topic| mqtt::matches(&allowed, topic))
    })
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "u", "s"]).prop_map(str::to_owned)
}

fn level() -> impl Strategy<Value = String> {
    let levels = ["a", "b", "+", "{principal.username}", "{principal.clientId}", "{principal.attributes.site}", "$x"];
    prop::sample::select(levels.to_vec()).prop_map(str::to_owned)
}

fn topic() -> impl Strategy<Value = String> {
    (prop::collection::vec(level(), 1..4), any::<bool>()).prop_map(|(levels, open)| {
        let text = levels.join("/");
        if open { format!("{text}/#") } else { text }
    })
}

fn asked() -> impl Strategy<Value = String> {
    let levels = prop::sample::select(vec!["a", "b", "u", "s", "+", "$x"]);
    (prop::collection::vec(levels, 1..4), any::<bool>()).prop_map(|(levels, open)| {
        let text = levels.join("/");
        if open { format!("{text}/#") } else { text }
    })
}

fn resource() -> impl Strategy<Value = BrokerResource> {
    let topics = || prop::collection::vec(topic(), 1..3);
    prop_oneof![
        prop::collection::vec(
            prop_oneof![name(), Just("a*".to_owned()), Just("{principal.username}*".to_owned())],
            0..3
        )
        .prop_map(|client_ids| BrokerResource::Connect { client_ids }),
        topics().prop_map(|topics| BrokerResource::Publish { topics }),
        topics().prop_map(|topics| BrokerResource::Subscribe { topics }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let usernames = prop::collection::vec(prop_oneof![name(), Just("{principal.clientId}".to_owned())], 0..2);
    let attributes = prop::collection::vec(prop::collection::btree_map(Just("site".to_owned()), name(), 0..2), 0..2);
    let principals = (usernames, prop::collection::vec(name(), 0..2), attributes);
    (principals, prop::collection::vec(resource(), 0..4)).prop_map(|((usernames, client_ids, attributes), broker)| {
        Rule { principals: Principals { usernames, client_ids, attributes }, broker, state_store: Vec::new() }
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    (name(), prop::option::of(name()), prop::option::of(name())).prop_map(|(client_id, username, site)| {
        let mut principal = Principal::declared(&client_id, username.as_deref());
        principal.attributes.extend(site.map(|site| ("site".into(), site.into())));
        principal
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn compiled_rules_decide_as_written(
        rules in prop::collection::vec(rule(), 0..4),
        principal in principal(),
        asked in asked(),
    ) {
        let rules = Rules { rules };
        let access = Arc::new(CompiledRules::compile(&rules).unwrap()).access(&principal);
        let mine = rules.rules.iter().filter(|rule| is_for(rule, &principal));
        let resources: Vec<&BrokerResource> = mine.flat_map(|rule| &rule.broker).collect();
        let connect = resources.iter().any(|resource| match resource {
            BrokerResource::Connect { client_ids } => client_ids.is_empty() || client_ids.iter().any(|text| {
                match text.strip_suffix('*') {
                    Some(front) => replaced(front, &principal).is_some_and(|f| principal.client_id.starts_with(&f)),
                    None => replaced(text, &principal).is_some_and(|t| *t == *principal.client_id),
                }
            }),
            _ => false,
        });
        prop_assert_eq!(access.connect().is_some(), connect);
        let subscribe = resources.iter().any(|resource| {
            matches!(resource, BrokerResource::Subscribe { topics } if allows(topics, &principal, &asked, true))
        });
        prop_assert_eq!(access.subscribe(&asked).is_some(), subscribe, "subscribe to {}", asked);
        let shared = format!("$share/g/{asked}");
        prop_assert_eq!(access.subscribe(&shared).is_some(), subscribe, "subscribe to {}", shared);
        for topic in universe() {
            let publish = resources.iter().any(|resource| {
                matches!(resource, BrokerResource::Publish { topics } if allows(topics, &principal, &topic, false))
            });
            prop_assert_eq!(access.publish(&topic).is_some(), publish, "publish to {}", topic);
        }
    }
}

fn keys(access: StoreAccess, keys: Keys) -> Rules {
    let principals = Principals { usernames: vec!["u".to_owned()], ..Principals::default() };
    let state_store = vec![StateStoreResource { access, keys }];
    Rules { rules: vec![Rule { principals, broker: Vec::new(), state_store }] }
}

#[test]
fn keys_are_allowed_by_method() {
    let someone = Principal::declared("c", Some("u"));
    let pattern = |access| keys(access, Keys::Pattern(vec!["{principal.username}/*".to_owned()]));
    for (granted, asked, expected) in [
        (StoreAccess::Read, StoreAccess::Read, true),
        (StoreAccess::Read, StoreAccess::Write, false),
        (StoreAccess::Write, StoreAccess::Read, false),
        (StoreAccess::ReadWrite, StoreAccess::Write, true),
        (StoreAccess::Read, StoreAccess::ReadWrite, false),
    ] {
        let access = Arc::new(CompiledRules::compile(&pattern(granted)).unwrap()).access(&someone);
        assert_eq!(access.store(asked, b"u/k").is_some(), expected, "{granted:?} for {asked:?}");
        assert!(access.store(asked, b"v/k").is_none());
    }
    let exact = keys(StoreAccess::Read, Keys::Exact(vec![vec![0, 0xff]]));
    let access = Arc::new(CompiledRules::compile(&exact).unwrap()).access(&someone);
    assert!(access.store(StoreAccess::Read, &[0, 0xff]).is_some() && access.store(StoreAccess::Read, &[0]).is_none());
}

#[test]
fn everything_that_cannot_be_is_named_with_its_place() {
    let rules = Rules {
        rules: vec![
            Rule::default(),
            Rule {
                principals: Principals { usernames: vec!["{who}".to_owned()], ..Principals::default() },
                broker: vec![
                    BrokerResource::Publish { topics: vec!["a".to_owned(), "a-{principal.clientId}".to_owned()] },
                    BrokerResource::Connect { client_ids: vec!["{".to_owned()] },
                ],
                state_store: vec![StateStoreResource {
                    access: StoreAccess::Read,
                    keys: Keys::Pattern(vec!["[".to_owned()]),
                }],
            },
        ],
    };
    let errors: Vec<String> = CompiledRules::compile(&rules).unwrap_err().iter().map(ToString::to_string).collect();
    let places = [
        "rules[1].principals.usernames[0]: {who}:",
        "rules[1].brokerResources[0].topics[1]: a-{principal.clientId}:",
        "rules[1].brokerResources[1].clientIds[0]: {:",
        "rules[1].stateStoreResources[0].keys[0]: [:",
    ];
    assert_eq!(errors.len(), places.len(), "{errors:#?}");
    for (error, place) in errors.iter().zip(places) {
        assert!(error.starts_with(place), "{error}");
    }
}

#[test]
fn a_source_names_the_first_entry_that_allows() {
    let everyone = Principals { client_ids: vec!["c".to_owned()], ..Principals::default() };
    let publish =
        |topics: &[&str]| BrokerResource::Publish { topics: topics.iter().map(ToString::to_string).collect() };
    let rule = |broker| Rule { principals: everyone.clone(), broker, state_store: Vec::new() };
    let rules = Rules { rules: vec![Rule::default(), rule(vec![publish(&["x"]), publish(&["y", "a/+"])])] };
    let access = Arc::new(CompiledRules::compile(&rules).unwrap()).access(&Principal::declared("c", None));
    let source = access.publish("a/b").unwrap();
    assert_eq!((source.rule, source.resource, source.entry), (1, 1, 1));
    assert_eq!(access.rules(), [1]);
    let none: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
    assert_eq!(Principal::declared("c", None).attributes, none);
}
