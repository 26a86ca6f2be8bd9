//! Nothing comes that was not published, and nothing that was not asked for.
//!
//! **Claim.** Every PUBLISH that a client gets has topic, length and content of a message whose PUBLISH (or, of a will, whose CONNECT) was sent
//! before. The session has a subscription that matches: SUBSCRIBE sent before, and no UNSUBACK seen before the message was
//! first published (MQTT-3.10.4-2). Its QoS is the lower of the published one and that of such a subscription. A client with
//! no local only gets none of its own. With the retain flag it was published to be retained, and asked for. The server breaks no
//! rule of the protocol that a decoder sees.
//!
//! **Let pass.** Content of messages without payload: they only have to be of a topic to which such a one was published. What a
//! SUBSCRIBE has brought and comes after the UNSUBACK: it waited for the client's Receive Maximum (MQTT-3.10.4-3).

use mqtt::QoS;

use crate::oracle::history::{History, Reception};
use crate::oracle::reach::possible;
use crate::oracle::record::{MessageNumber, Options, What};
use crate::oracle::{Circumstances, Violation};

pub(super) fn check(history: &History<'_>, _: &Circumstances) -> Vec<Violation> {
    let received = history.receptions.iter().filter_map(|got| {
        let wrong = wrong(history, got)?;
        let published = got.message.and_then(|number| history.earliest(number));
        Some(Violation::new(wrong, published.into_iter().chain([got.place])))
    });
    let entries = history.record.entries.iter().enumerate();
    let breaches = entries.filter_map(|(place, entry)| match &entry.what {
        What::Breach(text) => Some(Violation::new(format!("the server broke the protocol: {text}"), [place])),
        _ => None,
    });
    received.chain(breaches).collect()
}

fn wrong(history: &History<'_>, got: &Reception<'_>) -> Option<String> {
    let candidates = match got.message {
        Some(number) => vec![number],
        None if got.len == 0 => empty_of(history, got),
        None => return Some(format!("{} bytes in {} are of no message", got.len, got.topic)),
    };
    let mut wrong = None;
    for number in candidates {
        wrong = Some(wrong_of(history, got, number)?);
    }
    wrong.or_else(|| Some(format!("nobody has published an empty message to {}", got.topic)))
}

/// The messages without payload that were published to its topic.
fn empty_of(history: &History<'_>, got: &Reception<'_>) -> Vec<MessageNumber> {
    let messages = (0..).map(MessageNumber).zip(&history.record.messages);
    messages.filter(|(_, m)| m.len == 0 && m.topic == got.topic).map(|(number, _)| number).collect()
}

fn wrong_of(history: &History<'_>, got: &Reception<'_>, number: MessageNumber) -> Option<String> {
    let message = history.record.of(number);
    let life = &history.lives[got.life];
    let client = life.client;
    if message.topic != got.topic || message.len != got.len {
        return Some(format!("{number} {message} came in {} with {} bytes", got.topic, got.len));
    }
    let Some(earliest) = history.earliest(number).filter(|earliest| *earliest < got.place) else {
        return Some(format!("{number} {message} came to {client} before it was published"));
    };
    if got.retain && !message.retain {
        return Some(format!("{number} {message} came to {client} as a retained message, and is none"));
    }
    let mut grants = possible(life, message, earliest, got.place);
    let is_wanted = |options: &Options| !got.retain || options.wants_retained;
    if grants.any(|grant| is_wanted(&grant.options) && grant.qos(message.qos) == got.qos) {
        return None;
    }
    let qos = |qos: QoS| qos as u8;
    let asked: Vec<_> = possible(life, message, 0, usize::MAX).map(|g| (&*g.filter, qos(g.options.qos))).collect();
    Some(format!("{number} {message} came to {client} with QoS {}, which had at any time {asked:?}", qos(got.qos)))
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::record::{MessageNumber, What};
    use crate::oracle::scene::{Coming, Held};

    const RULE: &str = "no-invention";
    const PLAIN: Coming = Coming { qos: 1, id: 5, dup: false, retain: false };

    #[test]
    fn a_message_of_nobody_is_seen() {
        let mut scene = Scene::new();
        let reader = scene.transient(1);
        scene.subscribe(reader, "#", 1);
        let message = scene.message(2, "a", 1);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE).len(), 1, "it was made up, and never sent");
    }

    #[test]
    fn a_message_of_another_topic_or_content_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "#", 1);
        let message = scene.publish(writer, "a", 1);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE), []);
        let garbled = |topic: &str, len, message: Option<MessageNumber>| What::Received {
            topic: topic.into(),
            message,
            len,
            qos: mqtt::QoS::AtLeastOnce,
            id: 9,
            dup: false,
            retain: false,
        };
        scene.add(reader, garbled("b", 10, Some(message)));
        scene.add(reader, garbled("a", 9, Some(message)));
        scene.add(reader, garbled("a", 10, None));
        assert_eq!(scene.violations(RULE).len(), 3);
    }

    #[test]
    fn what_was_published_after_unsuback_is_not_asked_for() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let before = scene.publish(writer, "a", 1);
        scene.unsubscribe(reader, "a");
        scene.deliver(reader, before);
        assert_eq!(scene.violations(RULE), []);
        let after = scene.publish(writer, "a", 1);
        scene.deliver(reader, after);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn what_a_subscription_has_brought_may_come_after_its_end() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let kept = scene.retain(writer, "a", 10);
        scene.subscribe(reader, "a", 1);
        scene.unsubscribe(reader, "a");
        scene.come(reader, kept, Coming { retain: true, ..PLAIN });
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn the_lower_qos_counts_and_an_unanswered_subscribe_may_be_there() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.begin_subscribe(reader, "a", Held::at(1));
        let message = scene.publish(writer, "a", 2);
        scene.come(reader, message, PLAIN);
        assert_eq!(scene.violations(RULE), []);
        scene.come(reader, message, Coming { qos: 2, ..PLAIN });
        scene.come(reader, message, Coming { qos: 0, id: 0, ..PLAIN });
        assert_eq!(scene.violations(RULE).len(), 2);
    }

    #[test]
    fn own_messages_stay_away_with_no_local() {
        let mut scene = Scene::new();
        let both = scene.transient(1);
        scene.subscribe_with(both, "a", Held { no_local: true, ..Held::at(1) });
        let message = scene.publish(both, "a", 1);
        scene.deliver(both, message);
        assert_eq!(scene.violations(RULE).len(), 1);
        let kept = scene.retain(both, "a", 10);
        scene.come(both, kept, Coming { retain: true, ..PLAIN });
        assert_eq!(scene.violations(RULE).len(), 2, "retained ones too");
    }

    #[test]
    fn only_what_is_retained_comes_as_retained() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let (kept, passing) = (scene.retain(writer, "a", 10), scene.publish(writer, "b", 1));
        scene.subscribe(reader, "#", 1);
        scene.come(reader, kept, Coming { retain: true, ..PLAIN });
        assert_eq!(scene.violations(RULE), []);
        scene.come(reader, passing, Coming { retain: true, ..PLAIN });
        assert_eq!(scene.violations(RULE).len(), 1);
    }
}
