//! Rounds against a frontend and a backend in this process.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use auth::authentication::{Counters, Gate, GateSettings, GateThread};
use backend::{Backend, Durability, Hosting};
use bytes::Bytes;
use frontend::{ClientQuery, Frontend, Limits, NearPartitions, PartitionLink, Partitions, SysSettings};
use link::mailbox;
use partition::SlotTable;

use super::probe::Probe;
use super::report::{Operation, RouteResult};
use super::round::{Rounds, Surroundings, Tracing};
use super::tally::Tally;
use crate::traces::Collector;

const WORKERS: u16 = 2;
const PARTITIONS: u16 = 3;
const ROUTES: usize = WORKERS as usize * PARTITIONS as usize;

const PATIENCE: Duration = Duration::from_secs(30);

struct Broker {
    frontend: Frontend,
    backend: Backend,
    traces: Collector,
    _gate: GateThread,
    _dir: tempfile::TempDir,
}

impl Broker {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (workers, answers) = (0..WORKERS).map(|_| mailbox::channel()).unzip();
        let backend = Backend::start(backend::Settings {
            dir: dir.path().to_owned(),
            partitions: PARTITIONS,
            durability: Durability::Async,
            hosting: Hosting::Near { workers },
            inbox_bytes: 1 << 20,
        });
        let backend = backend.unwrap();
        let traces = Collector::default();
        let settings = config::Traces { cache_bytes: 1 << 20, channel_capacity: 1000, self_tracing: None };
        let spans = traces.set(Some(&settings)).unwrap();
        let (gate, gate_thread) = Gate::start(&GateSettings::default(), &Arc::new(Counters::default())).unwrap();
        let frontend = Frontend::start(frontend::Settings {
            listeners: Vec::new(),
            limits: Limits {
                session_expiry: u32::MAX,
                message_expiry: None,
                packet_size: 1 << 20,
                client_receive_maximum: NonZeroU16::MAX,
                receive_maximum: NonZeroU16::MAX,
                keep_alive: None,
                topic_alias_maximum: 0,
                queue_length: 0,
            },
            back_pressure_bytes: 1 << 20,
            sys: SysSettings { interval: None, version: String::new() },
            spans,
            gate,
            denials: None,
            partitions: Partitions::Near(NearPartitions {
                links: backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect(),
                answers,
                counters: Box::new(backend.counters()),
            }),
        });
        Self { frontend: frontend.unwrap(), backend, traces, _gate: gate_thread, _dir: dir }
    }

    fn rounds(&self) -> Rounds {
        let slots = SlotTable::even(PARTITIONS);
        Rounds::new(Surroundings { door: self.frontend.door(), slots, traces: self.traces.clone(), ordinal: None })
    }

    fn stop(self) {
        self.frontend.stop();
        self.backend.stop();
    }
}

fn make(rounds: &mut Rounds, patience: Duration, tracing: Tracing) -> Vec<RouteResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(rounds.make(patience, tracing))
}

fn count(results: &[RouteResult], operation: Operation) -> usize {
    results.iter().filter(|result| result.operation == operation).count()
}

#[test]
fn every_operation_is_tried_along_every_route_and_traced_where_it_should_go() {
    let broker = Broker::start();
    let mut rounds = broker.rounds();
    for tracing in [Tracing::On, Tracing::Off, Tracing::On] {
        let results = make(&mut rounds, PATIENCE, tracing);
        let wrong: Vec<_> = results.iter().filter(|result| !result.correct || result.latency_ms.is_none()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        for (operation, expected) in [
            (Operation::Connect, ROUTES),
            (Operation::Ping, WORKERS.into()),
            (Operation::Subscribe, 2 * ROUTES),
            (Operation::Publish, ROUTES),
            (Operation::MessageDeliveryCheck, ROUTES),
            (Operation::Unsubscribe, 2 * ROUTES),
        ] {
            assert_eq!(count(&results, operation), expected, "{operation}");
        }
    }
    // Two rounds, each with a trace, and in it a span for each operation but PING, and one for each delivery.
    let traces = broker.traces.store().newest(9);
    assert_eq!(traces.len(), 2);
    assert!(traces.iter().all(|trace| trace.spans >= 6 * ROUTES), "{traces:?}");
    broker.stop();
}

#[test]
fn a_broker_that_does_not_answer_fails_the_first_operation_along_every_route() {
    let broker = Broker::start();
    let mut rounds = broker.rounds();
    broker.stop();
    let results = make(&mut rounds, PATIENCE, Tracing::Off);
    assert_eq!((results.len(), count(&results, Operation::Connect)), (ROUTES, ROUTES));
    assert_eq!(Tally::default().add(results).failures, ["Failed Operation CONNECT (6/6)"]);
}

/// What comes in from somebody else's broker is not to pass for the broker's own.
#[test]
fn clients_in_this_process_are_clients_and_publish_no_self_checks() {
    let broker = Broker::start();
    let clients = || broker.frontend.totals()().totals.clients;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let connect = |door: frontend::Door, id: &'static str| Probe::connect(door.connect(1), id, None, PATIENCE);
        let mut own = connect(broker.frontend.door(), "own").await.unwrap();
        assert_eq!(clients(), 0);
        let mut client = connect(broker.frontend.client_door(), "client").await.unwrap();
        assert_eq!(clients(), 1);
        own.publish("azedge/dmqtt/selftest/x", Bytes::new(), None).await.unwrap();
        for (topic, is_refused) in [("azedge/dmqtt/selftest/x", true), ("$SYS/x", true), ("plant/x", false)] {
            let published = client.publish(topic, Bytes::new(), None).await;
            let refused = published.as_ref().is_err_and(|error| error.to_string().contains("NotAuthorized"));
            assert_eq!((refused, published.is_ok()), (is_refused, !is_refused), "{topic}: {published:?}");
        }
        let query = |listener: Option<&str>| ClientQuery {
            limit: 10,
            listener: listener.map(str::to_owned),
            ..ClientQuery::default()
        };
        let view = broker.frontend.view();
        for (listener, expected) in [(None, &["client"][..]), (Some("internal"), &["client", "own"])] {
            let found = view.clients(query(listener)).await.unwrap();
            let ids: Vec<&str> = found.items.iter().map(|client| client.client_id.as_str()).collect();
            assert_eq!(ids, expected);
            assert!(found.items.iter().all(|client| client.peer.is_none()));
        }
    });
    broker.stop();
}
