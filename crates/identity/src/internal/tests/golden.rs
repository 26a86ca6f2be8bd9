//! What is kept in files and sent to peers, byte by byte as it was when it was first released: a later release reads it.
//!
//! `CAUSEWAY_BLESS=1` makes `golden.txt` anew, for a format that nobody has yet. One that somebody has gets a new version instead,
//! and this release's file stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::tempdir;

use super::super::*;
use super::cluster::SECOND;

const BINDING: [u8; 32] = [7; 32];
const HOUR: Duration = Duration::from_secs(3600);

fn beginning() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn member() -> Member {
    Member { cluster: ClusterName::new("plant").unwrap(), role: Role::Frontend, name: MemberName::new("f-0").unwrap() }
}

fn open_authority(folder: &Path) -> InternalAuthority {
    let settings = AuthoritySettings::for_leaves(&InternalSettings::default());
    InternalAuthority::open(folder, member().cluster, settings, beginning()).unwrap()
}

fn clock() -> Clock {
    Clock::of(|| beginning() + HOUR)
}

struct Golden(BTreeMap<String, Vec<u8>>);

impl Golden {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/internal/tests/golden.txt")
    }

    fn read() -> Self {
        if std::env::var_os("CAUSEWAY_BLESS").is_some() {
            bless();
        }
        let text = fs::read_to_string(Self::path()).unwrap();
        let entry = |line: &str| {
            let (name, encoded) = line.split_once(' ').unwrap();
            (name.to_owned(), STANDARD.decode(encoded).unwrap())
        };
        Self(text.lines().map(entry).collect())
    }

    fn of(&self, name: &str) -> &[u8] {
        &self.0[name]
    }

    fn token(&self) -> JoinToken {
        JoinToken::parse(std::str::from_utf8(self.of("token")).unwrap()).unwrap()
    }

    /// The folder of an authority, with what it needs to let the process of the file in.
    fn authority(&self, state: &str) -> tempfile::TempDir {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("tokens")).unwrap();
        let id: String = self.token().id().iter().map(|byte| format!("{byte:02x}")).collect();
        for (file, entry) in [("authority", state), ("members", "members"), (&format!("tokens/{id}"), "kept-token")] {
            fs::write(folder.path().join(file), self.of(entry)).unwrap();
        }
        folder
    }
}

fn bless() {
    let (folder, mut golden) = (tempdir().unwrap(), Vec::new());
    let authority = open_authority(folder.path());
    let token = authority.token(Role::Frontend, TokenUse::Once, 24 * HOUR, beginning()).unwrap();
    let name = member().name;
    let joining = Joining::begin(token.clone(), name.clone(), InternalSettings::default(), clock()).unwrap();
    let request = joining.request(&BINDING).unwrap();
    let id = fs::read_dir(folder.path().join("tokens")).unwrap().next().unwrap().unwrap().path();
    golden.push(("token", token.to_text().as_bytes().to_vec()));
    golden.push(("kept-token", fs::read(id).unwrap()));
    golden.push(("join-by-token", request.to_bytes()));
    let issued = authority.admit(&request, &BINDING, beginning()).unwrap();
    golden.push(("issued", issued.to_bytes()));
    let file = folder.path().join("identity");
    let credentials = joining.finish(issued, &file).unwrap();
    golden.push(("identity", fs::read(&file).unwrap()));
    let returned = credentials.return_request(&credentials.begin_renewal().unwrap(), &BINDING).unwrap();
    golden.push(("join-by-key", returned.to_bytes()));
    golden.push(("members", fs::read(folder.path().join("members")).unwrap()));
    authority.rotate(beginning()).unwrap();
    golden.push(("roots", authority.roots().to_bytes()));
    golden.push(("announced", fs::read(folder.path().join("authority")).unwrap()));
    authority.tend(beginning() + 11 * 24 * HOUR);
    golden.push(("overlap", fs::read(folder.path().join("authority")).unwrap()));
    let text: String = golden.iter().map(|(name, bytes)| format!("{name} {}\n", STANDARD.encode(bytes))).collect();
    fs::write(Golden::path(), text).unwrap();
}

#[test]
fn tokens_and_requests_are_written_as_they_were() {
    let golden = Golden::read();
    let token = golden.token();
    assert_eq!(token.to_text().as_bytes(), golden.of("token"));
    assert_eq!((token.role(), token.cluster().as_str()), (Role::Frontend, "plant"));
    assert_eq!(token.not_after(), beginning() + 24 * HOUR);
    for name in ["join-by-token", "join-by-key"] {
        let request = JoinRequest::from_bytes(golden.of(name)).unwrap();
        assert_eq!(request.to_bytes(), golden.of(name), "{name}");
        assert_eq!(request.name, member().name);
    }
    let request = JoinRequest::from_bytes(golden.of("join-by-token")).unwrap().request;
    let again = JoinRequest::by_token(&token, member().name, request, &BINDING);
    assert_eq!(again.to_bytes(), golden.of("join-by-token"));
}

