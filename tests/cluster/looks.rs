//! What the admin endpoints of a frontend and of a backend show, and what a change of the resources does to both.

use std::fs;
use std::net::SocketAddr;

use causeway_tests::deadline::{patience, within};
use causeway_tests::node_process::NodeProcess;
use causeway_tests::resources::resource;
use causeway_tests::stream::tcp;
use causeway_tests::{
    Client, Cluster, Connect, Layout, Publish, Resources, Version, errand, eventually, free_port, http, internal_port,
};
use serde_json::Value;

fn json(process: &NodeProcess, path: &str) -> (u16, Value) {
    let (code, body) = http::get(process.admin(), path).expect("an answer");
    (code, serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: no JSON ({e}): {body}")))
}

/// What of all the items of a list is at this name.
fn items(process: &NodeProcess, path: &str, name: &str) -> Vec<String> {
    let (code, list) = json(process, path);
    assert_eq!(code, 200, "{path}: {list}");
    let items = list["items"].as_array().unwrap_or_else(|| panic!("{path}: {list}")).clone();
    items.iter().map(|item| item[name].as_str().unwrap_or_default().to_string()).collect()
}

fn metric(process: &NodeProcess, name: &str, labels: &str) -> f64 {
    http::metric(process.admin(), name, labels).unwrap_or_else(|| panic!("{} has no {name} {labels}", process.name()))
}

#[test]
fn each_process_shows_what_partitions_hold_and_says_where_clients_are() {
    let cluster = Cluster::start(&Layout::of(2, 2, 3));
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut client = cluster.connect(n % 2, &Connect::persistent(Version::V5, &format!("holder-{n}")));
        client.subscribe(&format!("filter/{n}"), 1);
        client.publish(Publish::new(&format!("kept/{n}"), "x").qos(1).retained());
        clients.push(client);
    }
    let all = |n: usize| format!("holder-{n}");
    assert_eq!(items(&cluster.frontends[0], "/api/v1/clients", "clientId"), [0, 2, 4, 6].map(all));
    assert_eq!(items(&cluster.frontends[1], "/api/v1/clients", "clientId"), [1, 3, 5, 7].map(all));
    let lists = [
        ("/api/v1/sessions", "clientId", "holder-"),
        ("/api/v1/subscriptions", "filter", "filter/"),
        ("/api/v1/retained", "topic", "kept/"),
    ];
    for (path, name, prefix) in lists {
        let wanted: Vec<String> = (0..8).map(|n| format!("{prefix}{n}")).collect();
        // What partitions hold is told by every process, a page at a time where that is asked for.
        for process in cluster.frontends.iter().chain(&cluster.backends) {
            let mut found = items(process, path, name);
            found.retain(|name| name.starts_with(prefix));
            assert_eq!(found, wanted, "{path} at {}", process.name());
        }
        let scope = format!("{path}?scope=process");
        assert_eq!(items(&cluster.frontends[0], &scope, name), Vec::<String>::new(), "a frontend leads nothing");
        if name == "filter" {
            // Of these a process that asks nobody tells only what both the session and the filter are here for.
            continue;
        }
        let parts: Vec<_> = cluster.backends.iter().map(|backend| items(backend, &scope, name)).collect();
        let mut found: Vec<String> = parts.concat();
        found.retain(|name| name.starts_with(prefix));
        found.sort();
        assert!(found == wanted && parts.iter().all(|part| part.len() < 8), "{path}: {parts:?}");
    }
    for process in cluster.frontends.iter().chain(&cluster.backends) {
        for n in 0..8 {
            let path = format!("/api/v1/subscriptions?filter=filter%2F{n}");
            assert_eq!(items(process, &path, "clientId"), [all(n)], "{path} at {}", process.name());
            let (code, session) = json(process, &format!("/api/v1/sessions/holder-{n}"));
            assert_eq!((code, &session["frontend"], &session["subscriptions"]), (200, &(n % 2).into(), &1.into()));
        }
    }
    let (code, problem) = json(&cluster.backends[0], "/api/v1/clients");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(code == 404 && detail.contains("ask the admin endpoint of a frontend"), "{problem}");

    // What is changed over any process takes effect where clients are.
    for (n, process) in [(0, &cluster.backends[0]), (1, &cluster.backends[1]), (2, &cluster.frontends[0])] {
        let path = format!("/api/v1/retained/kept/{n}");
        let (code, message) = json(process, &path);
        assert_eq!((code, &message["payloadText"]), (200, &"x".into()), "{message}");
        let removed = http::request(process.admin(), "DELETE", &path, &[]);
        assert_eq!(removed.expect("an answer").status, 204, "{path} at {}", process.name());
    }
    let mut reader = cluster.client(1, Version::V5);
    reader.subscribe("kept/+", 0);
    let mut left: Vec<String> = (0..5).map(|_| reader.take().topic).collect();
    left.sort();
    assert_eq!(left, [3, 4, 5, 6, 7].map(|n| format!("kept/{n}")));
    // A client is disconnected where it is connected.
    let kicked = http::request(cluster.frontends[0].admin(), "DELETE", "/api/v1/clients/holder-0", &[]);
    let kicked = kicked.expect("an answer");
    assert_eq!(kicked.status, 204, "{}", kicked.body);
    clients[0].expect_disconnect(0x98);
    assert!(!items(&cluster.frontends[0], "/api/v1/clients", "clientId").contains(&all(0)));
}

