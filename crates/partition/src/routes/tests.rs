//! What the subscription index answers.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::{QoS, RetainHandling};
use proptest::prelude::*;

use super::*;

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
        identifier: None,
    }
}

fn routes(kinds: &[SessionKind]) -> Arc<Routes> {
    let routes = Routes::new();
    for (slot, kind) in kinds.iter().enumerate() {
        routes.add_session(SessionSlot(slot as u32), format!("c{slot}").into(), *kind);
    }
    routes
}

fn resolve(routes: &Routes, topic: &str) -> Resolved {
    let mut out = Resolved::default();
    routes.resolve(topic, &mut out);
    out
}

#[test]
fn mqtt_3_3_4_2_overlapping_filters_make_one_target_with_the_highest_qos_and_all_identifiers() {
    let routes = routes(&[SessionKind::Transient]);
    let slot = SessionSlot(0);
    let low = SubscriptionOptions { identifier: Some(9), retain_as_published: true, ..options(QoS::AtMostOnce) };
    let high = SubscriptionOptions { identifier: Some(4), ..options(QoS::ExactlyOnce) };
    routes.subscribe(slot, "a/#", low);
    routes.subscribe(slot, "a/+", high);
    routes.subscribe(slot, "a/b", SubscriptionOptions { identifier: Some(9), ..options(QoS::AtLeastOnce) });
    let resolved = resolve(&routes, "a/b");
    let [target] = &resolved.targets[..] else { panic!("one target") };
    assert_eq!(target.grant.qos, QoS::ExactlyOnce);
    assert_eq!(target.grant.subscription_ids[..], [4, 9]);
    assert!(target.grant.retain_as_published);
    assert!(!resolved.needs_partition);
}

#[test]
fn mqtt_3_8_3_3_no_local_takes_out_those_subscriptions_for_ones_own_messages_only() {
    let routes = routes(&[SessionKind::Persistent]);
    let slot = SessionSlot(0);
    let not_own = SubscriptionOptions { no_local: true, identifier: Some(1), ..options(QoS::AtLeastOnce) };
    routes.subscribe(slot, "a", not_own);
    let grants = |topic: &str| {
        let resolved = resolve(&routes, topic);
        let of = |publisher| resolved.targets[0].grant_for(publisher).map(|grant| grant.subscription_ids.to_vec());
        (of("c0"), of("other"))
    };
    assert_eq!(grants("a"), (None, Some(vec![1])));
    routes.subscribe(slot, "+", SubscriptionOptions { identifier: Some(2), ..options(QoS::AtMostOnce) });
    assert_eq!(grants("a"), (Some(vec![2]), Some(vec![1, 2])));
    routes.subscribe(slot, "#", SubscriptionOptions { identifier: Some(3), ..options(QoS::AtMostOnce) });
    assert_eq!(grants("a"), (Some(vec![2, 3]), Some(vec![1, 2, 3])));
    assert!(resolve(&routes, "a").needs_partition);
}

#[test]
fn shared_subscriptions_are_groups_beside_the_targets() {
    let routes = routes(&[SessionKind::Transient, SessionKind::Persistent]);
    routes.subscribe(SessionSlot(0), "$share/g/a/+", options(QoS::AtLeastOnce));
    assert!(!resolve(&routes, "a/b").needs_partition);
    routes.subscribe(SessionSlot(1), "$share/g/a/+", options(QoS::AtLeastOnce));
    routes.subscribe(SessionSlot(1), "$share/f/a/b", options(QoS::AtLeastOnce));
    let resolved = resolve(&routes, "a/b");
    assert!(resolved.targets.is_empty() && resolved.needs_partition);
    let groups: Vec<_> = resolved.groups.iter().map(|group| (&*group.name, group.members.len())).collect();
    assert_eq!(groups, [("$share/f/a/b", 1), ("$share/g/a/+", 2)]);
    assert_eq!((routes.subscriptions(), routes.shared_subscriptions()), (3, 3));
    for (slot, filter) in [(0, "$share/g/a/+"), (1, "$share/g/a/+"), (1, "$share/f/a/b")] {
        assert!(routes.unsubscribe(SessionSlot(slot), filter).is_some());
    }
    assert!(resolve(&routes, "a/b").is_empty());
    assert_eq!(routes.group_names(), []);
}

