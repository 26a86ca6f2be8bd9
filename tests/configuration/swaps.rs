//! Files that are broken, half-written, swapped or gone: the running configuration stays.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use causeway_tests::deadline::eventually;
use causeway_tests::stream::tcp;
use causeway_tests::{Broker, Client, Connect, Publish, Resources, Settings, Version, free_port, http};

const V: Version = Version::V5;

fn connected(port: u16) -> Client {
    let mut client = Client::over(Box::new(tcp(([127, 0, 0, 1], port).into())), V);
    assert_eq!(client.connect(&Connect::fresh(V)).code, 0);
    client
}

fn is_rejected(broker: &Broker) -> bool {
    http::metric(broker.admin(), "causeway_configuration_rejected", "") == Some(1.0)
}

fn applied(broker: &Broker) -> f64 {
    http::metric(broker.admin(), "causeway_configuration_changes_total", "result=\"applied\"").unwrap_or(0.0)
}

fn health(broker: &Broker) -> serde_json::Value {
    http::request(broker.admin(), "GET", "/health", &[]).expect("an answer").json()
}

/// A broker with one listener, a client on it, and the directory it is configured from.
fn served() -> (Broker, Resources, u16, Client) {
    let resources = Resources::new();
    let port = free_port();
    resources.listener("steady", &format!("ports:\n- port: {port}\n"));
    let broker = Broker::start(Settings::new().mqtt("off").resources(&resources));
    let client = connected(port);
    (broker, resources, port, client)
}

fn still_serves(client: &mut Client, port: u16) {
    assert_eq!(client.publish(Publish::new("still/here", "x").qos(1)) & 0x80, 0);
    connected(port).disconnect();
}

fn broken_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/config/tests/broken");
    let entries = fs::read_dir(&folder).expect("the broken files");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        // What --admin says goes before the field that is wrong in this one.
        .filter(|path| !path.to_string_lossy().contains("admin-open-to-all"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&fs::read(&path).expect("a broken file")).into_owned())
        })
        .collect();
    files.sort();
    assert!(files.len() >= 50, "{} broken files", files.len());
    files
}

#[test]
fn a_broken_file_keeps_what_runs_and_is_told_until_it_is_mended() {
    let (broker, resources, port, mut client) = served();
    assert!(!is_rejected(&broker));
    for (name, text) in broken_files() {
        resources.write("more.yaml", &text);
        broker.signal(libc::SIGHUP);
        eventually(&format!("{name} is rejected"), || is_rejected(&broker).then_some(()));
        still_serves(&mut client, port);
        resources.remove("more.yaml");
        broker.signal(libc::SIGHUP);
        eventually(&format!("{name} is forgotten"), || (!is_rejected(&broker)).then_some(()));
    }
    still_serves(&mut client, port);
}

/// Nobody is sent away over a folder that is not mounted just then, and nothing is opened instead.
#[test]
fn files_that_are_gone_are_not_taken_for_a_wish() {
    let resources = Resources::new();
    let port = free_port();
    resources.listener("steady", &format!("ports:\n- port: {port}\n"));
    let broker = Broker::start(Settings::new().resources(&resources));
    let mut client = connected(port);
    let good = fs::read_to_string(resources.path().join("steady.yaml")).expect("the listener");
    resources.remove("steady.yaml");
    broker.signal(libc::SIGHUP);
    eventually("the empty folder is rejected", || is_rejected(&broker).then_some(()));
    still_serves(&mut client, port);
    let told = health(&broker).to_string();
    assert!(told.contains("it holds no *.yaml, *.yml or *.json"), "{told}");
    resources.write("steady.yaml", &good);
    eventually("health is well again", || (health(&broker)["status"] == "Available").then_some(()));
    still_serves(&mut client, port);
}

