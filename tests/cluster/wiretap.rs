//! Whoever listens on the connections between processes.

use std::net::SocketAddr;

use causeway_tests::{Cluster, Connect, FaultProxy, Layout, Publish, Version, Will, free_port};

const TOPIC: &str = "wiretap/topic-that-nobody-may-read";
const PAYLOAD: &str = "payload-that-nobody-may-read";
const SECRETS: [&str; 5] =
    ["wiretap/topic-that", PAYLOAD, "name-that-nobody-may-read", "will-that-nobody-may-read", "filter-that-nobody"];

/// Two backends and a frontend, every internal connection through a proxy that writes everything down.
fn tapped(broker: &str) -> (Cluster, Vec<FaultProxy>) {
    let internal: Vec<SocketAddr> = (0..2).map(|_| SocketAddr::from(([127, 0, 0, 1], free_port()))).collect();
    let proxies: Vec<FaultProxy> = internal.iter().map(|address| FaultProxy::before(*address)).collect();
    proxies.iter().for_each(FaultProxy::record);
    let mut layout = Layout::of(1, 2, 4).broker(broker);
    layout.found_at = proxies.iter().map(|proxy| Some(proxy.address())).collect();
    layout.internal = internal.into_iter().map(Some).collect();
    (Cluster::start(&layout), proxies)
}

/// Something of everything that crosses: topics, filters, payloads, client identifiers, wills, retained messages.
fn traffic(cluster: &Cluster) {
    let will = Will::new("wiretap/will", "will-that-nobody-may-read").qos(1);
    let connect = Connect::persistent(Version::V5, "name-that-nobody-may-read").will(will);
    let mut receiver = cluster.connect(0, &connect);
    receiver.subscribe("wiretap/+", 1);
    receiver.subscribe("filter-that-nobody/may-read/+", 2);
    let mut sender = cluster.client(0, Version::V311);
    for qos in 0..=2 {
        sender.publish(Publish::new(TOPIC, PAYLOAD).qos(qos));
        assert_eq!(receiver.take().text(), PAYLOAD);
    }
    for n in 0..8 {
        sender.publish(Publish::new(&format!("filter-that-nobody/may-read/{n}"), PAYLOAD).qos(1).retained());
        assert_eq!(receiver.take().text(), PAYLOAD);
    }
    receiver.vanish();
}

#[test]
fn nothing_of_what_clients_say_can_be_read_on_an_encrypted_link() {
    let (cluster, proxies) = tapped("");
    traffic(&cluster);
    for proxy in &proxies {
        assert!(proxy.passed() > 1000, "the link was not used");
        for secret in SECRETS {
            assert!(!proxy.has_heard(secret.as_bytes()), "{secret} crossed in the clear");
        }
    }
}

#[test]
fn all_of_it_can_be_read_where_encryption_is_switched_off() {
    let (cluster, proxies) = tapped("advanced:\n  encryptInternalTraffic: Disabled\n");
    traffic(&cluster);
    for secret in SECRETS {
        assert!(proxies.iter().any(|proxy| proxy.has_heard(secret.as_bytes())), "the proxies do not hear {secret}");
    }
    for process in cluster.frontends.iter().chain(&cluster.backends) {
        assert!(process.log().contains("encryptInternalTraffic"), "{} does not warn", process.name());
    }
}
