//! The bound of what queues may hold on disk.

use std::time::{Duration, Instant};

use partition::{Acknowledge, Command, Delivery, PartitionId, Reply, Step};

use crate::rig::{Client, Rig, epoch, message, retained};

const WAIT: Duration = Duration::from_secs(20);

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn delivered(rig: &mut Rig) -> (PartitionId, Delivery) {
    rig.answer(|answer| match &answer.reply {
        Reply::Deliver(delivery) => Some((answer.from, delivery.clone())),
        _ => None,
    })
    .await
}

fn acknowledge(rig: &Rig, client: &Client, (from, delivery): (PartitionId, Delivery)) {
    let Delivery { session, entry, .. } = delivery;
    rig.send(from, &[Command::Acknowledge(Acknowledge { session, epoch: epoch(client), entry, step: Step::Done })]);
}

fn is_rejected(reply: &Reply) -> bool {
    matches!(reply, Reply::Rejected { .. })
}

#[tokio::test]
async fn what_would_be_queued_is_refused_until_there_is_room() {
    let mut rig = Rig::start(2);
    for id in ["one", "two", "three"] {
        let client = rig.connect(id, 3600).await;
        rig.subscribe(&client, &["t/#"]).await;
    }
    let passing = rig.connect("passing", 0).await;
    rig.subscribe(&passing, &["direct/#"]).await;
    let used = rig.backend().queue_disk_usage();
    let is_full = rig.backend().is_queue_disk_full();
    let payload = "x".repeat(1000);
    let size = message("t/1", &payload).encoded_len() as u64;
    assert!(matches!(rig.publish(message("t/1", &payload)).await, Reply::Published { matched: true, .. }));
    until("one message in three queues counts once", || used() == size).await;

    rig.backend().set_queue_disk_bytes(Some(2 * size));
    assert!(!is_rejected(&rig.publish(message("t/2", &payload)).await));
    assert!(is_rejected(&rig.publish(message("t/3", "y")).await));
    until("it is shown", &is_full).await;
    assert!(is_rejected(&rig.publish(retained("t/3", "y")).await), "a retained one that is queued");
    assert!(!is_rejected(&rig.publish(retained("kept", &payload)).await), "what no queue takes");
    assert!(!is_rejected(&rig.publish(message("direct/1", &payload)).await));
    assert_eq!(used(), 2 * size);

    rig.backend().set_queue_disk_bytes(Some(3 * size));
    until("there is room", || !is_full()).await;
    assert!(!is_rejected(&rig.publish(message("t/3", "y")).await));
    let counters = rig.backend().counters();
    until("they are counted", || counters().rejected_queue_disk == 2).await;
    assert_eq!(counters().rejected_disk_full, 0);

    let rig = rig.restart();
    let used = rig.backend().queue_disk_usage();
    assert_eq!(used(), 2 * size + message("t/3", "y").encoded_len() as u64);
}

#[tokio::test]
async fn what_is_acknowledged_makes_room() {
    let mut rig = Rig::start(1);
    let sub = rig.connect("sub", 3600).await;
    rig.subscribe(&sub, &["t"]).await;
    rig.backend().set_queue_disk_bytes(Some(100));
    let payload = "x".repeat(60);
    assert!(!is_rejected(&rig.publish(message("t", &payload)).await));
    assert!(is_rejected(&rig.publish(message("t", &payload)).await));
    let (used, is_full) = (rig.backend().queue_disk_usage(), rig.backend().is_queue_disk_full());
    until("it is shown", &is_full).await;
    // The delivery came before the answer to the publisher; it comes again with the connection.
    let again = rig.connect("sub", 3600).await;
    let delivery = delivered(&mut rig).await;
    acknowledge(&rig, &again, delivery);
    until("the queue is empty", || used() == 0).await;
    until("what is queued is taken", || !is_full()).await;
    assert!(!is_rejected(&rig.publish(message("t", &payload)).await));
}
