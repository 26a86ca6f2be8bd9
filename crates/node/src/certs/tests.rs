//! Errands in a data directory, and over an admin endpoint.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::{self, JoinHandle};

use clap::Parser;
use identity::internal::Role;
use serde_json::Value;

use super::{CertsError, folder, run, token};
use crate::arguments::{Arguments, Errand};
use crate::data_dir::DataDir;

fn certs(line: &[&str]) -> Result<String, CertsError> {
    match Arguments::try_parse_from(["causeway", "certs"].iter().chain(line)).unwrap().errand {
        Some(Errand::Certs(asked)) => run(asked),
        other => panic!("{other:?}"),
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_authority_is_made_once_and_tokens_for_each_role_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let at = shown(dir.path());
    let said = certs(&["init", "--cluster", "plant", "--data-dir", at]).unwrap();
    assert!(said.contains("frontend.token  for each frontend: --join-token-file\n"), "{said}");
    let path = dir.path().join("frontend.token");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = token::read(&path).unwrap();
    assert_eq!((first.cluster().as_str(), first.role()), ("plant", Role::Frontend));
    assert_eq!(token::read(&dir.path().join("backend.token")).unwrap().role(), Role::Backend);
    assert!(!said.contains("causeway-join-"), "{said}");

    let authority = || fs::read(folder::authority(dir.path()).join("roots.pem")).unwrap();
    let before = authority();
    certs(&["init", "--cluster", "plant", "--data-dir", at]).unwrap();
    assert_eq!(authority(), before);
    assert_ne!(token::read(&path).unwrap().to_text(), first.to_text());
    let other = certs(&["init", "--data-dir", at]).unwrap_err().to_string();
    assert!(other.ends_with("holds the authority of cluster plant, this is cluster default"), "{other}");
}

#[test]
fn where_nothing_runs_the_folder_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let at = shown(dir.path());
    let none = certs(&["token", "--role", "backend", "--data-dir", at]).unwrap_err();
    assert!(matches!(none, CertsError::NoAuthority { .. }), "{none}");
    certs(&["init", "--data-dir", at]).unwrap();
    let said = certs(&["token", "--role", "backend", "--data-dir", at, "--valid", "90m"]).unwrap();
    let file = dir.path().join("t");
    fs::write(&file, &said).unwrap();
    assert_eq!(token::read(&file).unwrap().role(), Role::Backend);
    assert_eq!(said.lines().count(), 1);

    let status = |json: &[&str]| certs(&[["status", "--data-dir", at].as_slice(), json].concat()).unwrap();
    assert!(status(&[]).contains("rotation      none under way"), "{}", status(&[]));
    let told: Value = serde_json::from_str(&status(&["--json"])).unwrap();
    assert_eq!((&told["cluster"], &told["authority"]["phase"]), (&"default".into(), &"Alone".into()));

    let leaf = certs(&["rotate", "--data-dir", at]).unwrap_err();
    assert!(matches!(leaf, CertsError::Resting), "{leaf}");
    let said = certs(&["rotate", "--ca", "--data-dir", at]).unwrap();
    assert!(said.contains("a successor is trusted, and issues from "), "{said}");
    let again = certs(&["rotate", "--ca", "--data-dir", at]).unwrap_err().to_string();
    assert!(again.starts_with("the authority is being rotated already"), "{again}");

    let wrong = certs(&["status", "--data-dir", at, "--cluster", "other"]).unwrap_err().to_string();
    assert!(wrong.contains("cluster default, this is cluster other"), "{wrong}");
}

#[test]
fn an_authority_in_use_is_asked_over_its_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let at = shown(dir.path());
    certs(&["init", "--data-dir", at]).unwrap();
    let held = super::errand::resting(dir.path(), "default", super::settings::of_no_effect()).unwrap();
    let error = certs(&["status", "--data-dir", at]).unwrap_err();
    assert!(matches!(error, CertsError::Running { .. }) && error.to_string().contains("--admin"), "{error}");
    drop(held);
    certs(&["status", "--data-dir", at]).unwrap();
    let taken = DataDir::open(dir.path()).unwrap();
    certs(&["init", "--data-dir", at]).unwrap_err();
    drop(taken);
}

