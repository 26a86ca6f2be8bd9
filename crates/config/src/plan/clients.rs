//! What a client may ask for, out of flags and `advanced.clients`.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use super::settling::Settling;
use crate::reading::{Whole, narrow};
use crate::resource::BrokerSpec;
use crate::{ClientLimits, Given, MemoryProfile, Origin, QueueLimit, QueueStrategy};

const DEFAULT_RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(1000).expect("not zero");
const DEFAULT_FAILED_LOGINS: u32 = 10;
const DEFAULT_TOPIC_ALIAS_MAXIMUM: u16 = 32;
/// The largest packet MQTT can express, rounded up to the range of the resource's field.
const LARGEST_PACKET_BYTES: u64 = 268_435_456;

const LENGTH: &str = "advanced.clients.subscriberQueueLimit.length";
const STRATEGY: &str = "advanced.clients.subscriberQueueLimit.strategy";
const PACKET_SIZE: &str = "advanced.clients.maxPacketSizeBytes";

const STRATEGIES: &[(&str, QueueStrategy)] =
    &[("none", QueueStrategy::None), ("drop-oldest", QueueStrategy::DropOldest)];

const SECONDS: Whole = Whole { range: 1..=u32::MAX as u64, unit: "seconds" };
const IN_FLIGHT: Whole = Whole { range: 1..=u16::MAX as u64, unit: "messages" };

pub(super) fn settle(settling: &mut Settling<'_>, profile: MemoryProfile) -> ClientLimits {
    let flags = settling.flags;
    let spec = clients(&settling.spec);
    let keep_alive = Whole { range: 0..=u64::from(u16::MAX), unit: "seconds (0 for no bound)" };
    let aliases = Whole { range: 0..=u64::from(u16::MAX), unit: "aliases (0 for none)" };
    let mut number = |name: &str, given, allowed: &Whole, file: Option<u64>| {
        let flag = settling.flag_whole(given, allowed);
        settling.settle(&format!("advanced.clients.{name}"), flag, file)
    };
    let session_expiry = number(
        "maxSessionExpirySeconds",
        flags.max_session_expiry.as_ref(),
        &SECONDS,
        spec.max_session_expiry_seconds.map(u64::from),
    );
    let message_expiry = number(
        "maxMessageExpirySeconds",
        flags.max_message_expiry.as_ref(),
        &SECONDS,
        spec.max_message_expiry_seconds.map(u64::from),
    );
    let receive_maximum = number(
        "maxReceiveMaximum",
        flags.max_receive_maximum.as_ref(),
        &IN_FLIGHT,
        spec.max_receive_maximum.map(u64::from),
    );
    let ours =
        number("receiveMaximum", flags.receive_maximum.as_ref(), &IN_FLIGHT, spec.receive_maximum.map(u64::from));
    let max_keep_alive = number(
        "maxKeepAliveSeconds",
        flags.max_keep_alive.as_ref(),
        &keep_alive,
        spec.max_keep_alive_seconds.map(u64::from),
    );
    let aliases = number(
        "topicAliasMaximum",
        flags.topic_alias_maximum.as_ref(),
        &aliases,
        spec.topic_alias_maximum.map(u64::from),
    );
    let max_packet_size = packet_size(settling, profile);
    ClientLimits {
        max_session_expiry: session_expiry.and_then(narrow).and_then(NonZeroU32::new),
        max_message_expiry: message_expiry.and_then(narrow).and_then(NonZeroU32::new),
        max_packet_size,
        max_receive_maximum: receive_maximum.and_then(narrow).and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MAX),
        receive_maximum: ours.and_then(narrow).and_then(NonZeroU16::new).unwrap_or(DEFAULT_RECEIVE_MAXIMUM),
        max_keep_alive: max_keep_alive.and_then(narrow).and_then(NonZeroU16::new),
        topic_alias_maximum: aliases.and_then(narrow).unwrap_or(DEFAULT_TOPIC_ALIAS_MAXIMUM),
        queue_limit: queue_limit(settling),
    }
}

