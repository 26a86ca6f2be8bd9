//! Connections that end, stall and are replaced; a virtual clock.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::house::*;
use crate::inbox::{self, Room};
use crate::wire::*;

const BACK: StreamId = StreamId(9);

/// Two processes that send to each other, with the times of the product.
struct Pair {
    house: House,
    near: Link,
    far: Link,
    to_far: Sender,
    to_near: Sender,
    at_far: inbox::Receiver,
    at_near: inbox::Receiver,
}

impl Pair {
    async fn new(house: House) -> Self {
        let product =
            |us, them, incarnation| Settings { deadlines: Deadlines::default(), ..settings(us, them, incarnation) };
        let (far, driver) = Link::accepting(product("backend", "frontend", 1));
        let (sender, at_far) = inbox::channel(WINDOW as usize);
        far.receive(StreamId(1), WINDOW, Box::new(sender));
        tokio::spawn(driver.run());
        *house.link.lock().unwrap() = Some(far.clone());
        let (near, driver) = Link::dialing(product("frontend", "backend", 7), Box::new(house.clone()));
        let (sender, at_near) = inbox::channel(WINDOW as usize);
        near.receive(BACK, WINDOW, Box::new(sender));
        tokio::spawn(driver.run());
        let to_far = found(|| near.sender(StreamId(1))).await;
        let to_near = found(|| far.sender(BACK)).await;
        Self { house, near, far, to_far, to_near, at_far, at_near }
    }

    /// Sends to both, and disturbs before each message.
    async fn exchange(&mut self, count: u32, mut disturb: impl FnMut(&Self, u32)) {
        let (mut got_far, mut got_near) = (Vec::new(), Vec::new());
        for number in 0..count {
            disturb(self, number);
            // Some at once, then some time for what disturbs.
            match number % 8 {
                0 => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => tokio::task::yield_now().await,
            }
            found(|| {
                take(&self.at_far, &mut got_far);
                take(&self.at_near, &mut got_near);
                (self.to_far.room() == Room::Free && self.to_near.room() == Room::Free).then_some(())
            })
            .await;
            self.to_far.send(numbered(number)).unwrap();
            self.to_near.send(numbered(number)).unwrap();
        }
        found(|| {
            take(&self.at_far, &mut got_far);
            take(&self.at_near, &mut got_near);
            (got_far.len() >= count as usize && got_near.len() >= count as usize).then_some(())
        })
        .await;
        let sent: Vec<_> = (0..count).map(numbered).collect();
        assert_eq!(got_far, sent);
        assert_eq!(got_near, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_whatever_happens_to_connections() {
    for seed in 0..6_u64 {
        let mut pair = Pair::new(House::default()).await;
        let mut state = seed;
        pair.exchange(2000, |pair, _| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            match state >> 57 {
                0 | 1 => pair.house.cut(),
                2 => pair.near.renew(),
                3 => pair.far.renew(),
                4 => pair.house.stall(),
                _ => {}
            }
        })
        .await;
        assert!(pair.near.counters().connections > 5, "seed {seed}: {:?}", pair.near.counters());
        assert_eq!((pair.near.counters().sessions, pair.far.counters().sessions), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_replaced_one_after_the_other_while_messages_go_on() {
    let house = House { renew_after: Some(Duration::from_millis(20)), ..House::default() };
    let mut pair = Pair::new(house).await;
    pair.exchange(10_000, |pair, number| {
        if number % 16 == 0 {
            pair.near.renew();
        }
    })
    .await;
    let counters = pair.near.counters();
    assert!(counters.connections > 20, "{counters:?}");
    // It was never apart: the next connection was there before the one before was let go.
    assert_eq!((pair.near.status().borrow().phase, counters.sessions), (Phase::Up, 1));
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_in_time_and_costs_nothing() {
    let mut pair = Pair::new(House::default()).await;
    pair.exchange(10, |_, _| {}).await;
    let mut status = pair.near.status();
    let stalled = Instant::now();
    pair.house.stall();
    pair.to_far.send(numbered(0)).unwrap();
    status.wait_for(|status| status.phase == Phase::Interrupted).await.unwrap();
    let deadlines = Deadlines::default();
    let noticed = stalled.elapsed();
    assert!(noticed >= deadlines.silence - deadlines.heartbeat, "{noticed:?}");
    assert!(noticed <= deadlines.silence + deadlines.heartbeat, "{noticed:?}");
    let mut got = Vec::new();
    found(|| {
        take(&pair.at_far, &mut got);
        (!got.is_empty()).then_some(())
    })
    .await;
    assert_eq!(got, [numbered(0)]);
    assert_eq!(pair.near.counters().sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_bridged_by_what_waits() {
    let pair = Pair::new(House::default()).await;
    found(|| (pair.to_far.room() == Room::Free).then_some(())).await;
    let away = pair.house.link.lock().unwrap().take();
    pair.house.cut();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(pair.near.status().borrow().phase, Phase::Interrupted);
    pair.to_far.send(numbered(4)).unwrap();
    pair.house.link.lock().unwrap().clone_from(&away);
    let mut got = Vec::new();
    found(|| {
        take(&pair.at_far, &mut got);
        (!got.is_empty()).then_some(())
    })
    .await;
    assert_eq!(got, [numbered(4)]);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_connection_is_given_up() {
    let pair = Pair::new(House::default()).await;
    found(|| (pair.to_far.room() == Room::Free).then_some(())).await;
    let away = pair.house.link.lock().unwrap().take();
    pair.house.cut();
    pair.to_far.send(numbered(1)).unwrap();
    tokio::time::sleep(Deadlines::default().session + Duration::from_secs(1)).await;
    assert!(pair.to_far.send(numbered(2)).is_err());
    assert!(pair.to_near.send(numbered(2)).is_err());
    assert!(pair.near.sender(StreamId(1)).is_none());
    assert_eq!(pair.near.status().borrow().phase, Phase::Apart);
    assert_eq!(pair.near.counters().messages_given_up, 1);
    pair.house.link.lock().unwrap().clone_from(&away);
    let anew = found(|| pair.near.sender(StreamId(1))).await;
    anew.send(numbered(3)).unwrap();
    let mut got = Vec::new();
    found(|| {
        take(&pair.at_far, &mut got);
        (!got.is_empty()).then_some(())
    })
    .await;
    assert_eq!(got, [numbered(3)], "nothing of the session before");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_link_waits_for_an_unreachable_peer_no_longer_than_it_may() {
    let pair = Pair::new(House::default()).await;
    found(|| (pair.to_far.room() == Room::Free).then_some(())).await;
    pair.house.link.lock().unwrap().take();
    pair.house.cut();
    pair.to_far.send(Bytes::from_static(b"never received")).unwrap();
    let begun = Instant::now();
    pair.near.stop();
    pair.near.status().wait_for(|status| status.phase == Phase::Stopped).await.unwrap();
    let deadlines = Deadlines::default();
    let took = begun.elapsed();
    assert!(took >= deadlines.drain && took <= deadlines.drain + deadlines.heartbeat, "{took:?}");
    assert!(pair.to_far.send(numbered(1)).is_err());
}
