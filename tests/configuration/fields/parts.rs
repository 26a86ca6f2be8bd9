//! `cardinality`: how many workers and partitions there are, as metrics and the API show them.

use causeway_tests::deadline::eventually;
use causeway_tests::{Resources, Settings};

use super::served::{Served, V, refused_broker};

fn cardinality(frontend: &str, backend: &str) -> String {
    format!("cardinality:\n  frontend: {{{frontend}}}\n  backendChain: {{{backend}}}\n")
}

const BACKEND: &str = "partitions: 1, redundancyFactor: 1";

fn workers(served: &Served) -> Option<f64> {
    served.metric("aio_broker_frontend_workers", "")
}

#[test]
pub fn frontend_workers() {
    let mut served = Served::by(&cardinality("replicas: 1, workers: 3", BACKEND));
    assert_eq!(workers(&served), Some(3.0));
    // Connections are spread over all of them.
    let mut seen = std::collections::BTreeSet::new();
    let clients = eventually("a client at each worker", || {
        let clients: Vec<_> = (0..12).map(|_| served.broker.client(V)).collect();
        seen.extend(
            clients.iter().filter_map(|client| served.api(&format!("clients/{}", client.id))["worker"].as_u64()),
        );
        (seen.len() == 3).then_some(clients)
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    drop(clients);

    // Another number waits for the next start, and is told meanwhile.
    served.resources.broker(&cardinality("replicas: 1, workers: 1", BACKEND));
    served.broker.signal(libc::SIGHUP);
    let pending = || served.metric("causeway_configuration_restart_pending", "");
    eventually("the change waits", || (pending() == Some(1.0)).then_some(()));
    assert!(served.health().to_string().contains("workers"), "{}", served.health());
    assert_eq!(workers(&served), Some(3.0));
    served.broker.restart();
    assert_eq!((workers(&served), served.metric("causeway_configuration_restart_pending", "")), (Some(1.0), Some(0.0)));

    // Two where there is a frontend that does not say how many.
    served.resources.broker(&cardinality("replicas: 1", BACKEND));
    served.broker.restart();
    assert_eq!(workers(&served), Some(2.0));
}

/// The chains that metrics tell of.
fn chains(served: &Served) -> Vec<u32> {
    let of = |chain: u32| format!("backend_chain=\"{chain}\"");
    (0..16).filter(|chain| served.metric("aio_broker_store_retained_messages", &of(*chain)).is_some()).collect()
}

#[test]
pub fn backend_partitions_and_workers() {
    let one = Served::by(&cardinality("replicas: 1", "partitions: 2, redundancyFactor: 1"));
    assert_eq!(one.metric("aio_broker_backend_partitions", ""), Some(2.0));
    assert_eq!(chains(&one), [0, 1]);
    // There are as many chains as partitions and workers together.
    let mut more = Served::by(&cardinality("replicas: 1", "partitions: 2, redundancyFactor: 1, workers: 2"));
    assert_eq!(chains(&more), [0, 1, 2, 3]);
    let mut found = std::collections::BTreeSet::new();
    eventually("sessions in each of them", || {
        let client = more.broker.client(V);
        found.insert(more.api(&format!("sessions/{}", client.id))["partition"].as_u64());
        (found.len() == 4).then_some(())
    });

    // A data directory keeps the number it was made with.
    more.resources.broker(&cardinality("replicas: 1", "partitions: 3, redundancyFactor: 1"));
    let failure = more.broker.try_restart().expect_err("another number of partitions is refused");
    assert!(failure.output.contains("cardinality.backendChain.partitions"), "{}", failure.output);
}

/// Those of other processes: taken, noted, and told by `explain`; out of range refused.
#[test]
pub fn replicas_and_redundancy() {
    let served = Served::by(&cardinality("replicas: 3, workers: 1", "partitions: 1, redundancyFactor: 2"));
    for (field, value) in [("frontend.replicas", "3"), ("backendChain.redundancyFactor", "2")] {
        assert_eq!(served.in_effect(&format!("Broker cardinality.{field}")).as_deref(), Some(value));
        assert!(served.broker.log().contains(&format!("cardinality.{field} {value}")), "{}", served.broker.log());
    }
    // This process is one of each.
    assert_eq!(served.metric("aio_broker_frontend_replicas", ""), Some(1.0));
    let told = refused_broker(&cardinality("replicas: 17", "partitions: 17, redundancyFactor: 6, workers: 0"));
    for field in ["frontend.replicas", "partitions", "redundancyFactor", "backendChain.workers"] {
        assert!(told.contains(field), "{field}: {told}");
    }
}

/// Left out, the machine decides.
#[test]
fn without_cardinality_half_the_cores_are_used() {
    let served = Served::from(Resources::new(), Settings::new());
    let workers = workers(&served).expect("a gauge");
    assert!((1.0..=16.0).contains(&workers), "{workers}");
    assert_eq!(served.in_effect("Broker cardinality.frontend.workers"), Some(format!("{workers}")));
}
