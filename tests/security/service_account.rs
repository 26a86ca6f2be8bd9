//! ServiceAccountToken: tokens of Kubernetes, checked by a cluster's API and without one.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causeway_tests::https_server::{Answered, Seen, Server};
use causeway_tests::token::{Signer, pod_claims, with};
use causeway_tests::{Connect, Publish, Resources, Version, fresh, prop};
use serde_json::{Value, json};

use crate::guarded::{Guarded, Port, anybody, login};

pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const ACCOUNT: &str = "system:serviceaccount:shop:till";

/// Checked with keys that are a file.
pub fn offline(resources: &Resources, signers: &[&Signer]) -> String {
    resources.config_map("cluster-keys", &[("jwks.json", &Signer::set(signers))]);
    format!(
        "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audiences: [aio-internal]\n  offline:\n    \
         issuer: {ISSUER}\n    jwksConfigMap: cluster-keys\n    leewaySeconds: 0\n"
    )
}

/// Reviewed by this cluster.
pub fn reviewed(resources: &Resources, cluster: &Server) -> String {
    let authority = STANDARD.encode(&cluster.authority.certificate);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "elsewhere",
        "clusters": [{ "name": "cluster", "cluster": { "server": cluster.endpoint(), "certificate-authority-data": authority } }],
        "users": [{ "name": "broker", "user": { "token": CLUSTER_TOKEN } }],
        "contexts": [
            { "name": "elsewhere", "context": { "cluster": "nowhere", "user": "nobody" } },
            { "name": "here", "context": { "cluster": "cluster", "user": "broker" } },
        ],
    });
    resources.secret("cluster", &[("kubeconfig", kubeconfig.to_string().as_bytes())]);
    "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audiences: [aio-internal, broker]\n  \
     kubeconfigSecretRef: cluster\n  kubeconfigContext: here\n"
        .to_string()
}

/// What the broker shows to the cluster.
pub const CLUSTER_TOKEN: &str = "the-brokers-own-token-0815";

pub fn shown(token: &str) -> Connect {
    Connect::fresh(Version::V5).enhanced("K8S-SAT", token)
}

/// A cluster's API, as it answers TokenReview and reads accounts.
pub struct Cluster {
    review: Mutex<(u16, Value)>,
    account: Mutex<(u16, Value)>,
}

impl Cluster {
    pub fn start() -> (Arc<Cluster>, Server) {
        let annotations = json!({ "aio-broker-auth/site": "north", "other/site": "south" });
        let cluster = Cluster { review: Mutex::new(review(&good())), account: Mutex::new(account(&annotations)) };
        let cluster = Arc::new(cluster);
        let answering = Arc::clone(&cluster);
        let server = Server::https(move |seen| answering.answer(seen));
        (cluster, server)
    }

    fn answer(&self, seen: &Seen) -> Answered {
        let (status, body) = match (seen.method.as_str(), seen.target.trim_end_matches('?')) {
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews") => self.review.lock().expect("a review").clone(),
            ("GET", "/api/v1/namespaces/shop/serviceaccounts/till") => self.account.lock().expect("an account").clone(),
            _ => failure(404, "NotFound"),
        };
        if status == 0 { Answered::Never } else { Answered::With(status, body.to_string()) }
    }

    /// Reviews come to nothing from now on.
    pub fn fails(&self, code: u16) {
        self.says(failure(code, "InternalError"));
    }

    pub fn recovers(&self) {
        self.says(review(&good()));
    }

    /// Reviews are not answered any more.
    fn hangs(&self) {
        self.says((0, Value::Null));
    }

    fn says(&self, answer: (u16, Value)) {
        *self.review.lock().expect("a review") = answer;
    }
}

/// As the API server writes a TokenReview that it has answered.
fn review(status: &Value) -> (u16, Value) {
    let body = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": null, "managedFields": [{
            "manager": "causeway", "operation": "Update", "apiVersion": "authentication.k8s.io/v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:spec": { "f:audiences": {}, "f:token": {} } },
        }] },
        "spec": { "token": "...", "audiences": ["aio-internal", "broker"] },
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