#[test]
fn an_epoch_changes_with_every_change_that_may_concern_its_topics() {
    let routes = routes(&[SessionKind::Transient]);
    let slot = SessionSlot(0);
    let changed = |what: &dyn Fn()| {
        let before = [resolve(&routes, "a/b"), resolve(&routes, "z")];
        what();
        let [first, second] = before.map(|resolved| !routes.vouches_for(&resolved));
        (first, second)
    };
    assert_eq!(changed(&|| _ = routes.subscribe(slot, "a/+", options(QoS::AtMostOnce))), (true, false));
    assert_eq!(changed(&|| _ = routes.subscribe(slot, "$share/g/a", options(QoS::AtMostOnce))), (true, false));
    assert_eq!(changed(&|| _ = routes.subscribe(slot, "+/b", options(QoS::AtMostOnce))), (true, true));
    let key = routes.subscribe(slot, "a/+", options(QoS::AtMostOnce)).key;
    let owner = Owner { frontend: 0, worker: 0, slot: 0, generation: 0 };
    assert_eq!(changed(&|| routes.set_owner(slot, Some(owner), &[key])), (true, false));
    assert_eq!(resolve(&routes, "a/b").targets[0].owner, Some(owner));
    assert_eq!(changed(&|| _ = routes.remove(slot, key)), (true, false));
}

proptest! {
    #[test]
    fn the_index_and_plain_matching_agree(
        steps in prop::collection::vec(
            (any::<bool>(), 0_u32..4, "(\\$share/[gh]/)?([ab]|\\+)(/([ab]|\\+)){0,2}(/#)?", 0_u8..3),
            1..60,
        ),
        topics in prop::collection::vec("[ab](/[ab]){0,3}", 1..5),
    ) {
        let routes = routes(&[SessionKind::Transient, SessionKind::Persistent, SessionKind::Persistent, SessionKind::Transient]);
        let mut model: BTreeMap<(String, u32), u8> = BTreeMap::new();
        for (add, session, filter, qos) in steps {
            let slot = SessionSlot(session);
            if add {
                let registered = routes.subscribe(slot, &filter, options(QoS::try_from(qos).unwrap()));
                prop_assert_eq!(routes.text(registered.key), filter.clone());
                prop_assert_eq!(registered.existed, model.insert((filter, session), qos).is_some());
            } else {
                let removed = routes.unsubscribe(slot, &filter).is_some();
                prop_assert_eq!(removed, model.remove(&(filter, session)).is_some());
            }
        }
        prop_assert_eq!(routes.subscriptions(), model.len());
        for topic in topics {
            let resolved = resolve(&routes, &topic);
            let mut plain: BTreeMap<u32, u8> = BTreeMap::new();
            let mut shared: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
            for ((filter, session), qos) in &model {
                if !mqtt::matches(without_share(filter), &topic) {
                    continue;
                }
                if filter.starts_with("$share/") {
                    shared.entry(filter).or_default().insert(*session);
                } else {
                    let highest = plain.entry(*session).or_default();
                    *highest = (*highest).max(*qos);
                }
            }
            let found: Vec<_> = resolved.targets.iter().map(|t| (t.session.0, t.grant.qos as u8)).collect();
            prop_assert_eq!(found, plain.into_iter().collect::<Vec<_>>());
            let mut groups: Vec<_> =
                resolved.groups.iter().map(|g| (&*g.name, g.members.iter().map(|m| m.session.0).collect())).collect();
            groups.sort();
            prop_assert_eq!(groups, shared.into_iter().collect::<Vec<(_, BTreeSet<_>)>>());
        }
    }
}
