//! Every method with a secret of its own, as it works and as it does not, at log level trace: no secret, and no trace of one,
//! is in anything that the broker writes or answers.

use causeway_tests::deadline::within;
use causeway_tests::errand;
use causeway_tests::https_server::{Answered, Server};
use causeway_tests::pki::client::Issued;
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::token::{Signer, audience_claims, pod_claims};
use causeway_tests::users::user;
use causeway_tests::{Client, Connect, Props, Publish, Resources, Version, eventually, fresh, http, prop};
use serde_json::json;

use crate::guarded::{Guarded, PATIENT, Port, anybody, login};
use crate::service_account::{self, CLUSTER_TOKEN, Cluster};
use crate::{custom, jwt, leaks, passwords, x509};

const PASSWORD: &str = "correct-horse-of-the-scan";
const WRONG: &str = "wrong-staple-of-the-scan";
const ADMIN: &str = "admin-token-of-the-scan";
const HEADER: &str = "header-value-of-the-scan";
const SHARED: &str = "shared-secret-of-the-scan-that-signs-tokens";
const ENHANCED: &str = "enhanced-data-of-the-scan";

/// What must be nowhere.
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn new() -> Self {
        let texts = [PASSWORD, WRONG, ADMIN, HEADER, SHARED, ENHANCED, CLUSTER_TOKEN];
        Secrets(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
    }

    /// What is signed, and the signature.
    fn token(&mut self, token: String) -> String {
        self.0.extend(token.split('.').skip(1).map(|part| part.as_bytes().to_vec()));
        self.0.push(token.as_bytes().to_vec());
        token
    }

    /// A line in the middle of a key in PEM.
    fn key(&mut self, pem: &str) {
        let line = pem.lines().nth(2).expect("a key of several lines");
        self.0.push(line.as_bytes().to_vec());
    }

    /// Salt and hash of a line of a file of users.
    fn hash(&mut self, line: &str) {
        let hash = line.split('$').next_back().and_then(|rest| rest.split('"').next()).expect("a hash");
        self.0.push(hash.as_bytes().to_vec());
    }

    fn none_in(&self, place: &str, text: &str) {
        let secrets: Vec<&[u8]> = self.0.iter().map(Vec::as_slice).collect();
        leaks::none_in(place, text, &secrets);
    }
}

/// A broker with every method, and those whom it asks.
struct Scene {
    guarded: Guarded,
    secrets: Secrets,
    clients: TestAuthority,
    signer: Signer,
    shared: Signer,
    _cluster: Server,
    _custom: Server,
}

fn scene() -> Scene {
    let mut secrets = Secrets::new();
    let resources = Resources::new();
    let [clients, askers] = ["clients", "askers"].map(TestAuthority::new);
    x509::trust(&resources, &[&clients]);
    let users = user("ann", PASSWORD, &[("site", "north")]);
    secrets.hash(&users);
    passwords::keep(&resources, &users);
    resources.secret("issuer", &[("secret", SHARED.as_bytes())]);
    let (_, cluster) = Cluster::start();
    let reviewed = service_account::reviewed(&resources, &cluster);
    // Repeats what it was asked, as servers in trouble do.
    let server = Server::mutual(&askers, |seen| {
        let told = json!({ "message": seen.body.to_string(), "reason": 135 }).to_string();
        match seen.body["username"].as_str() {
            Some("let-me-in") => Answered::With(200, json!({ "attributes": { "site": "north" } }).to_string()),
            Some("bad-request") => Answered::With(400, told),
            Some("trouble") => Answered::With(500, told),
            Some("silence") => Answered::Never,
            _ => Answered::With(403, told),
        }
    });
    let own = askers.issue(&Issued::named("the broker"));
    secrets.key(&own.key);
    resources.secret("asking", &[("tls.crt", own.chain.as_bytes()), ("tls.key", own.key.as_bytes())]);
    let custom = format!(
        "{}  auth: {{x509: {{secretRef: asking}}}}\n  headers: {{Authorization: Basic {HEADER}}}\n",
        custom::method(&resources, &server)
    );
    let shared = jwt::method("  hsSecretRef: issuer\n", "");
    let shared = shared.replace("https://issuer.example", "https://shared.example");
    let signer = Signer::new("ES256", "k1");
    let published = jwt::filed(&resources, &[&signer]);
    resources.authentication("guard", &[x509::METHOD, &reviewed, &shared, &published, passwords::METHOD, &custom]);
    resources.authorization("rules", RULES);
    resources.secret("admin", &[("token", ADMIN.as_bytes())]);
    resources.broker(&format!("{PATIENT}  admin:\n    tokenSecretRef: admin\n"));
    let Pair { chain, key } = TestAuthority::new("servers").server("manual");
    secrets.key(&key);
    resources.secret("server", &[("tls.crt", chain.as_bytes()), ("tls.key", key.as_bytes())]);
    let manual = "ports:\n- port: 0\n  tls: {mode: Manual, manual: {secretRef: server}}\n  authenticationRef: guard\n";
    resources.listener("manual", manual);
    let guarded = Guarded::start(resources, Port::Secured, "authenticationRef: guard\n  authorizationRef: rules");
    let authority =
        std::fs::read_to_string(guarded.broker.data_dir().join("tls/ca.key")).expect("the broker's own key");
    secrets.key(&authority);
    let shared = Signer::secret("HS256", SHARED.as_bytes());
    Scene { guarded, secrets, clients, signer, shared, _cluster: cluster, _custom: server }
}

