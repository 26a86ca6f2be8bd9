//! The file of users.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::hashing::{self, Hash};

const LONGEST_NAME: usize = 65_535;

/// A user as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    username: String,
    password_hash: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<Box<str>, Box<str>>,
}

/// A user, ready to be checked.
pub(super) struct User {
    pub hash: Hash,
    pub attributes: BTreeMap<Box<str>, Box<str>>,
}

/// What is wrong with a file; lines are counted from 1 and not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    #[error("line {line}: not UTF-8")]
    NotText { line: usize },
    #[error(
        "line {line}, column {column}: {fault}; a line is like {{\"username\":\"ann\",\"passwordHash\":\"$argon2id$...\"}}"
    )]
    Form { line: usize, column: usize, fault: &'static str },
    #[error("line {line}: {fault}")]
    Hash { line: usize, fault: String },
    #[error("line {line}: the username {fault}")]
    Name { line: usize, fault: &'static str },
    #[error("line {line}: the same username as in line {first}")]
    Twice { line: usize, first: usize },
    #[error("{0}")]
    NoHash(&'static str),
}

/// The text of a file of users, and changes to it.
pub struct PasswordFile;

impl PasswordFile {
    /// The text with this user added, or with another password. Other users stay as they are; so do a known user's
    /// attributes, unless others are given.
    ///
    /// # Errors
    /// If the text is no such file, the username is empty or too long, or the password cannot be hashed.
    pub fn put(
        text: &str,
        username: &str,
        password: &[u8],
        attributes: Option<BTreeMap<Box<str>, Box<str>>>,
    ) -> Result<String, PasswordFileError> {
        let Found { mut lines, user } = find(text, username)?;
        check_name(username, lines.len() + 1)?;
        let password_hash = hashing::hash(password).map_err(PasswordFileError::NoHash)?;
        let (at, before) = user.map_or((None, None), |(at, line)| (Some(at), Some(line.attributes)));
        let attributes = attributes.or(before).unwrap_or_default();
        let line = Line { username: username.to_owned(), password_hash, attributes };
        let written = serde_json::to_string(&line).expect("texts are JSON");
        match at {
            Some(at) => lines[at] = &written,
            None => lines.push(&written),
        }
        Ok(joined(&lines))
    }

    /// The text without this user; `None` if there is none. Never empty: a file without a byte looks like one that is being
    /// written, or that was lost.
    ///
    /// # Errors
    /// If the text is no such file.
    pub fn remove(text: &str, username: &str) -> Result<Option<String>, PasswordFileError> {
        let Found { mut lines, user } = find(text, username)?;
        Ok(user.map(|(at, _)| {
            lines.remove(at);
            if lines.is_empty() {
                lines.push("# no users");
            }
            joined(&lines)
        }))
    }
}

/// The lines of a file, and which of them is a user's.
struct Found<'t> {
    lines: Vec<&'t str>,
    user: Option<(usize, Line)>,
}

fn find<'t>(text: &'t str, username: &str) -> Result<Found<'t>, PasswordFileError> {
    parse(text.as_bytes())?;
    let lines: Vec<&str> = text.lines().collect();
    let mut user = None;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| holds_user(line)) {
        let line = read(line, at + 1)?;
        if line.username == username {
            user = Some((at, line));
        }
    }
    Ok(Found { lines, user })
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

/// All users of a file.
pub(super) fn parse(content: &[u8]) -> Result<HashMap<Box<str>, User>, PasswordFileError> {
    let mut users = HashMap::new();
    let mut lines_of: HashMap<Box<str>, usize> = HashMap::new();
    for (at, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        let text = std::str::from_utf8(bytes).map_err(|_| PasswordFileError::NotText { line: number })?;
        if !holds_user(text) {
            continue;
        }
        let line = read(text, number)?;
        check_name(&line.username, number)?;
        let hash = Hash::parse(&line.password_hash)
            .map_err(|error| PasswordFileError::Hash { line: number, fault: error.to_string() })?;
        let username: Box<str> = line.username.into();
        if let Some(first) = lines_of.insert(username.clone(), number) {
            return Err(PasswordFileError::Twice { line: number, first });
        }
        users.insert(username, User { hash, attributes: line.attributes });
    }
    Ok(users)
}

