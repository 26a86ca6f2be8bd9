//! Two links over memory, with their tasks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::house::*;
use crate::inbox::{self, Room};
use crate::lane::Lane;
use crate::wire::*;

/// Sends `count` messages while `disturb` is called now and then, and checks what arrives.
async fn all_arrive(house: &House, count: u32, mut disturb: impl FnMut(&Link, u32)) -> (Link, Link) {
    let (far, receiver) = backend(house, 1);
    let near = frontend(house);
    let lane = Lane::from(found(|| near.sender(StreamId(1))).await);
    let mut got = Vec::new();
    for number in 0..count {
        found(|| {
            take(&receiver, &mut got);
            (lane.room() == Room::Free).then_some(())
        })
        .await;
        lane.send(numbered(number)).unwrap();
        disturb(&near, number);
    }
    found(|| {
        take(&receiver, &mut got);
        (got.len() >= count as usize).then_some(())
    })
    .await;
    assert_eq!(got, (0..count).map(numbered).collect::<Vec<_>>());
    found(|| (near.counters().waiting_bytes == 0).then_some(())).await;
    (near, far)
}

#[tokio::test]
async fn messages_arrive_in_order() {
    let (near, far) = all_arrive(&House::default(), 5000, |_, _| {}).await;
    assert_eq!(near.counters().connections, 1);
    assert_eq!(far.counters().messages_received, 5000);
    assert_eq!(near.status().borrow().peer.as_ref().unwrap().incarnation, Incarnation(1));
}

#[tokio::test]
async fn a_broken_connection_loses_nothing() {
    let house = House::default();
    let cutter = house.clone();
    let (near, far) = all_arrive(&house, 3000, |_, number| {
        if number % 500 == 250 {
            cutter.cut();
        }
    })
    .await;
    assert!(near.counters().connections > 1);
    assert_eq!((near.counters().sessions, far.counters().sessions), (1, 1));
}

#[tokio::test]
async fn a_connection_is_replaced_while_messages_go_on() {
    let (near, _) = all_arrive(&House::default(), 3000, |near, number| {
        if number % 500 == 250 {
            near.renew();
        }
    })
    .await;
    found(|| (near.counters().connections > 1).then_some(())).await;
    assert_eq!(near.status().borrow().phase, Phase::Up);
}

/// Makes connections when it is let.
struct Gated {
    house: House,
    begun: Arc<AtomicU64>,
    gate: watch::Receiver<bool>,
}

impl Connect for Gated {
    fn connect(&mut self) -> Connecting {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let (connecting, mut gate) = (self.house.connect(), self.gate.clone());
        Box::pin(async move {
            let is_open = gate.wait_for(|is_open| *is_open).await.is_ok();
            if is_open { connecting.await } else { Err(io::ErrorKind::ConnectionAborted.into()) }
        })
    }
}

#[tokio::test]
async fn a_renewal_while_a_connection_is_being_made_has_another_one_made() {
    let (gate, begun) = (watch::Sender::new(true), Arc::new(AtomicU64::new(0)));
    let house = House::default();
    let (_far, _receiver) = backend(&house, 1);
    let gated = Gated { house, begun: Arc::clone(&begun), gate: gate.subscribe() };
    let (near, driver) = Link::dialing(settings("frontend", "backend", 7), Box::new(gated));
    tokio::spawn(driver.run());
    found(|| (near.counters().connections == 1).then_some(())).await;
    gate.send_replace(false);
    near.renew();
    found(|| (begun.load(Ordering::Relaxed) == 2).then_some(())).await;
    near.renew();
    // Until it has heard that: its next beat is behind it.
    let heard = near.counters();
    found(|| (near.counters() != heard).then_some(())).await;
    gate.send_replace(true);
    found(|| (near.counters().connections == 3).then_some(())).await;
    assert_eq!(near.counters().sessions, 1);
}

#[tokio::test]
async fn a_lifetime_that_ends_replaces_the_connection() {
    let house = House { renew_after: Some(Duration::from_millis(40)), ..House::default() };
    let (near, _) = all_arrive(&house, 10, |_, _| {}).await;
    found(|| (near.counters().connections > 3).then_some(())).await;
    assert_eq!(near.counters().sessions, 1);
}

#[tokio::test]
async fn the_accepting_end_has_a_connection_replaced() {
    let (near, far) = all_arrive(&House::default(), 10, |_, _| {}).await;
    far.renew();
    found(|| (near.counters().connections > 1).then_some(())).await;
    assert_eq!(far.counters().sessions, 1);
}

#[tokio::test]
async fn a_peer_that_restarted_is_told_apart() {
    let house = House::default();
    let (near, far) = all_arrive(&house, 10, |_, _| {}).await;
    let old = near.sender(StreamId(1)).unwrap();
    let (_, receiver) = backend(&house, 2);
    far.stop();
    found(|| (near.status().borrow().session == 2).then_some(())).await;
    assert!(old.send(Bytes::from_static(b"for the old one")).is_err());
    near.sender(StreamId(1)).unwrap().send(Bytes::from_static(b"for the new one")).unwrap();
    let mut got = Vec::new();
    found(|| {
        take(&receiver, &mut got);
        (!got.is_empty()).then_some(())
    })
    .await;
    assert_eq!(got, [Bytes::from_static(b"for the new one")]);
}

