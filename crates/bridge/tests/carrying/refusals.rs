//! Publishes a destination does not take.

use bridge::{Dataflow, Health, Step};
use mqtt::ReasonCode;

use crate::server::{Manners, Offer, Server, numbered};
use crate::{bridge, dataflow, last_copies, only, payloads, stop, until};

const LETTERS: &str = "dataflow/deadletter/flow";

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter() {
    let refusing = Manners { refusals: vec![("out/bad", ReasonCode::NotAuthorized)], ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(refusing).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..20 {
        let topic = if number % 4 == 0 { "in/bad/x" } else { "in/good" };
        local.offer(numbered(topic, number));
    }
    until("every acknowledgement", || local.state().acknowledged == 20).await;
    assert_eq!(payloads(&remote, "out/good").len(), 15);
    assert_eq!(payloads(&local, LETTERS), [0, 4, 8, 12, 16]);
    let letter = local.state().taken[0].clone();
    assert!(letter.user("causeway-reason").is_some_and(|reason| reason.contains("NotAuthorized")), "{letter:?}");
    assert_eq!(letter.user("causeway-topic"), Some("in/bad/x"));
    assert_eq!(letter.user("causeway-destination"), Some("remote"));
    let (_, counts) = bridge.counters().pop().unwrap();
    assert_eq!(counts.dead_letters, 5);
    assert_eq!((&*counts.refused[0].reason, counts.refused[0].count), ("NotAuthorized", 5));
    stop(bridge).await;
}

#[tokio::test]
async fn what_has_no_destination_topic_is_a_dead_letter() {
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(Manners::default()).await);
    let bridge = bridge();
    bridge.set(vec![Dataflow { topic: "out/${inputTopic.3}".parse().unwrap(), ..dataflow(&local, &remote) }]);
    local.offer(numbered("in/short", 1));
    local.offer(numbered("in/long/enough", 2));
    until("both acknowledgements", || local.state().acknowledged == 2).await;
    assert_eq!((payloads(&local, LETTERS), payloads(&remote, "out/enough")), (vec![1], vec![2]));
    stop(bridge).await;
}