#[test]
fn without_encryption_there_is_nothing_to_make() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broker.json");
    fs::write(&file, r#"{"advanced": {"encryptInternalTraffic": "Disabled"}}"#).unwrap();
    let data = dir.path().join("data");
    let error = certs(&["init", "--data-dir", shown(&data), "--broker-config-file", shown(&file)]).unwrap_err();
    assert!(matches!(error, CertsError::NotEncrypted) && !data.exists(), "{error}");
    let short = r#"{"advanced": {"internalCerts": {"duration": "4s", "renewBefore": "2s",
        "privateKey": {"algorithm": "Ec256", "rotationPolicy": "Always"}}}}"#;
    fs::write(&file, short).unwrap();
    let line = ["init", "--data-dir", shown(&data), "--broker-config-file", shown(&file)];
    let error = certs(&line).unwrap_err().to_string();
    assert!(error.ends_with("broker.json:1 advanced.internalCerts.duration \"4s\": give 1m or more"), "{error}");
    certs(&[&line[..], &["--shortest-internal-duration", "2s"]].concat()).unwrap();
    // The authority knows that what it issues lasts seconds, and is rotated in as many.
    let line = ["rotate", "--ca", "--data-dir", shown(&data), "--broker-config-file", shown(&file)];
    let said = certs(&[&line[..], &["--shortest-internal-duration", "2s"]].concat()).unwrap();
    assert!(said.contains("issues from"), "{said}");
}

#[test]
fn a_file_that_is_no_token_is_named_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t");
    let missing = token::read(&path).unwrap_err().to_string();
    assert!(missing.starts_with("--join-token-file ") && missing.contains("cannot be read"), "{missing}");
    fs::write(&path, "causeway-join-c2VjcmV0").unwrap();
    let damaged = token::read(&path).unwrap_err().to_string();
    assert!(damaged.contains("a join token cannot be read") && !damaged.contains("c2VjcmV0"), "{damaged}");
}

/// An admin endpoint that answers once; returns its address and what it was asked.
fn endpoint(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let mut reader = BufReader::new(stream);
        let (mut asked, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            asked.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        asked.push_str(&String::from_utf8(body).unwrap());
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        asked
    });
    (admin, served)
}

#[test]
fn a_process_that_runs_is_asked_over_its_endpoint() {
    let token = "HTTP/1.1 201 Created\r\nContent-Length: 27\r\n\r\n{\"token\":\"causeway-join-x\"}";
    let (admin, served) = endpoint(token);
    let said = certs(&["token", "--role", "frontend", "--valid", "2h", "--uses", "any", "--admin", &admin]).unwrap();
    assert_eq!(said, "causeway-join-x\n");
    let asked = served.join().unwrap();
    assert!(asked.starts_with("POST /api/v1/internal-certificates/tokens HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"role":"frontend","uses":"UntilItEnds","validSeconds":7200}"#), "{asked}");

    for (line, path) in [(&["rotate"][..], "rotate"), (&["rotate", "--ca"], "rotate-authority")] {
        let (admin, served) = endpoint("HTTP/1.1 202 Accepted\r\nContent-Length: 19\r\n\r\n{\"cluster\":\"plant\"}");
        let said = certs(&[line, &["--admin", &admin]].concat()).unwrap();
        assert_eq!(said, "cluster         plant\n");
        let asked = served.join().unwrap();
        assert!(asked.starts_with(&format!("POST /api/v1/internal-certificates/{path} HTTP/1.1\r\n")), "{asked}");
    }
    let refused = "HTTP/1.1 409 Conflict\r\nContent-Length: 40\r\n\r\n{\"detail\":\"ask backend-0, which has it\"} ";
    let (admin, served) = endpoint(refused);
    let error = certs(&["status", "--admin", &admin]).unwrap_err().to_string();
    assert_eq!(error, format!("{admin} answers: ask backend-0, which has it"));
    assert!(served.join().unwrap().starts_with("GET /api/v1/internal-certificates HTTP/1.1\r\n"));
}