#[test]
fn a_process_that_is_alone_with_its_internal_certificate_says_who_has_none() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let (code, told) = json(&cluster.frontends[0], "/api/v1/internal-certificates");
    assert_eq!((code, &told["encryption"], &told["cluster"]), (200, &"Enabled".into(), &"tests".into()));
    let certificate = &told["certificate"];
    assert_eq!((&certificate["role"], &certificate["name"]), (&"frontend".into(), &"frontend-0".into()));
    assert!(certificate["secondsLeft"].as_i64() > Some(0) && told["authority"].is_null(), "{told}");
    let (_, told) = json(&cluster.backends[0], "/api/v1/internal-certificates");
    assert_eq!(told["authority"]["phase"], "Alone", "{told}");
    let broker = causeway_tests::Broker::start(causeway_tests::Settings::new());
    if !causeway_tests::shape::is_cluster() {
        let (code, body) = http::get(broker.admin(), "/api/v1/internal-certificates").expect("an answer");
        assert!(code == 404 && body.contains("has no internal certificate"), "{code} {body}");
    }
}

fn ready(process: &NodeProcess) -> (u16, String) {
    http::get(process.admin(), "/health/ready").expect("an answer")
}

fn health(process: &NodeProcess) -> Value {
    json(process, "/health").1
}

fn has(health: &Value, reason: &str) -> bool {
    let conditions = health["conditions"].as_array().expect("conditions");
    conditions.iter().any(|condition| condition["reasonCode"] == *reason)
}

#[test]
fn a_frontend_is_not_ready_while_a_partition_has_no_leader() {
    let mut cluster = Cluster::start(&Layout::of(1, 2, 2));
    assert_eq!(health(&cluster.frontends[0])["conditions"], serde_json::json!([]));
    assert_eq!(health(&cluster.backends[1])["conditions"], serde_json::json!([]));
    cluster.backends[1].kill();
    let text = eventually("it is not ready", || {
        let (code, text) = ready(&cluster.frontends[0]);
        (code == 503).then_some(text)
    });
    let told = eventually("it says who is not reached", || {
        let told = health(&cluster.frontends[0]);
        has(&told, "PeerUnreached").then_some(told)
    });
    assert!(told.to_string().contains("backend-1: "), "{told}");
    // A list that would not be whole is none; one of what is there can be had.
    let (code, problem) = json(&cluster.backends[0], "/api/v1/sessions");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(code == 503 && detail.contains("partition 1 does not answer: backend-1"), "{problem}");
    assert_eq!(json(&cluster.backends[0], "/api/v1/sessions?scope=process").0, 200);
    assert!(format!("{text}{told}").contains("partition 1"), "{text} {told}");
    assert_eq!(metric(&cluster.frontends[0], "causeway_link_up", "backend-1"), 0.0);
    assert_eq!(ready(&cluster.backends[0]).0, 200, "a backend is ready for what it has");
    cluster.backends[1].start();
    eventually("it is ready again", || (ready(&cluster.frontends[0]).0 == 200).then_some(()));
    eventually("nothing is wrong any more", || {
        let told = [&cluster.frontends[0], &cluster.backends[0]].map(health);
        told.iter().all(|told| told["conditions"] == serde_json::json!([])).then_some(())
    });
}

