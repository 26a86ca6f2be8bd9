//! Workers that do not take what they are sent.

use std::sync::atomic::Ordering;

use partition::{Command, Frames, PartitionId, Reply};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::Worker;

const HOME: PartitionId = PartitionId(0);
const LANE_BYTES: usize = 64 * 1024;

#[tokio::test]
async fn a_worker_that_is_away_costs_so_much_and_no_more() {
    let sites = Sites::start(Wishes { lane_bytes: LANE_BYTES, ..Wishes::default() });
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    subscriber.paths[0].close();
    let body = "x".repeat(10_000);
    let mut tags = Vec::new();
    for _ in 0..20 {
        tags.push(publisher.publish(&a, "t", &body).await);
        publisher.settle(&a, HOME).await;
    }
    publisher.publish_at_most_once(&a, "t", &body).await;
    publisher.settle(&a, HOME).await;
    let lanes = sites.backend(0).lanes();
    let view = found("figures", || lanes().into_iter().find(|view| view.lost.dropped == 1)).await;
    let waiting = view.lanes.iter().find(|lane| lane.lane == subscriber.lane).unwrap().waiting_bytes as usize;
    assert!((LANE_BYTES..LANE_BYTES + 2 * body.len()).contains(&waiting), "{waiting}");
    assert!(view.lost.refused > 0);
    subscriber.paths[0].reopen();
    let mut refused = 0;
    for tag in &tags {
        let (reply, command) = publisher
            .answer(|answer| {
                let is_it = matches!(answer.reply, Reply::Published { tag: of, .. } | Reply::Rejected { tag: of } if of == *tag);
                is_it.then(|| (answer.reply.clone(), answer.bodies.first().cloned()))
            })
            .await;
        if let Reply::Rejected { .. } = reply {
            refused += 1;
            // What comes back can be sent again as it is.
            let command = command.unwrap();
            let frame = Frames::new(&command).next().unwrap().unwrap();
            let Command::Publish(publish) = frame.decode().unwrap() else { panic!("{frame:?}") };
            assert_eq!(publish.reply, Some((a.owner, *tag)));
        } else {
            assert_eq!(subscriber.direct().await, body);
        }
    }
    assert_eq!(refused, view.lost.refused);
    assert!(!subscriber.seen.iter().any(|(_, answer)| matches!(answer.reply, Reply::Direct(_))));
}

#[tokio::test]
async fn publishers_pause_for_a_worker_that_is_slow() {
    let sites = Sites::start(Wishes { lane_bytes: LANE_BYTES, ..Wishes::default() });
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    // It takes what comes and grants no more room for it.
    subscriber.has_room.store(false, Ordering::Release);
    let body = "x".repeat(60_000);
    for _ in 0..200 {
        publisher.publish_at_most_once(&a, "t", &body).await;
    }
    let lanes = sites.backend(0).lanes();
    found("a lost message", || lanes().iter().any(|view| view.lost.dropped > 0).then_some(())).await;
    subscriber.has_room.store(true, Ordering::Release);
    let end = publisher.publish(&a, "t", "end").await;
    let mut reply = publisher.published(end).await;
    while let Reply::Rejected { .. } = reply {
        let again = publisher.publish(&a, "t", "end").await;
        reply = publisher.published(again).await;
    }
    subscriber
        .hear_until(|subscriber| subscriber.seen.iter().any(|(_, answer)| answer.bodies[0].ends_with(b"end")))
        .await;
    let delivered = subscriber.seen.iter().filter(|(_, answer)| answer.bodies[0].ends_with(b"x")).count();
    let all = || lanes()[0].lost.dropped as usize + delivered == 200;
    found("each one to be delivered or counted", || all().then_some(())).await;
}
