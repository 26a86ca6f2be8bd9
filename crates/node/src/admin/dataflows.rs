//! How dataflows are doing, and what that makes of the process's condition.

use std::time::{Duration, SystemTime};

use bridge::{DataflowStatus, Failure, Kind, LinkState, LinkStatus, Step};
use tokio::time::Instant;

use super::condition::{Condition, ReasonCode, Status};
use super::source::BrokerSource;
use crate::dataflows::{DataflowShown, InstanceShown, LinkEnd};
use crate::moment::rfc3339;

/// What stands in a dataflow's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The endpoint and the step, and why it fails.
    pub(super) text: String,
    pub(super) since: SystemTime,
}

/// What the broker of this process is asked about its sessions, within one deadline for all questions.
pub(super) struct Waiting<'a> {
    broker: Option<&'a BrokerSource>,
    deadline: Instant,
}

/// For all sessions together; what is not known by then is not told.
const WAITING_DEADLINE: Duration = Duration::from_secs(2);

impl<'a> Waiting<'a> {
    pub(super) fn new(broker: Option<&'a BrokerSource>) -> Self {
        Self { broker, deadline: Instant::now() + WAITING_DEADLINE }
    }

    /// Messages in the session at a source that is this process's broker, without those that are held here. `None` as
    /// well where it does not say in time.
    pub(super) async fn at_source(&self, instance: &InstanceShown) -> Option<u64> {
        let broker = self.broker.filter(|_| instance.dataflow.source.kind == Kind::Local)?;
        let session = broker.view.session(&instance.status.source.client_id);
        let session = tokio::time::timeout_at(self.deadline, session).await.ok()?.ok()??;
        // What is in flight there is held here.
        Some(session.queued_messages.saturating_sub(session.in_flight_messages))
    }

    /// The same over all instances of a dataflow; `None` unless each of them is known.
    pub(super) async fn of(&self, dataflow: &DataflowShown) -> Option<u64> {
        let mut sum = 0;
        for instance in &dataflow.instances {
            sum += self.at_source(instance).await?;
        }
        (!dataflow.instances.is_empty()).then_some(sum)
    }
}

/// The instance that is doing worst, the first of equals; `None` where none runs here.
pub(super) fn worst(dataflow: &DataflowShown) -> Option<&InstanceShown> {
    let mut instances = dataflow.instances.iter();
    let first = instances.next()?;
    let worse = |worst, other: &'_ InstanceShown| health(other) > health(worst);
    Some(instances.fold(first, |worst, other| if worse(worst, other) { other } else { worst }))
}

/// In the words of the process's own condition, and its order.
pub(super) fn health(instance: &InstanceShown) -> Status {
    match instance.status.health {
        bridge::Health::Available => Status::Available,
        bridge::Health::Degraded => Status::Degraded,
        bridge::Health::Unknown => Status::Unknown,
        bridge::Health::Unavailable => Status::Unavailable,
    }
}

/// Since when it is doing as it does; `None` where nothing tells.
pub(super) fn since(status: &DataflowStatus) -> Option<SystemTime> {
    if let Some(trouble) = trouble(status) {
        return Some(trouble.since);
    }
    match (status.source.state, status.destination.state) {
        (LinkState::Up { since: source }, LinkState::Up { since: destination }) => Some(source.max(destination)),
        _ => None,
    }
}

/// The first that stands in its way: what ends a connection before what a connection suffers from.
pub(super) fn trouble(status: &DataflowStatus) -> Option<Trouble> {
    if status.health == bridge::Health::Available {
        return None;
    }
    let ends = [(LinkEnd::Source, &status.source), (LinkEnd::Destination, &status.destination)];
    let is_up = |link: &LinkStatus| matches!(link.state, LinkState::Up { .. });
    let down = ends.iter().filter(|(_, link)| !is_up(link));
    let down = down.filter_map(|(end, link)| link.failure.as_ref().map(|failure| told(*end, link, failure)));
    let unrenewed = ends.iter().filter_map(|(end, link)| {
        let failure = link.credential_failure.as_ref()?;
        let text = format!("{} {}: {}: {}", end_name(*end), link.endpoint, Step::Token.name(), failure.error);
        Some(Trouble { text, since: failure.since })
    });
    let messages = [&status.publish, &status.dead_letter].into_iter().flatten();
    let refused = messages.map(|failure| told(LinkEnd::Destination, &status.destination, failure));
    down.chain(unrenewed).chain(refused).next()
}

fn told(end: LinkEnd, link: &LinkStatus, failure: &Failure) -> Trouble {
    let text = format!("{} {}: {}: {}", end_name(end), link.endpoint, failure.step.name(), failure.text);
    Trouble { text, since: failure.since }
}

/// As labels and API have it.
pub(super) fn end_name(end: LinkEnd) -> &'static str {
    match end {
        LinkEnd::Source => "source",
        LinkEnd::Destination => "destination",
    }
}

/// Names those that do not do what they should. Clients are served all the same.
pub(super) fn condition(dataflows: &[DataflowShown]) -> Option<Condition> {
    let problems: Vec<String> = dataflows.iter().filter_map(problem).collect();
    (!problems.is_empty()).then(|| Condition {
        status: Status::Degraded,
        reason: ReasonCode::DataflowNotAvailable,
        message: format!("{} of {} dataflows do not carry every message", problems.len(), dataflows.len()),
        problems,
    })
}

/// Of one that has just begun nothing is known yet: that is none.
fn problem(dataflow: &DataflowShown) -> Option<String> {
    let worst = worst(dataflow)?;
    let health = health(worst);
    if !matches!(health, Status::Degraded | Status::Unavailable) {
        return None;
    }
    let mut text = format!("dataflow {}: {}", dataflow.plan.name, health.name());
    if let Some(reason) = worst.status.reason {
        text.push_str(&format!(", {reason}"));
    }
    if let Some(trouble) = trouble(&worst.status) {
        text.push_str(&format!(", since {}: {}", rfc3339(trouble.since), trouble.text));
    }
    Some(text)
}