#[tokio::test]
async fn a_partition_that_does_not_keep_up_holds_its_senders_only() {
    let house = House::default();
    let (far, slow) = backend(&house, 1);
    let (sender, fast) = inbox::channel(WINDOW as usize);
    far.receive(StreamId(2), WINDOW, Box::new(sender));
    let near = frontend(&house);
    let to_slow = found(|| near.sender(StreamId(1))).await;
    let to_fast = near.sender(StreamId(2)).unwrap();
    let message = Bytes::from(vec![0; 8192]);
    found(|| (to_slow.room() == Room::Free).then_some(())).await;
    let full = found(|| {
        // The first may wait for the window to be told, so a pause between two.
        (0..100).find(|_| to_slow.send(message.clone()).unwrap() == Room::Full)
    });
    full.await;
    for _ in 0..200 {
        found(|| (to_fast.send(message.clone()).unwrap() == Room::Free).then_some(())).await;
        take(&fast, &mut Vec::new());
    }
    let counters = far.counters();
    assert!(counters.messages_received >= 200);
    let mut got = Vec::new();
    found(|| {
        take(&slow, &mut got);
        (to_slow.room() == Room::Free).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_partition_that_has_stopped_closes_its_stream() {
    let house = House::default();
    let (_far, receiver) = backend(&house, 1);
    let near = frontend(&house);
    let sender = found(|| near.sender(StreamId(1))).await;
    drop(receiver);
    found(|| sender.send(Bytes::from_static(b"anybody?")).err()).await;
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let (link, driver) = Link::accepting(settings("backend", "frontend", 1));
    tokio::spawn(driver.run());
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let house = House::default();
    *house.link.lock().unwrap() = Some(link.clone());
    // A peer that says hello and nothing more.
    let mut silent = near;
    let mut bytes = bytes::BytesMut::new();
    let hello = super::super::hello::Hello {
        oldest: VERSION_OLDEST,
        newest: VERSION_NEWEST,
        peer: peer("frontend", 3),
        link: 0,
        held: 0,
        offered: 1,
        attempt: 1,
        integrity: Integrity::Trusted,
    };
    hello.encode(&mut bytes);
    silent.write_all(&bytes).await.unwrap();
    let arrival = greet(connection(far, None), &peer("backend", 1), DEADLINE).await.unwrap();
    link.attach(arrival).map_err(|_| "not attached").unwrap();
    let mut status = link.status();
    let interrupted = timeout(DEADLINE, status.wait_for(|status| status.phase == Phase::Interrupted)).await;
    let trouble = interrupted.unwrap().unwrap().trouble.clone();
    assert_eq!(trouble.as_deref(), Some("the peer has given no sign of life"));
    let mut rest = Vec::new();
    timeout(DEADLINE, silent.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn noise_ends_a_link_with_a_reason() {
    let (mut near, far) = tokio::io::duplex(PIPE_BYTES);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = greet(connection(far, None), &peer("backend", 1), DEADLINE).await.err().unwrap();
    assert_eq!(error.to_string(), "the peer does not speak as a link: its first bytes are not those of a link");
}

#[tokio::test]
async fn a_peer_of_another_role_or_cluster_hears_why() {
    for (cluster, role, reason) in [
        ("test", "bridge", "it has the role \"bridge\" where \"frontend\" is expected"),
        ("other", "frontend", "it belongs to the cluster \"other\", this end to \"test\""),
    ] {
        let house = House::default();
        let (_far, _receiver) = backend(&house, 1);
        let mut settings = settings(role, "backend", 7);
        settings.us.cluster = cluster.into();
        let (link, driver) = Link::dialing(settings, Box::new(house));
        tokio::spawn(driver.run());
        let trouble = found(|| link.status().borrow().trouble.clone()).await;
        assert_eq!(*trouble, *format!("the peer refuses this end: {reason}"));
        assert!(link.sender(StreamId(1)).is_none());
        link.stop();
    }
}

#[tokio::test]
async fn a_stopped_link_hands_over_what_waits() {
    let house = House::default();
    let (_far, receiver) = backend(&house, 1);
    let near = frontend(&house);
    let sender = found(|| near.sender(StreamId(1))).await;
    found(|| (sender.room() == Room::Free).then_some(())).await;
    (0..100).for_each(|number| _ = sender.send(numbered(number)).unwrap());
    near.stop();
    found(|| (near.status().borrow().phase == Phase::Stopped).then_some(())).await;
    let mut got = Vec::new();
    take(&receiver, &mut got);
    assert_eq!(got.len(), 100);
    assert!(sender.send(numbered(0)).is_err());
}
