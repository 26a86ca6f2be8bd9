//! How a dataflow is doing, in one word and a reason code.

use std::time::{Duration, SystemTime};

use crate::failure::Failure;
use crate::fault::{Codes, Fault, SOURCE, TARGET};
use crate::status::{DataflowStatus, LinkState, LinkStatus};

/// How long a dead letter counts.
const DEAD_LETTER: Duration = Duration::from_secs(60);

/// How a dataflow is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    Available,
    /// It carries, but messages are refused, a connection is being renewed, or a credential cannot be.
    Degraded,
    /// It has only begun.
    Unknown,
    /// It carries nothing.
    Unavailable,
}

/// The destination refuses messages; ours.
const PUBLISH_REJECTED: &str = "DataflowMqttTargetPublishRejected";

type Judgement = (Health, Option<&'static str>);

/// The worst of what both sides and the messages between them show at `now`.
pub(crate) fn judge(status: &DataflowStatus, now: SystemTime) -> Judgement {
    let sides = [link(&status.source, &SOURCE), link(&status.destination, &TARGET)];
    // `max_by_key` would take the last of equals.
    let [source, destination] = sides;
    let worst = if destination.0 > source.0 { destination } else { source };
    if worst.0 == Health::Available && is_refusing(status, now) {
        return (Health::Degraded, Some(PUBLISH_REJECTED));
    }
    worst
}

fn is_refusing(status: &DataflowStatus, now: SystemTime) -> bool {
    let is_recent = |failure: &Failure| now.duration_since(failure.last).is_ok_and(|age| age < DEAD_LETTER);
    status.publish.is_some() || status.dead_letter.as_ref().is_some_and(is_recent)
}

fn link(status: &LinkStatus, codes: &Codes) -> Judgement {
    let has_been_up = status.version.is_some();
    match (status.state, &status.failure) {
        (LinkState::Up { .. }, _) if status.credential_failure.is_some() => {
            (Health::Degraded, Some(codes.authentication))
        }
        (LinkState::Up { .. }, Some(failure)) => (Health::Degraded, Some(code(failure, codes))),
        (LinkState::Up { .. }, None) => (Health::Available, None),
        (_, Some(failure)) => (Health::Unavailable, Some(code(failure, codes))),
        (LinkState::Stopped, None) => (Health::Unavailable, None),
        // Between two connections, with nothing amiss.
        (_, None) if has_been_up => (Health::Degraded, None),
        (_, None) => (Health::Unknown, None),
    }
}

fn code(failure: &Failure, codes: &Codes) -> &'static str {
    codes.of(Fault::of(failure.step, failure.code))
}

#[cfg(test)]
mod tests {
    use mqtt::ReasonCode;

    use super::*;
    use crate::credentials::Credentials;
    use crate::endpoint::{Address, Endpoint, Hop, Kind, Retain, Version};
    use crate::failure::Step;

    fn side(state: LinkState) -> LinkStatus {
        let endpoint = Endpoint {
            name: "a".into(),
            address: Address::Remote(client::Endpoint::tcp("host", 1883)),
            version: Version::Auto,
            credentials: Credentials::Anonymous,
            client_id_prefix: None,
            qos: mqtt::QoS::AtLeastOnce,
            retain: Retain::Keep,
            session_expiry: 600,
            keep_alive: 60,
            max_inflight: 100,
            cloud_events: None,
            kind: Kind::Custom,
            hop: Hop::Checked,
        };
        LinkStatus { state, ..LinkStatus::new(&endpoint, "id".into()) }
    }

    fn up() -> LinkStatus {
        side(LinkState::Up { since: SystemTime::UNIX_EPOCH })
    }

    fn down(step: Step, code: Option<ReasonCode>) -> LinkStatus {
        LinkStatus { failure: Some(failure(step, code)), ..side(LinkState::Connecting) }
    }

    fn failure(step: Step, code: Option<ReasonCode>) -> Failure {
        let at = SystemTime::UNIX_EPOCH;
        Failure { step, code, text: "no".into(), since: at, last: at, times: 1 }
    }

