//! Nothing, or a user name and a password.

use std::fs;
use std::sync::Arc;

use bridge::credentials::{CredentialError, Credentials, Keeper, Renewal, Source};
use mqtt::{Connect, ProtocolVersion};

use crate::parts::{fast, held, refusal, within};

fn filled(presented: &bridge::credentials::Presented) -> Connect {
    let mut connect = Connect::new(ProtocolVersion::V5, "client");
    (connect.keep_alive, connect.username) = (60, Some("of before".to_owned()));
    presented.fill(&mut connect);
    assert_eq!((connect.keep_alive, connect.client_id.as_str()), (60, "client"));
    connect
}

#[tokio::test]
async fn anonymous_shows_nothing() {
    let mut keeper = Keeper::start(&Credentials::Anonymous, &Arc::new(fast()));
    let presented = within(keeper.present()).await.unwrap();
    let connect = filled(&presented);
    assert_eq!((connect.username, connect.password, connect.authentication), (None, None, None));
    assert_eq!((presented.expires(), presented.renewal()), (None, Renewal::Reconnect));
    let status = keeper.status();
    assert!(status.is_there && status.failure.is_none() && status.expires.is_none());
}

#[tokio::test]
async fn a_password_is_read_again_when_its_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "first\n").unwrap();
    let credentials = Credentials::UsernamePassword {
        username: held("secret/username", "ann"),
        password: Source::File(path.clone()),
    };
    let mut keeper = Keeper::start(&credentials, &Arc::new(fast()));
    let connect = filled(&within(keeper.present()).await.unwrap());
    assert_eq!((connect.username.as_deref(), connect.password.as_deref()), (Some("ann"), Some(&b"first"[..])));
    assert_eq!(connect.authentication, None);
    fs::write(&path, "second").unwrap();
    let presented = within(keeper.changed()).await;
    assert_eq!(presented.renewal(), Renewal::Reconnect);
    assert_eq!(filled(&presented).password.as_deref(), Some(&b"second"[..]));
}

#[tokio::test]
async fn a_file_that_comes_later_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let credentials =
        Credentials::UsernamePassword { username: held("u", "ann"), password: Source::File(path.clone()) };
    let mut keeper = Keeper::start(&credentials, &Arc::new(fast()));
    let error = within(keeper.present()).await.unwrap_err();
    assert!(error.may_pass());
    let expected =
        format!("{} cannot be read (No such file or directory (os error 2)); it must hold a password", path.display());
    assert_eq!(error.to_string(), expected);
    let failure = keeper.status().failure.unwrap();
    assert!(failure.error == error && failure.next > failure.since);
    fs::write(&path, "there").unwrap();
    assert_eq!(filled(&within(keeper.changed()).await).password.as_deref(), Some(&b"there"[..]));
    assert_eq!(keeper.status().failure, None);
}

#[tokio::test]
async fn what_mqtt_cannot_carry_is_refused() {
    let large = "x".repeat(65_536);
    for (username, expected) in [
        ("", "username is empty; it must hold a user name"),
        ("\n", "username is empty; it must hold a user name"),
        ("a\0b", "username holds something else (a zero character); it must hold a user name"),
        (large.as_str(), "username is larger than 65535 bytes; it must hold a user name"),
    ] {
        let credentials =
            Credentials::UsernamePassword { username: held("username", username), password: held("password", "p") };
        assert_eq!(refusal(&credentials, fast()).await, expected);
    }
}

/// A server that refuses a password makes it read again; the answer is waited for.
#[tokio::test]
async fn after_a_refusal_it_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "same").unwrap();
    let mut slow = fast();
    slow.pace.poll = std::time::Duration::from_secs(3600);
    let credentials =
        Credentials::UsernamePassword { username: held("u", "ann"), password: Source::File(path.clone()) };
    let mut keeper = Keeper::start(&credentials, &Arc::new(slow));
    within(keeper.present()).await.unwrap();
    fs::write(&path, "other").unwrap();
    keeper.refused();
    assert_eq!(filled(&within(keeper.present()).await.unwrap()).password.as_deref(), Some(&b"other"[..]));
    fs::remove_file(&path).unwrap();
    keeper.refused();
    // What was good before is shown again: the server may have been in trouble itself.
    assert_eq!(filled(&within(keeper.present()).await.unwrap()).password.as_deref(), Some(&b"other"[..]));
    let failure = keeper.status().failure.unwrap();
    assert!(matches!(failure.error, CredentialError::File { .. }) && failure.attempts >= 1);
}

/// A password is binary data (MQTT-3.1.3.6), a user name is not.
#[tokio::test]
async fn a_password_may_be_any_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    fs::write(&path, [0xff, 0, 0xfe, b'\n']).unwrap();
    let bytes = Source::File(path);
    let credentials =
        Credentials::UsernamePassword { username: held("secret/username", "ann"), password: bytes.clone() };
    let connect = filled(&within(Keeper::start(&credentials, &Arc::new(fast())).present()).await.unwrap());
    assert_eq!(connect.password.as_deref(), Some(&[0xff, 0, 0xfe][..]));
    let credentials = Credentials::UsernamePassword { username: bytes, password: held("secret/password", "p") };
    let refused = within(Keeper::start(&credentials, &Arc::new(fast())).present()).await.unwrap_err();
    assert!(refused.to_string().contains("it is not UTF-8"), "{refused}");
}