#[test]
fn health_and_log_name_file_line_and_remedy() {
    let (broker, resources, port, mut client) = served();
    let good = fs::read_to_string(resources.path().join("steady.yaml")).expect("the listener");
    resources.write("steady.yaml", &good.replace("ports:", "portz:"));
    let told = eventually("health tells", || {
        let health = health(&broker);
        (health["reasonCode"] == "ConfigurationRejected").then_some(health)
    });
    assert_eq!(told["status"], "Degraded", "{told}");
    let text = told.to_string();
    for word in ["steady.yaml", "portz", "ports"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(broker.log().contains("portz"), "{}", broker.log());
    still_serves(&mut client, port);
    resources.write("steady.yaml", &good);
    eventually("health is well again", || (health(&broker)["status"] == "Available").then_some(()));
    still_serves(&mut client, port);
}

/// A writer that is slow and not atomic: no part of the file on its own is taken for the whole.
#[test]
fn a_half_written_file_is_never_taken_for_a_whole_one() {
    let (broker, resources, port, mut client) = served();
    let other = free_port();
    let path = resources.path().join("steady.yaml");
    let before = applied(&broker);
    let good = fs::read_to_string(&path).expect("the listener") + &format!("  - port: {other}\n");
    let mut file = fs::File::create(&path).expect("the listener's file, emptied");
    for piece in good.as_bytes().chunks(16) {
        file.write_all(piece).expect("a piece of the file");
        file.flush().expect("a piece of the file");
    }
    drop(file);
    eventually("the whole file is applied", || (applied(&broker) > before).then_some(()));
    still_serves(&mut client, port);
    connected(other).disconnect();
}

#[test]
fn a_directory_swapped_by_symlink_is_taken_whole() {
    let (root, port, other) = (Resources::new(), free_port(), free_port());
    let version = |name: &str, ports: &[u16]| {
        let dir = root.path().join(name);
        fs::create_dir_all(&dir).expect("a version");
        let list: String = ports.iter().map(|port| format!("- port: {port}\n")).collect();
        let text = causeway_tests::resources::resource("BrokerListener", "steady", &format!("ports:\n{list}"));
        fs::write(dir.join("steady.yaml"), text).expect("a listener");
        let next = root.path().join("..next");
        symlink(&dir, &next).expect("a link");
        fs::rename(&next, root.path().join("..data")).expect("the link in its place");
    };
    version("..first", &[port]);
    symlink("..data/steady.yaml", root.path().join("steady.yaml")).expect("a file as Kubernetes mounts it");
    let broker = Broker::start(Settings::new().mqtt("off").resources(&root));
    let mut client = connected(port);
    for (n, name) in ["..second", "..third", "..fourth"].into_iter().enumerate() {
        let before = applied(&broker);
        let ports: &[u16] = if n % 2 == 0 { &[port, other] } else { &[port] };
        version(name, ports);
        eventually("the swap is applied", || (applied(&broker) > before).then_some(()));
        still_serves(&mut client, port);
    }
    connected(other).disconnect();
}

#[test]
fn files_that_vanish_or_empty_keep_what_runs() {
    let (broker, resources, port, mut client) = served();
    let good = fs::read_to_string(resources.path().join("steady.yaml")).expect("the listener");
    resources.write("steady.yaml", "");
    broker.signal(libc::SIGHUP);
    eventually("the empty file is rejected", || is_rejected(&broker).then_some(()));
    still_serves(&mut client, port);
    let moved = resources.path().with_extension("moved");
    fs::rename(resources.path(), &moved).expect("the directory out of the way");
    broker.signal(libc::SIGHUP);
    eventually("health tells of the directory", || {
        health(&broker).to_string().contains(&resources.path().display().to_string()).then_some(())
    });
    still_serves(&mut client, port);
    fs::rename(&moved, resources.path()).expect("the directory back");
    resources.write("steady.yaml", &good);
    broker.signal(libc::SIGHUP);
    eventually("all is well again", || (!is_rejected(&broker)).then_some(()));
    still_serves(&mut client, port);
}

/// A port that somebody else holds is known before anything is changed.
#[test]
fn a_port_in_use_rejects_the_whole_change() {
    let (broker, resources, port, mut client) = served();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (held, free) = (taken.local_addr().expect("its address").port(), free_port());
    resources.listener("more", &format!("serviceType: NodePort\nports:\n- port: {free}\n- port: {held}\n"));
    broker.signal(libc::SIGHUP);
    eventually("the change is rejected", || is_rejected(&broker).then_some(()));
    assert!(std::net::TcpStream::connect(("127.0.0.1", free)).is_err(), "half of a rejected change is at work");
    still_serves(&mut client, port);
    drop(taken);
    broker.signal(libc::SIGHUP);
    eventually("the change is taken now", || (!is_rejected(&broker)).then_some(()));
    connected(free).disconnect();
    still_serves(&mut client, port);
}