/// Failed logins that one address has at once; 0 is no limit.
pub(super) fn failed_logins(settling: &mut Settling<'_>) -> u32 {
    let file = clients(&settling.spec).failed_logins_per_address;
    settling.settle("advanced.clients.failedLoginsPerAddress", None, file).unwrap_or(DEFAULT_FAILED_LOGINS)
}

fn clients(spec: &BrokerSpec) -> crate::resource::ClientsSpec {
    spec.advanced.as_ref().and_then(|advanced| advanced.clients.clone()).unwrap_or_default()
}

/// The smaller of what was asked for and what the memory profile allows.
fn packet_size(settling: &mut Settling<'_>, profile: MemoryProfile) -> NonZeroU32 {
    let bytes = Whole { range: 1..=LARGEST_PACKET_BYTES, unit: "bytes" };
    let bound = NonZeroU32::new(profile.max_packet_bytes()).unwrap_or(NonZeroU32::MAX);
    let flag = settling.flag_whole(settling.flags.max_packet_size.as_ref(), &bytes);
    let (asked, origin, place) = match (flag, clients(&settling.spec).max_packet_size_bytes) {
        (Some((asked, given)), _) => (Some(asked), Origin::Flag(given.place.clone()), given.place.clone()),
        (None, Some(asked)) => {
            let spot = settling.given(PACKET_SIZE);
            let place = spot.as_ref().map(|spot| spot.place()).unwrap_or_default();
            (Some(u64::from(asked)), spot.map_or(Origin::Default, |spot| spot.origin()), place)
        }
        (None, None) => (None, Origin::MemoryProfile, String::new()),
    };
    let asked: Option<NonZeroU32> = asked.and_then(narrow).and_then(NonZeroU32::new);
    let (size, origin) = match asked {
        Some(asked) if asked > bound => {
            let sentence =
                format!("the memory profile allows packets of {bound} bytes, which is what clients are told");
            settling.reading.notice(&place, asked, sentence);
            (bound, Origin::MemoryProfile)
        }
        Some(asked) => (asked, origin),
        None => (bound, origin),
    };
    settling.note_value(format!("Broker {PACKET_SIZE}"), size.to_string(), origin, None);
    size
}

fn queue_limit(settling: &mut Settling<'_>) -> Option<QueueLimit> {
    let messages = Whole { range: 1..=u64::MAX, unit: "messages" };
    let flags = settling.flags;
    let file = clients(&settling.spec).subscriber_queue_limit.unwrap_or_default();
    let length_flag = settling.flag_whole(flags.queue_limit.as_ref(), &messages);
    let strategy_flag = settling.flag_word(flags.queue_strategy.as_ref(), STRATEGIES);
    let length = settling.settle(LENGTH, length_flag, file.length).and_then(NonZeroU64::new);
    let strategy = settling.settle(STRATEGY, strategy_flag, file.strategy).unwrap_or_default();
    // One that is wrong is known already, and is no missing one.
    let length_given = flags.queue_limit.is_some() || settling.given(LENGTH).is_some();
    match (strategy, length) {
        (QueueStrategy::DropOldest, None) if !length_given => {
            refuse_without_length(settling, flags.queue_strategy.as_ref())
        }
        (QueueStrategy::None, Some(length)) => notice_without_effect(settling, length),
        _ => {}
    }
    Some(QueueLimit { length: length?, strategy })
}

fn refuse_without_length(settling: &mut Settling<'_>, flag: Option<&Given>) {
    match (flag, settling.given(STRATEGY)) {
        (Some(given), _) => settling.reading.refuse(given, "say at what length, with --queue-limit"),
        (None, Some(spot)) => {
            let expected = "give length, too: the number of messages at which the oldest is dropped";
            settling.reading.refuse_at(&spot, "DropOldest", expected);
        }
        (None, None) => {}
    }
}

fn notice_without_effect(settling: &mut Settling<'_>, length: NonZeroU64) {
    let (place, strategy) = match (&settling.flags.queue_limit, settling.given(LENGTH)) {
        (Some(given), _) => (given.place.clone(), "none"),
        (None, Some(spot)) => (spot.place(), "None"),
        (None, None) => return,
    };
    let sentence = format!("has no effect with the queue strategy {strategy}, which drops nothing");
    settling.reading.notice(&place, length, sentence);
}
