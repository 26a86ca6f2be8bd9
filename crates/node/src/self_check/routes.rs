//! The routes there are, and the names that lead along each.

use partition::{PartitionId, SlotTable};

/// Where self-check topics lie; only the broker itself publishes there.
const ROOT: &str = "azedge/dmqtt/selftest";

/// From a worker to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// From 0.
    pub(super) frontend: u16,
    /// From 0.
    pub(super) chain: u16,
    /// Of a client whose session is at home in the partition.
    pub(super) client_id: String,
    /// That is at home in the partition.
    pub(super) topic: String,
    /// A filter with a wildcard, which no topic of a check matches.
    pub(super) wildcard: String,
}

/// All routes, worker by worker. In a cluster, each frontend by its own number has names of its own: they are checked at a time.
pub(super) fn routes(workers: u16, slots: &SlotTable, ordinal: Option<u16>) -> Vec<Route> {
    let pairs = (0..workers).flat_map(|frontend| (0..slots.partitions()).map(move |chain| (frontend, chain)));
    pairs.map(|(frontend, chain)| route(frontend, chain, slots, ordinal)).collect()
}

fn route(frontend: u16, chain: u16, slots: &SlotTable, ordinal: Option<u16>) -> Route {
    let worker = ordinal.map_or_else(|| frontend.to_string(), |ordinal| format!("{ordinal}.{frontend}"));
    let home = PartitionId(chain);
    let client_id =
        first(|n| format!("causeway-selftest-{worker}-{chain}-{n}"), |id| slots.partition_of_client(id) == home);
    let topic = first(|n| format!("{ROOT}/{worker}/{chain}/{n}"), |topic| slots.partition_of_topic(topic) == home);
    Route { frontend, chain, client_id, topic, wildcard: format!("{ROOT}/{worker}/{chain}/wildcard/+") }
}

/// The first name by number that leads where it should: each partition has its share of all names.
fn first(name: impl Fn(u32) -> String, leads: impl Fn(&str) -> bool) -> String {
    let mut number = 0;
    loop {
        let name = name(number);
        // Every partition has a slot, so the end of all numbers is not reached.
        if leads(&name) || number == u32::MAX {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use partition::{PartitionId, SlotTable};

    use super::routes;

    #[test]
    fn every_worker_has_a_way_to_every_partition() {
        for (workers, partitions) in [(1, 1), (2, 3), (16, 16)] {
            let slots = SlotTable::even(partitions);
            let routes = routes(workers, &slots, None);
            assert_eq!(routes.len(), usize::from(workers) * usize::from(partitions));
            for route in routes {
                assert_eq!(slots.partition_of_client(&route.client_id), PartitionId(route.chain), "{route:?}");
                assert_eq!(slots.partition_of_topic(&route.topic), PartitionId(route.chain), "{route:?}");
                assert_eq!(slots.homes_of_filter(&route.wildcard), slots.all(), "{route:?}");
            }
        }
    }

    #[test]
    fn frontends_do_not_take_each_other_for_themselves() {
        let slots = SlotTable::even(2);
        let named = |ordinal| routes(1, &slots, Some(ordinal)).into_iter().map(|route| (route.client_id, route.topic));
        let (one, other): (Vec<_>, Vec<_>) = (named(0).collect(), named(1).collect());
        assert!(one.iter().zip(&other).all(|(one, other)| one.0 != other.0 && one.1 != other.1), "{one:?} {other:?}");
    }
}
