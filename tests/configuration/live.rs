//! Changes while clients publish: nobody who may stay is lost, nothing acknowledged is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use causeway_tests::deadline::{eventually, patience, within};
use causeway_tests::pki::TestAuthority;
use causeway_tests::stream::tcp;
use causeway_tests::{
    AckKind, Broker, Client, Connect, Packet, Props, Publish, Resources, Settings, Version, free_port, http, prop, tls,
};

const PLAIN_CLIENTS: usize = 150;
const TLS_CLIENTS: usize = 50;
const CHANGES: usize = 50;
const THREADS: usize = 10;

/// What the resources say in one of the rounds.
struct Rounds {
    resources: Resources,
    authority: TestAuthority,
    plain: u16,
    secured: u16,
    /// Comes and goes.
    third: u16,
}

impl Rounds {
    fn new() -> Self {
        let rounds = Rounds {
            resources: Resources::new(),
            authority: TestAuthority::new("live test CA"),
            plain: free_port(),
            secured: free_port(),
            third: free_port(),
        };
        rounds.certificate(0);
        rounds.resources.listener(
            "steady",
            &format!(
                "ports:\n- port: {}\n- port: {}\n  tls:\n    mode: Manual\n    manual:\n      secretRef: server\n",
                rounds.plain, rounds.secured
            ),
        );
        rounds.broker(0);
        rounds
    }

    fn certificate(&self, round: usize) {
        let pair = self.authority.server(&format!("round {round}"));
        // Both files change in one step, as a mounted secret does.
        let dir = self.resources.path().join("secrets");
        let version = dir.join(format!("..version-{round}"));
        std::fs::create_dir_all(&version).expect("a directory for the certificate");
        std::fs::write(version.join("tls.crt"), pair.chain).expect("a certificate");
        std::fs::write(version.join("tls.key"), pair.key).expect("a key");
        let link = dir.join("..next");
        std::os::unix::fs::symlink(&version, &link).expect("a link");
        std::fs::rename(&link, dir.join("server")).expect("the link in its place");
    }

    fn broker(&self, round: usize) {
        let level = ["info", "debug", "warn", "error"][round % 4];
        let keep_alive = 100 + round;
        self.resources.broker(&format!(
            "advanced:\n  clients:\n    maxKeepAliveSeconds: {keep_alive}\n    maxReceiveMaximum: {}\ndiagnostics:\n  logs:\n    level: {level}\n",
            50 + round
        ));
    }

    /// One change, and what it is called in a failure.
    fn change(&self, round: usize) -> &'static str {
        match round % 5 {
            0 => {
                self.resources
                    .listener("third", &format!("serviceType: LoadBalancer\nports:\n- port: {}\n", self.third));
                "a listener more"
            }
            1 => {
                self.certificate(round);
                "another certificate"
            }
            2 => {
                self.broker(round);
                "other limits and log level"
            }
            3 => {
                let spec =
                    format!("serviceType: LoadBalancer\nports:\n- port: {}\n  protocol: WebSockets\n", self.third);
                self.resources.listener("third", &spec);
                "another protocol"
            }
            _ => {
                self.resources.remove("third.yaml");
                "a listener less"
            }
        }
    }
}

fn applied(broker: &Broker) -> f64 {
    http::metric(broker.admin(), "causeway_configuration_changes_total", "result=\"applied\"").unwrap_or(0.0)
}

/// Publishers that never connect again: a lost connection fails the test.
struct Crowd {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<(usize, usize)>>>,
}

impl Crowd {
    fn start(clients: Vec<Client>) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut lots: Vec<Vec<(usize, Client)>> = (0..THREADS).map(|_| Vec::new()).collect();
        for (number, client) in clients.into_iter().enumerate() {
            lots[number % THREADS].push((number, client));
        }
        let threads = lots
            .into_iter()
            .map(|lot| {
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                std::thread::spawn(move || publish(lot, &stop, &acknowledged))
            })
            .collect();
        Crowd { stop, acknowledged, threads }
    }

    fn end(self) -> BTreeSet<(usize, usize)> {
        self.stop.store(true, Ordering::Release);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("a crowd that is whole")).collect()
    }
}