#[test]
fn a_token_as_kubernetes_signs_it_is_good_offline() {
    let signers = [Signer::new("RS256", "kjh2bZ0n"), Signer::new("ES256", "p7Qe")];
    let resources = Resources::new();
    let method = offline(&resources, &[&signers[0], &signers[1]]);
    let rules = "rules:\n- principals: {attributes: [{namespace: shop, serviceAccount: till}]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Publish, topics: [\"pods/{principal.attributes.pod}\"]}\n\
                 - principals: {usernames: [\"system:serviceaccount:shop:till\"]}\n  brokerResources:\n  \
                 - {method: Publish, topics: [by-name]}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    for signer in &signers {
        // The username is the token's, whatever CONNECT says.
        let connect = shown(&signer.sign(&pod_claims())).user("system:serviceaccount:shop:admin");
        let mut client = guarded.admitted(&connect);
        assert_eq!(client.connack.props.text(prop::AUTH_METHOD), Some("K8S-SAT"), "[MQTT-4.12.0-5]");
        for (topic, allowed) in [("pods/till-5d9c7f", true), ("pods/other", false), ("by-name", true)] {
            let reason = client.publish(Publish::new(topic, fresh("x")).qos(1));
            assert_eq!(reason < 0x80, allowed, "{topic}: {reason:#04x}");
        }
    }
}

#[test]
fn only_good_tokens_of_accounts_are_good_offline() {
    let signer = Signer::new("ES256", "k");
    let resources = Resources::new();
    let method = offline(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    for (pointer, value) in [
        ("/sub", json!("kubernetes-admin")),
        ("/sub", json!("system:serviceaccount:other:till")),
        ("/kubernetes.io/serviceaccount/name", json!("admin")),
        ("/aud", json!(["https://kubernetes.default.svc"])),
        ("/iss", json!("https://issuer.example")),
        ("/exp", json!(1000)),
        ("/exp", Value::Null),
        ("/nbf", json!(4_000_000_000_u64)),
    ] {
        guarded.refused(&shown(&signer.sign(&with(pod_claims(), pointer, value))), 0x87);
    }
    let good = signer.sign(&pod_claims());
    guarded.refused(&shown(&Signer::new("ES256", "k").sign(&pod_claims())), 0x87);
    guarded.refused(&shown(&Signer::new("ES256", "unknown").sign(&pod_claims())), 0x87);
    guarded.refused(&shown(&signer.sign_as(&json!({ "alg": "none", "kid": "k" }), &pod_claims())), 0x87);
    guarded.refused(&shown(""), 0x87);
    guarded.refused(&shown("hunter2"), 0x87);
    guarded.refused(&shown(&good[..good.len() - 6]), 0x87);
    // Elsewhere in CONNECT it is for nobody.
    guarded.refused(&anybody(Version::V5).enhanced("OAUTH2-JWT", &good), 0x8c);
    for version in [Version::V5, Version::V311] {
        guarded.refused(&login(version, "K8S-SAT", &good), 0x86);
        guarded.refused(&anybody(version), 0x87);
    }
    guarded.admitted(&shown(&good)).quiet();
}

#[test]
fn an_unknown_key_has_the_keys_fetched_once() {
    let (first, second, stranger) =
        (Signer::new("ES256", "k1"), Signer::new("RS256", "k2"), Signer::new("ES256", "k3"));
    let set = Arc::new(Mutex::new(Signer::set(&[&first])));
    let published = Arc::clone(&set);
    let server = Server::https(move |_| Answered::With(200, published.lock().expect("the keys").clone()));
    let resources = Resources::new();
    resources.config_map("cluster-ca", &[("ca.crt", &server.authority.certificate)]);
    let method = format!(
        "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audiences: [aio-internal]\n  offline:\n    \
         issuer: {ISSUER}\n    jwksEndpoint: {}/openid/v1/jwks\n    caCertConfigMap: cluster-ca\n",
        server.endpoint()
    );
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    guarded.admitted(&shown(&first.sign(&pod_claims()))).quiet();
    guarded.admitted(&shown(&first.sign(&pod_claims()))).quiet();
    let asked = || server.seen().len();
    assert_eq!((asked(), server.seen()[0].target.as_str()), (1, "/openid/v1/jwks"));
    // The cluster has another key now; strangers before and after it cause no more than one fetch in a while.
    *set.lock().expect("the keys") = Signer::set(&[&first, &second]);
    let known = || {
        let (_, answer) = guarded.knock(&shown(&second.sign(&pod_claims())));
        assert!([0, 0x87].contains(&answer.code), "{answer:?}");
        (answer.code == 0).then_some(())
    };
    causeway_tests::eventually("the new key is known", known);
    assert_eq!(asked(), 2);
    for _ in 0..5 {
        guarded.refused(&shown(&stranger.sign(&pod_claims())), 0x87);
    }
    assert_eq!(asked(), 2, "strangers make no fetches");
}

#[test]
fn without_keys_nothing_can_be_said() {
    let broken = Server::https(|_| Answered::With(503, "later".into()));
    let resources = Resources::new();
    resources.config_map("cluster-ca", &[("ca.crt", &broken.authority.certificate)]);
    let method = format!(
        "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audiences: [aio-internal]\n  offline:\n    \
         issuer: {ISSUER}\n    jwksEndpoint: {}/keys\n    caCertConfigMap: cluster-ca\n",
        broken.endpoint()
    );
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    guarded.refused(&shown(&Signer::new("ES256", "k").sign(&pod_claims())), 0x88);
}

#[test]
fn the_cluster_is_asked_as_its_api_wants_it() {
    let (_cluster, server) = Cluster::start();
    let resources = Resources::new();
    let method = reviewed(&resources, &server);
    let rules = "rules:\n- principals: {attributes: [{site: north}]}\n  brokerResources:\n  - {method: Connect}\n";
    let guarded = Guarded::ruled(resources, Port::Plain, &[&method], rules);
    let token = Signer::new("RS256", "k8s").sign(&pod_claims());
    guarded.admitted(&shown(&token)).quiet();
    let seen = server.seen();
    assert_eq!(seen.len(), 2, "a review, and a look at the account");
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {CLUSTER_TOKEN}").as_str()));
    let body = &seen[0].body;
    assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("authentication.k8s.io/v1"), &json!("TokenReview")));
    assert_eq!(body["spec"], json!({ "token": token, "audiences": ["aio-internal", "broker"] }));
    // The same token again is remembered.
    guarded.admitted(&shown(&token)).quiet();
    assert_eq!(server.seen().len(), 2);
    let found = &guarded.api("clients")["items"];
    assert!(found.as_array().is_some(), "{found}");
}

