//! Who does not belong to a cluster is not let in, and the log of who refuses says why.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use causeway_tests::deadline::{patience, within};
use causeway_tests::internal_port::{self, JOIN, LINK};
use causeway_tests::leaf::Leaf;
use causeway_tests::node_process::NodeProcess;
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::stream::tcp;
use causeway_tests::{Cluster, Layout, Version, errand};

const NOT_LET_IN: &str = "a peer is not let in at the internal port";
const NOT_REACHED: &str = "a peer is not reached";
const PLAIN: &str = "advanced:\n  encryptInternalTraffic: Disabled\n";

fn internal(cluster: &Cluster) -> SocketAddr {
    cluster.backends[0].listener("internal")
}

/// Shows this at an internal port; returns when the other end has hung up.
fn show(address: SocketAddr, pair: Option<&Pair>) {
    let Ok(mut stream) = internal_port::connect(address, LINK, pair) else { return };
    let _ = stream.read(&mut [0; 64]);
}

/// The reason stands in the log of the first backend, and is counted.
fn refused(cluster: &Cluster, kind: &str, sentence: &str) {
    let backend = &cluster.backends[0];
    backend.says(&[NOT_LET_IN, &format!("\"{kind}\""), sentence]);
    let count = backend.metric(&format!("causeway_internal_peers_refused_total{{reason=\"{kind}\"}}"));
    assert!(count >= Some(1.0), "{kind}: {count:?}");
}

/// A real one still gets in.
fn serves(cluster: &Cluster) {
    let mut another = cluster.another_frontend("frontend-7");
    another.start();
    another.client(Version::V5);
}

#[test]
fn certificates_that_are_not_of_this_cluster_are_refused() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let foreign = TestAuthority::new("somebody else").process("causeway://tests/frontend/frontend-0");
    show(internal(&cluster), Some(&foreign));
    refused(&cluster, "foreign_authority", "frontend frontend-0 of cluster tests");
    show(internal(&cluster), None);
    refused(&cluster, "no_certificate", "the peer shows no certificate");
    serves(&cluster);
}

#[test]
fn a_member_is_no_authority() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let member = internal_port::stolen(&cluster.frontends[0].data_dir());
    let made = TestAuthority::posing_as("a member", &member);
    let mut issued = made.process("causeway://tests/backend/backend-0");
    issued.chain.push_str(&member.chain);
    show(internal(&cluster), Some(&issued));
    refused(&cluster, "foreign_authority", "backend backend-0 of cluster tests");
}

#[test]
fn a_frontend_of_another_cluster_refuses_and_is_refused() {
    let ours = Cluster::start(&Layout::of(0, 1, 1));
    let mut theirs = Cluster::start(&Layout::of(1, 1, 1));
    theirs.frontends[0].kill();
    let pair = internal_port::stolen(&theirs.frontends[0].data_dir());
    show(internal(&ours), Some(&pair));
    refused(&ours, "foreign_authority", "frontend frontend-0 of cluster tests");
    theirs.frontends[0].set("--backends", Some(ours.list()));
    theirs.frontends[0].launch();
    theirs.frontends[0].says(&["not trusted here", "backend backend-0 of cluster tests"]);
}

#[test]
fn a_certificate_that_has_ended_is_refused() {
    let terms =
        "internalCerts: {duration: 3s, renewBefore: 1s, privateKey: {algorithm: Ec256, rotationPolicy: Always}}";
    let layout = Layout::of(1, 1, 1).broker(&format!("advanced:\n  {terms}\n"));
    let short = ["--shortest-internal-duration", "1s"];
    let mut cluster = Cluster::start(&layout.backend_flags(&short).frontend_flags(&short));
    cluster.frontends[0].kill();
    let old = internal_port::stolen(&cluster.frontends[0].data_dir());
    let ended = Leaf::read(&old.ders()[0]).not_after + Duration::from_secs(1);
    within(patience(), "the certificate has ended", || (SystemTime::now() > ended).then_some(()));
    show(internal(&cluster), Some(&old));
    refused(&cluster, "expired", "the peer's certificate ended at ");
    // Its holder comes back by himself.
    cluster.frontends[0].start();
}

