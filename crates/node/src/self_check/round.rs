//! One round: every operation along every route, and what came of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use frontend::Door;
use futures_util::future::join_all;
use partition::{PartitionSet, SlotTable};
use tokio::time::Instant;

use super::probe::{Probe, ProbeError};
use super::report::{Operation, RouteResult, Wildcard};
use super::routes::{Route, routes};
use super::trail::{Expected, Trail};
use crate::traces::Collector;

/// What the self-check needs of the process.
pub(crate) struct Surroundings {
    pub(crate) door: Door,
    pub(crate) slots: SlotTable,
    pub(crate) traces: Collector,
    /// Which frontend of a cluster this is; `None` where there is one.
    pub(crate) ordinal: Option<u16>,
}

/// Whether a round is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracing {
    On,
    Off,
}

/// Makes rounds.
pub(super) struct Rounds {
    door: Door,
    routes: Vec<Route>,
    all: PartitionSet,
    traces: Collector,
    /// Counts rounds, so that a late message of one is none of the next.
    number: u64,
}

/// A round under way.
struct Round<'a> {
    rounds: &'a Rounds,
    trail: Option<Trail>,
    patience: Duration,
}

/// A route with its client, as far as it has come.
struct Path<'a> {
    route: &'a Route,
    probe: Option<Probe>,
    results: Vec<RouteResult>,
    /// Names operations: each is the parent of a span.
    operations: u32,
    /// Results, by place, whose trace is to be looked at, and the parents of their spans.
    traced: Vec<(usize, [u8; 8])>,
}

impl Rounds {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        let Surroundings { door, slots, traces, ordinal } = surroundings;
        Self { routes: routes(door.workers(), &slots, ordinal), door, all: slots.all(), traces, number: 0 }
    }

    /// Makes one round: all routes at once, so that those that fail take no longer than one. An operation that could not be
    /// tried, because one before it failed, is not among the results.
    pub(super) async fn make(&mut self, patience: Duration, tracing: Tracing) -> Vec<RouteResult> {
        self.number += 1;
        let trail = match tracing {
            Tracing::On => Trail::begin(&self.traces),
            Tracing::Off => None,
        };
        let round = Round { rounds: self, trail, patience };
        let mut paths = join_all(self.routes.iter().map(|route| round.open(route))).await;
        round.deliver(&mut paths).await;
        let results = join_all(paths.into_iter().map(|path| round.close(path))).await;
        results.into_iter().flatten().collect()
    }
}

