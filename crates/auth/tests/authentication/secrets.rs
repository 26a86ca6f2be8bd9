//! What is secret is in no log, at no level, and in no `Debug`.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth::authentication::{
    ClusterAccess, Credentials, CustomSettings, Gate, GateSettings, HttpsSettings, JwtSettings, KeySettings,
    MethodSettings, Methods, PasswordFile, PemFile, Purpose, RemoteKeySettings, RemotePlace, Reply, Request,
    ReviewSettings, Secret, ServiceAccountSettings, TokenPlace, UserPasswordSettings, Verdict, Verification,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::parts::{
    Answered, Issued, Server, Signer, audience_claims, authority, counters, pod_claims, server_identity, trusted,
    with_enhanced, with_password,
};

const PASSWORD: &str = "correct-horse-battery";
const HEADER: &str = "header-value-4711";
const CLUSTER: &str = "the-brokers-token-0815";
const SHARED: &str = "a shared secret that signs tokens, and long enough for it ......";

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Written {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Each method with a secret of its own, once as it works and once as it does not.
fn settings(good: &Server, bad: &Server, identity: auth::authentication::ClientIdentity) -> Vec<Vec<MethodSettings>> {
    let headers = BTreeMap::from([("Authorization".to_owned(), Secret::from(HEADER))]);
    let https = |server: &Server| HttpsSettings { identity: Some(identity.clone()), ..trusted(server) };
    let custom = |server: &Server| {
        MethodSettings::Custom(CustomSettings {
            endpoint: server.endpoint(),
            https: https(server),
            headers: headers.clone(),
            deadline: Duration::from_secs(5),
            most_at_once: 8,
        })
    };
    let jwt = |keys| {
        MethodSettings::Jwt(JwtSettings {
            issuer: "https://issuer.example".to_owned(),
            audiences: vec!["broker".to_owned()],
            keys,
            leeway: Duration::from_secs(5),
            username: "sub".to_owned(),
            attributes: BTreeMap::new(),
            places: TokenPlace::usual(),
        })
    };
    let remote = |server: &Server| {
        KeySettings::Remote(Box::new(RemoteKeySettings {
            place: RemotePlace::Address(format!("{}/keys", server.endpoint())),
            https: https(server),
            headers: headers.clone(),
            refresh: Duration::from_secs(60),
            deadline: Duration::from_secs(5),
        }))
    };
    let review = |server: &Server| {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{ "name": "c", "cluster": {
                "server": server.endpoint(), "certificate-authority-data": STANDARD.encode(&server.authority.certificate),
            } }],
            "users": [{ "name": "u", "user": { "token": CLUSTER } }],
            "contexts": [{ "name": "here", "context": { "cluster": "c", "user": "u" } }],
        });
        let content = Secret::from(kubeconfig.to_string().as_str());
        let access = ClusterAccess::Kubeconfig { name: "kubeconfig".to_owned(), content, context: None };
        let verification = Verification::TokenReview(ReviewSettings { access, deadline: Duration::from_secs(5) });
        MethodSettings::ServiceAccountToken(ServiceAccountSettings {
            audiences: vec!["aio-internal".to_owned()],
            verification,
        })
    };
    let users = PasswordFile::put("", "ann", PASSWORD.as_bytes(), None).unwrap().into_bytes();
    let users = MethodSettings::UserPassword(UserPasswordSettings {
        file: PemFile { name: "users".to_owned(), content: users },
    });
    vec![
        vec![custom(good)],
        vec![custom(bad)],
        vec![jwt(remote(good)), users],
        vec![jwt(remote(bad))],
        vec![jwt(KeySettings::Secret(Secret::from(SHARED)))],
        vec![review(good)],
        vec![review(bad)],
    ]
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let written = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(written.clone()).with_ansi(false);
    // With what goes to `log` as well.
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber.finish()).unwrap();

    let signer = Signer::new("ES256", "k1");
    let set = Signer::set(&[&signer]);
    let good = Server::https(move |seen| {
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {}, "status": {
            "authenticated": true, "audiences": ["aio-internal"], "user": { "username": "system:serviceaccount:shop:till" },
        } });
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "till" } });
        match seen.target.split('?').next().unwrap() {
            "/keys" => Answered::With(200, set.clone()),
            path if path.ends_with("tokenreviews") => Answered::With(201, review.to_string()),
            path if path.ends_with("till") => Answered::With(200, account.to_string()),
            _ => Answered::With(200, "{}".to_owned()),
        }
    });
    // Repeats what it was asked, as servers in trouble do.
    let bad = Server::https(|seen| {
        let status = if seen.target.contains("api-version") { 403 } else { 500 };
        Answered::With(status, json!({ "message": seen.body.to_string(), "reason": 135 }).to_string())
    });
    let root = authority("Root");
    let identity = server_identity(&Issued::default(), &root);
    let key_pem = format!("{identity:?}");
    assert!(!key_pem.contains("PRIVATE"), "{key_pem}");

    let (token, sat) = (signer.sign(&audience_claims()), signer.sign(&pod_claims()));
    let hs = Signer::secret("HS256", SHARED.as_bytes()).sign(&audience_claims());
    let shown = [
        with_password("ann", PASSWORD),
        with_password("ann", &format!("{PASSWORD}-wrong")),
        with_password("token", &token),
        with_enhanced("OAUTH2-JWT", &token),
        with_enhanced("OAUTH2-JWT", &format!("{token}x")),
        with_enhanced("CUSTOM-JWT", &hs),
        with_enhanced("K8S-SAT", &sat),
    ];
    let counters = counters();
    let generous = GateSettings {
        limiter: auth::authentication::LimiterSettings { tries: 0, ..Default::default() },
        ..GateSettings::default()
    };
    let (gate, thread) = Gate::start(&generous, &counters).unwrap();
    let mut spoken = String::new();
    for settings in settings(&good, &bad, identity) {
        spoken.push_str(&format!("{settings:?}\n"));
        let methods =
            Arc::new(Methods::compile(&settings, None, &counters).unwrap_or_else(|errors| panic!("{errors:?}")));
        for credentials in &shown {
            spoken.push_str(&format!("{credentials:?}\n"));
            let verdict = submitted(&gate, credentials, &methods).await;
            spoken.push_str(&format!("{verdict:?}\n"));
        }
    }
    tokio::task::spawn_blocking(move || drop(thread)).await.unwrap();
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("authentication failed") && log.contains("TRACE"), "nothing was logged");
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let claims = |token: &str| token.split('.').nth(1).unwrap().to_owned();
    let mut secrets =
        vec![PASSWORD.to_owned(), STANDARD.encode(PASSWORD), HEADER.to_owned(), CLUSTER.to_owned(), SHARED.to_owned()];
    for token in [&token, &sat, &hs] {
        secrets.extend([signature(token), claims(token), STANDARD.encode(token)]);
    }
    for (place, text) in [("log", &log), ("words", &spoken)] {
        for secret in &secrets {
            let at = text.find(secret.as_str());
            assert!(at.is_none(), "{place}: {}", at.map_or("", |at| &text[at.saturating_sub(300)..at + 20]));
        }
        assert!(!text.contains("PRIVATE KEY"), "{place}");
    }
}

async fn submitted(gate: &Gate, credentials: &Credentials, methods: &Arc<Methods>) -> Verdict {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let request = Request { credentials: credentials.clone(), purpose: Purpose::Connect, methods: Arc::clone(methods) };
    gate.submit(request, Reply::new(move |verdict| drop(sender.send(verdict))));
    tokio::time::timeout(Duration::from_secs(60), receiver).await.unwrap().unwrap()
}

#[test]
fn a_clock_before_1970_is_survived() {
    let methods = crate::parts::compiled(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(10);
    let verdict = runtime.block_on(methods.judge(&with_password("ann", "x"), &Purpose::Connect, before));
    crate::parts::denied(verdict, "no method");
}