#[tokio::test]
async fn what_is_refused_for_now_is_tried_again_in_order() {
    let busy = Manners { refusals: vec![("out/a", ReasonCode::QuotaExceeded)], ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(busy).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..40 {
        local.offer(numbered(if number % 2 == 0 { "in/a" } else { "in/b" }, number));
    }
    let held = || only(&bridge).and_then(|status| status.publish);
    until("a refusal in the status", || held().is_some()).await;
    let failure = held().unwrap();
    assert_eq!((failure.step, failure.code), (Step::Publish, Some(ReasonCode::QuotaExceeded)));
    assert_eq!(local.state().acknowledged, 0);
    remote.behave(Manners::default());
    until("every acknowledgement", || local.state().acknowledged == 40).await;
    assert_eq!(last_copies(&remote, "out/a"), (0..40).step_by(2).collect::<Vec<_>>());
    assert_eq!(last_copies(&remote, "out/b"), (1..40).step_by(2).collect::<Vec<_>>());
    assert!(payloads(&local, LETTERS).is_empty());
    until("an end of the failure", || held().is_none()).await;
    stop(bridge).await;
}

#[tokio::test]
async fn a_letter_that_is_not_taken_whole_goes_without_payload() {
    let refusing = Manners { refusals: vec![("out", ReasonCode::NotAuthorized)], ..Manners::default() };
    let picky = Manners { refusals: vec![(LETTERS, ReasonCode::PayloadFormatInvalid)], ..Manners::default() };
    let (local, remote) = (Server::start(picky).await, Server::start(refusing).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    // Neither whole nor bare: it stays unacknowledged.
    until("a refusal in the status", || only(&bridge).is_some_and(|status| status.publish.is_some())).await;
    assert_eq!(local.state().acknowledged, 0);
    local.behave(Manners::default());
    until("the acknowledgement", || local.state().acknowledged == 1).await;
    let letter = local.state().taken[0].clone();
    assert_eq!((&*letter.payload, letter.user("causeway-payload-bytes")), ("", Some("1")));
    assert_eq!(bridge.counters()[0].1.bare_letters, 1);
    stop(bridge).await;
}

/// The largest packet a server takes is known from CONNACK: what is larger is not even sent.
#[tokio::test]
async fn what_is_too_large_is_a_dead_letter() {
    let small = Manners { maximum_packet_size: Some(300), ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(small).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    local.offer(numbered("in/x", 1));
    local.offer(Offer { payload: "7".repeat(300), ..numbered("in/x", 2) });
    local.offer(numbered("in/x", 3));
    until("every acknowledgement", || local.state().acknowledged == 3).await;
    assert_eq!(payloads(&remote, "out/x"), [1, 3]);
    let letter = local.state().taken[0].clone();
    assert_eq!((letter.payload.len(), letter.user("causeway-reason-code")), (300, Some("0x95")));
    assert_eq!(letter.user("causeway-hop"), Some("here/flow"));
    until("the refusal in the status", || only(&bridge).unwrap().dead_letter.is_some()).await;
    let status = only(&bridge).unwrap();
    assert_eq!(status.dead_letter.and_then(|failure| failure.code), Some(ReasonCode::PacketTooLarge));
    assert_eq!((status.health, status.reason), (Health::Degraded, Some("DataflowMqttTargetPublishRejected")));
    assert_eq!(remote.state().connects.len(), 1);
    stop(bridge).await;
}

/// A server that ends the connection over a message would end the next one over it too.
#[tokio::test]
async fn what_a_server_disconnects_over_is_a_dead_letter() {
    let touchy = Manners { ends_on: Some(("out/bad", ReasonCode::PacketTooLarge)), ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(touchy).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..20 {
        local.offer(numbered(if number == 7 { "in/bad" } else { "in/good" }, number));
    }
    until("every acknowledgement", || local.state().acknowledged == 20).await;
    let expected: Vec<_> = (0..20).filter(|number| *number != 7).collect();
    assert_eq!(last_copies(&remote, "out/good"), expected);
    assert_eq!(payloads(&local, LETTERS), [7]);
    assert_eq!(local.state().taken[0].user("causeway-reason-code"), Some("0x95"));
    stop(bridge).await;
}

/// Before version 5 a server has no other way to refuse a message.
#[tokio::test]
async fn what_a_server_of_3_1_1_closes_over_is_a_dead_letter() {
    let ends_on = Some(("out/bad", ReasonCode::PacketTooLarge));
    let touchy = Manners { ends_on, only_3_1_1: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(touchy).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..5 {
        local.offer(numbered(if number == 2 { "in/bad" } else { "in/good" }, number));
    }
    until("every acknowledgement", || local.state().acknowledged == 5).await;
    assert_eq!((last_copies(&remote, "out/good"), payloads(&local, LETTERS)), (vec![0, 1, 3, 4], vec![2]));
    stop(bridge).await;
}

#[tokio::test]
async fn a_destination_with_a_small_window_is_not_overrun() {
    let narrow = Manners { receive_maximum: Some(2), withholds_puback: true, ..Manners::default() };
    let (local, remote) = (Server::start(Manners::default()).await, Server::start(narrow.clone()).await);
    let bridge = bridge();
    bridge.set(vec![dataflow(&local, &remote)]);
    for number in 0..50 {
        local.offer(numbered("in/x", number));
    }
    until("a full window", || remote.state().taken.len() == 2).await;
    remote.behave(Manners { withholds_puback: false, ..narrow });
    remote.close();
    until("every acknowledgement", || local.state().acknowledged == 50).await;
    assert_eq!(last_copies(&remote, "out/x"), (0..50).collect::<Vec<_>>());
    assert!(remote.state().most_unacknowledged <= 2);
    stop(bridge).await;
}
