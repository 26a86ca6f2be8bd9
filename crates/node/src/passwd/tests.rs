//! Over real files and a real terminal.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use config::SecretBytes;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::{Value, json};

use super::errand::{attributes, put, remove};
use super::terminal::{AskError, ask_twice, open_at, read_all};

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

fn users(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn users_are_added_changed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let site = attributes(given(&[("site", "north"), ("floor", "2")])).unwrap();
    assert_eq!(put(&path, "ann", &secret("one"), site).unwrap(), format!("\"ann\" is added in {}\n", path.display()));
    assert_eq!(mode(&path), 0o600);
    put(&path, "ben", &secret("two"), None).unwrap();
    let before = users(&path);
    assert_eq!((before[0]["username"].as_str(), before[1]["username"].as_str()), (Some("ann"), Some("ben")));
    assert_eq!(before[0]["attributes"], json!({ "floor": "2", "site": "north" }));
    assert!(before.iter().all(|user| user["passwordHash"].as_str().unwrap().starts_with("$argon2id$v=19$")));

    // Without attributes a known user keeps those there are.
    assert!(put(&path, "ann", &secret("three"), None).unwrap().starts_with("\"ann\" has a new password"));
    let after = users(&path);
    assert_eq!((after[0]["attributes"] == before[0]["attributes"], after[1] == before[1]), (true, true));
    assert_ne!(after[0]["passwordHash"], before[0]["passwordHash"]);

    assert_eq!(remove(&path, "ann").unwrap(), format!("\"ann\" is deleted from {}\n", path.display()));
    assert_eq!(users(&path), [before[1].clone()]);
    let missing = remove(&path, "ann").unwrap_err().to_string();
    assert_eq!(missing, format!("there is no user \"ann\" in {}", path.display()));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["users"]);
}

#[test]
fn what_cannot_be_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    assert!(remove(&path, "ann").unwrap_err().to_string().starts_with("there is no user"));
    assert!(put(&path, "ann", &secret(""), None).unwrap_err().to_string().contains("empty"));
    assert!(!path.exists());
    let twice = attributes(given(&[("a", "1"), ("a", "2")])).unwrap_err().to_string();
    assert_eq!(twice, "--attribute a: the same name twice; give each once");

    fs::write(&path, "ann:$1$hash\n").unwrap();
    for error in [put(&path, "ben", &secret("x"), None).unwrap_err(), remove(&path, "ben").unwrap_err()] {
        assert!(error.to_string().starts_with(&format!("{}: line 1", path.display())), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "ann:$1$hash\n");
    let nowhere = folder.path().join("none/users");
    let error = put(&nowhere, "ann", &secret("x"), None).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open the folder {}", folder.path().join("none").display())), "{error}");
    let error = put(folder.path(), "ann", &secret("x"), None).unwrap_err().to_string();
    assert!(error.ends_with("is no regular file"), "{error}");
}

/// A file of users whose hashes cost nothing.
fn written(path: &Path, names: &[&str]) {
    const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    let line = |name: &&str| format!("{}\n", json!({ "username": name, "passwordHash": HASH }));
    fs::write(path, names.iter().map(line).collect::<String>()).unwrap();
}

#[test]
fn the_file_is_replaced_as_a_whole_and_keeps_its_mode_and_its_links() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("users"), folder.path().join("link"));
    written(&path, &["ann", "ben"]);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    symlink("users", &link).unwrap();
    // Somebody who reads meanwhile goes on with the old file.
    let (mut reader, before) = (File::open(&path).unwrap(), fs::read_to_string(&path).unwrap());
    // And a draft that a killed run has left is in nobody's way.
    fs::write(folder.path().join(".users.new"), "half").unwrap();
    remove(&link, "ann").unwrap();
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert_eq!(read, before);
    assert_eq!((users(&path).len(), mode(&path)), (1, 0o640));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !folder.path().join(".users.new").exists());
}

#[test]
fn changes_at_the_same_time_are_all_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let names: Vec<String> = (0..16).map(|number| format!("user {number}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).chain(["ann"]).collect();
    written(&path, &all);
    let begin = Barrier::new(names.len());
    thread::scope(|scope| {
        for name in &names {
            let (path, begin) = (&path, &begin);
            scope.spawn(move || {
                begin.wait();
                remove(path, name).unwrap();
            });
        }
    });
    assert_eq!(users(&path).iter().map(|user| &user["username"]).collect::<Vec<_>>(), ["ann"]);
}

#[test]
fn a_password_on_standard_input_is_all_of_it_but_the_line_end() {
    for (input, password) in
        [("one", "one"), ("one\n", "one"), ("one\r\n", "one"), ("one\n\n", "one\n"), (" a b ", " a b ")]
    {
        assert_eq!(read_all(input.as_bytes()).unwrap().reveal(), password.as_bytes(), "{input:?}");
    }
    assert_eq!(read_all("x".repeat(65_535).as_bytes()).unwrap().reveal().len(), 65_535);
    let endless = std::io::repeat(b'x');
    assert!(matches!(read_all(endless), Err(AskError::TooLong)));
}

/// Both ends of a terminal: the user's, and the program's.
fn terminal() -> (File, File) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap();
    let program = open_at(Path::new(name.to_str().unwrap())).unwrap();
    (File::from(user), program)
}

/// Types at the questions as they come. Returns what the program made of it, and all that the terminal showed.
fn typed(keys: &[&str]) -> (Result<SecretBytes, AskError>, String) {
    let (mut user, program) = terminal();
    let shown_before = tcgetattr(&program).unwrap().local_modes;
    let (answer, screen) = thread::scope(|scope| {
        let asked = scope.spawn(|| ask_twice(&program, "ann"));
        let mut screen = String::new();
        for keys in keys {
            while !screen.ends_with(": ") {
                let mut bytes = [0; 256];
                let length = user.read(&mut bytes).unwrap();
                screen.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
            }
            screen.push('|');
            user.write_all(keys.as_bytes()).unwrap();
        }
        (asked.join().unwrap(), screen)
    });
    assert_eq!(tcgetattr(&program).unwrap().local_modes, shown_before);
    assert!(shown_before.contains(LocalModes::ECHO));
    (answer, screen)
}

#[test]
fn a_terminal_shows_nothing_of_the_password() {
    let (answer, screen) = typed(&["hunter2\r", "hunter2\r"]);
    assert_eq!(answer.unwrap().reveal(), b"hunter2");
    assert!(screen.starts_with("New password of ann: |") && screen.ends_with("The same once more: |"), "{screen}");
    assert!(!screen.contains("hunter"), "{screen}");
}

#[test]
fn keys_that_correct_and_end_do() {
    let (answer, _) = typed(&["nonsense\x15hxé\x7f\x7funter\r", "huntxx\x08\x08er\n"]);
    assert_eq!(answer.unwrap().reveal(), b"hunter");
    assert!(matches!(typed(&["one\r", "two\r"]).0, Err(AskError::Differ)));
    assert!(matches!(typed(&["one\x03"]).0, Err(AskError::Interrupted)));
    assert!(matches!(typed(&["one\r", "\x04"]).0, Err(AskError::Interrupted)));
}
