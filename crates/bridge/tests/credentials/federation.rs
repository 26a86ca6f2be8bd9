//! A user-assigned identity, by a token of the cluster that Entra trusts.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bridge::credentials::{Credentials, EVENT_GRID_SCOPE, Keeper, Presented, Surroundings, UserIdentity, Variables};
use causeway_tests::https_server::{Answered, Server};
use causeway_tests::pki::TestAuthority;
use causeway_tests::token::{Signer, now_seconds};
use client::tls::Authorities;
use serde_json::json;

use crate::parts::{Endpoint, Reply, fast, refusal, shown_token, within};

const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const TENANT: &str = "66666666-7777-8888-9999-000000000000";

fn identity() -> UserIdentity {
    UserIdentity { client_id: CLIENT.to_owned(), tenant_id: TENANT.to_owned(), scope: EVENT_GRID_SCOPE.to_owned() }
}

fn credentials() -> Credentials {
    Credentials::UserAssignedManagedIdentity(identity())
}

fn assertion(seconds: u64) -> String {
    Signer::new("ES256", "k").sign(&json!({
        "aud": ["api://AzureADTokenExchange"], "exp": now_seconds() + seconds, "iat": now_seconds(),
        "iss": "https://oidc.example/cluster/", "sub": "system:serviceaccount:azure-iot-operations:aio-dataflow",
    }))
}

/// A pod with a projected token.
struct Pod {
    folder: tempfile::TempDir,
    token: String,
}

impl Pod {
    fn new() -> Self {
        let pod = Self { folder: tempfile::tempdir().unwrap(), token: assertion(3600) };
        fs::write(pod.file(), &pod.token).unwrap();
        pod
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("azure-identity-token")
    }

    fn surroundings(&self, authority: String) -> Surroundings {
        let federated_token_file = Some(self.file());
        let variables = Variables { authority_host: Some(authority), federated_token_file, ..Variables::default() };
        Surroundings { variables, ..fast() }
    }

    fn keeper(&self, authority: String) -> Keeper {
        Keeper::start(&credentials(), &Arc::new(self.surroundings(authority)))
    }
}

/// As Entra answers: numbers are numbers.
fn granted() -> String {
    json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "entra.token" })
        .to_string()
}