#[test]
fn answers_and_lists_are_written_as_they_were() {
    let golden = Golden::read();
    let issued = Issued::from_bytes(golden.of("issued")).unwrap();
    assert_eq!(issued.to_bytes(), golden.of("issued"));
    let roots = TrustedRoots::from_bytes(golden.of("roots")).unwrap();
    assert_eq!(roots.to_bytes(), golden.of("roots"));
    assert_eq!((roots.generation(), roots.certificates().len(), issued.roots().generation()), (2, 2, 1));
    roots.check_signed_by(issued.roots().certificates()).unwrap();
}

#[test]
fn the_file_of_a_process_is_read_and_goes_on() {
    let golden = Golden::read();
    let folder = tempdir().unwrap();
    let file = folder.path().join("identity");
    fs::write(&file, golden.of("identity")).unwrap();
    let credentials = Credentials::open(&file, member(), InternalSettings::default(), clock()).unwrap().unwrap();
    assert_eq!(credentials.not_after(), beginning() + 240 * HOUR);
    let roots = TrustedRoots::from_bytes(golden.of("roots")).unwrap();
    credentials.adopt_roots(&roots, clock().now()).unwrap();
    assert_eq!(credentials.roots().generation(), 2);
}

#[test]
fn the_files_of_an_authority_are_read_and_let_the_same_in() {
    let golden = Golden::read();
    for (state, at) in [("announced", beginning() + HOUR), ("overlap", beginning() + 12 * HOUR)] {
        let folder = golden.authority(state);
        let authority = open_authority(folder.path());
        let ask = |name, binding| {
            let request = JoinRequest::from_bytes(golden.of(name)).unwrap();
            authority.admit(&request, binding, at)
        };
        ask("join-by-token", &BINDING).unwrap();
        let listed = authority.members();
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].member, listed[0].standing), (&member(), Standing::Member));
        ask("join-by-key", &[8; 32]).unwrap_err();
        drop(authority);
        let authority = open_authority(folder.path());
        assert_eq!(fs::read(folder.path().join("authority")).unwrap(), golden.of(state), "{state}");
        let request = JoinRequest::from_bytes(golden.of("join-by-key")).unwrap();
        authority.admit(&request, &BINDING, at).unwrap();
        let phase = authority.status().phase;
        match state {
            "announced" => assert!(matches!(phase, AuthorityPhase::Announced { .. }), "{phase:?}"),
            _ => assert!(matches!(phase, AuthorityPhase::Overlap { .. }), "{phase:?}"),
        }
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let golden = Golden::read();
    let newer = |name: &str| [&[9], &golden.of(name)[1..]].concat();
    let errors = [
        JoinRequest::from_bytes(&newer("join-by-token")).unwrap_err().to_string(),
        Issued::from_bytes(&newer("issued")).unwrap_err().to_string(),
        TrustedRoots::from_bytes(&newer("roots")).unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(error.ends_with("cannot be read: its version is 9, this release reads 1"), "{error}");
    }
}

#[test]
fn what_is_cut_short_or_too_long_is_refused() {
    let golden = Golden::read();
    type IsRead = fn(&[u8]) -> bool;
    let readers: [(&str, IsRead); 4] = [
        ("join-by-token", |bytes| JoinRequest::from_bytes(bytes).is_ok()),
        ("join-by-key", |bytes| JoinRequest::from_bytes(bytes).is_ok()),
        ("issued", |bytes| Issued::from_bytes(bytes).is_ok()),
        ("roots", |bytes| TrustedRoots::from_bytes(bytes).is_ok()),
    ];
    for (name, is_read) in readers {
        let whole = golden.of(name);
        assert!(is_read(whole), "{name}");
        assert!((0..whole.len()).all(|cut| !is_read(&whole[..cut])), "{name}");
        assert!(!is_read(&[whole, &[0]].concat()), "{name}");
    }
}

#[test]
fn names_of_protocols_and_refusals_stay() {
    assert_eq!((LINK_PROTOCOL, JOIN_PROTOCOL), (&b"causeway-link/1"[..], &b"causeway-join/1"[..]));
    let refusals = [JoinRefusal::Unknown, JoinRefusal::Ended, JoinRefusal::NotIssued, JoinRefusal::Stale];
    assert_eq!(refusals.map(JoinRefusal::code), [1, 2, 3, 4]);
    for refusal in refusals {
        assert_eq!(JoinRefusal::from_code(refusal.code()), refusal);
    }
    assert_eq!(JoinRefusal::from_code(200), JoinRefusal::NotIssued);
    assert_eq!(SHORTEST_DURATION, 60 * SECOND);
}
