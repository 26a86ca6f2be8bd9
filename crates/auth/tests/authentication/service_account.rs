//! Tokens of Kubernetes, checked by a cluster and without one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth::authentication::{
    ClusterAccess, KeySettings, MethodKind, MethodSettings, Methods, OfflineSettings, Purpose, ReviewSettings, Secret,
    ServiceAccountSettings, Verification,
};
use base64::Engine;
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::parts::{
    Answered, Seen, Server, Signer, accepted, anyone, compiled, denied, judge, judge_at, keys_of, not_found_out,
    pod_claims, refused_endpoint, seconds_from, with_enhanced, with_password,
};

const ACCOUNT: &str = "system:serviceaccount:shop:till";

fn settings(verification: Verification) -> Vec<MethodSettings> {
    let audiences = vec!["aio-internal".to_owned(), "broker".to_owned()];
    vec![MethodSettings::ServiceAccountToken(ServiceAccountSettings { audiences, verification })]
}

fn offline(keys: KeySettings) -> Methods {
    compiled(&settings(Verification::Offline(OfflineSettings {
        issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
        keys,
        leeway: Duration::from_secs(10),
        attributes: OfflineSettings::usual_attributes(),
    })))
}

fn kubeconfig(server: &str, authority_pem: &str) -> String {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority_pem);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{ "name": "cluster", "cluster": { "server": server, "certificate-authority-data": authority } }],
        "users": [{ "name": "broker", "user": { "token": "the-brokers-own-token" } }],
        "contexts": [{ "name": "here", "context": { "cluster": "cluster", "user": "broker" } }],
    })
    .to_string()
}

fn reviewed_by(server: &str, authority_pem: &str) -> Methods {
    let content = Secret::from(kubeconfig(server, authority_pem).as_str());
    let access = ClusterAccess::Kubeconfig { name: "kubeconfig".to_owned(), content, context: None };
    compiled(&settings(Verification::TokenReview(ReviewSettings { access, deadline: Duration::from_secs(2) })))
}

/// A cluster's API, as it answers TokenReview and reads accounts.
struct Cluster {
    review: Mutex<(u16, Value)>,
    account: Mutex<(u16, Value)>,
}

impl Cluster {
    fn answer(&self, seen: &Seen) -> Answered {
        let (status, body) = match (seen.method.as_str(), seen.target.trim_end_matches('?')) {
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews") => self.review.lock().unwrap().clone(),
            ("GET", "/api/v1/namespaces/shop/serviceaccounts/till") => self.account.lock().unwrap().clone(),
            _ => failure(404, "NotFound"),
        };
        Answered::With(status, body.to_string())
    }
}

/// As the API server writes a TokenReview that it has answered.
fn reviewed(status: &Value) -> (u16, Value) {
    let body = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": null, "managedFields": [{
            "manager": "causeway", "operation": "Update", "apiVersion": "authentication.k8s.io/v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:spec": { "f:audiences": {}, "f:token": {} } },
        }] },
        "spec": { "token": "…", "audiences": ["aio-internal", "broker"] },
        "status": status,
    });
    (201, body)
}

fn good() -> Value {
    json!({
        "authenticated": true,
        "user": {
            "username": ACCOUNT, "uid": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
            "extra": { "authentication.kubernetes.io/pod-name": ["till-5d9c7f"] },
        },
        "audiences": ["aio-internal"],
    })
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("the cluster says {reason}"), "reason": reason, "code": code,
    });
    (code, body)
}

