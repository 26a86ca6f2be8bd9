//! Enhanced authentication.

use std::sync::Arc;

use bytes::Bytes;
use client::{Client, ConnectError, End, RequestFailed, Session};
use mqtt::client::Settings;
use mqtt::{Authentication, ReasonCode};

use crate::server::{Manners, Server};
use crate::{connected, options};

fn with_method() -> client::Options {
    let mut options = options();
    options.connect.authentication = Some(Authentication { method: "K8S-SAT".to_owned(), data: None });
    options
}

#[tokio::test]
async fn challenges_are_answered_by_the_caller() {
    let server = Server::with(Manners { challenges: true, ..Manners::default() });
    let mut options = with_method();
    options.answer = Some(Arc::new(|_| Some(Bytes::from_static(b"answer"))));
    connected(&server, &options, Session::new(Settings::default())).await;
    let [auth] = &server.authentications()[..] else { panic!("one AUTH is expected") };
    assert_eq!((auth.reason, auth.data.as_deref()), (ReasonCode::ContinueAuthentication, Some(&b"answer"[..])));
}

#[tokio::test]
async fn without_an_answer_there_is_no_connection() {
    let server = Server::with(Manners { challenges: true, ..Manners::default() });
    let failed = Client::over(server.stream(), &with_method(), Session::new(Settings::default())).await.unwrap_err();
    assert!(matches!(failed.error, ConnectError::Ended(End::Unanswered)), "{failed}");
}

#[tokio::test]
async fn a_connection_authenticates_again_while_it_stands() {
    let server = Server::default();
    let connection = connected(&server, &with_method(), Session::new(Settings::default())).await;
    connection.client.reauthenticate(Some(Bytes::from_static(b"newer"))).await.unwrap();
    let [auth] = &server.authentications()[..] else { panic!("one AUTH is expected") };
    assert_eq!((auth.reason, auth.data.as_deref()), (ReasonCode::ReAuthenticate, Some(&b"newer"[..])));
    let without = crate::fresh(&server).await;
    without.client.reauthenticate(None).await.unwrap_err();
}

/// A server whose verdict is not there yet: the connection stands, and to authenticate again is to answer.
#[tokio::test]
async fn a_challenge_of_a_connection_that_stands_is_the_callers_to_answer() {
    let server = Server::with(Manners { hesitations: 2, ..Manners::default() });
    let connection = connected(&server, &with_method(), Session::new(Settings::default())).await;
    let token = || Some(Bytes::from_static(b"token"));
    for _ in 0..2 {
        let again = connection.client.reauthenticate(token()).await;
        assert_eq!(again.map(drop), Err(RequestFailed::Challenged));
    }
    connection.client.reauthenticate(token()).await.unwrap();
    let reasons: Vec<_> = server.authentications().iter().map(|auth| auth.reason).collect();
    let answer = ReasonCode::ContinueAuthentication;
    assert_eq!(reasons, [ReasonCode::ReAuthenticate, answer, answer]);
}