#[test]
fn a_frontend_cannot_pose_as_a_backend() {
    let mut cluster = Cluster::start(&Layout::of(2, 1, 1));
    cluster.frontends[0].kill();
    let poser = internal_port::pose(&internal_port::stolen(&cluster.frontends[0].data_dir()));
    cluster.frontends[1].set("--backends", Some(&format!("backend-0={poser}")));
    cluster.frontends[1].launch();
    cluster.frontends[1].says(&[NOT_REACHED, "the peer is a frontend, and only a backend is let in here"]);
}

#[test]
fn a_backend_at_the_address_of_another_is_refused() {
    let mut cluster = Cluster::start(&Layout::of(1, 2, 2));
    let [first, second] = [0, 1].map(|n| cluster.backends[n].listener("internal"));
    cluster.frontends[0].set("--backends", Some(&format!("backend-0={second},backend-1={first}")));
    cluster.frontends[0].kill();
    cluster.frontends[0].launch();
    cluster.frontends[0].says(&[NOT_REACHED, "the peer is backend-1, and backend-0 was dialled"]);
    cluster.frontends[0].says(&[NOT_REACHED, "the peer is backend-0, and backend-1 was dialled"]);
}

#[test]
fn a_data_directory_is_of_no_use_to_another_role() {
    let mut cluster = Cluster::start(&Layout::of(1, 2, 2));
    let (frontend, backend) = (cluster.frontends[0].data_dir(), cluster.backends[1].data_dir());
    cluster.frontends[0].kill();
    cluster.backends[1].kill();
    let copy = |from: &std::path::Path, to: &NodeProcess| {
        std::fs::create_dir_all(to.data_dir().join("internal")).expect("a directory");
        let [from, to] = [from, &to.data_dir()].map(|dir| dir.join("internal/certificate"));
        std::fs::copy(from, to).expect("a copy of the certificate");
    };
    let mut posing = NodeProcess::new("posing", cluster.root(), cluster.arguments("backend", "backend-1"));
    copy(&frontend, &posing);
    posing.set("--join-token-file", None);
    posing.launch();
    posing.says(&["the internal certificate found is not used", "frontend"]);
    let mut other = cluster.another_frontend("frontend-0");
    other.set("--join-token-file", None);
    copy(&backend, &other);
    other.launch();
    other.says(&["the internal certificate found is not used", "backend"]);
}

/// What is said to who does not speak as this port does.
#[test]
fn plaintext_is_refused_where_tls_is_spoken() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    for words in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd"] {
        let mut stream = tcp(internal(&cluster));
        stream.write_all(words).expect("a connection");
        hangs_up(&mut stream);
    }
    refused(&cluster, "not_tls", "the peer does not speak TLS; set encryptInternalTraffic alike in all processes");
    let mut stream = tcp(internal(&cluster));
    let garbage: Vec<u8> = [22, 3, 3, 1, 0].into_iter().chain((0..256).map(|n| (n * 7 % 251) as u8)).collect();
    stream.write_all(&garbage).expect("a connection");
    hangs_up(&mut stream);
    refused(&cluster, "handshake", "the TLS handshake failed");
    serves(&cluster);
}

#[test]
fn tls_is_refused_where_plaintext_is_spoken() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1).broker(PLAIN));
    assert!(internal_port::connect(internal(&cluster), LINK, None).is_err());
    refused(&cluster, "tls_peer", "the peer speaks TLS, and encryptInternalTraffic is Disabled here");
    let mut stream = tcp(internal(&cluster));
    stream.write_all(&[b'x'; 4096]).expect("a connection");
    hangs_up(&mut stream);
    refused(&cluster, "malformed", "");
    let mut other = cluster.another_frontend("frontend-0");
    other.set("--cluster", Some("yard"));
    other.launch();
    refused(&cluster, "wrong_cluster", "yard");
    serves(&cluster);
}

#[test]
fn processes_that_are_not_encrypted_alike_say_so() {
    let plain = Cluster::start(&Layout::of(0, 1, 1).broker(PLAIN));
    let secure = Cluster::start(&Layout::of(0, 1, 1));
    let mut frontend = plain.another_frontend("frontend-0");
    frontend.set("--backends", Some(secure.list()));
    frontend.launch();
    refused(&secure, "not_tls", "set encryptInternalTraffic alike in all processes");
    let mut frontend = secure.another_frontend("frontend-1");
    frontend.set("--backends", Some(plain.list()));
    frontend.launch();
    refused(&plain, "tls_peer", "set it alike in all processes");
}

