//! What goes over a lane, while processes live.

use link::wire::StreamId;
use partition::{Figures, Lane, Message, Numbering, PartitionId, Reply};

use crate::network::found;
use crate::site::{Sites, Wishes};
use crate::worker::{Worker, message, payload, publish};

const HOME: PartitionId = PartitionId(0);

#[tokio::test]
async fn what_is_kept_is_numbered_and_what_passes_is_not() {
    let sites = Sites::start(Wishes::default());
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let (a, b) = (worker.connect("a", 0).await, worker.connect("b", 100).await);
    worker.subscribe(&a, "passing").await;
    worker.subscribe(&b, "kept").await;
    let numbered = worker.lanes[0].received;
    assert!(numbered > 0, "what changes the state is logged");
    let tag = worker.publish(&a, "passing", "hello").await;
    assert_eq!(worker.published(tag).await, Reply::Published { tag, matched: true });
    assert_eq!(worker.direct().await, "hello");
    assert_eq!(worker.lanes[0].received, numbered);
    let tag = worker.publish(&a, "kept", "for long").await;
    worker.published(tag).await;
    let delivered =
        |answer: &partition::Answer| matches!(answer.reply, Reply::Deliver(_)).then(|| payload(&answer.bodies[0]));
    let (numbering, delivered) = worker.numbered_answer(delivered).await;
    assert_eq!(delivered, "for long");
    assert!(matches!(numbering, Numbering::Numbered(_)));
    let last = worker.send(HOME, &[]).await;
    worker.taken(HOME, last).await;
    assert!(worker.lanes[0].kept.is_empty());
}

#[tokio::test]
async fn connections_break_and_nothing_is_missed() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut subscriber = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
    subscriber.subscribe(&b, "t").await;
    for number in 0..300 {
        match number % 60 {
            20 => publisher.paths[0].cut(),
            40 => subscriber.paths[0].cut(),
            _ => {}
        }
        let tag = publisher.publish(&a, "t", &number.to_string()).await;
        if number % 7 == 0 {
            publisher.published(tag).await;
        }
    }
    for number in 0..300 {
        assert_eq!(subscriber.direct().await, number.to_string());
    }
    assert_eq!((publisher.lanes[0].opened, subscriber.lanes[0].opened), (1, 1), "the links went on");
}

#[tokio::test]
async fn what_is_sent_behind_a_second_question_is_not_lost() {
    let sites = Sites::start(Wishes::default());
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let a = worker.connect("a", 0).await;
    worker.subscribe(&a, "t").await;
    for round in 0..20 {
        // As of one who was not answered in time, and asks again: the first answer is under way, and opens the lane.
        worker.ask(HOME).await;
        let tags = [worker.publish(&a, "t", "1").await, worker.publish(&a, "t", "2").await];
        let last = worker.send(HOME, &[]).await;
        worker.taken(HOME, last).await;
        for tag in tags {
            assert_eq!(worker.published(tag).await, Reply::Published { tag, matched: true }, "round {round}");
        }
        let both = (worker.direct().await, worker.direct().await);
        assert_eq!(both, ("1".to_owned(), "2".to_owned()), "round {round}");
    }
}

#[tokio::test]
async fn a_session_of_a_link_that_is_lost_costs_nothing_that_was_promised() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut before = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, before.connect("b", 0).await);
    before.subscribe(&b, "t").await;
    let tag = publisher.publish(&a, "t", "1").await;
    assert_eq!(before.direct().await, "1");
    publisher.published(tag).await;
    // The subscriber's process goes on, with another link.
    before.paths[0].close();
    let tag = publisher.publish(&a, "t", "2").await;
    publisher.settle(&a, HOME).await;
    let mut after = Worker::begin(&sites, Lane { frontend: 2, worker: 0 }, 1);
    after.lanes[0].received = before.lanes[0].received;
    assert!(!publisher.is_published(tag));
    after.open(HOME).await;
    assert_eq!(after.direct().await, "2");
    publisher.published(tag).await;
    assert!(after.seen.is_empty(), "{:?}", after.seen);
}

