//! Changes while clients publish: nobody who may stay is lost, nothing acknowledged is lost.

use causeway_tests::crowd::{Collector, Crowd};
use causeway_tests::deadline::{eventually, patience, within};
use causeway_tests::pki::TestAuthority;
use causeway_tests::stream::tcp;
use causeway_tests::{Broker, Client, Connect, Props, Resources, Settings, Version, free_port, http, prop, tls};

const PLAIN_CLIENTS: usize = 150;
const TLS_CLIENTS: usize = 50;
const CHANGES: usize = 50;

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
    let collector = Collector::start(subscriber);

    let clients = (0..PLAIN_CLIENTS + TLS_CLIENTS).map(|number| {
        let version = versions[number % 2];
        let mut client = if number < PLAIN_CLIENTS { plain(version) } else { secured(version) };
        assert_eq!(client.connect(&Connect::fresh(version)).code, 0);
        client
    });
    let crowd = Crowd::start(clients.collect());

    for round in 0..CHANGES {
        let before = (applied(&broker), crowd.acknowledged());
        let what = rounds.change(round);
        broker.signal(libc::SIGHUP);
        eventually(&format!("change {round} ({what}) is applied"), || (applied(&broker) > before.0).then_some(()));
        if round % 5 == 0 {
            // Who comes by the new port is served, and sent away with it.
            let mut guest = Client::over(Box::new(tcp(([127, 0, 0, 1], rounds.third).into())), Version::V5);
            assert_eq!(guest.connect(&Connect::fresh(Version::V5)).code, 0);
        }
        within(patience(), "messages are acknowledged after the change", || {
            (crowd.acknowledged() >= before.1 + PLAIN_CLIENTS + TLS_CLIENTS).then_some(())
        });
    }
    let acknowledged = crowd.end();
    assert!(acknowledged.len() > (PLAIN_CLIENTS + TLS_CLIENTS) * CHANGES / 2, "{} acknowledged", acknowledged.len());

    // What is queued may still be on its way: a mark sent last by its own topic comes in no order, so count.
    let all = acknowledged.len();
    within(patience() * 3, "everything is queued for nobody", || (http::queued(broker.admin())? == 0).then_some(()));
    let (subscriber, seen) = collector.end();
    let lost: Vec<_> = acknowledged.difference(&seen).take(10).collect();
    assert!(lost.is_empty(), "of {all} acknowledged, these never arrived: {lost:?}");
    subscriber.disconnect();
}
