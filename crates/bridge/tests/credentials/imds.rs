//! The machine's identity on an Azure virtual machine.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bridge::credentials::{Credentials, EVENT_GRID_AUDIENCE, Keeper, Renewal, Surroundings, SystemIdentity, Variables};
use causeway_tests::token::now_seconds;
use serde_json::json;

use crate::parts::{Endpoint, Reply, fast, refusal, shown_token, within};

fn identity(audience: &str) -> Credentials {
    Credentials::SystemAssignedManagedIdentity(SystemIdentity { audience: audience.to_owned() })
}

fn event_grid() -> Credentials {
    identity(EVENT_GRID_AUDIENCE)
}

/// As the service answers: every number is a text.
fn granted(token: &str, seconds: u64) -> Reply {
    Reply::json(
        200,
        json!({
            "access_token": token, "client_id": "5E29463D-71DA-4FE0-8E69-999B57DB23B0",
            "expires_in": "86399", "expires_on": (now_seconds() + seconds).to_string(), "ext_expires_in": "86399",
            "not_before": now_seconds().to_string(), "resource": EVENT_GRID_AUDIENCE, "token_type": "Bearer",
        }),
    )
}

fn at(endpoint: &Endpoint) -> Surroundings {
    Surroundings { imds: endpoint.url(), ..fast() }
}

fn keeper(credentials: &Credentials, endpoint: &Endpoint) -> Keeper {
    Keeper::start(credentials, &Arc::new(at(endpoint)))
}

#[tokio::test]
async fn a_token_is_asked_for_as_documented_and_once() {
    let endpoint = Endpoint::replies(vec![granted("the.access.token", 3600)]);
    let mut keeper = keeper(&event_grid(), &endpoint);
    let mut another = keeper.clone();
    for keeper in [&mut keeper, &mut another] {
        for _ in 0..3 {
            let presented = within(keeper.present()).await.unwrap();
            assert_eq!(shown_token(&presented), ("OAUTH2-JWT".to_owned(), "the.access.token".to_owned()));
            assert_eq!(presented.renewal(), Renewal::Reauthenticate);
            // What is left, not what the token was given for.
            let left = presented.expires().unwrap().duration_since(SystemTime::now()).unwrap();
            assert!((3500..=3600).contains(&left.as_secs()), "{left:?}");
        }
    }
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, "GET");
    let expected = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Feventgrid.azure.net";
    assert_eq!(asked[0].target, expected);
    assert_eq!((asked[0].header("metadata"), asked[0].header("authorization")), (Some("true"), None));
}

#[tokio::test]
async fn a_scope_is_asked_for_as_a_resource() {
    let endpoint = Endpoint::replies(vec![granted("t", 3600)]);
    within(keeper(&identity("api://broker/.default"), &endpoint).present()).await.unwrap();
    assert!(endpoint.asked()[0].target.ends_with("&resource=api%3A%2F%2Fbroker"), "{:?}", endpoint.asked());
}

#[tokio::test]
async fn what_passes_is_tried_again_and_seen_meanwhile() {
    for status in [404, 410, 429, 500, 503] {
        let endpoint =
            Endpoint::replies(vec![Reply::json(status, "{}"), Reply::json(status, "no JSON"), granted("t", 3600)]);
        let mut keeper = keeper(&event_grid(), &endpoint);
        let error = within(keeper.present()).await.unwrap_err();
        let place = format!("{}/metadata/identity/oauth2/token", endpoint.url());
        assert_eq!(error.to_string(), format!("{place} answers {status}; it is asked again"));
        assert!(keeper.status().failure.is_some_and(|failure| failure.attempts >= 1));
        assert_eq!(shown_token(&within(keeper.changed()).await).1, "t");
        assert_eq!((keeper.status().failure, endpoint.asked().len()), (None, 3));
    }
}

#[tokio::test]
async fn what_does_not_pass_is_said_with_what_would_be_right() {
    for (status, body, expected) in [
        (
            400,
            json!({ "error": "invalid_request", "error_description": "Identity not found" }),
            "answers 400 (invalid_request: Identity not found); turn on the system-assigned identity of this virtual machine",
        ),
        (
            400,
            json!({ "error": "invalid_resource", "error_description": "AADSTS500011: The resource principal named x was not found" }),
            "systemAssignedManagedIdentitySettings.audience must be the name of a resource in this tenant",
        ),
        (403, json!({}), "answers 403; see whether this virtual machine has a system-assigned identity"),
    ] {
        let endpoint = Endpoint::replies(vec![Reply::json(status, body)]);
        let mut keeper = keeper(&event_grid(), &endpoint);
        let error = within(keeper.present()).await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.may_pass(), "{error}");
        // The next attempt is far away, unless somebody asks for it.
        let failure = keeper.status().failure.unwrap();
        assert!(failure.next.duration_since(failure.since).unwrap() >= Duration::from_secs(59));
        keeper.refused();
        within(keeper.present()).await.unwrap_err();
        assert_eq!((endpoint.asked().len(), keeper.status().failure.unwrap().attempts), (2, 2));
    }
}

