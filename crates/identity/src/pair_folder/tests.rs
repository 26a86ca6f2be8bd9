//! Storing a pair, cut short at every step, in every order in which the disk may have it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use tempfile::{TempDir, tempdir};

use super::PairFolder;
use crate::key::PrivateKey;
use crate::{Authority, KeyAlgorithm, ServerNames};

/// An authority, a folder that holds the pair "old", and a pair "new".
struct Fixture {
    _data: TempDir,
    authority: Authority,
    folder: PairFolder,
    old: Pair,
    new: Pair,
}

type Pair = (PrivateKey, CertificateDer<'static>);

fn pair(authority: &Authority) -> Pair {
    let key = PrivateKey::make(KeyAlgorithm::Ec256, authority.provider()).unwrap();
    let (names, hour) = (ServerNames::local(None), Duration::from_secs(3600));
    let certificate = authority.issue(&key, &names, hour, SystemTime::now()).unwrap();
    (key, certificate)
}

impl Fixture {
    fn new() -> Self {
        let data = tempdir().unwrap();
        let authority = Authority::open(data.path(), SystemTime::now()).unwrap();
        let folder = PairFolder::new(data.path().join("mqtts"));
        let (old, new) = (pair(&authority), pair(&authority));
        folder.store(&old.0, &old.1).unwrap();
        Self { _data: data, authority, folder, old, new }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path.join(name)
    }

    /// Looks into the folder as a start does; the pair must be `expected`, and nothing else be left.
    fn check(&self, expected: &Pair, what: &str) {
        let provider = aws_lc_rs::default_provider();
        let found = self.folder.open(self.authority.certificate(), &provider).unwrap();
        let key = found.key.unwrap().unwrap_or_else(|| panic!("{what}: no key"));
        assert_eq!(found.certificate.unwrap().as_ref(), Some(&expected.1), "{what}");
        assert!(key.fits(&expected.1), "{what}");
        assert_eq!(names(&self.folder.path), ["ca.crt", "tls.crt", "tls.key"], "{what}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn keeps_three_files_and_only_the_owner_reads_the_key() {
    let fixture = Fixture::new();
    fixture.check(&fixture.old, "stored");
    for (name, mode) in [("ca.crt", 0o644), ("tls.crt", 0o644), ("tls.key", 0o600)] {
        let found = fs::metadata(fixture.path(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    let authority = fs::read(fixture.authority.ca_certificate()).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    assert_eq!(text(fs::read(fixture.path("ca.crt")).unwrap()), text(authority));
    let fixture = Fixture::new();
    fixture.folder.store(&fixture.new.0, &fixture.new.1).unwrap();
    fixture.check(&fixture.new, "replaced");
}

#[test]
fn a_crash_while_drafts_are_written_leaves_the_old_pair() {
    for (key, certificate) in
        [(None, None), (Some(0), None), (Some(100), None), (Some(9999), Some(0)), (None, Some(50))]
    {
        let fixture = Fixture::new();
        fixture.folder.write_drafts(&fixture.new.0, &fixture.new.1).unwrap();
        for (name, kept) in [("tls.key.new", key), ("tls.crt.new", certificate)] {
            let text = fs::read(fixture.path(name)).unwrap();
            match kept {
                Some(length) => fs::write(fixture.path(name), &text[..text.len().min(length)]).unwrap(),
                None => fs::remove_file(fixture.path(name)).unwrap(),
            }
        }
        fixture.check(&fixture.old, &format!("{key:?} {certificate:?}"));
    }
}

#[test]
fn a_crash_before_the_first_rename_leaves_the_old_pair() {
    let fixture = Fixture::new();
    fixture.folder.write_drafts(&fixture.new.0, &fixture.new.1).unwrap();
    fixture.check(&fixture.old, "drafts whole");
}

#[test]
fn a_crash_between_the_renames_is_finished() {
    for name in ["tls.key", "tls.crt"] {
        let fixture = Fixture::new();
        fixture.folder.write_drafts(&fixture.new.0, &fixture.new.1).unwrap();
        fs::rename(fixture.path(&format!("{name}.new")), fixture.path(name)).unwrap();
        fixture.check(&fixture.new, name);
        fixture.check(&fixture.new, "looked at again");
    }
}

#[test]
fn a_crash_after_the_first_rename_of_all_is_finished() {
    for name in ["tls.key", "tls.crt"] {
        let fixture = Fixture::new();
        for old in ["tls.key", "tls.crt"] {
            fs::remove_file(fixture.path(old)).unwrap();
        }
        fixture.folder.write_drafts(&fixture.new.0, &fixture.new.1).unwrap();
        fs::rename(fixture.path(&format!("{name}.new")), fixture.path(name)).unwrap();
        fixture.check(&fixture.new, name);
    }
}

#[test]
fn a_renewal_that_keeps_the_key_is_safe_as_well() {
    let fixture = Fixture::new();
    let (names, hour) = (ServerNames::local(None), Duration::from_secs(3600));
    let next = fixture.authority.issue(&fixture.old.0, &names, hour, SystemTime::now()).unwrap();
    fixture.folder.write_drafts(&fixture.old.0, &next).unwrap();
    fixture.check(&fixture.old, "drafts whole");
    fixture.folder.write_drafts(&fixture.old.0, &next).unwrap();
    fs::rename(fixture.path("tls.key.new"), fixture.path("tls.key")).unwrap();
    // Either is whole; the one in place stays.
    fixture.check(&fixture.old, "half swapped");
    fixture.folder.store(&fixture.old.0, &next).unwrap();
    let Fixture { old: (key, _), .. } = &fixture;
    let provider = aws_lc_rs::default_provider();
    let found = fixture.folder.open(fixture.authority.certificate(), &provider).unwrap();
    assert_eq!(found.certificate.unwrap().unwrap(), next);
    assert!(key.fits(&next));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.path("tls.key.new/in the way")).unwrap();
    let error = fixture.folder.store(&fixture.new.0, &fixture.new.1).unwrap_err().to_string();
    assert!(error.starts_with("cannot write") && error.contains("mqtts/tls.key"), "{error}");
    fs::remove_dir_all(fixture.path("tls.key.new")).unwrap();
    fixture.check(&fixture.old, "after a failure");
}
