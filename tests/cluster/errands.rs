//! `causeway certs`, and what `causeway frontend` and `causeway backend` say to arguments that cannot be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use causeway_tests::errand::{self, Outcome};
use causeway_tests::{Cluster, Layout, Resources, process};
use serde_json::Value;

/// A directory of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("causeway-errands-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Dir(path)
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn certs(words: &[&str]) -> Outcome {
    errand::run(&[&["certs"], words].concat())
}

fn done(words: &[&str]) -> String {
    let outcome = certs(words);
    assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.stderr);
    outcome.stdout
}

fn refused(words: &[&str], sentence: &str) {
    let outcome = certs(words);
    assert_eq!(outcome.code, 1, "{words:?}: {outcome:?}");
    assert!(outcome.stderr.contains(sentence), "{words:?}: {}", outcome.stderr);
}

#[test]
fn an_authority_is_made_before_the_first_start() {
    let dir = Dir::new("init");
    let data = dir.text();
    let said = done(&["init", "--cluster", "plant", "--data-dir", &data]);
    assert!(!said.contains("causeway-join-"), "a token is printed: {said}");
    assert!(said.contains("is for the resources of the first backend to say"), "{said}");
    for role in ["frontend", "backend"] {
        let file = dir.0.join(format!("{role}.token"));
        assert!(said.contains(&file.display().to_string()), "{said}");
        assert_eq!(fs::metadata(&file).expect("a token's file").permissions().mode() & 0o777, 0o600);
    }
    let folder = fs::metadata(dir.0.join("internal/authority")).expect("the authority's folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);

    let told: Value =
        serde_json::from_str(&done(&["status", "--cluster", "plant", "--data-dir", &data, "--json"])).expect("JSON");
    assert_eq!((&told["cluster"], &told["authority"]["phase"]), (&"plant".into(), &"Alone".into()));
    let token = done(&["token", "--role", "backend", "--cluster", "plant", "--data-dir", &data]);
    assert!(token.starts_with("causeway-join-") && token.lines().count() == 1, "{token}");
    let said = done(&["rotate", "--ca", "--cluster", "plant", "--data-dir", &data]);
    assert!(said.contains("a successor is trusted, and issues from "), "{said}");

    refused(&["status", "--data-dir", &data], "holds the authority of cluster plant, this is cluster default");
    refused(
        &["rotate", "--cluster", "plant", "--data-dir", &data],
        "a process renews its own certificate while it runs",
    );
    refused(&["token", "--role", "frontend", "--data-dir", &Dir::new("empty").text()], "causeway certs init makes one");
}

#[test]
fn what_runs_is_asked_over_its_endpoint() {
    let cluster = Cluster::start(&Layout::of(1, 1, 1));
    let data = cluster.backends[0].data_dir().display().to_string();
    refused(&["status", "--cluster", "tests", "--data-dir", &data], "give that one's --admin instead of --data-dir");
    let admin = |process: &causeway_tests::node_process::NodeProcess| format!("http://{}", process.admin());
    let first = done(&["status", "--admin", &admin(&cluster.backends[0])]);
    for line in ["cluster         tests", "of the backend backend-0", "authority", "member        frontend frontend-0"]
    {
        assert!(first.contains(line), "{line}: {first}");
    }
    let frontend = done(&["status", "--admin", &admin(&cluster.frontends[0])]);
    assert!(frontend.contains("of the frontend frontend-0") && !frontend.contains("authority  "), "{frontend}");
    let once = done(&["token", "--role", "frontend", "--admin", &admin(&cluster.backends[0])]);
    assert!(once.starts_with("causeway-join-"), "{once}");
    let gone = certs(&["status", "--admin", "http://127.0.0.1:1"]);
    assert!(gone.code == 1 && gone.stderr.contains("127.0.0.1:1"), "{gone:?}");
}

#[test]
fn where_links_are_not_encrypted_there_is_nothing_to_make() {
    let resources = Resources::new();
    resources.broker("advanced:\n  encryptInternalTraffic: Disabled\n");
    let (dir, path) = (Dir::new("plain"), resources.path().display().to_string());
    refused(&["init", "--data-dir", &dir.text(), "--resources", &path], "encryptInternalTraffic is Disabled");
    let plain = "advanced:\n  encryptInternalTraffic: Disabled\n";
    let cluster = Cluster::start(&Layout::of(0, 1, 1).broker(plain));
    let admin = format!("http://{}", cluster.backends[0].admin());
    let told = done(&["status", "--admin", &admin]);
    assert!(told.contains("encryption      Disabled"), "{told}");
    let outcome = certs(&["rotate", "--admin", &admin]);
    assert!(outcome.code == 1 && outcome.stderr.contains("encrypt"), "{outcome:?}");
}

/// The whole of what a process says before it ends at once.
fn says(words: &[&str]) -> String {
    let dir = Dir::new("refused");
    let outcome = errand::run(&[words, &["--data-dir", &dir.text(), "--admin", "off"]].concat());
    assert_eq!(outcome.code, 2, "{words:?}: {outcome:?}");
    outcome.stderr
}

#[test]
fn a_list_of_backends_that_cannot_be_is_refused_item_by_item() {
    let ordered = "give the backends by their numbers, without a gap: here the one that ends in -";
    let item = "give NAME=HOST:PORT, such as backend-0=10.0.0.7:7883";
    for (list, expected) in [
        ("backend-0", format!("--backends backend-0: {item}")),
        ("backend-0=h:1,", format!("--backends (nothing): {item}")),
        ("backend-0=h:0", format!("--backends backend-0=h:0: {item}")),
        ("backend-0=h:1,backend-2=h:2", format!("--backends backend-2: {ordered}1")),
        ("backend-1=h:1", format!("--backends backend-1: {ordered}0")),
        ("backend-0=h:1,backend-1=h:1", "--backends backend-1=h:1: backend-0 has this address; give another".into()),
        (
            "backend-{0..2}=h:1",
            "--backends backend-{0..2}=h:1: give a range as {0..2}, the same in name and host".into(),
        ),
    ] {
        let said = says(&["frontend", "--name", "frontend-0", "--backends", list]);
        assert_eq!(said.trim_end(), format!("causeway: {expected}"));
    }
}

#[test]
fn who_a_process_is_has_to_fit_the_others() {
    let one = "backend-0=127.0.0.1:7883";
    for (words, expected) in [
        (
            &["backend", "--name", "backend-1", "--backends", one][..],
            "--name backend-1: --backends does not name it; it has backend-0",
        ),
        (
            &["backend", "--name", "backend", "--backends", one],
            "--name backend: give small letters, digits, - and ., with -0 to -9999 at the end",
        ),
        (
            &["frontend", "--name", "Frontend-0", "--backends", one],
            "--name Frontend-0: give small letters, digits, - and .",
        ),
        (
            &["frontend", "--name", "frontend-0", "--backends", one, "--cluster", "Plant"],
            "--cluster Plant: give 1 to 63 small letters, digits and -",
        ),
        (
            &["backend", "--name", "backend-0", "--backends", one, "--internal", "here"],
            "--internal here: give IP:PORT, such as 0.0.0.0:7883; the others dial 127.0.0.1:7883",
        ),
        (
            &["backend", "--name", "backend-0", "--backends", one, "--redundancy-factor", "2"],
            "--redundancy-factor 2: --backends names 1, and each copy needs its own; give 1 or less, or name more",
        ),
        (
            &["backend", "--name", "backend-0", "--backends", one, "--redundancy-factor", "6"],
            "--redundancy-factor 6: give ",
        ),
        (&["frontend", "--name", "frontend-0", "--backends", one, "--partitions", "17"], "--partitions 17: give "),
    ] {
        let said = says(words);
        assert!(said.contains(expected), "{words:?}: {said}");
    }
    let missing = errand::run(&["backend", "--name", "backend-0"]);
    assert!(missing.code == 2 && missing.stderr.contains("--backends <LIST>"), "{missing:?}");
}

#[test]
fn internal_certificates_that_cannot_be_are_refused() {
    let sound = "privateKey: {algorithm: Ec256, rotationPolicy: Always}";
    for (settings, expected) in [
        (format!("duration: 1h, renewBefore: 1h, {sound}"), "internalCerts.renewBefore \"1h\": "),
        (format!("duration: 1h, renewBefore: 2h, {sound}"), "internalCerts.renewBefore \"2h\": "),
        (format!("duration: 59s, renewBefore: 1s, {sound}"), "internalCerts.duration \"59s\": give 1m or more"),
        (format!("duration: 1h, renewBefore: 0s, {sound}"), "internalCerts.renewBefore \"0s\": "),
        (format!("duration: soon, renewBefore: 1m, {sound}"), "internalCerts.duration"),
        (
            "duration: 1h, renewBefore: 1m, privateKey: {algorithm: Rsa1024, rotationPolicy: Always}".into(),
            "algorithm \"Rsa1024\": ",
        ),
        (
            "duration: 1h, renewBefore: 1m, privateKey: {algorithm: Ec256, rotationPolicy: Often}".into(),
            "rotationPolicy \"Often\": ",
        ),
    ] {
        let resources = Resources::new();
        resources.broker(&format!("advanced:\n  internalCerts: {{{settings}}}\n"));
        let path = resources.path().display().to_string();
        let one = ["--backends", "backend-0=127.0.0.1:7883", "--resources", &path];
        for who in [["backend", "--name", "backend-0"], ["frontend", "--name", "frontend-0"]] {
            let said = says(&[&who[..], &one].concat());
            assert!(said.contains(expected) && said.contains("broker.yaml:"), "{settings}: {said}");
        }
        let checked = errand::run(&["check", &path]);
        assert!(checked.code == 2 && format!("{}{}", checked.stdout, checked.stderr).contains(expected), "{checked:?}");
    }
    // Tests may have less than a minute, and say so.
    let resources = Resources::new();
    resources.broker(&format!("advanced:\n  internalCerts: {{duration: 4s, renewBefore: 2s, {sound}}}\n"));
    let path = resources.path().display().to_string();
    let who = ["backend", "--name", "backend-0", "--backends", "backend-0=127.0.0.1:7883", "--resources", &path];
    let said = says(&[&who[..], &["--shortest-internal-duration", "5s"]].concat());
    assert!(said.contains("internalCerts.duration \"4s\": give 5s or more"), "{said}");
}
