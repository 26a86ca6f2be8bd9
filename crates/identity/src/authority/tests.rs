//! The authority's life: made, reused, and refused when it is damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use tempfile::{TempDir, tempdir};

use super::Authority;
use crate::certificate::Inspected;
use crate::key::PrivateKey;
use crate::{IdentityError, KeyAlgorithm, ServerNames};

fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 3600)
}

fn made() -> TempDir {
    let folder = tempdir().unwrap();
    Authority::open(folder.path(), SystemTime::now()).unwrap();
    folder
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Opens a damaged folder and returns the complaint, which must be one line.
fn complaint(folder: &TempDir) -> String {
    let sentence = Authority::open(folder.path(), SystemTime::now()).unwrap_err().to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

#[test]
fn makes_two_files_and_only_the_owner_reads_the_key() {
    let folder = tempdir().unwrap();
    let tls = folder.path().join("data/tls");
    let authority = Authority::open(&tls, SystemTime::now()).unwrap();
    assert_eq!(authority.ca_certificate(), tls.join("ca.crt"));
    for (name, mode) in [("ca.crt", 0o644), ("ca.key", 0o600)] {
        let found = fs::metadata(tls.join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    assert_eq!(fs::read_dir(&tls).unwrap().count(), 2);
}

#[test]
fn a_later_start_reuses_everything() {
    let folder = made();
    let names = ["ca.crt", "ca.key"];
    let before = names.map(|name| text(&folder, name));
    Authority::open(folder.path(), SystemTime::now() + days(1000)).unwrap();
    assert_eq!(before, names.map(|name| text(&folder, name)));
}

#[test]
fn a_start_that_was_cut_short_is_completed() {
    let folder = made();
    fs::remove_file(folder.path().join("ca.crt")).unwrap();
    fs::write(folder.path().join("ca.crt.new"), "half a certi").unwrap();
    let key = text(&folder, "ca.key");
    Authority::open(folder.path(), SystemTime::now()).unwrap();
    Authority::open(folder.path(), SystemTime::now()).unwrap();
    assert_eq!(key, text(&folder, "ca.key"));
}

#[test]
fn a_missing_key_is_refused() {
    let folder = made();
    fs::remove_file(folder.path().join("ca.key")).unwrap();
    let sentence = complaint(&folder);
    assert!(sentence.contains("ca.key is missing"), "{sentence}");
    assert!(sentence.contains("restore it"), "{sentence}");
}

#[test]
fn damaged_files_are_refused_by_name() {
    for name in ["ca.crt", "ca.key"] {
        for damage in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let folder = made();
            fs::write(folder.path().join(name), damage).unwrap();
            let sentence = complaint(&folder);
            assert!(sentence.contains(name), "{name}: {sentence}");
            assert!(sentence.contains("restore it, or delete ca.crt and ca.key to get a new authority"), "{sentence}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = made();
    let key = folder.path().join("ca.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let sentence = complaint(&folder);
    assert!(sentence.starts_with("cannot read"), "{sentence}");
    assert!(sentence.contains("ca.key: it is not a file"), "{sentence}");
}

#[test]
fn the_key_or_certificate_of_another_authority_is_refused() {
    let (folder, other) = (made(), made());
    for name in ["ca.key", "ca.crt"] {
        let own = text(&folder, name);
        fs::write(folder.path().join(name), text(&other, name)).unwrap();
        let sentence = complaint(&folder);
        assert!(sentence.contains("does not belong to the certificate in"), "{name}: {sentence}");
        fs::write(folder.path().join(name), own).unwrap();
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let sentence = Authority::open(&file.join("tls"), SystemTime::now()).unwrap_err().to_string();
    assert!(sentence.starts_with("cannot write"), "{sentence}");
}

#[test]
fn no_certificate_outlives_the_authority() {
    let folder = made();
    let now = SystemTime::now();
    let authority = Authority::open(folder.path(), now).unwrap();
    let key = PrivateKey::make(KeyAlgorithm::Ec256, &aws_lc_rs::default_provider()).unwrap();
    let issue = |at| authority.issue(&key, &ServerNames::local(None), days(90), at);
    let end = |at| Inspected::parse(&issue(at).unwrap()).unwrap().not_after();
    assert!(end(now) < now + days(91));
    assert_eq!(end(now + days(3600)), authority.not_after());
    let error = issue(now + days(3651)).unwrap_err();
    assert!(matches!(error, IdentityError::AuthorityUnusable { .. }), "{error}");
}

#[test]
fn debug_shows_no_key() {
    let folder = made();
    let authority = Authority::open(folder.path(), SystemTime::now()).unwrap();
    let shown = format!("{authority:?}");
    let secret = text(&folder, "ca.key");
    let line = secret.lines().nth(1).unwrap();
    assert!(!shown.contains(line), "{shown}");
    let key = PrivateKey::make(KeyAlgorithm::Ed25519, authority.provider()).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey { algorithm: ED25519, .. }");
}