fn account(annotations: &Value) -> (u16, Value) {
    let metadata = json!({
        "name": "till", "namespace": "shop", "uid": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "resourceVersion": "7",
        "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": annotations,
    });
    (200, json!({ "kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata }))
}

async fn cluster() -> (Arc<Cluster>, Server, Methods) {
    let annotations = json!({ "aio-broker-auth/site": "north", "aio-broker-auth/": "x", "other/site": "south" });
    let cluster =
        Arc::new(Cluster { review: Mutex::new(reviewed(&good())), account: Mutex::new(account(&annotations)) });
    let answering = Arc::clone(&cluster);
    let server = Server::https(move |seen| answering.answer(seen));
    let methods = reviewed_by(&server.endpoint(), &server.authority.certificate);
    (cluster, server, methods)
}

fn token() -> String {
    Signer::new("RS256", "k8s").sign(&pod_claims())
}

fn shown(token: &str) -> auth::authentication::Credentials {
    with_enhanced("K8S-SAT", token)
}

#[tokio::test]
async fn a_token_as_kubernetes_signs_it_is_good_offline() {
    for algorithm in ["RS256", "ES256"] {
        let signer = Signer::new(algorithm, "kjh2bZ0n");
        let methods = offline(keys_of(&[&signer]));
        let accepted = accepted(judge(&methods, &shown(&signer.sign(&pod_claims()))).await);
        assert_eq!((accepted.username.as_deref(), accepted.by), (Some(ACCOUNT), MethodKind::ServiceAccountToken));
        let attributes: Vec<(&str, &str)> =
            accepted.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(attributes, [("namespace", "shop"), ("pod", "till-5d9c7f"), ("serviceAccount", "till")]);
        assert!(accepted.expires.is_some_and(|end| end > seconds_from(SystemTime::now(), 3600)));
    }
}

#[tokio::test]
async fn only_accounts_tokens_are_good_offline() {
    let signer = Signer::new("ES256", "k");
    let methods = offline(keys_of(&[&signer]));
    for (pointer, value, part) in [
        ("/sub", json!("kubernetes-admin"), "no service account"),
        ("/sub", json!("system:serviceaccount:shop"), "no service account"),
        ("/sub", json!("system:serviceaccount:other:till"), "no service account"),
        ("/kubernetes.io/serviceaccount/name", json!("admin"), "no service account"),
        ("/aud", json!(["https://kubernetes.default.svc"]), "audience"),
        ("/iss", json!("https://issuer.example"), "issuer"),
        ("/exp", json!(1000), "ended"),
    ] {
        let mut claims = pod_claims();
        *claims.pointer_mut(pointer).unwrap() = value.clone();
        let verdict = judge(&methods, &shown(&signer.sign(&claims))).await;
        assert_eq!(denied(verdict, part), ReasonCode::NotAuthorized, "{pointer} {value}");
    }
    let forged = Signer::new("ES256", "k").sign(&pod_claims());
    denied(judge(&methods, &shown(&forged)).await, "signature");
}

#[tokio::test]
async fn only_the_marker_makes_it_relevant() {
    let signer = Signer::new("ES256", "k");
    let methods = offline(keys_of(&[&signer]));
    let token = signer.sign(&pod_claims());
    let other = judge(&methods, &with_enhanced("OAUTH2-JWT", &token)).await;
    assert_eq!(denied(other, "no method"), ReasonCode::BadAuthenticationMethod);
    let password = judge(&methods, &with_password("K8S-SAT", &token)).await;
    assert_eq!(denied(password, "no method"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(denied(judge(&methods, &anyone()).await, "no method"), ReasonCode::NotAuthorized);
}

#[tokio::test]
async fn the_cluster_is_asked_as_its_api_wants_it() {
    let (_, server, methods) = cluster().await;
    let token = token();
    let found = accepted(judge(&methods, &shown(&token)).await);
    assert_eq!((found.username.as_deref(), found.by), (Some(ACCOUNT), MethodKind::ServiceAccountToken));
    let attributes: Vec<(&str, &str)> = found.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(attributes, [("site", "north")]);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("authorization"), Some("Bearer the-brokers-own-token"));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    let body = &seen[0].body;
    assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("authentication.k8s.io/v1"), &json!("TokenReview")));
    assert_eq!(body["spec"], json!({ "token": token, "audiences": ["aio-internal", "broker"] }));
}

#[tokio::test]
async fn what_the_cluster_does_not_vouch_for_is_refused() {
    let (cluster, _server, methods) = cluster().await;
    let mut another = good();
    another["audiences"] = json!(["https://kubernetes.default.svc"]);
    let mut unaware = good();
    unaware.as_object_mut().unwrap().remove("audiences");
    let mut person = good();
    person["user"]["username"] = json!("kubernetes-admin");
    let mut undecided = good();
    undecided.as_object_mut().unwrap().remove("authenticated");
    for (status, part) in [
        (
            json!({ "authenticated": false, "error": "[invalid bearer token, token has expired]" }),
            "invalid bearer token",
        ),
        (json!({ "user": {} }), "does not know it"),
        (undecided, "does not know it"),
        (another, "audience"),
        (unaware, "audience"),
        (person, "no service account"),
        (json!({ "authenticated": true, "user": {}, "audiences": ["broker"] }), "names nobody"),
    ] {
        *cluster.review.lock().unwrap() = reviewed(&status);
        assert_eq!(denied(judge(&methods, &shown(&token())).await, part), ReasonCode::NotAuthorized, "{status}");
    }
    *cluster.review.lock().unwrap() = reviewed(&good());
    *cluster.account.lock().unwrap() = failure(404, "NotFound");
    denied(judge(&methods, &shown(&token())).await, "gone");
}

#[tokio::test]
async fn without_the_right_to_see_accounts_there_are_no_attributes() {
    let (cluster, _server, methods) = cluster().await;
    *cluster.account.lock().unwrap() = failure(403, "Forbidden");
    let found = accepted(judge(&methods, &shown(&token())).await);
    assert!(found.attributes.is_empty() && found.username.as_deref() == Some(ACCOUNT));
}

#[tokio::test]
async fn what_cannot_be_a_token_is_not_sent_to_the_cluster() {
    let (_, server, methods) = cluster().await;
    let mut over = pod_claims();
    over["exp"] = json!(1000);
    let mut endless = pod_claims();
    endless.as_object_mut().unwrap().remove("exp");
    let signer = Signer::new("ES256", "k");
    for (text, part) in [
        ("hunter2".to_owned(), "three parts"),
        (String::new(), "three parts"),
        ("x".repeat(17_000), "longer"),
        (signer.sign(&over), "ended"),
        (signer.sign(&endless), "no end"),
    ] {
        denied(judge(&methods, &shown(&text)).await, part);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_answer_is_remembered_for_a_minute_at_most() {
    let (cluster, server, methods) = cluster().await;
    let (token, now) = (shown(&token()), SystemTime::now());
    for seconds in [0, 30, 59] {
        accepted(judge_at(&methods, &token, seconds_from(now, seconds)).await);
    }
    assert_eq!(server.seen().len(), 2);
    *cluster.review.lock().unwrap() = reviewed(&json!({ "authenticated": false }));
    accepted(judge_at(&methods, &token, seconds_from(now, 59)).await);
    denied(judge_at(&methods, &token, seconds_from(now, 60)).await, "does not know it");
    // Another token is another question, and a refusal is not remembered.
    let asked = server.seen().len();
    denied(judge_at(&methods, &token, seconds_from(now, 60)).await, "does not know it");
    assert_eq!(server.seen().len(), asked + 1);
    // At its end it is refused, whatever is remembered.
    *cluster.review.lock().unwrap() = reviewed(&good());
    accepted(judge_at(&methods, &token, seconds_from(now, 3590)).await);
    denied(judge_at(&methods, &token, seconds_from(now, 3620)).await, "ended");
}

#[tokio::test]
async fn a_cluster_in_trouble_is_no_refusal() {
    let (cluster, server, methods) = cluster().await;
    for answer in [failure(401, "Unauthorized"), failure(403, "Forbidden"), failure(500, "InternalError")] {
        *cluster.review.lock().unwrap() = answer;
        not_found_out(judge(&methods, &shown(&token())).await, "the cluster says");
    }
    *cluster.review.lock().unwrap() = (201, json!("nonsense"));
    not_found_out(judge(&methods, &shown(&token())).await, "does not check tokens");
    *cluster.review.lock().unwrap() = reviewed(&good());
    *cluster.account.lock().unwrap() = failure(500, "InternalError");
    not_found_out(judge(&methods, &shown(&token())).await, "the cluster says");
    let stranger = reviewed_by(&server.endpoint(), &crate::parts::authority("Another").certificate);
    not_found_out(judge(&stranger, &shown(&token())).await, "does not check tokens");
    let gone = reviewed_by(&refused_endpoint(), &server.authority.certificate);
    not_found_out(judge(&gone, &shown(&token())).await, "does not check tokens");
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_left_after_the_deadline() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::https(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Answered::Never
    });
    let methods = reviewed_by(&server.endpoint(), &server.authority.certificate);
    not_found_out(judge(&methods, &shown(&token())).await, "within 2s");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_new_token_of_the_same_account_renews() {
    let (_, _server, methods) = cluster().await;
    let again =
        |name: &str| Purpose::ReAuthenticate { username: Some(name.into()), by: MethodKind::ServiceAccountToken };
    accepted(methods.judge(&shown(&token()), &again(ACCOUNT), SystemTime::now()).await);
    let other = methods.judge(&shown(&token()), &again("system:serviceaccount:shop:other"), SystemTime::now()).await;
    denied(other, "somebody else");
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_named_and_not_shown() {
    let content = Secret::from("clusters: [hunter2");
    let access = ClusterAccess::Kubeconfig { name: "k8s/config".to_owned(), content, context: None };
    let settings = settings(Verification::TokenReview(ReviewSettings { access, deadline: Duration::from_secs(1) }));
    let errors = Methods::compile(&settings, None, &crate::parts::counters()).err().unwrap();
    let text = errors[0].to_string();
    assert!(text.contains("authenticationMethods[0]: k8s/config") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn outside_a_cluster_there_is_no_cluster() {
    let access = ClusterAccess::InCluster;
    let review = ReviewSettings { access, deadline: Duration::from_secs(2) };
    let methods = compiled(&settings(Verification::TokenReview(review)));
    not_found_out(judge(&methods, &shown(&token())).await, "does not check tokens");
}
