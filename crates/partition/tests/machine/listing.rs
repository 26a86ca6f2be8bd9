//! What a session is subscribed to, in pages.

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;

use crate::harness::*;

/// Filters of one reply, in bytes.
const PAGE_BYTES: usize = 64 * 1024;

/// The one reply: filters, and the command for the next page.
fn page(effects: Vec<Effect>) -> (Vec<String>, Option<Box<[u8]>>) {
    let replies = replies(effects);
    let [Reply::Subscriptions { tag: Tag(7), filters, more }] = &replies[..] else { panic!("{replies:?}") };
    let bytes: usize = filters.iter().map(|filter| filter.len()).sum();
    assert!(bytes <= PAGE_BYTES || filters.len() == 1, "{bytes} bytes in a page");
    (filters.iter().map(|filter| filter.to_string()).collect(), more.clone())
}

/// All pages, with a snapshot before and after: nothing of the state changes.
fn pages(machine: &mut Machine, client: &Client) -> Vec<Vec<String>> {
    let before = machine.snapshot();
    let (mut pages, mut next) = (Vec::new(), Some(client.list().to_frame()));
    while let Some(command) = next {
        let (filters, more) = page(machine.apply_frames(&command, false));
        pages.push(filters);
        next = more;
    }
    assert_eq!(machine.snapshot(), before);
    pages
}

fn listed(machine: &mut Machine, client: &Client) -> Vec<String> {
    pages(machine, client).concat()
}

/// Applies several commands as one entry.
fn apply_all(machine: &mut Machine, commands: &[Command<'_>]) -> Vec<Reply> {
    let mut batch = BatchBuilder::new();
    commands.iter().for_each(|command| batch.push(command));
    replies(machine.apply_frames(&batch.take(), true))
}

#[test]
fn filters_come_as_the_client_wrote_them_the_newest_first() {
    let mut machine = Machine::new(0, 1);
    for expiry in [0, PERSISTENT] {
        let client = machine.connect(&format!("c{expiry}"), 1, expiry);
        let other = machine.connect(&format!("other{expiry}"), 2, expiry);
        assert_eq!(pages(&mut machine, &client), [Vec::<String>::new()], "nothing is known of it");
        for filter in ["a/b", "$share/g/a/+", "+/x//#", "$share/g/é", "$SYS/#", "a/b"] {
            machine.subscribe(&client, filter, options(QoS::AtLeastOnce));
        }
        machine.subscribe(&other, "other", options(QoS::AtLeastOnce));
        let all = ["$SYS/#", "$share/g/é", "+/x//#", "$share/g/a/+", "a/b"];
        assert_eq!(pages(&mut machine, &client), [all]);
        machine.restart_from_snapshot();
        assert_eq!(pages(&mut machine, &client), [all]);
        assert_eq!(pages(&mut machine, &other), [["other"]]);
    }
}

#[test]
fn a_list_shows_what_stands_before_it_in_its_batch() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    let subscribe = |filter| client.subscribe(filter, options(QoS::AtLeastOnce));
    let replies = apply_all(
        &mut machine,
        &[
            client.list(),
            subscribe("a"),
            client.list(),
            subscribe("$share/g/b/#"),
            client.unsubscribe("a"),
            client.list(),
            client.unsubscribe("$share/g/b/#"),
            client.list(),
        ],
    );
    let lists: Vec<Vec<&str>> = replies
        .iter()
        .filter_map(|reply| match reply {
            Reply::Subscriptions { filters, .. } => Some(filters.iter().map(|filter| &**filter).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(lists, [vec![], vec!["a"], vec!["$share/g/b/#"], vec![]]);
}

#[test]
fn thousands_of_filters_are_each_listed_once() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    let share = |n: usize| if n.is_multiple_of(3) { "$share/g/" } else { "" };
    let filters: Vec<_> = (0..9000).map(|n| format!("{}{n}/{}", share(n), ["x", "+/y", "#"][n % 3])).collect();
    for filter in &filters {
        machine.subscribe(&client, filter, options(QoS::AtLeastOnce));
    }
    let pages = pages(&mut machine, &client);
    assert!(pages.len() > 2 && pages.iter().all(|page| !page.is_empty()), "{}", pages.len());
    assert_eq!(pages.concat(), filters.iter().rev().cloned().collect::<Vec<_>>());
}

#[test]
fn the_longest_filters_have_pages_of_their_own() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, 0);
    let filters: Vec<_> = (0..5).map(|n| format!("{n}{}", "x".repeat(65_534))).collect();
    for filter in &filters {
        machine.subscribe(&client, filter, options(QoS::AtLeastOnce));
    }
    let pages = pages(&mut machine, &client);
    assert_eq!(pages, filters.iter().rev().map(|filter| vec![filter.clone()]).collect::<Vec<_>>());
}

