//! Order of what one client publishes to one topic, some of it logged and some not, when a leader dies.

use partition::{Command, PartitionId, Reply, Tag};

use crate::network::{Path, found};
use crate::site::{Sites, Wishes};
use crate::worker::{Client, Worker, message, publish};

const HOME: PartitionId = PartitionId(0);

/// A publisher, a subscriber that cannot be reached, and a message on its way from one to the other.
struct Scene {
    publisher: Worker,
    subscriber: Worker,
    keeper: Worker,
    a: Client,
    unlogged: Tag,
}

impl Scene {
    async fn begin(sites: &Sites) -> Self {
        let mut publisher = Worker::seek(sites, 1, 0, 1).await;
        let mut subscriber = Worker::seek(sites, 2, 0, 1).await;
        let mut keeper = Worker::seek(sites, 3, 0, 1).await;
        let (a, b) = (publisher.connect("a", 0).await, subscriber.connect("b", 0).await);
        let k = keeper.connect("k", 100).await;
        subscriber.subscribe(&b, "t").await;
        subscriber.paths.iter().for_each(Path::close);
        let unlogged = publisher.publish(&a, "t", "1").await;
        publisher.settle(&a, HOME).await;
        // From here on what is published there is logged.
        keeper.subscribe(&k, "t").await;
        Self { publisher, subscriber, keeper, a, unlogged }
    }

    async fn publish(&mut self, text: &str) -> Tag {
        self.publisher.publish(&self.a, "t", text).await
    }

    /// All of it arrives, in its order.
    async fn end(mut self, logged: Vec<Tag>) {
        self.subscriber.paths.iter().for_each(Path::reopen);
        let Self { publisher, subscriber, unlogged, .. } = &mut self;
        let acknowledged = async {
            for tag in [*unlogged].into_iter().chain(logged.iter().copied()) {
                assert_eq!(publisher.published(tag).await, Reply::Published { tag, matched: true });
            }
        };
        let arrived = async {
            let mut last = String::new();
            for number in 1..=logged.len() + 1 {
                let is_next = |text: &String| *text == number.to_string();
                let mut text = subscriber.direct().await;
                // Where its own lane was opened again meanwhile, what is not logged comes twice.
                while text == last && !is_next(&text) {
                    text = subscriber.direct().await;
                }
                assert!(is_next(&text), "{text} behind {last}");
                last = text;
            }
        };
        tokio::join!(acknowledged, arrived);
    }
}

async fn put_off(sites: &Sites) {
    let count = || {
        (0..sites.wishes.backends).filter(|number| sites.leads(*number, HOME)).any(|number| {
            let lanes = sites.backend(number).lanes()();
            lanes.iter().flat_map(|view| &view.lanes).any(|lane| lane.put_off > 0)
        })
    };
    found("a batch that waits", || count().then_some(())).await;
}

#[tokio::test]
async fn what_is_logged_waits_for_what_is_not_and_a_leader_that_dies_swaps_nothing() {
    let mut sites = Sites::start(Wishes::default());
    let mut scene = Scene::begin(&sites).await;
    let logged = vec![scene.publish("2").await, scene.publish("3").await];
    put_off(&sites).await;
    sites.kill(0);
    sites.run(0);
    scene.end(logged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_leader_of_a_group_swaps_nothing_either() {
    let mut sites = Sites::start(Wishes { backends: 3, replicas: 3, ..Wishes::default() });
    for number in 0..3 {
        found("all belong to the group", || (sites.voters(number, HOME) == 3).then_some(())).await;
    }
    let mut scene = Scene::begin(&sites).await;
    let logged = vec![scene.publish("2").await];
    put_off(&sites).await;
    let old = found("a leader", || sites.leader(HOME)).await;
    sites.kill(old);
    scene.end(logged).await;
}

#[tokio::test]
async fn what_was_put_off_goes_on_when_what_it_waits_for_has_arrived() {
    let sites = Sites::start(Wishes::default());
    let mut scene = Scene::begin(&sites).await;
    let logged = vec![scene.publish("2").await];
    put_off(&sites).await;
    scene.end(logged).await;
}

#[tokio::test]
async fn nobody_waits_for_what_others_publish_or_what_goes_elsewhere() {
    let sites = Sites::start(Wishes::default());
    let mut scene = Scene::begin(&sites).await;
    let Scene { publisher, keeper, a, unlogged, .. } = &mut scene;
    let other = publisher.connect("other", 0).await;
    let tag = publisher.publish(&other, "t", "of another").await;
    // Logged, though for nobody: with a message that is retained.
    let elsewhere = publisher.next_tag();
    let kept = partition::Message { retain: true, ..message("elsewhere", "x") };
    publisher.send(HOME, &[publish(a, Some(elsewhere), kept)]).await;
    for tag in [tag, elsewhere] {
        assert!(matches!(publisher.published(tag).await, Reply::Published { .. }));
    }
    assert!(!publisher.is_published(*unlogged));
    // The same of both, in one batch with what has to wait: it is logged as a whole.
    let (late, with) = (publisher.next_tag(), publisher.next_tag());
    let batch: [Command<'_>; 2] =
        [publish(a, Some(late), message("t", "late")), publish(&other, Some(with), message("t", "with it"))];
    publisher.send(HOME, &batch).await;
    put_off(&sites).await;
    keeper.answer(|answer| matches!(answer.reply, Reply::Deliver(_)).then_some(())).await;
    assert!(!publisher.is_published(late) && !publisher.is_published(with));
}
