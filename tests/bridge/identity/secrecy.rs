//! Every identity with a secret of its own, as it works and as it does not: no secret, and no trace of one, is in
//! anything that the process writes or answers.

use std::fs;

use causeway_tests::identity_server::{Arced, Mint};
use causeway_tests::leaks::{audit, none_in};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::token::{Signer, pod_claims};
use causeway_tests::{Flow, Resources, errand, http};

use super::federation::{self, Pod};
use super::scene::{EVENT_GRID, Local, Remote, crosses, endpoint, replace, system_identity};
use super::service_account::{Projected, account};
use crate::shown::{self, DESTINATION};

const PASSWORD: &str = "correct-horse-of-the-bridge";
/// What a challenge named that was none.
const OTHER: &str = "what-nobody-is-to-be-shown";

/// A plant with an endpoint for every identity.
struct Plant {
    mint: std::sync::Arc<Mint>,
    agent: Arced,
    pod: Pod,
    projected: Projected,
    remote: Remote,
    local: Local,
    secrets: Vec<Vec<u8>>,
}

/// What is signed, the signature, and the whole.
fn parts(token: &str) -> impl Iterator<Item = Vec<u8>> {
    let parts: Vec<Vec<u8>> = token.split('.').skip(1).chain([token]).map(|part| part.as_bytes().to_vec()).collect();
    parts.into_iter()
}

fn flow(resources: &Resources, name: &str, settings: &str) {
    resources.endpoint(name, settings);
    resources.dataflow(&Flow::new(name).from("default", &["telemetry/#"]).to(name, "${inputTopic}"));
}

impl Plant {
    fn new() -> Self {
        let mint = Mint::of(8);
        let remote = Remote::of_tokens(&mint, EVENT_GRID);
        let (agent, pod) = (Arced::start(&mint), Pod::new(&mint));
        let mut secrets = vec![PASSWORD.as_bytes().to_vec(), OTHER.as_bytes().to_vec()];
        let token = Signer::new("ES256", "nobody").sign(&pod_claims());
        secrets.extend(parts(&token));
        secrets.extend(parts(&fs::read_to_string(&pod.token).expect("a token")));
        let projected = Projected::new(&token);
        let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
        // Everything there is to tell.
        resources.broker("diagnostics:\n  logs:\n    level: trace\n");
        let host = remote.host();
        flow(&resources, "pod", &endpoint(&host, &federation::identity(Some("https://eventgrid.azure.net/.default"))));
        flow(&resources, "account", &endpoint(&host, &account(&projected, "aio-internal")));
        resources.secret("login", &[("username", b"plant-7"), ("password", PASSWORD.as_bytes())]);
        let login = "method: UsernamePassword\nusernamePasswordSettings: {secretRef: login}\n";
        flow(&resources, "login", &endpoint(&host, login));
        let pair = TestAuthority::new("clients").issue(&Issued::named("plant-7"));
        secrets.extend(pair.key.lines().nth(2).map(|line| line.as_bytes().to_vec()));
        let certificate = [("client_cert.pem", pair.chain.as_bytes()), ("client_key.pem", pair.key.as_bytes())];
        resources.secret("certificate", &certificate);
        let certificate = "method: X509Certificate\nx509CertificateSettings: {secretRef: certificate}\n";
        flow(&resources, "certificate", &endpoint(&host, certificate));
        let variables: Vec<_> = agent.variables().into_iter().chain(pod.variables()).collect();
        let local = Local::start(resources, &variables);
        Plant { mint, agent, pod, projected, remote, local, secrets }
    }

    fn none_in(&self, place: &str, text: &str) {
        let mut secrets = self.secrets.clone();
        secrets.extend(self.mint.made().iter().flat_map(|token| parts(token)));
        secrets.extend(self.agent.keys().into_iter().map(String::into_bytes));
        let secrets: Vec<&[u8]> = secrets.iter().map(Vec::as_slice).collect();
        none_in(place, text, &secrets);
    }

