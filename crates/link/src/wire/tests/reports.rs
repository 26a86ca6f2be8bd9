//! Senders that have to know at once what has been taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::house::*;
use crate::inbox;
use crate::wire::*;

/// The product's deadlines, so that no heartbeat does it.
async fn pair(house: &House) -> (Link, Link, Sender, inbox::Receiver) {
    let product =
        |us, them, incarnation| Settings { deadlines: Deadlines::default(), ..settings(us, them, incarnation) };
    let (far, driver) = Link::accepting(product("backend", "frontend", 1));
    let (inbox, receiver) = inbox::channel(WINDOW as usize);
    far.receive(StreamId(1), WINDOW, Box::new(inbox));
    tokio::spawn(driver.run());
    *house.link.lock().unwrap() = Some(far.clone());
    let (near, driver) = Link::dialing(product("frontend", "backend", 7), Box::new(house.clone()));
    tokio::spawn(driver.run());
    let sender = found(|| near.sender(StreamId(1))).await;
    found(|| (near.status().borrow().phase == Phase::Up).then_some(())).await;
    (near, far, sender, receiver)
}

fn counted(sender: &Sender) -> Arc<AtomicU32> {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    sender.on_acknowledged(Arc::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)));
    calls
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_reported_is_reported_at_once() {
    let (_near, _far, sender, receiver) = pair(&House::default()).await;
    let calls = counted(&sender);
    let begun = Instant::now();
    for round in 1..=20 {
        sender.send(numbered(round)).unwrap();
        sender.send_reported(numbered(round)).unwrap();
        let position = sender.position();
        assert!(sender.acknowledged() < position);
        found(|| (sender.acknowledged() == position).then_some(())).await;
        assert!(calls.load(Ordering::Relaxed) >= round);
    }
    assert!(begun.elapsed() < Deadlines::default().heartbeat / 2, "{:?}", begun.elapsed());
    let mut got = Vec::new();
    take(&receiver, &mut got);
    assert_eq!(got.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn other_messages_call_nobody() {
    let (_near, _far, sender, _receiver) = pair(&House::default()).await;
    let calls = counted(&sender);
    sender.send(numbered(1)).unwrap();
    found(|| (sender.acknowledged() == sender.position()).then_some(())).await;
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_outlives_its_connection() {
    let house = House::default();
    let (_near, _far, sender, _receiver) = pair(&house).await;
    let calls = counted(&sender);
    for round in 1..=10 {
        house.stall();
        sender.send_reported(numbered(round)).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        house.cut();
        found(|| (sender.acknowledged() == sender.position()).then_some(())).await;
        assert!(calls.load(Ordering::Relaxed) >= round);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_hears_of_the_end() {
    let house = House::default();
    let (_near, far, sender, receiver) = pair(&house).await;
    let calls = counted(&sender);
    drop(receiver);
    sender.send_reported(numbered(1)).unwrap();
    found(|| (calls.load(Ordering::Relaxed) == 1).then_some(())).await;
    assert_eq!(sender.acknowledged(), 0, "nobody has taken it");
    assert!(sender.send(numbered(2)).is_err());
    let (_again, _receiver) = backend(&house, 2);
    far.stop();
    found(|| (calls.load(Ordering::Relaxed) == 2).then_some(())).await;
}