    fn status(source: LinkStatus, destination: LinkStatus) -> DataflowStatus {
        DataflowStatus {
            name: "flow".into(),
            profile: "default".into(),
            instance: 0,
            health: Health::Unknown,
            reason: None,
            source,
            destination,
            publish: None,
            publish_retry: None,
            dead_letter: None,
            backlog: 0,
        }
    }

    fn judged(source: LinkStatus, destination: LinkStatus) -> Judgement {
        judge(&status(source, destination), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_dataflow_is_as_well_as_its_worse_side() {
        assert_eq!(judged(up(), up()), (Health::Available, None));
        assert_eq!(judged(side(LinkState::Connecting), up()), (Health::Unknown, None));
        let again = LinkStatus { version: Some(mqtt::ProtocolVersion::V5), ..side(LinkState::Connecting) };
        assert_eq!(judged(up(), again), (Health::Degraded, None));
        let refused = Some(ReasonCode::NotAuthorized);
        for (step, code, source, target) in [
            (Step::Tcp, None, SOURCE.connection, TARGET.connection),
            (Step::Token, None, SOURCE.authentication, TARGET.authentication),
            (Step::Connect, refused, SOURCE.authentication, TARGET.authentication),
            (Step::Subscribe, refused, SOURCE.subscription, TARGET.connection),
            (Step::Connect, Some(ReasonCode::ClientIdentifierNotValid), SOURCE.configuration, TARGET.configuration),
        ] {
            assert_eq!(judged(down(step, code), up()), (Health::Unavailable, Some(source)), "{step:?}");
            assert_eq!(judged(up(), down(step, code)), (Health::Unavailable, Some(target)), "{step:?}");
        }
    }

    #[test]
    fn a_connection_may_stand_with_a_failure() {
        let renewing = LinkStatus { failure: Some(failure(Step::Reauthenticate, None)), ..up() };
        assert_eq!(judged(renewing, up()), (Health::Degraded, Some(SOURCE.authentication)));
    }

    #[test]
    fn refused_messages_count_for_a_while() {
        let letter = failure(Step::Publish, Some(ReasonCode::NotAuthorized));
        let refusing = DataflowStatus { dead_letter: Some(letter), ..status(up(), up()) };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(judge(&refusing, at(59)), (Health::Degraded, Some(PUBLISH_REJECTED)));
        assert_eq!(judge(&refusing, at(60)), (Health::Available, None));
    }

    #[test]
    fn messages_that_wait_for_a_refusal_to_pass_are_seen() {
        let busy = failure(Step::Publish, Some(ReasonCode::QuotaExceeded));
        let waiting = DataflowStatus { publish: Some(busy), ..status(up(), up()) };
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        assert_eq!(judge(&waiting, later), (Health::Degraded, Some(PUBLISH_REJECTED)));
    }

    #[test]
    fn of_two_sides_that_are_as_bad_the_source_is_named() {
        let both = judged(down(Step::Tcp, None), down(Step::Token, None));
        assert_eq!(both, (Health::Unavailable, Some(SOURCE.connection)));
    }

    #[test]
    fn what_has_stopped_carries_nothing() {
        assert_eq!(judged(up(), side(LinkState::Stopped)), (Health::Unavailable, None));
        let been = LinkStatus { version: Some(mqtt::ProtocolVersion::V5), ..side(LinkState::Stopped) };
        assert_eq!(judged(been, up()), (Health::Unavailable, None));
    }

    #[test]
    fn a_credential_without_successor_is_seen_while_the_old_one_holds() {
        let at = SystemTime::UNIX_EPOCH;
        let error = crate::credentials::CredentialError::Ended;
        let none = crate::credentials::CredentialFailure { error, since: at, attempts: 1, next: at };
        let ending = LinkStatus { credential_failure: Some(none), ..up() };
        assert_eq!(judged(up(), ending), (Health::Degraded, Some(TARGET.authentication)));
    }
}
