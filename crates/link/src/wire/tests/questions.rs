//! Questions over a link, and on a connection of their own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::house::*;
use crate::wire::*;

const QUESTION: Bytes = Bytes::from_static(b"who am I?");

/// A backend that answers with the asker's name and the question, once `seconds` have passed.
fn answering(house: &House, incarnation: u64, seconds: u64) -> Link {
    let answer = move |asker: Asker, question: Bytes| -> Answering {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            [asker.peer.name.as_bytes(), b": ", &question].concat().into()
        })
    };
    let settings = Settings { answer: Some(Arc::new(answer)), ..settings("backend", "frontend", incarnation) };
    let (link, driver) = Link::accepting(settings);
    tokio::spawn(driver.run());
    *house.link.lock().unwrap() = Some(link.clone());
    link
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_the_session_and_is_answered() {
    let house = House::default();
    let near = frontend(&house);
    let asking = tokio::spawn({
        let near = near.clone();
        async move { near.ask(QUESTION, DEADLINE).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    let far = answering(&house, 1, 0);
    assert_eq!(asking.await.unwrap().unwrap(), "frontend-0: who am I?");
    // The other way nobody answers.
    assert_eq!(far.ask(QUESTION, DEADLINE).await, Err(AskFailed::Nobody));
}

#[tokio::test(start_paused = true)]
async fn an_answer_outlives_its_connection() {
    let house = House::default();
    let _far = answering(&house, 1, 5);
    let near = frontend(&house);
    let cutter = house.clone();
    tokio::spawn(async move {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            cutter.cut();
        }
    });
    assert_eq!(near.ask(QUESTION, DEADLINE).await.unwrap(), "frontend-0: who am I?");
    assert!(near.counters().connections > 3);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds() {
    let near = frontend(&House::default());
    let (begun, second) = (Instant::now(), Duration::from_secs(1));
    assert_eq!(near.ask(QUESTION, second).await, Err(AskFailed::Deadline(second)));
    assert!(begun.elapsed() < second + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_the_questions_to_the_process_before() {
    let house = House::default();
    let far = answering(&house, 1, 60);
    let near = frontend(&house);
    let asking = tokio::spawn({
        let near = near.clone();
        async move { near.ask(QUESTION, 5 * DEADLINE).await }
    });
    found(|| (far.counters().messages_received == 1).then_some(())).await;
    let _anew = answering(&house, 2, 0);
    far.stop();
    assert_eq!(asking.await.unwrap(), Err(AskFailed::Ended));
    assert_eq!(near.ask(QUESTION, DEADLINE).await.unwrap(), "frontend-0: who am I?");
}

#[tokio::test(start_paused = true)]
async fn questions_are_bounded_in_number_and_length() {
    let house = House::default();
    let _far = answering(&house, 1, 1);
    let near = frontend(&house);
    let mut asking = JoinSet::new();
    for _ in 0..MAX_QUESTIONS + 5 {
        let near = near.clone();
        asking.spawn(async move { near.ask(QUESTION, DEADLINE).await });
    }
    let answers = asking.join_all().await;
    let refused = answers.iter().filter(|answer| **answer == Err(AskFailed::TooMany { limit: MAX_QUESTIONS })).count();
    assert_eq!((refused, answers.iter().filter(|answer| answer.is_ok()).count()), (5, MAX_QUESTIONS));
    let length = MAX_QUESTION_BYTES + 1;
    let long = near.ask(vec![0; length].into(), DEADLINE).await;
    assert_eq!(long, Err(AskFailed::TooLong { length, limit: MAX_QUESTION_BYTES }));
    // The answer is longer than the question.
    let long = near.ask(vec![0; length - 1].into(), DEADLINE).await;
    assert_eq!(long, Err(AskFailed::AnswerTooLong { limit: MAX_QUESTION_BYTES }));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_link_asks_nothing() {
    let near = frontend(&House::default());
    let asking = tokio::spawn({
        let near = near.clone();
        async move { near.ask(QUESTION, DEADLINE).await }
    });
    tokio::task::yield_now().await;
    near.stop();
    assert_eq!(asking.await.unwrap(), Err(AskFailed::Stopped));
    assert_eq!(near.ask(QUESTION, DEADLINE).await, Err(AskFailed::Stopped));
}

#[tokio::test(start_paused = true)]
async fn strangers_ask_once() {
    let (mut near, mut far) = tokio::io::duplex(1000);
    let question = vec![7; MAX_EXCHANGE_BYTES];
    let asking = tokio::spawn(async move { ask_stranger(&mut near, &question, DEADLINE).await });
    let heard = hear_stranger(&mut far, DEADLINE).await.unwrap();
    assert_eq!(heard.len(), MAX_EXCHANGE_BYTES);
    answer_stranger(&mut far, b"welcome", DEADLINE).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap(), "welcome");
}

#[tokio::test(start_paused = true)]
async fn strangers_that_are_silent_loud_or_something_else_are_turned_away() {
    let (mut near, mut far) = tokio::io::duplex(1000);
    let error = hear_stranger(&mut far, Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error.to_string(), "no handshake within 3000 ms");
    near.write_all(&[0, 0, 0, 0x10, 0x30]).await.unwrap();
    let error = hear_stranger(&mut far, DEADLINE).await.unwrap_err();
    assert_eq!(error.to_string(), "the peer does not speak as a link: its first bytes are not those of a link");
    let error = ask_stranger(&mut near, &[0; MAX_EXCHANGE_BYTES + 1], DEADLINE).await.unwrap_err();
    assert!(matches!(error, HandshakeError::TooLong { .. }));
    drop(near);
    assert!(matches!(hear_stranger(&mut far, DEADLINE).await, Err(HandshakeError::Io(_))));
}
