//! A frontend whose partitions are elsewhere: workers, lanes and links are the real ones, over memory, and so are the
//! partitions' state machines.

mod dial;
mod end;
mod members;
mod refusal;
mod take_over;

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use auth::authentication::{Counters, Gate, GateSettings, GateThread};
use client::{Client, Connection, End, Messages, Options, Session};
use frontend::{FarPartitions, Frontend, Limits, Partitions, Settings, SysSettings};
use mqtt::client::{Message, Settings as ClientSettings, SubscribeRequest};
use mqtt::{Connect, ProtocolVersion, QoS, ReasonCode, SubscribeOptions};
use partition::Incarnation;
use tokio::time::{sleep, timeout};

use end::{Backends, FRONTEND, PARTITIONS, WORKERS};

const DEADLINE: Duration = Duration::from_secs(20);

struct Site {
    backends: Backends,
    frontend: Frontend,
    _gate: GateThread,
}

impl Site {
    fn start() -> Self {
        Self::start_with(48 << 20)
    }

    fn start_with(back_pressure_bytes: u64) -> Self {
        let backends = Backends::start();
        let (gate, gate_thread) =
            Gate::start(&GateSettings::default(), &Arc::new(Counters::default())).expect("a gate");
        let frontend = Frontend::start(Settings {
            listeners: Vec::new(),
            limits: Limits {
                session_expiry: u32::MAX,
                message_expiry: None,
                packet_size: 1 << 20,
                client_receive_maximum: NonZeroU16::MAX,
                receive_maximum: NonZeroU16::MIN.saturating_add(99),
                keep_alive: None,
                topic_alias_maximum: 10,
                queue_length: 0,
            },
            back_pressure_bytes,
            sys: SysSettings { interval: Some(Duration::from_millis(200)), version: "test".into() },
            spans: None,
            gate,
            denials: None,
            partitions: Partitions::Far(FarPartitions {
                frontend: FRONTEND,
                incarnation: Incarnation(1000),
                replicas: vec![vec![0, 1]; PARTITIONS.into()],
                links: (0..WORKERS).map(|worker| backends.links(worker)).collect(),
            }),
        });
        Self { backends, frontend: frontend.expect("a frontend"), _gate: gate_thread }
    }

    async fn connect(&self, client_id: &str, worker: u16) -> Connection {
        self.connect_with(client_id, worker, |_| ()).await
    }

    async fn connect_with(&self, client_id: &str, worker: u16, set: impl FnOnce(&mut Connect)) -> Connection {
        let mut connect = Connect::new(ProtocolVersion::V5, client_id);
        set(&mut connect);
        let options = Options { message_buffer: 10_000, ..Options::new(connect) };
        let stream = self.frontend.client_door().connect(worker);
        let connecting = Client::over(stream, &options, Session::new(ClientSettings::default()));
        timeout(DEADLINE, connecting).await.expect("in time").expect("accepted")
    }

    /// Ends the frontend in its own time.
    async fn stop(self) -> Backends {
        let Self { backends, frontend, _gate } = self;
        let stopping = tokio::task::spawn_blocking(|| frontend.stop());
        timeout(DEADLINE, stopping).await.expect("in time").expect("no panic");
        backends
    }
}