#[test]
fn a_frontend_that_reaches_nobody_waits_and_says_for_whom() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1).broker("advanced:\n  encryptInternalTraffic: Disabled\n"));
    let mut alone = cluster.another_frontend("frontend-1");
    alone.set("--backends", Some(&format!("backend-0=127.0.0.1:{}", free_port())));
    alone.launch();
    alone.says(&["a peer is not reached", "backend-0"]);
    let admin = eventually("its admin endpoint", || {
        let text = fs::read_to_string(alone.data_dir().join("listeners.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?["admin"].as_str()?.parse::<SocketAddr>().ok()
    });
    assert_eq!(http::get(admin, "/health/ready").expect("an answer").0, 503);
    assert_eq!(http::get(admin, "/health/live").expect("an answer").0, 200);
}

#[test]
fn what_is_not_encrypted_is_a_notice() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1).broker("advanced:\n  encryptInternalTraffic: Disabled\n"));
    for process in [&cluster.frontends[0], &cluster.backends[0]] {
        let told = health(process);
        assert!(has(&told, "InternalTrafficNotEncrypted"), "{told}");
        assert_eq!(told["status"], "Available", "{told}");
        let (_, metrics) = http::get(process.admin(), "/metrics").expect("an answer");
        assert!(!metrics.contains("causeway_internal_certificate_expiry_seconds{"), "{}", process.name());
    }
}

#[test]
fn metrics_tell_of_links_lanes_and_certificates() {
    let cluster = Cluster::start(&Layout::of(2, 2, 3));
    let mut receiver: Client = cluster.client(0, Version::V5);
    receiver.subscribe("a", 1);
    cluster.client(1, Version::V5).publish(Publish::new("a", "x").qos(1));
    receiver.take();
    for frontend in &cluster.frontends {
        for backend in ["backend-0", "backend-1"] {
            let labels = format!("role=\"backend\",peer=\"{backend}\"");
            assert_eq!(metric(frontend, "causeway_links", &labels), 1.0);
            assert_eq!(metric(frontend, "causeway_link_up", &labels), 1.0);
            assert!(metric(frontend, "causeway_link_bytes_sent_total", &labels) > 0.0);
            assert!(metric(frontend, "causeway_link_messages_received_total", &labels) > 0.0);
            assert_eq!(metric(frontend, "causeway_link_sessions_lost_total", &labels), 0.0);
        }
        for partition in 0..3 {
            assert_eq!(metric(frontend, "causeway_lanes_open", &format!("partition=\"{partition}\"")), 1.0);
        }
        assert_eq!(metric(frontend, "causeway_frontend_incarnations_total", ""), 1.0);
        assert_eq!(metric(frontend, "aio_broker_frontend_replicas", ""), 1.0);
    }
    for (backend, partitions, other) in [(0, 2.0, "backend-1"), (1, 1.0, "backend-0")] {
        let backend = &cluster.backends[backend];
        for peer in ["frontend-0", "frontend-1", other] {
            assert_eq!(metric(backend, "causeway_link_up", &format!("peer=\"{peer}\"")), 1.0, "{peer}");
        }
        let open = || (metric(backend, "causeway_lanes_open", "") == 2.0 * partitions).then_some(());
        eventually("all lanes of both frontends are open", open);
        assert_eq!(metric(backend, "aio_broker_backend_partitions", ""), partitions);
        assert_eq!(metric(backend, "aio_broker_backend_replicas", ""), partitions);
    }
    for process in cluster.frontends.iter().chain(&cluster.backends) {
        assert!(metric(process, "causeway_internal_certificate_expiry_seconds", "\"process\"") > 0.0);
        assert_eq!(metric(process, "causeway_internal_certificate_renewals_total", ""), 0.0);
        assert_eq!(metric(process, "causeway_internal_certificate_renewal_failures_total", ""), 0.0);
    }
    let first = &cluster.backends[0];
    assert!(metric(first, "causeway_internal_certificate_expiry_seconds", "\"authority\"") > 0.0);
    // The first backend gives itself its own.
    assert!(metric(first, "causeway_internal_certificates_issued_total", "\"issued\"") >= 4.0);
}

/// What all clients of the cluster have together, told by each frontend.
#[test]
fn sys_topics_tell_of_the_whole_cluster() {
    let cluster = Cluster::start(&Layout::of(2, 2, 3).frontend_flags(&["--sys-interval", "1"]));
    let mut one = cluster.connect(0, &Connect::persistent(Version::V5, "one"));
    one.subscribe("some/filter", 1);
    one.publish(Publish::new("kept", "x").qos(1).retained());
    let mut two = cluster.client(1, Version::V5);
    two.subscribe("$SYS/broker/retained messages/count", 0);
    within(patience(), "the other frontend tells of it", || (two.take().text() == "1").then_some(()));
}