fn holds_user(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn read(text: &str, line: usize) -> Result<Line, PasswordFileError> {
    serde_json::from_str(text).map_err(|error| {
        use serde_json::error::Category;
        // What the reader says of a wrong field could show its value.
        let fault = match error.classify() {
            Category::Syntax | Category::Io => "not JSON",
            Category::Eof => "JSON that ends too early",
            Category::Data => "a field is missing, unknown, or no text",
        };
        PasswordFileError::Form { line, column: error.column(), fault }
    })
}

fn check_name(username: &str, line: usize) -> Result<(), PasswordFileError> {
    let fault = match username.len() {
        0 => "is empty",
        length if length > LONGEST_NAME => "is longer than MQTT can carry",
        _ => return Ok(()),
    };
    Err(PasswordFileError::Name { line, fault })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    fn user(name: &str) -> String {
        format!(r#"{{"username":"{name}","passwordHash":"{HASH}"}}"#)
    }

    #[test]
    fn lines_are_users() {
        let text = format!("# people\n\n{}\r\n  {}\n", user("ann"), user("bob"));
        let users = parse(text.as_bytes()).ok().unwrap();
        assert!(users.len() == 2 && users.contains_key("ann") && users.contains_key("bob"));
        assert!(parse(b"").ok().unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_not_shown() {
        let at_second = |line: &str| parse(format!("{}\n{line}\n", user("ann")).as_bytes()).err().unwrap();
        for (line, expected) in [
            ("hunter2", "line 2, column 1: not JSON"),
            (r#"{"username":"bob""#, "line 2, column 17: JSON that ends too early"),
            (r#"{"username":"bob"}"#, "line 2, column 18: a field is missing"),
            (r#"{"username":"bob","password":"hunter2"}"#, "line 2, column 28: a field is missing"),
            (r#"{"username":"bob","passwordHash":"hunter2"}"#, "line 2: passwordHash is no hash"),
            (
                r#"{"username":"","passwordHash":"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}"#,
                "line 2: the username is empty",
            ),
            (&user("ann"), "line 2: the same username as in line 1"),
        ] {
            let error = at_second(line).to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(parse(b"\n\xff").err(), Some(PasswordFileError::NotText { line: 2 }));
    }

    #[test]
    fn users_are_put_and_removed_and_the_rest_stays() {
        let text = format!("# people\n{}\n{}", user("ann"), user("bob"));
        let site: BTreeMap<Box<str>, Box<str>> = BTreeMap::from([("site".into(), "north".into())]);
        let added = PasswordFile::put(&text, "cy", b"one", Some(site.clone())).unwrap();
        assert!(added.starts_with(&format!("{text}\n{{\"username\":\"cy\"")) && added.ends_with("}\n"), "{added}");
        let changed = PasswordFile::put(&added, "cy", b"two", None).unwrap();
        let users = parse(changed.as_bytes()).ok().unwrap();
        assert!(users["cy"].hash.fits(b"two") && users["cy"].attributes == site && users.len() == 3);
        let removed = PasswordFile::remove(&changed, "cy").unwrap().unwrap();
        assert_eq!(removed, format!("{text}\n"));
        assert_eq!(PasswordFile::remove(&removed, "cy"), Ok(None));
        assert!(PasswordFile::put(&text, "", b"x", None).is_err());
        assert!(PasswordFile::put("nonsense", "cy", b"x", None).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_name_can_be_put(name in "\\PC{1,30}") {
            prop_assert!(PasswordFile::remove("", &name).unwrap().is_none());
            let line = serde_json::to_string(&serde_json::json!({ "username": name, "passwordHash": HASH })).unwrap();
            prop_assert!(parse(line.as_bytes()).ok().unwrap().contains_key(name.as_str()));
        }
    }
}
