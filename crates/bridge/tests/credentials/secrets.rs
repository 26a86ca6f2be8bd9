//! No secret is in a log at any level, in what is printed for debugging, or in words about errors.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::credentials::{
    Credentials, Keeper, Source, Surroundings, SystemIdentity, UserIdentity, Variables, X509Sources,
};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::token::{Signer, pod_claims};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::parts::{Endpoint, Reply, fast, held, within};

const PASSWORD: &str = "correct-horse-battery";
const KEY: &str = "a2V5LW9mLXRoZS1hZ2VudA";
const GRANTED: &str = "granted.token.of-azure";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Answers well, or repeats what it was asked, as servers in trouble do.
fn server(good: bool, keys: String) -> Endpoint {
    Endpoint::start(move |_, asked| match (asked.header("authorization"), good) {
        (None, _) if asked.target.contains("2020-06-01") => {
            Reply::header(401, "WWW-Authenticate", format!("Basic realm={keys}/a.key"))
        }
        (_, true) => Reply::json(200, json!({ "access_token": GRANTED, "expires_in": 3600 })),
        (key, false) => {
            let repeated = format!("AADSTS7000215: {} {}", asked.body, key.unwrap_or_default());
            Reply::json(400, json!({ "error": "e", "error_description": repeated }))
        }
    })
}

#[tokio::test]
async fn no_secret_is_logged_or_said() {
    let written = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(written.clone()).with_ansi(false);
    // With what goes to `log` as well.
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber.finish()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let token = Signer::new("ES256", "k").sign(&pod_claims());
    fs::create_dir(at("keys")).unwrap();
    fs::write(at("keys/a.key"), KEY).unwrap();
    fs::write(at("token"), &token).unwrap();
    fs::write(at("password"), PASSWORD).unwrap();
    let pair = TestAuthority::new("Root").issue(&Issued::default());
    let x509 = |key: &str| {
        Credentials::X509(X509Sources { certificate: held("c", &pair.chain), key: held("k", key), intermediates: None })
    };
    let mut spoken = String::new();
    for good in [true, false] {
        let endpoint = server(good, at("keys").display().to_string());
        let variables = Variables {
            authority_host: Some(endpoint.url()),
            federated_token_file: Some(at("token")),
            ..Variables::default()
        };
        let imds = Surroundings { imds: endpoint.url(), variables, ..fast() };
        let arc = Surroundings { arc: endpoint.url(), arc_agent: at("keys"), arc_keys: at("keys"), ..imds.clone() };
        let system = SystemIdentity { audience: "api://a".to_owned() };
        let user = UserIdentity { client_id: "c".to_owned(), tenant_id: "t".to_owned(), scope: "s".to_owned() };
        let audience = if good { None } else { Some("another".to_owned()) };
        let password = Source::File(at("password"));
        for (credentials, surroundings) in [
            (Credentials::UsernamePassword { username: held("u", "ann"), password }, &imds),
            (Credentials::UsernamePassword { username: held("u", "ann"), password: held("p", PASSWORD) }, &imds),
            (x509(&pair.key), &imds),
            (x509(&pair.key.replace("-----END PRIVATE KEY-----", "")), &imds),
            (Credentials::ServiceAccountToken { file: at("token"), audience }, &imds),
            (Credentials::SystemAssignedManagedIdentity(system.clone()), &imds),
            (Credentials::SystemAssignedManagedIdentity(system), &arc),
            (Credentials::UserAssignedManagedIdentity(user), &imds),
        ] {
            let mut keeper = Keeper::start(&credentials, &Arc::new(surroundings.clone()));
            let outcome = within(keeper.present()).await;
            if let Err(error) = &outcome {
                spoken.push_str(&format!("{error}\n"));
            }
            spoken.push_str(&format!("{credentials:?}\n{outcome:?}\n{keeper:?}\n{:?}\n", keeper.status()));
        }
        // The key and the assertion did leave this process.
        assert!(
            endpoint.asked().iter().any(|asked| asked.header("authorization").is_some_and(|key| key.contains(KEY)))
        );
        assert!(endpoint.asked().iter().any(|asked| asked.body.contains(&token)));
    }
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("TRACE"), "nothing was logged");
    assert!(spoken.contains("hidden: it repeats a secret"), "{spoken}");
    let (claims, signature) = token.split_once('.').unwrap().1.split_once('.').unwrap();
    let body = pair.key.lines().nth(1).unwrap();
    for secret in [PASSWORD, KEY, GRANTED, claims, signature, body, &STANDARD.encode(PASSWORD), &STANDARD.encode(KEY)] {
        for (place, text) in [("log", &log), ("words", &spoken)] {
            let found = text.find(secret);
            assert!(found.is_none(), "{place}: {}", found.map_or("", |at| &text[at.saturating_sub(300)..at + 10]));
        }
    }
}