#[test]
fn a_list_of_another_epoch_changes_nothing() {
    let mut machine = Machine::new(0, 1);
    let old = machine.connect("c", 1, PERSISTENT);
    machine.subscribe(&old, "a", options(QoS::AtLeastOnce));
    let new = machine.connect("c", 2, PERSISTENT);
    assert_eq!(listed(&mut machine, &new), Vec::<String>::new(), "until it is attached here");
    machine.attach(&new, 10);
    assert_eq!(listed(&mut machine, &new), ["a"]);
    let before = machine.snapshot();
    assert_eq!(machine.replies(&old.list()), [Reply::Refused { tag: Tag(7), epoch: new.epoch }]);
    let newer = Client { epoch: Epoch(new.epoch.0 + 1), ..new.clone() };
    assert_eq!(listed(&mut machine, &newer), Vec::<String>::new());
    assert_eq!(machine.snapshot(), before, "a session is ended by what is logged");
}

#[test]
fn a_place_that_is_no_longer_there_lists_what_is() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    for filter in ["a", "b", "c"] {
        machine.subscribe(&client, filter, options(QoS::AtLeastOnce));
    }
    let Command::ListSubscriptions(list) = client.list() else { unreachable!() };
    let mut from =
        |after| page(machine.apply(&Command::ListSubscriptions(ListSubscriptions { after, ..list.clone() })));
    assert_eq!(from(Some(u32::MAX)), (vec!["c".into(), "b".into(), "a".into()], None));
    assert_eq!(from(Some(1)), (vec!["a".into()], None));
    assert_eq!(from(Some(0)), (vec![], None));
}

/// Three of them fill a page.
fn long(n: usize) -> String {
    format!("{}{n}{}", ["", "$share/g/"][n % 2], "/x".repeat(12_000))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn what_is_there_all_along_is_listed_whatever_changes_meanwhile(
        before in prop::collection::btree_set(0..24_usize, 0..24),
        changes in prop::collection::vec(prop::collection::vec((any::<bool>(), 0..24_usize), 0..6), 0..10),
        restarts in any::<bool>(),
    ) {
        let mut machine = Machine::new(0, 1);
        let client = machine.connect("c", 1, PERSISTENT);
        let mut held = before.clone();
        let mut ever = before.clone();
        for n in &before {
            machine.subscribe(&client, &long(*n), options(QoS::AtLeastOnce));
        }
        let (mut listed, mut steady) = (Vec::new(), before);
        let (mut next, mut changes) = (Some(client.list().to_frame()), changes.into_iter());
        while let Some(command) = next {
            let (filters, more) = page(machine.apply_frames(&command, false));
            listed.extend(filters);
            next = more;
            if next.is_none() {
                break;
            }
            for (adds, n) in changes.next().unwrap_or_default() {
                if adds {
                    machine.subscribe(&client, &long(n), options(QoS::AtLeastOnce));
                    held.insert(n);
                    ever.insert(n);
                } else {
                    machine.run(&client.unsubscribe(&long(n)));
                    held.remove(&n);
                    steady.remove(&n);
                }
            }
            if restarts {
                machine.restart_from_snapshot();
            }
        }
        prop_assert!(steady.iter().all(|n| listed.contains(&long(*n))));
        prop_assert!(listed.iter().all(|filter| ever.iter().any(|n| long(*n) == *filter)));
        let mut again = self::listed(&mut machine, &client);
        again.sort_unstable();
        let mut held: Vec<_> = held.into_iter().map(long).collect();
        held.sort_unstable();
        prop_assert_eq!(again, held);
    }
}
