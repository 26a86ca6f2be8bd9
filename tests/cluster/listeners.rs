//! Certificates of listeners: of one authority, whichever frontend a client meets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use causeway_tests::node_process::NodeProcess;
use causeway_tests::{Cluster, Layout, tls};

fn with_tls(layout: &Layout) -> Cluster {
    let mut cluster = Cluster::prepare(layout);
    for frontend in &mut cluster.frontends {
        frontend.set("--mqtts", Some("127.0.0.1:0"));
    }
    cluster.launch();
    cluster
}

fn own_authority(process: &NodeProcess) -> PathBuf {
    process.data_dir().join("tls/ca.crt")
}

fn is_trusted(frontend: &NodeProcess, authority: PathBuf) -> bool {
    tls::shown(frontend.listener("mqtts"), &authority).is_ok()
}

#[test]
fn who_trusts_one_frontend_trusts_them_all() {
    let mut cluster = with_tls(&Layout::of(2, 1, 1));
    for shower in &cluster.frontends {
        for holder in cluster.frontends.iter().chain(&cluster.backends) {
            assert!(is_trusted(shower, own_authority(holder)), "{} by {}", shower.name(), holder.name());
        }
        let key = fs::metadata(shower.data_dir().join("tls/ca.key")).expect("its key");
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
    cluster.backends[0].says(&["gave the authority of the listeners to a frontend", "frontend-1"]);
    // It asks for it once.
    let before = fs::read(own_authority(&cluster.frontends[0])).expect("the authority");
    cluster.frontends[0].restart();
    assert_eq!(fs::read(own_authority(&cluster.frontends[0])).expect("the authority"), before);
    assert!(is_trusted(&cluster.frontends[0], own_authority(&cluster.backends[0])));
}

#[test]
fn a_frontend_without_it_waits_for_the_first_backend() {
    let mut cluster = with_tls(&Layout::of(1, 2, 2));
    cluster.frontends[0].kill();
    cluster.backends[0].kill();
    fs::remove_dir_all(cluster.frontends[0].data_dir().join("tls")).expect("what it had to remove");
    cluster.frontends[0].launch();
    cluster.frontends[0].says(&["no authority of the listeners yet", "backend-0"]);
    cluster.backends[0].start();
    cluster.frontends[0].wait_until_ready();
    assert!(is_trusted(&cluster.frontends[0], own_authority(&cluster.backends[0])));
}

/// Who has one of its own keeps it: its clients trust that.
#[test]
fn an_authority_that_a_frontend_has_stays() {
    let mut cluster = with_tls(&Layout::of(1, 1, 1));
    let other = with_tls(&Layout::of(1, 1, 1));
    cluster.frontends[0].kill();
    for file in ["ca.crt", "ca.key"] {
        let from = other.frontends[0].data_dir().join("tls").join(file);
        fs::copy(from, cluster.frontends[0].data_dir().join("tls").join(file)).expect("a copy");
    }
    cluster.frontends[0].start();
    assert!(is_trusted(&cluster.frontends[0], own_authority(&other.frontends[0])));
    assert!(!is_trusted(&cluster.frontends[0], own_authority(&cluster.backends[0])));
}

/// Nobody has shown who he is, so nobody is given a key.
#[test]
fn without_encryption_each_frontend_makes_its_own() {
    let cluster = with_tls(&Layout::of(2, 1, 1).broker("advanced:\n  encryptInternalTraffic: Disabled\n"));
    let [one, other] = &cluster.frontends[..] else { panic!("two frontends") };
    one.says(&["the listeners' authority is one that this frontend makes itself"]);
    assert!(is_trusted(one, own_authority(one)) && !is_trusted(one, own_authority(other)));
}
