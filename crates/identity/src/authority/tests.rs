//! The folder's life: made, reused, renewed, and refused when it is damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, tempdir};

use super::{DevelopmentAuthority, Renewed};
use crate::{IdentityError, ServerNames};

fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 3600)
}

fn open_at(folder: &Path, now: SystemTime) -> Result<DevelopmentAuthority, IdentityError> {
    DevelopmentAuthority::open(folder, ServerNames::local(Some("gateway")), now)
}

fn made() -> TempDir {
    let folder = tempdir().unwrap();
    open_at(folder.path(), SystemTime::now()).unwrap();
    folder
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Opens a damaged folder and returns the complaint, which must be one line.
fn complaint(folder: &TempDir) -> String {
    let sentence = open_at(folder.path(), SystemTime::now()).unwrap_err().to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

#[test]
fn makes_four_files_whose_keys_only_the_owner_reads() {
    let folder = tempdir().unwrap();
    let tls = folder.path().join("data/tls");
    open_at(&tls, SystemTime::now()).unwrap();
    for (name, mode) in [("ca.crt", 0o644), ("ca.key", 0o600), ("server.crt", 0o644), ("server.key", 0o600)] {
        let found = fs::metadata(tls.join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    assert_eq!(fs::read_dir(&tls).unwrap().count(), 4);
}

#[test]
fn a_later_start_reuses_everything() {
    let folder = made();
    let names = ["ca.crt", "ca.key", "server.crt", "server.key"];
    let before = names.map(|name| text(&folder, name));
    open_at(folder.path(), SystemTime::now() + days(59)).unwrap();
    assert_eq!(before, names.map(|name| text(&folder, name)));
}

#[test]
fn a_certificate_that_ends_within_thirty_days_is_issued_anew_with_the_same_key() {
    let folder = made();
    let names = ["ca.crt", "ca.key", "server.key"];
    let before = names.map(|name| text(&folder, name));
    let leaf = text(&folder, "server.crt");
    open_at(folder.path(), SystemTime::now() + days(61)).unwrap();
    assert_eq!(before, names.map(|name| text(&folder, name)));
    assert_ne!(leaf, text(&folder, "server.crt"));
    // Long after its end as well.
    open_at(folder.path(), SystemTime::now() + days(1000)).unwrap();
}

#[test]
fn a_certificate_that_lacks_a_name_is_issued_anew() {
    let folder = made();
    let leaf = text(&folder, "server.crt");
    let names = ServerNames::local(Some("gateway")).and_address([192, 168, 1, 20].into());
    DevelopmentAuthority::open(folder.path(), names, SystemTime::now()).unwrap();
    assert_ne!(leaf, text(&folder, "server.crt"));
}

#[test]
fn a_host_name_that_is_no_dns_name_is_left_out() {
    let folder = tempdir().unwrap();
    let names = ServerNames::local(Some("my laptop"));
    assert_eq!(names, ServerNames::local(None));
    DevelopmentAuthority::open(folder.path(), names, SystemTime::now()).unwrap();
}

#[test]
fn a_running_authority_renews_once_when_due() {
    let folder = tempdir().unwrap();
    let now = SystemTime::now();
    let mut authority = open_at(folder.path(), now).unwrap();
    let first = text(&folder, "server.crt");
    assert_eq!(authority.renew_if_due(now + days(59)).unwrap(), Renewed::NotDue);
    assert_eq!(authority.renew_if_due(now + days(61)).unwrap(), Renewed::Yes);
    assert_ne!(first, text(&folder, "server.crt"));
    assert_eq!(authority.renew_if_due(now + days(61)).unwrap(), Renewed::NotDue);
}

#[test]
fn a_start_that_was_cut_short_is_completed() {
    for missing in ["ca.crt", "server.crt", "server.key"] {
        let folder = made();
        fs::remove_file(folder.path().join(missing)).unwrap();
        open_at(folder.path(), SystemTime::now()).unwrap_or_else(|e| panic!("{missing}: {e}"));
        open_at(folder.path(), SystemTime::now()).unwrap();
    }
    let folder = made();
    fs::write(folder.path().join("server.crt.new"), "half a certi").unwrap();
    fs::remove_file(folder.path().join("server.crt")).unwrap();
    open_at(folder.path(), SystemTime::now()).unwrap();
}

#[test]
fn a_new_authority_replaces_what_the_old_one_issued() {
    let folder = made();
    fs::remove_file(folder.path().join("ca.crt")).unwrap();
    fs::remove_file(folder.path().join("ca.key")).unwrap();
    let leaf = text(&folder, "server.crt");
    open_at(folder.path(), SystemTime::now()).unwrap();
    assert_ne!(leaf, text(&folder, "server.crt"));
}

#[test]
fn a_missing_authority_key_is_refused() {
    let folder = made();
    fs::remove_file(folder.path().join("ca.key")).unwrap();
    let sentence = complaint(&folder);
    assert!(sentence.contains("ca.key is missing"), "{sentence}");
    assert!(sentence.contains("restore it"), "{sentence}");
}

#[test]
fn damaged_files_are_refused_by_name() {
    for name in ["ca.crt", "ca.key", "server.crt", "server.key"] {
        for damage in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let folder = made();
            fs::write(folder.path().join(name), damage).unwrap();
            let sentence = complaint(&folder);
            assert!(sentence.contains(name), "{name}: {sentence}");
            assert!(sentence.contains("restore it, or delete"), "{sentence}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = made();
    let key = folder.path().join("server.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let sentence = complaint(&folder);
    assert!(sentence.starts_with("cannot read"), "{sentence}");
    assert!(sentence.contains("server.key"), "{sentence}");
}

#[test]
fn keys_and_certificates_of_others_are_refused() {
    let (folder, other) = (made(), made());
    for (name, expected) in [
        ("ca.key", "does not belong to the certificate in"),
        ("server.key", "does not belong to the certificate in"),
        ("ca.crt", "does not belong to the certificate in"),
        ("server.crt", "does not belong to the certificate in"),
    ] {
        let own = text(&folder, name);
        fs::write(folder.path().join(name), text(&other, name)).unwrap();
        let sentence = complaint(&folder);
        assert!(sentence.contains(expected), "{name}: {sentence}");
        fs::write(folder.path().join(name), own).unwrap();
    }
    for name in ["server.crt", "server.key"] {
        fs::write(folder.path().join(name), text(&other, name)).unwrap();
    }
    let sentence = complaint(&folder);
    assert!(sentence.contains("server.crt was not issued by the authority in"), "{sentence}");
}

#[test]
fn an_authority_that_has_ended_is_refused() {
    let folder = made();
    let error = open_at(folder.path(), SystemTime::now() + days(3651)).unwrap_err();
    assert!(matches!(error, IdentityError::AuthorityUnusable { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let sentence = open_at(&file.join("tls"), SystemTime::now()).unwrap_err().to_string();
    assert!(sentence.starts_with("cannot write"), "{sentence}");
}