#[test]
fn who_says_nothing_is_sent_away() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    let mut silent = tcp(internal(&cluster));
    let mut half = tcp(internal(&cluster));
    half.write_all(&[22, 3, 1, 2]).expect("a connection");
    let mut joiner = internal_port::connect(internal(&cluster), JOIN, None).expect("a handshake without a certificate");
    hangs_up(&mut silent);
    hangs_up(&mut half);
    joiner.sock.set_read_timeout(Some(patience())).expect("a timeout");
    assert!(!matches!(joiner.read(&mut [0; 1]), Ok(1)));
    refused(&cluster, "deadline", "no handshake within ");
}

#[test]
fn idle_connections_do_not_keep_a_real_one_out() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let idle: Vec<TcpStream> = (0..200).map(|_| tcp(internal(&cluster))).collect();
    serves(&cluster);
    drop(idle);
}

/// The other end closes; a test that waits longer than patience fails.
fn hangs_up(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(patience())).expect("a read timeout");
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                assert!(!causeway_tests::stream::timed_out(&error), "nobody hangs up");
                return;
            }
        }
    }
}

/// A process that tries to join with what is in a file, and says why it may not.
fn joins_in_vain(cluster: &Cluster, token: &str, sentence: &str) {
    let file = cluster.root().join("other.token");
    std::fs::write(&file, token).expect("a token's file");
    let mut process = cluster.another_frontend("frontend-5");
    process.set("--join-token-file", Some(&file.display().to_string()));
    process.launch();
    process.says(&["no internal certificate yet", sentence]);
    assert!(process.is_running(), "it tries again");
}

fn token(cluster: &Cluster, words: &[&str]) -> String {
    let admin = format!("http://{}", cluster.backends[0].admin());
    let outcome = errand::run(&[&["certs", "token", "--admin", &admin], words].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout
}

#[test]
fn a_token_of_another_role_or_cluster_lets_nobody_in() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    let other = Cluster::start(&Layout::of(0, 1, 1));
    let sentence = "the join token is for a backend of cluster tests, and this process is a frontend of cluster tests";
    joins_in_vain(&cluster, &token(&cluster, &["--role", "backend"]), sentence);
    // A cluster of the same name: the authority is another one.
    joins_in_vain(&cluster, &token(&other, &["--role", "frontend"]), "another authority than the join token");
    joins_in_vain(&cluster, "causeway-join-AAAA", "a join token cannot be read");
    let mut process = cluster.another_frontend("frontend-6");
    process.set("--cluster", Some("yard"));
    process.launch();
    process
        .says(&["the join token is for a frontend of cluster tests, and this process is a frontend of cluster yard"]);
}

#[test]
fn a_token_lets_in_once() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    let token = token(&cluster, &["--role", "frontend"]);
    let file = cluster.root().join("once.token");
    std::fs::write(&file, &token).expect("a token's file");
    let mut first = cluster.another_frontend("frontend-0");
    first.set("--join-token-file", Some(&file.display().to_string()));
    first.start();
    joins_in_vain(&cluster, &token, "the join token is unknown or was used before");
    assert!(!cluster.backends[0].log().contains(token.trim()), "a token stands in a log");
}

/// A minute is the least that a token can be good for.
#[test]
fn a_token_that_has_ended_lets_nobody_in() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    let token = token(&cluster, &["--role", "frontend", "--valid", "1m", "--uses", "any"]);
    let ended = SystemTime::now() + Duration::from_secs(61);
    within(Duration::from_secs(90), "the token has ended", || (SystemTime::now() > ended).then_some(()));
    joins_in_vain(&cluster, &token, "the join token has ended");
}

#[test]
fn without_a_token_nobody_joins() {
    let cluster = Cluster::start(&Layout::of(0, 1, 1));
    let mut process = cluster.another_frontend("frontend-0");
    process.set("--join-token-file", None);
    let (code, said) = process.refuses();
    assert_eq!(code, Some(1));
    assert!(said.contains("causeway certs token --role frontend, and name its file with --join-token-file"), "{said}");
}