const RULES: &str = "rules:\n- principals:\n    usernames: [ann, pump-7, pump-1, let-me-in, \"system:serviceaccount:shop:till\"]\n  \
                     brokerResources:\n  - {method: Connect}\n  - {method: Publish, topics: [\"a/#\"]}\n  \
                     - {method: Subscribe, topics: [\"a/#\"]}\n";

impl Scene {
    /// Everybody who is let in, and everybody who is not.
    fn knock(&mut self) -> Vec<Client> {
        let secrets = &mut self.secrets;
        let elsewhere = json!("https://shared.example");
        let shared_claims = causeway_tests::token::with(audience_claims(), "/iss", elsewhere);
        let forger = Signer::new("ES256", "k1");
        let good = secrets.token(self.signer.sign(&audience_claims()));
        let forged = secrets.token(forger.sign(&audience_claims()));
        let shared = secrets.token(self.shared.sign(&shared_claims));
        let account = secrets.token(Signer::new("RS256", "k8s").sign(&pod_claims()));
        let over = causeway_tests::token::with(pod_claims(), "/exp", json!(1000));
        let over = secrets.token(forger.sign(&over));
        let guarded = &self.guarded;
        let pair = self.clients.issue(&Issued::named("pump-1"));
        let mut inside = vec![guarded.admitted_with(&pair, &login(Version::V311, "pump-1", WRONG))];
        for connect in [
            login(Version::V311, "ann", PASSWORD),
            login(Version::V5, "ann", PASSWORD),
            login(Version::V311, "whoever", &good),
            jwt::shown(&good),
            anybody(Version::V5).enhanced("CUSTOM-JWT", &shared),
            service_account::shown(&account),
        ] {
            inside.push(guarded.admitted(&connect));
        }
        for connect in [
            login(Version::V311, "ann", WRONG),
            login(Version::V5, "ann", WRONG),
            login(Version::V5, "nobody", PASSWORD),
            jwt::shown(&forged),
            login(Version::V311, "whoever", &forged),
            service_account::shown(&over),
            service_account::shown(WRONG),
            anybody(Version::V5).enhanced("OURS", ENHANCED),
            anybody(Version::V5).enhanced("OURS", ENHANCED).user("let-me-in"),
            anybody(Version::V5).enhanced("OURS", ENHANCED).user("bad-request"),
            anybody(Version::V5).enhanced("OURS", ENHANCED).user("trouble"),
            anybody(Version::V5).enhanced("OURS", ENHANCED).user("silence"),
            Connect::fresh(Version::V5).password(PASSWORD.as_bytes()),
        ] {
            drop(guarded.knock(&connect));
        }
        inside
    }

    /// Renewals, good and bad; packets that are wrong and carry a secret.
    fn renew(&mut self) {
        let good = self.secrets.token(self.signer.sign(&audience_claims()));
        let forged = self.secrets.token(Signer::new("ES256", "k1").sign(&audience_claims()));
        let guarded = &self.guarded;
        let mut client = guarded.admitted(&jwt::shown(&good));
        assert_eq!(client.renew("OAUTH2-JWT", &good), 0);
        client.send_renewal("OAUTH2-JWT", &forged);
        client.expect_disconnect(0x87);
        let mut client = guarded.admitted(&jwt::shown(&good));
        client.send_renewal("OURS", ENHANCED);
        client.drain_to_close();
        // A CONNECT cut short within its password, one with a property twice, and one on top of another.
        let whole = login(Version::V5, "ann", PASSWORD).encode();
        let mut short = whole.clone();
        short.truncate(short.len() - 4);
        short[1] -= 4;
        let twice = Props::new()
            .str(prop::AUTH_METHOD, "OURS")
            .str(prop::AUTH_METHOD, PASSWORD)
            .bin(prop::AUTH_DATA, WRONG.as_bytes());
        let twice = anybody(Version::V5).props(twice).encode();
        for wrong in [short, twice] {
            let mut client = guarded.raw(Version::V5);
            client.send(&wrong);
            client.drain_to_close();
        }
        let mut client = guarded.admitted(&login(Version::V5, "ann", PASSWORD));
        client.send(&whole);
        client.drain_to_close();
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let bearer = format!("Bearer {ADMIN}");
        let answer = http::request(self.guarded.broker.admin(), method, path, &[("Authorization", &bearer)]);
        let answer = answer.unwrap_or_else(|| panic!("no answer to {method} {path}"));
        assert!(answer.status < 500, "{method} {path}: {}", answer.body);
        format!("{}\n{}", answer.head, answer.body)
    }