impl Round<'_> {
    /// CONNECT, PINGREQ, SUBSCRIBE.
    async fn open<'a>(&self, route: &'a Route) -> Path<'a> {
        let mut path = Path { route, probe: None, results: Vec::new(), operations: 0, traced: Vec::new() };
        let (parent, traceparent) = self.trace(&mut path);
        let connected = timed(async {
            let stream = self.rounds.door.connect(route.frontend);
            Probe::connect(stream, &route.client_id, traceparent.as_deref(), self.patience).await
        });
        let (probe, latency) = connected.await;
        path.probe = self.note(&mut path, (Operation::Connect, None), parent, (probe, latency));
        // One a worker is enough: it goes to no partition.
        if route.chain == 0
            && let Some(mut probe) = path.probe.take()
        {
            let answer = timed(probe.ping()).await;
            self.note(&mut path, (Operation::Ping, None), None, answer);
            path.probe = Some(probe);
        }
        for (filter, wildcard) in [(&route.topic, Wildcard::No), (&route.wildcard, Wildcard::Yes)] {
            if let Some(mut probe) = path.probe.take() {
                let (parent, traceparent) = self.trace(&mut path);
                let answer = timed(probe.subscribe(filter, traceparent.as_deref())).await;
                self.note(&mut path, (Operation::Subscribe, Some(wildcard)), parent, answer);
                path.probe = Some(probe);
            }
        }
        path
    }

    /// PUBLISH along each route, to the subscriber of the same partition at the next worker.
    async fn deliver(&self, paths: &mut [Path<'_>]) {
        let targets = targets(paths);
        let published = join_all(paths.iter_mut().zip(&targets).map(|(path, target)| async move {
            let mut probe = path.probe.take()?;
            let (parent, traceparent) = self.trace(path);
            let begun = Instant::now();
            let answer = timed(probe.publish(&target.topic, self.payload(path.route), traceparent.as_deref())).await;
            let sent = answer.0.is_ok();
            self.note(path, (Operation::Publish, None), parent, answer);
            path.probe = Some(probe);
            sent.then_some((target.place, path.route, begun))
        }));
        let published = published.await;
        let awaited: BTreeMap<usize, (&Route, Instant)> =
            published.into_iter().flatten().map(|(place, from, begun)| (place, (from, begun))).collect();
        join_all(paths.iter_mut().enumerate().map(|(place, path)| {
            let awaited = awaited.get(&place).copied();
            async move {
                if let (Some((from, begun)), Some(probe)) = (awaited, path.probe.as_mut()) {
                    let came = probe.receive(&self.payload(from)).await;
                    let result = RouteResult {
                        operation: Operation::MessageDeliveryCheck,
                        frontend: from.frontend,
                        chain: Some(from.chain),
                        wildcard: None,
                        correct: came.is_ok(),
                        latency_ms: came.as_ref().ok().map(|came| milliseconds(came.duration_since(begun))),
                    };
                    tell(&result, came.err().as_ref());
                    path.results.push(result);
                }
            }
        }))
        .await;
    }

    /// UNSUBSCRIBE, DISCONNECT.
    async fn close(&self, mut path: Path<'_>) -> Vec<RouteResult> {
        let route = path.route;
        for (filter, wildcard) in [(&route.topic, Wildcard::No), (&route.wildcard, Wildcard::Yes)] {
            if let Some(mut probe) = path.probe.take() {
                let (parent, traceparent) = self.trace(&mut path);
                let answer = timed(probe.unsubscribe(filter, traceparent.as_deref())).await;
                self.note(&mut path, (Operation::Unsubscribe, Some(wildcard)), parent, answer);
                path.probe = Some(probe);
            }
        }
        if let Some(probe) = path.probe.take() {
            probe.disconnect().await;
        }
        self.look_at_traces(&mut path).await;
        path.results
    }

    /// Notes what came of an operation.
    fn note<T>(
        &self,
        path: &mut Path<'_>,
        (operation, wildcard): (Operation, Option<Wildcard>),
        parent: Option<[u8; 8]>,
        (answer, latency_ms): (Result<T, ProbeError>, f64),
    ) -> Option<T> {
        let result = RouteResult {
            operation,
            frontend: path.route.frontend,
            chain: (operation != Operation::Ping).then_some(path.route.chain),
            wildcard,
            correct: answer.is_ok(),
            latency_ms: answer.is_ok().then_some(latency_ms),
        };
        tell(&result, answer.as_ref().err());
        if let (true, Some(parent)) = (result.correct, parent) {
            path.traced.push((path.results.len(), parent));
        }
        path.results.push(result);
        answer.ok()
    }

    /// Compares the broker's own account of what went well with what it should be. Not before the round is over: it takes
    /// time, which is nobody's latency.
    async fn look_at_traces(&self, path: &mut Path<'_>) {
        let Some(trail) = &self.trail else { return };
        for (place, parent) in &path.traced {
            let result = &mut path.results[*place];
            let RouteResult { operation, wildcard, .. } = *result;
            let expected = Expected { operation, wildcard, route: path.route, parent: *parent, all: self.rounds.all };
            result.correct = trail.confirms(&expected).await;
            tell(result, None);
        }
    }

    /// The parent span of the next operation, and the property that names it; neither in a round without a trace.
    fn trace(&self, path: &mut Path<'_>) -> (Option<[u8; 8]>, Option<String>) {
        let Some(trail) = &self.trail else { return (None, None) };
        path.operations += 1;
        let Route { frontend, chain, .. } = path.route;
        let parent = (u64::from(*frontend) << 48) | (u64::from(*chain) << 32) | u64::from(path.operations);
        let parent = parent.to_be_bytes();
        (Some(parent), Some(trail.traceparent(parent)))
    }

    fn payload(&self, route: &Route) -> Bytes {
        format!("round {} from worker {} by partition {}", self.rounds.number, route.frontend, route.chain).into()
    }
}

/// To whom each path publishes.
struct Target {
    /// Among the paths.
    place: usize,
    topic: String,
}

/// For each path the one of the next worker by the same partition.
fn targets(paths: &[Path<'_>]) -> Vec<Target> {
    let places: BTreeMap<(u16, u16), usize> =
        paths.iter().enumerate().map(|(place, path)| ((path.route.frontend, path.route.chain), place)).collect();
    let target = |(own, path): (usize, &Path<'_>)| {
        let Route { frontend, chain, .. } = path.route;
        let (frontend, chain) = (*frontend, *chain);
        let next = places.get(&(frontend + 1, chain)).or_else(|| places.get(&(0, chain)));
        let place = next.copied().unwrap_or(own);
        Target { place, topic: paths[place].route.topic.clone() }
    };
    paths.iter().enumerate().map(target).collect()
}

fn tell(result: &RouteResult, error: Option<&ProbeError>) {
    let RouteResult { operation, frontend, chain, correct, .. } = result;
    match error {
        Some(error) => tracing::warn!(%operation, frontend, chain, %error, "a self-check operation failed"),
        None if !correct => tracing::warn!(%operation, frontend, chain, "Path verification failed for probe event"),
        None => {}
    }
}

async fn timed<T>(operation: impl Future<Output = T>) -> (T, f64) {
    let begun = Instant::now();
    let outcome = operation.await;
    (outcome, milliseconds(begun.elapsed()))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