/// Waits for what `look` says.
async fn until(look: impl Fn() -> bool) {
    let waiting = async {
        while !look() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("in time");
}

async fn subscribe(client: &Client, filter: &str, qos: QoS) {
    let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
    let request = SubscribeRequest { filters: vec![(filter.to_owned(), options)], ..SubscribeRequest::default() };
    timeout(DEADLINE, client.subscribe(request)).await.expect("in time").expect("granted");
}

fn message(topic: &str, payload: impl ToString, qos: QoS) -> Message {
    Message { qos, ..Message::new(topic, payload.to_string()) }
}

async fn publish(client: &Client, message: Message) -> ReasonCode {
    timeout(DEADLINE, client.publish(message)).await.expect("in time").expect("taken")
}

/// The payloads of the next messages, acknowledged.
async fn take(client: &Client, messages: &mut Messages, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let received = timeout(DEADLINE, messages.next()).await;
        let received = received.unwrap_or_else(|_| panic!("only {} of {count}: {taken:?}", taken.len()));
        let received = received.expect("the connection stands");
        client.acknowledge(&received).await;
        taken.push(String::from_utf8(received.payload.to_vec()).expect("text"));
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_qos_reach_clients_of_all_workers_in_their_order() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    let mut near = site.connect("near", 0).await;
    let mut far = site.connect_with("far", 1, |connect| connect.session_expiry = Some(60)).await;
    for subscriber in [&near, &far] {
        subscribe(&subscriber.client, "news/#", QoS::ExactlyOnce).await;
    }
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut pending = Vec::new();
        for n in 0..150 {
            pending.push(publisher.client.submit(message(&format!("news/{}", qos as u8), n, qos)).await.unwrap());
        }
        for pending in pending {
            assert_eq!(timeout(DEADLINE, pending).await.unwrap().unwrap(), ReasonCode::Success);
        }
        let expected: Vec<_> = (0..150).map(|n| n.to_string()).collect();
        assert_eq!(take(&near.client, &mut near.messages, 150).await, expected);
        assert_eq!(take(&far.client, &mut far.messages, 150).await, expected);
    }
    let nobody = publish(&publisher.client, message("elsewhere", "", QoS::AtLeastOnce)).await;
    assert_eq!(nobody, ReasonCode::NoMatchingSubscribers);
    let kept = Message { retain: true, ..message("news/kept", "kept", QoS::AtLeastOnce) };
    publish(&publisher.client, kept).await;
    let mut late = site.connect("late", 1).await;
    subscribe(&late.client, "news/+", QoS::AtLeastOnce).await;
    assert_eq!(take(&late.client, &mut late.messages, 1).await, ["kept"]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_stay_connected_while_leaders_change_and_links_break_and_nothing_is_lost_or_doubled() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    let mut subscriber = site.connect_with("subscriber", 1, |connect| connect.session_expiry = Some(60)).await;
    subscribe(&subscriber.client, "t/#", QoS::ExactlyOnce).await;
    let mut pending = VecDeque::new();
    for n in 0..300 {
        match n % 100 {
            20 => site.backends.elect(Some(1)),
            40 => site.backends.restart(1),
            60 => {
                site.backends.elect(None);
                sleep(Duration::from_millis(60)).await;
                site.backends.elect(Some(0));
            }
            80 => site.backends.restart(0),
            _ => {}
        }
        let qos = if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        let topic = format!("t/{}", qos as u8);
        pending.push_back(publisher.client.submit(message(&topic, n, qos)).await.unwrap());
        if pending.len() > 10 {
            let oldest = pending.pop_front().unwrap();
            timeout(DEADLINE, oldest).await.expect("in time").expect("acknowledged");
        }
    }
    for pending in pending {
        timeout(DEADLINE, pending).await.expect("in time").expect("acknowledged");
    }
    let taken = take(&subscriber.client, &mut subscriber.messages, 300).await;
    for parity in [0, 1] {
        let numbers = taken.iter().map(|number| number.parse::<usize>().unwrap());
        let of_topic: Vec<usize> = numbers.filter(|number| *number % 2 == parity).collect();
        assert_eq!(of_topic, (0..300).filter(|number: &usize| *number % 2 == parity).collect::<Vec<_>>());
    }
    sleep(Duration::from_millis(50)).await;
    assert!(subscriber.messages.try_next().is_none(), "each came once");
    let reach = site.frontend.reach().unwrap();
    until(|| reach().partitions.iter().all(|partition| partition.leader == Some(0))).await;
    let reach = reach();
    assert_eq!(reach.incarnations, 1);
    assert!(reach.partitions.iter().all(|partition| partition.openings > u64::from(WORKERS)));
    assert!(site.backends.lock().repeated > 0, "something was under way");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_replaced_and_is_still_reached_is_left_by_all_workers() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    // Nothing else happens at its worker.
    let mut subscriber = site.connect("subscriber", 1).await;
    subscribe(&subscriber.client, "t/#", QoS::AtLeastOnce).await;
    site.backends.usurp(1);
    for n in 0..10 {
        let of_both_partitions = message(&format!("t/{n}"), n, QoS::AtLeastOnce);
        assert_eq!(publish(&publisher.client, of_both_partitions).await, ReasonCode::Success);
    }
    let mut taken = take(&subscriber.client, &mut subscriber.messages, 10).await;
    taken.sort();
    assert_eq!(taken, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    // The old one's link begins anew: it says that it leads, in its earlier term.
    site.backends.restart(0);
    let reach = site.frontend.reach().unwrap();
    until(|| reach().partitions.iter().all(|partition| partition.leader == Some(1))).await;
    assert_eq!(reach().incarnations, 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_connects_while_there_is_no_leader_waits_for_one() {
    let site = Site::start();
    site.backends.elect(None);
    let reach = site.frontend.reach().unwrap();
    until(|| reach().partitions.iter().all(|partition| partition.open_lanes == 0)).await;
    let mut connecting = Box::pin(site.connect("patient", 0));
    assert!(timeout(Duration::from_millis(100), &mut connecting).await.is_err(), "nobody could open its session");
    site.backends.elect(Some(1));
    let patient = connecting.as_mut().await;
    drop(connecting);
    assert_eq!(publish(&patient.client, message("t", "", QoS::AtLeastOnce)).await, ReasonCode::NoMatchingSubscribers);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frontend_that_was_given_up_sends_its_clients_away_and_begins_anew() {
    let site = Site::start();
    let mut first = site.connect_with("first", 0, |connect| connect.session_expiry = Some(60)).await;
    let mut second = site.connect("second", 1).await;
    subscribe(&first.client, "t", QoS::AtLeastOnce).await;
    site.backends.declare_gone();
    // It hears of it when it says something.
    let _ = first.client.submit(message("t", "lost", QoS::AtLeastOnce)).await;
    for connection in [&mut first, &mut second] {
        let over = timeout(DEADLINE, connection.ending.wait()).await.expect("in time");
        let told = |end: &End| matches!(end, End::Protocol(mqtt::client::End::ByServer(bye)) if bye.reason == ReasonCode::ServerShuttingDown);
        assert!(told(&over.end), "{:?}", over.end);
    }
    let reach = site.frontend.reach().unwrap();
    until(|| reach().partitions.iter().all(|partition| partition.leader.is_some())).await;
    assert_eq!(reach().incarnations, 2);
    let mut first = site
        .connect_with("first", 1, |connect| {
            connect.clean_start = false;
            connect.session_expiry = Some(60);
        })
        .await;
    assert!(first.accepted.session_present);
    publish(&first.client, message("t", "found", QoS::AtLeastOnce)).await;
    assert_eq!(take(&first.client, &mut first.messages, 1).await, ["found"]);
    assert_eq!(site.backends.lock().connected(), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frontend_that_stops_closes_all_sessions_and_says_goodbye_on_every_lane() {
    let site = Site::start();
    let clients: Vec<_> = [("a", 0), ("b", 1), ("c", 1)].into();
    let mut connections = Vec::new();
    for (client_id, worker) in clients {
        let connection = site.connect_with(client_id, worker, |connect| connect.session_expiry = Some(60)).await;
        subscribe(&connection.client, "t/+", QoS::AtLeastOnce).await;
        connections.push(connection);
    }
    assert_eq!(site.backends.lock().connected(), 3);
    let backends = site.stop().await;
    let cluster = backends.lock();
    assert_eq!((cluster.connected(), cluster.leaves), (0, usize::from(WORKERS * PARTITIONS)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frontend_gives_its_own_values_to_its_own_clients() {
    let site = Site::start();
    let mut watcher = site.connect_with("watcher", 1, |connect| connect.session_expiry = Some(60)).await;
    subscribe(&watcher.client, "$SYS/broker/version", QoS::AtMostOnce).await;
    assert_eq!(take(&watcher.client, &mut watcher.messages, 1).await, ["test"]);
    subscribe(&watcher.client, "$SYS/broker/publish/messages/received", QoS::AtMostOnce).await;
    assert_eq!(take(&watcher.client, &mut watcher.messages, 1).await, ["0"]);
    publish(&watcher.client, message("t", "", QoS::AtLeastOnce)).await;
    assert_eq!(take(&watcher.client, &mut watcher.messages, 1).await, ["1"]);
    drop(watcher);
    until(|| site.backends.lock().connected() == 0).await;
    let mut again = site
        .connect_with("watcher", 0, |connect| {
            connect.clean_start = false;
            connect.session_expiry = Some(60);
        })
        .await;
    assert!(again.accepted.session_present);
    // Until its subscriptions have been asked for, values may change without it.
    let publisher = site.connect("publisher", 0).await;
    let counted = async {
        loop {
            publish(&publisher.client, message("t", "", QoS::AtLeastOnce)).await;
            if let Ok(received) = timeout(Duration::from_millis(400), again.messages.next()).await {
                return received.expect("the connection stands");
            }
        }
    };
    let received = timeout(DEADLINE, counted).await.expect("in time");
    assert_eq!(&*received.topic, "$SYS/broker/publish/messages/received");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_what_waits_for_him_goes_when_memory_is_short_and_the_others_stay() {
    let site = Site::start_with(1 << 20);
    let publisher = site.connect("publisher", 0).await;
    let mut taker = site.connect("taker", 1).await;
    subscribe(&taker.client, "t", QoS::AtLeastOnce).await;
    let options = Options { message_buffer: 1, ..Options::new(Connect::new(ProtocolVersion::V5, "sleeper")) };
    let stream = site.frontend.client_door().connect(1);
    let sleeper = Client::over(stream, &options, Session::new(ClientSettings::default())).await.expect("accepted");
    subscribe(&sleeper.client, "t", QoS::AtLeastOnce).await;
    let payload = "x".repeat(50_000);
    for _ in 0..60 {
        assert_eq!(publish(&publisher.client, message("t", &payload, QoS::AtLeastOnce)).await, ReasonCode::Success);
        take(&taker.client, &mut taker.messages, 1).await;
    }
    until(|| site.backends.lock().connected() == 2).await;
    drop(sleeper);
    let totals = site.frontend.totals();
    until(|| totals().buffered_bytes < 1 << 20).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_whose_refusal_was_lost_is_published_again() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    let mut subscriber = site.connect_with("subscriber", 1, |connect| connect.session_expiry = Some(60)).await;
    subscribe(&subscriber.client, "t", QoS::ExactlyOnce).await;
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        site.backends.lock().refuses_and_dies = true;
        assert_eq!(publish(&publisher.client, message("t", qos as u8, qos)).await, ReasonCode::Success);
        assert!(!site.backends.lock().refuses_and_dies, "it was refused");
    }
    assert_eq!(take(&subscriber.client, &mut subscriber.messages, 2).await, ["1", "2"]);
    site.stop().await;
}
