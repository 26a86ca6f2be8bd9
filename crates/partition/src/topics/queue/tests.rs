//! The queue against an ordered map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn entry(index: u64) -> QueueEntry {
    QueueEntry::new(BodyRef { index, offset: 0, len: 1 }, QoS::AtLeastOnce, None)
}

#[derive(Clone, Debug)]
enum Op {
    Push(u16),
    Remove(prop::sample::Index),
    RemoveFirst(u16),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (1..200_u16).prop_map(Op::Push),
        any::<prop::sample::Index>().prop_map(Op::Remove),
        (1..300_u16).prop_map(Op::RemoveFirst),
    ];
    prop::collection::vec(op, 1..60)
}

fn check(queue: &Queue, model: &BTreeMap<u64, QueueEntry>) -> Result<(), TestCaseError> {
    prop_assert_eq!(queue.len(), model.len() as u64);
    prop_assert_eq!(queue.head(), model.keys().next().copied().unwrap_or(queue.next()));
    prop_assert!(queue.iter().map(|(number, entry)| (number, *entry)).eq(model.iter().map(|(n, e)| (*n, *e))));
    for from in (queue.head().saturating_sub(3)..queue.next() + 3).step_by(29) {
        prop_assert_eq!(queue.next_live(from), model.range(from..).next().map(|(number, _)| *number));
        prop_assert_eq!(queue.get(from), model.get(&from));
    }
    Ok(())
}

fn restored(queue: &Queue) -> Queue {
    let mut entries = queue.iter().peekable();
    let mut restored = Queue::starting_at(entries.peek().map_or(queue.next(), |(number, _)| *number));
    for (number, entry) in entries {
        restored.skip_to(number);
        restored.push(*entry);
    }
    restored.skip_to(queue.next());
    restored
}

proptest! {
    #[test]
    fn a_queue_is_an_ordered_map_of_its_entries(ops in ops()) {
        let mut queue = Queue::starting_at(77);
        let mut model = BTreeMap::new();
        for op in ops {
            match op {
                Op::Push(count) => for _ in 0..count {
                    let number = queue.push(entry(queue.next() + 1));
                    model.insert(number, entry(number + 1));
                },
                Op::Remove(at) if !model.is_empty() => {
                    let number = *model.keys().nth(at.index(model.len())).unwrap();
                    prop_assert_eq!(queue.remove(number).map(|(entry, _)| entry), model.remove(&number));
                    prop_assert!(queue.remove(number).is_none());
                }
                Op::Remove(_) => {}
                Op::RemoveFirst(count) => for _ in 0..count {
                    let Some((number, _)) = model.pop_first() else { break };
                    prop_assert!(queue.remove(number).is_some());
                },
            }
            check(&queue, &model)?;
            let again = restored(&queue);
            prop_assert_eq!(again.next(), queue.next());
            check(&again, &model)?;
        }
    }
}