/// Every client of the lot publishes one message a round and takes its acknowledgement: what was acknowledged.
fn publish(mut lot: Vec<(usize, Client)>, stop: &AtomicBool, acknowledged: &AtomicUsize) -> Vec<(usize, usize)> {
    let mut done = Vec::new();
    let mut sequence = 0;
    while !stop.load(Ordering::Acquire) {
        let sent: Vec<u16> = lot
            .iter_mut()
            .map(|(number, client)| {
                client.send_publish(Publish::new(&format!("live/{number}"), format!("{number} {sequence}")).qos(1))
            })
            .collect();
        for ((number, client), packet_id) in lot.iter_mut().zip(sent) {
            client.expect_ack(AckKind::PubAck, packet_id);
            done.push((*number, sequence));
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        sequence += 1;
    }
    for (_, client) in lot {
        client.disconnect();
    }
    done
}

/// Takes messages from a persistent session until told to stop.
fn collect(mut subscriber: Client, stop: &AtomicBool) -> (Client, BTreeSet<(usize, usize)>) {
    let mut seen = BTreeSet::new();
    while !stop.load(Ordering::Acquire) {
        match subscriber.poll(std::time::Duration::from_millis(100)) {
            Some(causeway_tests::client::Event::Packet(Packet::Publish(message))) => {
                subscriber.complete(&message);
                let text = message.text();
                let (number, sequence) = text.split_once(' ').expect("two numbers");
                seen.insert((number.parse().expect("a number"), sequence.parse().expect("a number")));
            }
            Some(causeway_tests::client::Event::Packet(_)) | None => {}
            Some(causeway_tests::client::Event::Closed) => panic!("the subscriber's connection is lost"),
        }
    }
    (subscriber, seen)
}

#[test]
fn two_hundred_clients_publish_through_fifty_changes() {
    let rounds = Rounds::new();
    let ca = rounds.resources.path().join("test-ca.pem");
    std::fs::write(&ca, &rounds.authority.certificate).expect("a CA file");
    let settings = Settings::new().mqtt("off").resources(&rounds.resources);
    let broker = Broker::start(settings);
    let plain = |version| Client::over(Box::new(tcp(([127, 0, 0, 1], rounds.plain).into())), version);
    let secured = |version| {
        let config = tls::config(&ca, rustls::ALL_VERSIONS, &[]);
        let stream = tls::connect(([127, 0, 0, 1], rounds.secured).into(), config, "localhost").expect("a handshake");
        Client::over(Box::new(stream), version)
    };
    let versions = [Version::V311, Version::V5];

    let expiry = Props::new().u32(prop::SESSION_EXPIRY, 3600);
    let mut subscriber = plain(Version::V5);
    subscriber.connect(&Connect::fresh(Version::V5).props(expiry));
    subscriber.subscribe("live/#", 1);
    let taken = Arc::new(AtomicBool::new(false));
    let collector = {
        let taken = Arc::clone(&taken);
        std::thread::spawn(move || collect(subscriber, &taken))
    };

    let clients = (0..PLAIN_CLIENTS + TLS_CLIENTS).map(|number| {
        let version = versions[number % 2];
        let mut client = if number < PLAIN_CLIENTS { plain(version) } else { secured(version) };
        assert_eq!(client.connect(&Connect::fresh(version)).code, 0);
        client
    });
    let crowd = Crowd::start(clients.collect());

    for round in 0..CHANGES {
        let before = (applied(&broker), crowd.acknowledged.load(Ordering::Relaxed));
        let what = rounds.change(round);
        broker.signal(libc::SIGHUP);
        eventually(&format!("change {round} ({what}) is applied"), || (applied(&broker) > before.0).then_some(()));
        if round % 5 == 0 {
            // Who comes by the new port is served, and sent away with it.
            let mut guest = Client::over(Box::new(tcp(([127, 0, 0, 1], rounds.third).into())), Version::V5);
            assert_eq!(guest.connect(&Connect::fresh(Version::V5)).code, 0);
        }
        within(patience(), "messages are acknowledged after the change", || {
            (crowd.acknowledged.load(Ordering::Relaxed) >= before.1 + PLAIN_CLIENTS + TLS_CLIENTS).then_some(())
        });
    }
    let acknowledged = crowd.end();
    assert!(acknowledged.len() > (PLAIN_CLIENTS + TLS_CLIENTS) * CHANGES / 2, "{} acknowledged", acknowledged.len());

    // What is queued may still be on its way: a mark sent last by its own topic comes in no order, so count.
    let all = acknowledged.len();
    within(patience() * 3, "everything is queued for nobody", || {
        (http::metric(broker.admin(), "causeway_queued_messages", "") == Some(0.0)).then_some(())
    });
    taken.store(true, Ordering::Release);
    let (subscriber, seen) = collector.join().expect("the collector");
    let lost: Vec<_> = acknowledged.difference(&seen).take(10).collect();
    assert!(lost.is_empty(), "of {all} acknowledged, these never arrived: {lost:?}");
    subscriber.disconnect();
}
