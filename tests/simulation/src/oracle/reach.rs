//! Who is certain to get a message, and who may.

use mqtt::QoS;

use super::history::{Grant, History, Keeping, Life};
use super::record::{Message, Place};

/// The subscription with the highest QoS by which a session is certain to be sent a message that the broker takes at some
/// time between the two places. Shared subscriptions are of a group, not of a session.
pub(super) fn certain<'h>(life: &'h Life, message: &'h Message, from: Place, until: Place) -> Option<&'h Grant> {
    let grants = matching(life, message).filter(|grant| grant.share().is_none() && grant.is_certain(from, until));
    grants.max_by_key(|grant| grant.options.qos)
}

/// Subscriptions by which the session may be sent it, when it was taken at `from` at the earliest and came at `until`.
pub(super) fn possible<'h>(
    life: &'h Life,
    message: &'h Message,
    from: Place,
    until: Place,
) -> impl Iterator<Item = &'h Grant> {
    matching(life, message).filter(move |grant| grant.is_possible(from, until))
}

fn matching<'h>(life: &'h Life, message: &'h Message) -> impl Iterator<Item = &'h Grant> {
    let is_own = life.client == message.client;
    life.grants.iter().filter(move |grant| !(is_own && grant.options.no_local) && grant.matches(&message.topic))
}

/// Whether the session is kept whatever happens, and its client is there at the end to take what it holds.
pub(super) fn is_kept_to_the_end(history: &History<'_>, life: &Life) -> bool {
    life.keeping == Keeping::Long && life.may_end.is_none() && is_read_to_the_end(history, life)
}

/// Whether the last connection of the session is open at the end.
pub(super) fn is_read_to_the_end(history: &History<'_>, life: &Life) -> bool {
    let last = life.connections.last().and_then(|number| history.connections.get(number));
    last.is_some_and(|connection| connection.is_open_at_end())
}

/// Whether a message of this QoS to this subscription is delivered for sure.
pub(super) fn is_sure(grant: &Grant, message: &Message) -> bool {
    grant.qos(message.qos) > QoS::AtMostOnce
}

/// Seconds of message expiry that a run cannot outlast.
const NEVER_EXPIRES: u32 = 24 * 3600;

/// Whether the message may be gone because it has expired.
pub(super) fn may_expire(message: &Message) -> bool {
    message.expiry.is_some_and(|expiry| expiry < NEVER_EXPIRES)
}
