//! UserPassword: names and passwords from a file.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use causeway_tests::broker::program;
use causeway_tests::users::user;
use causeway_tests::{Publish, Resources, Version, both, fresh};

use crate::guarded::{Guarded, Port, anybody, login};

pub const METHOD: &str = "method: UserPassword\nuserPasswordSettings:\n  passwordSecretRef: users\n";

/// The file of users, as resources keep it.
pub fn keep(resources: &Resources, users: &str) {
    resources.secret("users", &[("users", users.as_bytes())]);
}

fn guarded() -> Guarded {
    let resources = Resources::new();
    keep(&resources, &(user("ann", "correct horse", &[("site", "north")]) + &user("bob", "battery staple", &[])));
    Guarded::by(resources, Port::Plain, &[METHOD])
}

both! {
    fn the_right_password_of_the_right_user_and_nothing_else(version) {
        let guarded = guarded();
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        // A second time it comes from memory.
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        guarded.admitted(&login(version, "bob", "battery staple")).quiet();
        for (name, password) in [
            ("ann", "battery staple"),
            ("bob", "correct horse"),
            ("ann", ""),
            ("ann", "correct horse "),
            ("Ann", "correct horse"),
            ("cy", "correct horse"),
            ("", ""),
        ] {
            guarded.refused(&login(version, name, password), 0x86);
        }
        // A name alone is for no method, and nothing at all is no credential.
        guarded.refused(&anybody(version).user("ann"), 0x86);
        guarded.refused(&anybody(version), 0x87);
    }

    /// Who has another password now, or none, has to go; everybody else stays.
    fn a_changed_file_counts_for_everybody(version) {
        let guarded = guarded();
        let mut changed = guarded.admitted(&login(version, "ann", "correct horse"));
        let mut gone = guarded.admitted(&login(version, "bob", "battery staple"));
        let (dan, cy) = (user("dan", "dan's own", &[]), user("cy", "cy's own", &[]));
        let known = user("ann", "correct horse", &[]) + &user("bob", "battery staple", &[]);
        guarded.apply(|resources| keep(resources, &(known.clone() + &dan)));
        let mut same = guarded.admitted(&login(version, "dan", "dan's own"));
        // Only attributes and other users changed so far.
        changed.quiet();
        gone.quiet();
        guarded.apply(|resources| keep(resources, &(user("ann", "something new", &[]) + &dan + &cy)));
        changed.expect_disconnect(0x87);
        gone.expect_disconnect(0x87);
        same.quiet();
        guarded.refused(&login(version, "ann", "correct horse"), 0x86);
        guarded.refused(&login(version, "bob", "battery staple"), 0x86);
        guarded.admitted(&login(version, "ann", "something new")).quiet();
        guarded.admitted(&login(version, "cy", "cy's own")).quiet();
    }
}

#[test]
fn a_password_alone_is_for_no_method() {
    let connect = anybody(Version::V5).password(b"correct horse");
    guarded().refused(&connect, 0x86);
}

/// The file is damaged: what ran goes on, and the problem is told.
#[test]
fn a_damaged_file_changes_nothing() {
    let guarded = guarded();
    keep(&guarded.resources, "{\"username\":\"ann\",\"passwordHash\":\"hunter2\"}\n");
    guarded.broker.signal(libc::SIGHUP);
    let rejected = || guarded.metric("causeway_configuration_rejected", "") == Some(1.0);
    causeway_tests::eventually("the change is refused", || rejected().then_some(()));
    guarded.admitted(&login(Version::V5, "ann", "correct horse")).quiet();
    let log = guarded.broker.log();
    assert!(log.contains("line 1") && log.contains("users"), "{log}");
    assert!(!log.contains("hunter2"));
}

/// `causeway passwd` on this file; what it says must not show a password.
fn passwd(file: &Path, arguments: &[&str], password: &str) {
    let mut command = Command::new(program());
    command.arg("passwd").arg(file).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("its input");
    // Who deletes reads none.
    let _ = stdin.write_all(password.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(!said.contains("s3cret"), "{said}");
}

/// The last user is deleted: the file is empty, and nobody is let in by it any more.
#[test]
fn the_last_user_can_be_deleted() {
    let resources = Resources::new();
    keep(&resources, &user("ann", "correct horse", &[]));
    let file = resources.path().join("secrets/users/users");
    let guarded = Guarded::by(resources, Port::Plain, &[METHOD]);
    let mut ann = guarded.admitted(&login(Version::V5, "ann", "correct horse"));
    guarded.apply(|_| passwd(&file, &["ann", "--delete"], ""));
    ann.expect_disconnect(0x87);
    guarded.refused(&login(Version::V5, "ann", "correct horse"), 0x86);
}

#[test]
fn the_file_is_made_by_the_program() {
    let resources = Resources::new();
    keep(&resources, "# users of the plant\n");
    let file = resources.path().join("secrets/users/users");
    let put = |arguments: &[&str], password: &str| passwd(&file, arguments, password);
    put(&["ann", "--password-stdin", "--attribute", "site=north"], "s3cret of ann\n");
    put(&["bob", "--password-stdin"], "s3cret of bob\n");
    put(&["bob", "--delete"], "");
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(!text.contains("s3cret") && text.contains("$argon2id$") && text.contains("# users of the plant"), "{text}");
    let rules = "rules:\n- principals: {usernames: [ann]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"sites/{principal.attributes.site}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[METHOD], rules);
    let mut ann = guarded.admitted(&login(Version::V5, "ann", "s3cret of ann"));
    assert_eq!(ann.publish(Publish::new("sites/north", fresh("x")).qos(1)) & 0x80, 0);
    assert_eq!(ann.publish(Publish::new("sites/south", fresh("x")).qos(1)), 0x87);
    guarded.refused(&login(Version::V5, "bob", "s3cret of bob"), 0x86);
}