    fn refusals(&self) -> f64 {
        let text = self.ask("GET", "/metrics");
        let lines = text.lines().filter(|line| line.starts_with("causeway_configuration_changes_total"));
        let refused = lines.filter(|line| line.contains("rejected") || line.contains("refused"));
        refused.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Files that are damaged so that a message about them could show what is in them.
    fn damage(&self) {
        let resources = &self.guarded.resources;
        let line = user("ann", PASSWORD, &[]);
        let kubeconfig = format!("clusters: [{CLUSTER_TOKEN}\nusers:\n- {CLUSTER_TOKEN}");
        let damages: [(&str, &str, Vec<u8>); 6] = [
            ("users", "users", line.replace("argon2id", "argon2x").into_bytes()),
            ("users", "users", format!("{line}{line}").into_bytes()),
            ("cluster", "kubeconfig", kubeconfig.into_bytes()),
            ("issuer", "secret", SHARED.as_bytes()[..25].to_vec()),
            (
                "asking",
                "tls.key",
                format!("-----BEGIN PRIVATE KEY-----\n{SHARED}\n-----END PRIVATE KEY-----\n").into_bytes(),
            ),
            ("admin", "token", ADMIN.as_bytes()[..12].to_vec()),
        ];
        for (secret, key, damaged) in damages {
            let file = resources.path().join("secrets").join(secret).join(key);
            let good = std::fs::read(&file).expect("a key of a secret");
            let before = self.refusals();
            resources.secret(secret, &[(key, &damaged)]);
            self.guarded.broker.signal(libc::SIGHUP);
            eventually(&format!("a damaged {secret}/{key} is refused"), || (self.refusals() > before).then_some(()));
            self.errands("damaged");
            resources.secret(secret, &[(key, &good)]);
        }
    }

    /// What the program says of these files.
    fn errands(&self, state: &str) {
        let path = self.guarded.resources.path().display().to_string();
        let who = "client-id=a,username=ann";
        for arguments in [
            vec!["check", &path],
            vec!["explain", "--resources", &path],
            vec!["authz", "explain", "--resources", &path, "--listener", "door/0", "--as", who, "publish", "a/b"],
        ] {
            let told = errand::run(&arguments);
            let place = format!("{} of {state} files", arguments[..arguments.len().min(2)].join(" "));
            self.secrets.none_in(&place, &told.stdout);
            self.secrets.none_in(&place, &told.stderr);
        }
    }

    /// Every answer of the admin endpoint.
    fn answers(&self, clients: &[Client]) {
        let document = self.ask("GET", "/api/v1/openapi.json");
        let (_, body) = document.split_once("\n{").expect("a document");
        let document: serde_json::Value = serde_json::from_str(&format!("{{{body}")).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").keys();
        let mut asked = 0;
        for path in paths {
            let named = path.replace("{clientId}", &clients[0].id).replace("{topic}", "a/b").replace("{traceId}", "1");
            self.secrets.none_in(path, &self.ask("GET", &named));
            asked += 1;
        }
        assert!(asked > 10, "{asked} paths");
        for client in clients {
            for path in [
                format!("/api/v1/clients/{}", client.id),
                format!("/api/v1/sessions/{}", client.id),
                format!("/api/v1/clients/{}/authorization?action=publish&topic=a/b", client.id),
                format!("/api/v1/clients/{}/authorization?action=connect", client.id),
            ] {
                self.secrets.none_in(&path, &self.ask("GET", &path));
            }
        }
        let denied = http::request(
            self.guarded.broker.admin(),
            "GET",
            "/metrics",
            &[("Authorization", &format!("Bearer {WRONG}"))],
        );
        assert_eq!(denied.expect("an answer").status, 401);
    }
}

#[test]
fn no_secret_is_written_or_answered_anywhere() {
    let mut scene = scene();
    let mut clients = scene.knock();
    for client in &mut clients {
        client.publish(Publish::new("a/b", fresh("x")).qos(1).retained());
        client.publish(Publish::new("b/c", fresh("x")).qos(1));
    }
    scene.renew();
    scene.errands("good");
    scene.damage();
    scene.answers(&clients);
    let ended = clients.pop().expect("a client");
    scene.ask("DELETE", &format!("/api/v1/clients/{}", ended.id));
    drop((clients, ended));
    let log = within(causeway_tests::deadline::patience(), "everything is logged at trace", || {
        let log = scene.guarded.broker.log();
        (log.contains("TRACE") || log.contains("trace")).then_some(log)
    });
    for (place, said) in [("authentication failed", &log), ("could not be authenticated", &log)] {
        assert!(said.contains(place), "the log says nothing of {place}");
    }
    scene.guarded.broker.terminate(libc::SIGTERM);
    scene.secrets.none_in("the log", &scene.guarded.broker.log());
    let audit = leaks::audit(scene.guarded.broker.data_dir());
    assert!(audit.contains("authenticate") && audit.contains("configurationRefused"), "{audit}");
    scene.secrets.none_in("the audit log", &audit);
}