#[test]
fn what_the_cluster_does_not_vouch_for_is_refused() {
    let (cluster, server) = Cluster::start();
    let resources = Resources::new();
    let method = reviewed(&resources, &server);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let signer = Signer::new("ES256", "k8s");
    let mut number = 0;
    // Another token each time: answers are remembered.
    let mut token = || {
        number += 1;
        signer.sign(&with(pod_claims(), "/jti", json!(number)))
    };
    for status in [
        json!({ "authenticated": false, "error": "[invalid bearer token, token has expired]" }),
        json!({ "user": {} }),
        with(good(), "/audiences", json!(["https://kubernetes.default.svc"])),
        with(good(), "/audiences", Value::Null),
        with(good(), "/user/username", json!("kubernetes-admin")),
        with(good(), "/authenticated", Value::Null),
    ] {
        cluster.says(review(&status));
        guarded.refused(&shown(&token()), 0x87);
    }
    cluster.says(review(&good()));
    *cluster.account.lock().expect("an account") = failure(404, "NotFound");
    guarded.refused(&shown(&token()), 0x87);
    *cluster.account.lock().expect("an account") = account(&json!({}));
    // A cluster in trouble is no refusal.
    for answer in [failure(401, "Unauthorized"), failure(403, "Forbidden"), failure(500, "InternalError")] {
        cluster.says(answer);
        guarded.refused(&shown(&token()), 0x88);
    }
    cluster.says(review(&good()));
    guarded.admitted(&shown(&token())).quiet();
    cluster.hangs();
    guarded.refused(&shown(&token()), 0x88);
    cluster.says(review(&good()));
    // What cannot be a good token is not sent there.
    let asked = server.seen().len();
    guarded.refused(&shown("hunter2"), 0x87);
    guarded.refused(&shown(&signer.sign(&with(pod_claims(), "/exp", json!(1000)))), 0x87);
    assert_eq!(server.seen().len(), asked);
}