#[test]
fn settings_of_a_cluster_are_explained_with_their_origin() {
    let resources = Resources::new();
    let key = "privateKey: {algorithm: Ec384, rotationPolicy: Never}";
    resources.broker(&format!(
        "advanced:\n  encryptInternalTraffic: Disabled\n  internalCerts: {{duration: 2h, renewBefore: 1h, {key}}}\n"
    ));
    let path = resources.path().display().to_string();
    let values = errand::explain(&["--resources", &path]);
    for (name, value) in [
        ("encryptInternalTraffic", "Disabled"),
        ("internalCerts.duration", "2h"),
        ("internalCerts.renewBefore", "1h"),
        ("internalCerts.privateKey.algorithm", "Ec384"),
        ("internalCerts.privateKey.rotationPolicy", "Never"),
    ] {
        let found = values.iter().find(|found| found.path == format!("Broker advanced.{name}"));
        let found = found.unwrap_or_else(|| panic!("{name} is not explained: {values:#?}"));
        assert!(found.value == value && found.origin.contains("broker.yaml:"), "{found:?}");
    }
    assert_eq!(errand::run(&["check", &path]).code, 0);

    let cluster = Cluster::start(&Layout::of(1, 1, 2));
    let (code, told) = json(&cluster.frontends[0], "/api/v1/configuration");
    let text = told.to_string();
    assert!(code == 200 && text.contains("--backends") && text.contains(cluster.list()), "{told}");
    assert!(!text.contains("causeway-join-"), "{told}");
}

#[test]
fn a_listener_is_opened_at_a_frontend_that_runs() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let mut stays = cluster.client(0, Version::V5);
    let port = free_port();
    let file = cluster.root().join("resources/another.yaml");
    fs::write(&file, resource("BrokerListener", "another", &format!("ports:\n- port: {port}\n"))).expect("a file");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("the port is open", || std::net::TcpStream::connect(address).ok());
    let mut client = Client::over(Box::new(tcp(address)), Version::V5);
    assert_eq!(client.connect(&Connect::fresh(Version::V5)).code, 0);
    stays.subscribe("a", 1);
    client.publish(Publish::new("a", "over the new one").qos(1));
    assert_eq!(stays.take().text(), "over the new one");
    // A backend reads the same files and has no listeners.
    assert_eq!(metric(&cluster.backends[0], "causeway_configuration_rejected", ""), 0.0);
    fs::remove_file(file).expect("a file to remove");
    client.expect_disconnect(0x98);
    stays.settle();
}

#[test]
fn internal_certificates_are_made_anew_when_their_settings_change() {
    let certificates = |key: &str| {
        format!(
            "internalCerts: {{duration: 1h, renewBefore: 1m, privateKey: {{algorithm: {key}, rotationPolicy: Always}}}}"
        )
    };
    let cluster = Cluster::start(&Layout::of(1, 2, 2).broker(&format!("advanced:\n  {}\n", certificates("Ec256"))));
    let mut client = cluster.client(0, Version::V5);
    let file = cluster.root().join("resources/broker.yaml");
    let before = fs::read_to_string(&file).expect("a resource file");
    fs::write(&file, before.replace(&certificates("Ec256"), &certificates("Ed25519"))).expect("a resource file");
    for backend in &cluster.backends {
        within(patience() * 2, &format!("{} has another certificate", backend.name()), || {
            (internal_port::shown(backend.listener("internal")).algorithm == "Ed25519").then_some(())
        });
    }
    for process in cluster.backends.iter().chain(&cluster.frontends) {
        within(patience() * 2, &format!("{} has another certificate", process.name()), || {
            (metric(process, "causeway_internal_certificate_renewals_total", "") >= 1.0).then_some(())
        });
    }
    client.settle();
    // A bad change is refused by all, and nothing changes.
    fs::write(&file, before.replace("renewBefore: 1m", "renewBefore: 2h")).expect("a resource file");
    for process in cluster.backends.iter().chain(&cluster.frontends) {
        let what = format!("{} refuses it", process.name());
        eventually(&what, || (metric(process, "causeway_configuration_rejected", "") == 1.0).then_some(()));
    }
    // Encryption changes with a restart only.
    let plain = before.replace(&certificates("Ec256"), "encryptInternalTraffic: Disabled");
    fs::write(&file, plain).expect("a resource file");
    for process in cluster.backends.iter().chain(&cluster.frontends) {
        eventually(&format!("{} waits for a restart", process.name()), || {
            let told = health(process);
            (has(&told, "RestartPending") && told.to_string().contains("encryptInternalTraffic")).then_some(())
        });
    }
    client.settle();
}