#[tokio::test]
async fn what_was_logged_and_what_was_not_keep_their_order() {
    let sites = Sites::start(Wishes::default());
    let mut publisher = Worker::start(&sites, 1, 0, 1).await;
    let mut before = Worker::start(&sites, 2, 0, 1).await;
    let (a, b) = (publisher.connect("a", 0).await, before.connect("b", 0).await);
    before.subscribe(&b, "t").await;
    before.paths[0].close();
    let body = |number: usize| format!("{number} {}", "x".repeat(20_000));
    let mut tags = Vec::new();
    for number in 0..100 {
        let tag = publisher.next_tag();
        let body = body(number);
        // A retained message is logged, and its delivery numbered.
        let message = Message { retain: number % 3 == 0, ..message("t", &body) };
        publisher.send(HOME, &[publish(&a, Some(tag), message)]).await;
        tags.push(tag);
        if number == 50 {
            // The session ends with some of it on its way.
            publisher.settle(&a, HOME).await;
            let link = Worker::begin(&sites, before.lane, 1);
            link.sender(HOME).await;
            link.die();
        }
    }
    publisher.settle(&a, HOME).await;
    let mut after = Worker::begin(&sites, before.lane, 1);
    after.lanes[0].received = before.lanes[0].received;
    after.open(HOME).await;
    for number in 0..100 {
        assert_eq!(after.direct().await, body(number));
    }
    for tag in tags {
        publisher.published(tag).await;
    }
    let last = after.send(HOME, &[]).await;
    after.taken(HOME, last).await;
    assert!(after.seen.is_empty());
}

#[tokio::test]
async fn a_partition_that_is_not_here_says_where_it_is() {
    let sites = Sites::start(Wishes { partitions: 3, backends: 2, ..Wishes::default() });
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    assert_eq!(sites.backend(0).hosted(), [PartitionId(0), PartitionId(2)]);
    // Asked at the wrong place.
    worker.links.swap(0, 1);
    for partition in (0..3).map(PartitionId) {
        worker.ask(partition).await;
        let place = usize::from(partition.0);
        worker.hear_until(|worker| worker.lanes[place].elsewhere.is_some()).await;
        assert_eq!(worker.lanes[place].elsewhere, Some(Some(partition.0 % 2)));
    }
    let view = sites.view(0);
    let refused = view.retained_message(&topic_at(&worker, PartitionId(1))).await;
    assert!(matches!(refused, Err(backend::ViewError::Elsewhere(PartitionId(1)))), "{refused:?}");
}

fn topic_at(worker: &Worker, partition: PartitionId) -> String {
    (0..).map(|n| format!("t{n}")).find(|topic| worker.slots.partition_of_topic(topic) == partition).unwrap()
}

#[tokio::test]
async fn what_cannot_be_read_closes_the_lane_and_harms_nobody_else() {
    let sites = Sites::start(Wishes::default());
    let bad = Worker::start(&sites, 1, 0, 1).await;
    let mut good = Worker::start(&sites, 2, 0, 1).await;
    let sender = bad.sender(HOME).await;
    // In the name of another worker.
    let forged = {
        let mut batch = partition::BatchBuilder::for_lane();
        let (lane, incarnation) = (Lane { frontend: 2, worker: 0 }, partition::Incarnation(1));
        batch.take_numbered(partition::Numbered { lane, incarnation, number: 1, received: 0, repeated: false, len: 0 })
    };
    sender.send(forged).unwrap();
    found("a closed stream", || sender.send(vec![1, 1].into()).err()).await;
    let client = good.connect("a", 0).await;
    good.settle(&client, HOME).await;
}

#[tokio::test]
async fn a_batch_in_a_lane_that_is_not_open_is_not_run() {
    let sites = Sites::start(Wishes::default());
    let mut worker = Worker::begin(&sites, Lane { frontend: 1, worker: 0 }, 1);
    let close =
        partition::Close { client_id: "nobody", epoch: partition::Epoch(0), session_expiry: None, publish_will: false };
    let number = worker.send(HOME, &[partition::Command::Close(close)]).await;
    let (_, message) = worker.lanes[0].kept[0].clone();
    worker.sender(HOME).await.send(message).unwrap();
    worker.open(HOME).await;
    worker.taken(HOME, number).await;
}

#[tokio::test]
async fn frontends_hear_figures() {
    struct Heard(tokio::sync::mpsc::UnboundedSender<Figures>);
    impl link::wire::Destination for Heard {
        fn deliver(&mut self, messages: &mut Vec<bytes::Bytes>) -> Result<link::inbox::Room, link::inbox::Closed> {
            messages.drain(..).for_each(|message| _ = self.0.send(Figures::decode(&message).unwrap()));
            Ok(link::inbox::Room::Free)
        }
        fn room(&mut self) -> link::inbox::Room {
            link::inbox::Room::Free
        }
    }
    let sites = Sites::start(Wishes { partitions: 2, ..Wishes::default() });
    let mut worker = Worker::start(&sites, 1, 0, 1).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    worker.links[0].receive(StreamId(1 << 32), 1 << 16, Box::new(Heard(told)));
    worker.connect("a", 0).await;
    let figures = async {
        loop {
            let Figures(figures) = heard.recv().await.unwrap();
            assert_eq!(figures.len(), 2);
            if figures.iter().map(|(_, counters)| counters.connected).sum::<usize>() == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(crate::network::DEADLINE, figures).await.unwrap();
    let lanes = sites.backend(0).lanes();
    found("open lanes", || lanes().iter().all(|view| view.lanes.iter().any(|lane| lane.is_open)).then_some(())).await;
}