    /// Every answer of the admin endpoint.
    fn answers(&self) {
        let document: serde_json::Value = serde_json::from_str(&self.local.ask("/api/v1/openapi.json")).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").keys();
        let mut of_dataflows = 0;
        for path in paths {
            let named = path.replace("{clientId}", "nobody").replace("{topic}", "a/b").replace("{traceId}", "1");
            for name in ["upward", "pod", "account", "login", "certificate", "remote", "default"] {
                let path = named.replace("{dataflow}", name).replace("{endpoint}", name);
                let answer = self.local.ask(&path);
                of_dataflows += usize::from(path != named && answer.contains("credentialExpiresAt"));
                self.none_in(&path, &answer);
            }
        }
        // Five of each, and endpoints without dataflows beside.
        assert!(of_dataflows >= 10, "{of_dataflows} answers about dataflows and endpoints");
        let metrics = self.local.ask("/metrics");
        assert!(metrics.contains("causeway_dataflow"), "{metrics}");
        self.none_in("/metrics", &metrics);
    }

    /// What the program says of these files.
    fn errands(&self) {
        let path = self.local.resources.path().display().to_string();
        let admin = format!("http://{}", self.local.broker.admin());
        for arguments in [
            vec!["check", &path],
            vec!["explain", "--resources", &path],
            vec!["dataflow", "list", "--admin", &admin],
            vec!["dataflow", "show", "upward", "--admin", &admin],
            vec!["dataflow", "show", "pod", "--json", "--admin", &admin],
            vec!["dataflow", "test", "account", "--resources", &path],
            vec!["dataflow", "test", "login", "--json", "--resources", &path],
        ] {
            let told = errand::run_with(&self.pod.variables(), &arguments);
            self.none_in(arguments[0], &told.stdout);
            self.none_in(arguments[0], &told.stderr);
        }
    }
}

#[test]
fn no_secret_is_written_or_answered_anywhere() {
    let mut plant = Plant::new();
    shown::up(&plant.local.broker, "upward");
    shown::up(&plant.local.broker, "pod");
    crosses(&plant.local, &plant.remote);
    for refused in ["account", "login", "certificate"] {
        shown::failing(&plant.local.broker, refused, DESTINATION, "CONNACK", 1);
    }
    plant.answers();
    plant.errands();
    let assertion = federation::assertion();
    plant.secrets.extend(parts(&assertion));
    plant.mint.repeats_what_it_was_shown();
    replace(&plant.pod.token, &assertion);
    for name in ["upward", "pod"] {
        let failing = shown::failing(&plant.local.broker, name, DESTINATION, "token", 1);
        assert!(failing.text.contains("(hidden: it repeats a secret)"), "{}", failing.text);
    }
    fs::write(plant.projected.file(), format!("{OTHER} is no token")).expect("a file");
    shown::until(&plant.local.broker, "account", "what is wrong with its token", |shown| {
        let text = shown["instances"][0][DESTINATION]["credentialFailure"]["text"].as_str()?;
        text.contains("characters that no token has").then_some(())
    });
    plant.local.resources.secret("certificate", &[("client_key.pem", OTHER.as_bytes())]);
    plant.local.broker.signal(libc::SIGHUP);
    plant.answers();
    plant.errands();
    let renewals = http::metric(plant.remote.broker.admin(), "causeway_authentication_accepted_total", "");
    assert!(renewals.unwrap_or_default() >= 2.0);
    plant.local.broker.terminate(libc::SIGTERM);
    plant.remote.broker.terminate(libc::SIGTERM);
    let (here, there) = (plant.local.broker.log(), plant.remote.broker.log());
    assert!(here.contains("TRACE"), "the log tells everything: {here}");
    for (place, text) in [("the log", here), ("the other log", there)] {
        plant.none_in(place, &text);
    }
    for data in [plant.local.broker.data_dir(), plant.remote.broker.data_dir()] {
        plant.none_in("the audit log", &audit(data));
    }
}