#[tokio::test]
async fn how_long_to_wait_is_the_endpoint_s_to_say() {
    let endpoint = Endpoint::replies(vec![Reply::header(429, "retry-after", "40")]);
    let mut keeper = keeper(&event_grid(), &endpoint);
    within(keeper.present()).await.unwrap_err();
    let failure = keeper.status().failure.unwrap();
    let pause = failure.next.duration_since(failure.since).unwrap().as_secs();
    assert!((39..=40).contains(&pause), "{pause}");
    // An hour is more than anybody may ask for.
    let endpoint = Endpoint::replies(vec![Reply::header(503, "retry-after", "3600")]);
    let mut keeper = self::keeper(&event_grid(), &endpoint);
    within(keeper.present()).await.unwrap_err();
    let failure = keeper.status().failure.unwrap();
    assert!(failure.next.duration_since(failure.since).unwrap() <= Duration::from_secs(60));
}

#[tokio::test]
async fn silence_large_answers_and_detours_end_an_attempt() {
    let mut surroundings = fast();
    surroundings.pace.near_deadline = Duration::from_millis(200);
    let silent = Endpoint::replies(vec![Reply::Silence]);
    let said = refusal(&event_grid(), Surroundings { imds: silent.url(), ..surroundings }).await;
    assert!(
        said.contains("no answer from http://127.0.0.1:") && said.contains("within 1 s; an Azure virtual"),
        "{said}"
    );

    let large = Endpoint::replies(vec![Reply::json(200, "x".repeat(64 * 1024 + 1))]);
    assert!(refusal(&event_grid(), at(&large)).await.contains("it is larger than 65536 bytes"));

    let elsewhere = Endpoint::replies(vec![granted("t", 3600)]);
    let detour = Endpoint::replies(vec![Reply::header(302, "location", elsewhere.url())]);
    assert!(refusal(&event_grid(), at(&detour)).await.contains("answers 302"));
    assert_eq!(elsewhere.asked().len(), 0);

    let odd = Endpoint::replies(vec![Reply::json(200, r#"{"access_token":"hunter2"}"#)]);
    let said = refusal(&event_grid(), at(&odd)).await;
    assert!(said.contains("it does not say when the token ends") && !said.contains("hunter2"), "{said}");

    let nobody =
        Surroundings { imds: causeway_tests::https_server::refused_endpoint().replace("https", "http"), ..fast() };
    let said = refusal(&event_grid(), nobody).await;
    assert!(said.contains("Connection refused") && said.contains("connect other machines with Azure Arc"), "{said}");
}

#[tokio::test]
async fn tokens_of_a_few_seconds_follow_each_other() {
    let endpoint = Endpoint::start(|before, _| granted(&format!("token-{before}"), 3));
    let mut keeper = keeper(&event_grid(), &endpoint);
    let first = within(keeper.present()).await.unwrap();
    assert_eq!(shown_token(&first).1, "token-0");
    let mut ends = first.expires();
    for number in 1..4 {
        let renewed = within(keeper.changed()).await;
        assert_eq!(shown_token(&renewed).1, format!("token-{number}"));
        assert!(renewed.expires() > ends);
        ends = renewed.expires();
    }
    assert_eq!(keeper.status().failure, None);
}

/// While the endpoint is down, the old token is shown.
#[tokio::test]
async fn a_renewal_that_fails_leaves_what_is_good() {
    let endpoint = Endpoint::start(|before, _| match before {
        0 => granted("old", 3600),
        1..4 => Reply::json(503, "{}"),
        _ => granted("new", 3600),
    });
    let mut keeper = keeper(&event_grid(), &endpoint);
    within(keeper.present()).await.unwrap();
    keeper.refused();
    assert_eq!(shown_token(&within(keeper.present()).await.unwrap()).1, "old");
    let status = keeper.status();
    assert!(status.is_there && status.failure.is_some_and(|failure| failure.error.may_pass()));
    assert_eq!(shown_token(&within(keeper.changed()).await).1, "new");
}

/// A service that gives the same token out of its cache is asked again only when it is nearly over.
#[tokio::test]
async fn the_same_token_again_is_no_change() {
    let end = now_seconds() + 4;
    let endpoint = Endpoint::start(move |before, _| match before {
        0..3 => Reply::json(200, json!({ "access_token": "same", "expires_on": end.to_string() })),
        _ => granted("other", 3600),
    });
    let mut keeper = keeper(&event_grid(), &endpoint);
    within(keeper.present()).await.unwrap();
    assert_eq!(shown_token(&within(keeper.changed()).await).1, "other");
    assert_eq!(endpoint.asked().len(), 4);
}

#[tokio::test]
async fn platforms_that_are_not_served_are_named() {
    let variables = Variables {
        identity_endpoint: Some("http://localhost:1".to_owned()),
        has_identity_header: true,
        ..Variables::default()
    };
    let said = refusal(&event_grid(), Surroundings { variables, ..fast() }).await;
    assert!(said.starts_with("this process seems to run in Azure App Service (IDENTITY_ENDPOINT and"), "{said}");
}
