//! Names and passwords from a file.

use std::collections::BTreeMap;

use auth::authentication::{
    Credentials, Enhanced, MethodKind, MethodSettings, Methods, PasswordFile, PemFile, Purpose, UserPasswordSettings,
};
use mqtt::ReasonCode;

use crate::parts::{accepted, anyone, compiled, counters, denied, judge, with_password};

fn settings(text: &str) -> Vec<MethodSettings> {
    let file = PemFile { name: "users.jsonl".to_owned(), content: text.as_bytes().to_vec() };
    vec![MethodSettings::UserPassword(UserPasswordSettings { file })]
}

fn users() -> String {
    let site = BTreeMap::from([("site".into(), "north".into())]);
    let one = PasswordFile::put("# users\n", "ann", b"correct horse", Some(site)).unwrap();
    PasswordFile::put(&one, "bob", b"battery staple", None).unwrap()
}

#[tokio::test]
async fn the_right_password_of_the_right_user() {
    let methods = compiled(&settings(&users()));
    let ann = accepted(judge(&methods, &with_password("ann", "correct horse")).await);
    assert_eq!((ann.username.as_deref(), ann.expires, ann.by), (Some("ann"), None, MethodKind::UserPassword));
    assert_eq!(ann.attributes.get("site").map(AsRef::as_ref), Some("north"));
    // A second time, from memory.
    accepted(judge(&methods, &with_password("ann", "correct horse")).await);
    for (name, password) in [
        ("ann", "battery staple"),
        ("bob", "correct horse"),
        ("ann", ""),
        ("ann", "correct horse "),
        ("Ann", "correct horse"),
        ("cy", "correct horse"),
        ("cy", "battery staple"),
        ("", ""),
    ] {
        let reason = denied(judge(&methods, &with_password(name, password)).await, "UserPassword: ");
        assert_eq!(reason, ReasonCode::BadUserNameOrPassword, "{name} {password}");
    }
}

#[tokio::test]
async fn a_name_and_a_password_make_it_relevant() {
    let methods = compiled(&settings(&users()));
    let name = Credentials { username: Some("ann".into()), ..anyone() };
    assert_eq!(denied(judge(&methods, &name).await, "no method"), ReasonCode::BadUserNameOrPassword);
    let password = Credentials { username: None, ..with_password("", "correct horse") };
    assert_eq!(denied(judge(&methods, &password).await, "no method"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(denied(judge(&methods, &anyone()).await, "no method"), ReasonCode::NotAuthorized);
    let enhanced = Some(Enhanced { method: "SCRAM".into(), data: None });
    let both = Credentials { enhanced, ..with_password("ann", "correct horse") };
    assert_eq!(denied(judge(&methods, &both).await, "no method"), ReasonCode::BadAuthenticationMethod);
}

#[tokio::test]
async fn nobody_is_in_an_empty_file() {
    let methods = compiled(&settings("\n# none yet\n"));
    denied(judge(&methods, &with_password("nobody", "nobody")).await, "no such user");
}

#[tokio::test]
async fn a_changed_file_forgets_what_was_right() {
    let counters = counters();
    let before = Methods::compile(&settings(&users()), None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    accepted(judge(&before, &with_password("ann", "correct horse")).await);
    let changed = PasswordFile::put(&users(), "ann", b"something new", None).unwrap();
    let after =
        Methods::compile(&settings(&changed), Some(&before), &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    denied(judge(&after, &with_password("ann", "correct horse")).await, "wrong");
    accepted(judge(&after, &with_password("ann", "something new")).await);
    let gone = PasswordFile::remove(&changed, "ann").unwrap().unwrap();
    let gone =
        Methods::compile(&settings(&gone), Some(&after), &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    denied(judge(&gone, &with_password("ann", "something new")).await, "no such user");
}

#[tokio::test]
async fn a_password_is_not_renewed() {
    let methods = compiled(&settings(&users()));
    let again = Purpose::ReAuthenticate { username: Some("ann".into()), by: MethodKind::UserPassword };
    let verdict = methods.judge(&with_password("ann", "correct horse"), &again, std::time::SystemTime::now()).await;
    assert_eq!(denied(verdict, "cannot be renewed"), ReasonCode::NotAuthorized);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_line() {
    let errors = Methods::compile(&settings("\nhunter2"), None, &counters()).err().unwrap();
    let text = errors[0].to_string();
    assert!(
        text.starts_with("authenticationMethods[0]: users.jsonl: line 2, column 1: ") && !text.contains("hunter2"),
        "{text}"
    );
}