/// As Entra refuses.
fn refused(code: u64, error: &str, words: &str) -> Reply {
    Reply::json(
        if error == "temporarily_unavailable" { 503 } else { 401 },
        json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {words} Trace ID: 5b1f7c6d-0a00 Correlation ID: 9e1d-77 Timestamp: 2026-11-22 06:00:00Z"),
            "error_codes": [code], "timestamp": "2026-11-22 06:00:00Z", "trace_id": "5b1f7c6d-0a00",
            "correlation_id": "9e1d-77", "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}

fn is_the_token(presented: &Presented) {
    assert_eq!(shown_token(presented), ("OAUTH2-JWT".to_owned(), "entra.token".to_owned()));
}

#[tokio::test]
async fn the_token_of_the_cluster_is_exchanged_as_documented() {
    let (pod, entra) = (Pod::new(), Endpoint::replies(vec![Reply::json(200, granted())]));
    // A slash at the end, as AZURE_AUTHORITY_HOST has it.
    is_the_token(&within(pod.keeper(format!("{}/", entra.url())).present()).await.unwrap());
    let asked = entra.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
    assert_eq!(asked[0].target, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let mut form: Vec<&str> = asked[0].body.split('&').collect();
    form.sort_unstable();
    let assertion = format!("client_assertion={}", pod.token);
    assert_eq!(
        form,
        [
            assertion.as_str(),
            "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            &format!("client_id={CLIENT}"),
            "grant_type=client_credentials",
            "scope=https%3A%2F%2Feventgrid.azure.net%2F.default",
        ]
    );
}

#[tokio::test]
async fn the_token_host_is_believed_by_its_certificate() {
    let pod = Pod::new();
    let entra = Server::https(|_| Answered::With(200, granted()));
    let ca = pod.folder.path().join("ca.pem");
    fs::write(&ca, TestAuthority::new("Another").certificate).unwrap();
    let others =
        Surroundings { authorities: vec![Authorities::File(ca.clone())], ..pod.surroundings(entra.endpoint()) };
    let said = refusal(&credentials(), others).await;
    assert!(said.contains("invalid peer certificate") && said.contains("AZURE_AUTHORITY_HOST"), "{said}");
    assert_eq!(entra.seen().len(), 0);
    fs::write(&ca, &entra.authority.certificate).unwrap();
    let surroundings = Surroundings { authorities: vec![Authorities::File(ca)], ..pod.surroundings(entra.endpoint()) };
    is_the_token(&within(Keeper::start(&credentials(), &Arc::new(surroundings)).present()).await.unwrap());
}

#[tokio::test]
async fn a_missing_federated_credential_is_described() {
    for code in [70_021, 70_025, 700_211, 700_212, 700_213] {
        let words = "No matching federated identity record found for presented assertion.";
        let (pod, entra) = (Pod::new(), Endpoint::replies(vec![refused(code, "invalid_request", words)]));
        let mut keeper = pod.keeper(entra.url());
        let error = within(keeper.present()).await.unwrap_err();
        let expected = format!(
            "{}/{TENANT}/oauth2/v2.0/token refuses the identity with AADSTS{code} ({words}); add a federated credential \
             with issuer https://oidc.example/cluster/, subject system:serviceaccount:azure-iot-operations:aio-dataflow and \
             audience api://AzureADTokenExchange, as the token in {} has them, to the identity {CLIENT}",
            entra.url(),
            pod.file().display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.may_pass());
        let failure = keeper.status().failure.unwrap();
        assert!(failure.next.duration_since(failure.since).unwrap() >= Duration::from_secs(59));
    }
}

#[tokio::test]
async fn other_refusals_name_what_to_change() {
    for (code, error, expected) in [
        (
            700_016,
            "unauthorized_client",
            format!("AADSTS700016 (Words.); clientId {CLIENT} must be the client id of an"),
        ),
        (90_002, "invalid_request", format!("AADSTS90002 (Words.); tenantId {TENANT} must be the id of the tenant")),
        (500_011, "invalid_resource", format!("AADSTS500011 (Words.); scope {EVENT_GRID_SCOPE} must be a resource")),
        (700_024, "invalid_client", "is not valid at this moment; see the clocks".to_owned()),
        (1, "odd", "AADSTS1 (Words.); see the identity".to_owned()),
    ] {
        let (pod, entra) = (Pod::new(), Endpoint::replies(vec![refused(code, error, "Words.")]));
        let said = refusal(&credentials(), pod.surroundings(entra.url())).await;
        assert!(said.contains(&expected), "{said}");
        assert!(!said.contains("Trace ID"), "{said}");
    }
    let (pod, entra) = (Pod::new(), Endpoint::replies(vec![Reply::json(400, "<html>")]));
    let said = refusal(&credentials(), pod.surroundings(entra.url())).await;
    assert!(said.contains("refuses the identity with status 400; see the identity"), "{said}");
}

#[tokio::test]
async fn an_outage_of_entra_passes() {
    let (pod, entra) = (
        Pod::new(),
        Endpoint::replies(vec![
            refused(90_033, "temporarily_unavailable", "A transient error has occurred."),
            Reply::header(429, "retry-after", "1"),
            Reply::json(200, granted()),
        ]),
    );
    let mut keeper = pod.keeper(entra.url());
    let error = within(keeper.present()).await.unwrap_err();
    assert!(error.may_pass() && error.to_string().contains("AADSTS90033 (A transient error"), "{error}");
    is_the_token(&within(keeper.changed()).await);
    assert_eq!(entra.asked().len(), 3);
}

/// Whoever repairs the pod's token does not wait for the next attempt.
#[tokio::test]
async fn a_new_token_of_the_cluster_is_tried_at_once() {
    let pod = Pod::new();
    let old = pod.token.clone();
    let entra = Endpoint::start(move |_, asked| match asked.body.contains(&old) {
        true => refused(700_024, "invalid_client", "Client assertion is not within its valid time range."),
        false => Reply::json(200, granted()),
    });
    let mut keeper = pod.keeper(entra.url());
    within(keeper.present()).await.unwrap_err();
    let next = pod.folder.path().join("next");
    fs::write(&next, assertion(7200)).unwrap();
    fs::rename(next, pod.file()).unwrap();
    is_the_token(&within(keeper.changed()).await);
}

#[tokio::test]
async fn nothing_is_sent_with_settings_that_cannot_be_right() {
    let entra = Endpoint::replies(vec![Reply::json(200, granted())]);
    let pod = Pod::new();
    for (client_id, tenant_id, expected) in [
        (CLIENT, "a/../b", "userAssignedManagedIdentitySettings.tenantId is \"a/../b\"; it must be an id like 0000"),
        (CLIENT, "", "userAssignedManagedIdentitySettings.tenantId is \"\""),
        ("", TENANT, "userAssignedManagedIdentitySettings.clientId is \"\""),
    ] {
        let identity = UserIdentity { client_id: client_id.to_owned(), tenant_id: tenant_id.to_owned(), ..identity() };
        let said = refusal(&Credentials::UserAssignedManagedIdentity(identity), pod.surroundings(entra.url())).await;
        assert!(said.starts_with(expected), "{said}");
    }
    for host in ["http://login.example", "ftp://127.0.0.1", "login.example", "https://"] {
        let said = refusal(&credentials(), pod.surroundings(host.to_owned())).await;
        assert!(said.starts_with(&format!("AZURE_AUTHORITY_HOST is \"{host}\"; it must be like https://")), "{said}");
    }
    fs::remove_file(pod.file()).unwrap();
    let said = refusal(&credentials(), pod.surroundings(entra.url())).await;
    assert!(
        said.contains("azure-identity-token cannot be read") && said.contains("as Kubernetes projects it"),
        "{said}"
    );
    assert_eq!(entra.asked().len(), 0);
}
