//! Two brokers: one that asks who comes, and one whose dataflows go there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::deadline::{eventually, within};
use causeway_tests::identity_server::{ISSUER, Mint};
use causeway_tests::token::Signer;
use causeway_tests::{Broker, Client, Flow, Packet, Publish, Resources, Settings, Version, fresh, http};
use serde_json::Value;

use crate::shown::LONG;

/// What the token host or the machine's endpoint is asked for where an endpoint says nothing else.
pub const EVENT_GRID: &str = "https://eventgrid.azure.net";

/// The issuer of the tokens of pods.
const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";

/// Failed logins cost nothing, and everything is logged.
const TALKATIVE: &str =
    "advanced:\n  clients:\n    failedLoginsPerAddress: 0\ndiagnostics:\n  logs:\n    level: debug\n";

/// The broker at the other end, another process. It has a port with TLS that only those come through who have a good
/// token, and one for everybody, for clients of the test.
pub struct Remote {
    pub broker: Broker,
    _resources: Resources,
}

impl Remote {
    /// Lets in who shows a token of this mint that is for this audience.
    pub fn of_tokens(mint: &Mint, audience: &str) -> Self {
        Remote::ruled(mint, audience, None)
    }

    /// Those may do what the rules say.
    pub fn ruled(mint: &Mint, audience: &str, rules: Option<&str>) -> Self {
        let resources = Resources::new();
        resources.config_map("issuer-keys", &[("jwks.json", &mint.keys())]);
        let method = format!(
            "method: Jwt\njwtSettings:\n  issuer: {ISSUER}\n  audiences: [\"{audience}\"]\n  leewaySeconds: 0\n  \
             jwksConfigMap: issuer-keys\n"
        );
        Remote::start(resources, &method, rules)
    }

    /// Lets in who shows a token of a service account that this cluster has signed.
    pub fn of_accounts(signer: &Signer) -> Self {
        let resources = Resources::new();
        resources.config_map("cluster-keys", &[("jwks.json", &Signer::set(&[signer]))]);
        let method = format!(
            "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audiences: [aio-internal]\n  offline:\n    \
             issuer: {CLUSTER}\n    jwksConfigMap: cluster-keys\n    leewaySeconds: 0\n"
        );
        Remote::start(resources, &method, None)
    }

    fn start(resources: Resources, method: &str, rules: Option<&str>) -> Self {
        resources.broker(TALKATIVE);
        resources.authentication("guard", &[method]);
        if let Some(rules) = rules {
            resources.authorization("rules", rules);
        }
        let ruled = if rules.is_some() { "\n  authorizationRef: rules" } else { "" };
        let port = format!("ports:\n- port: 0\n  authenticationRef: guard{ruled}\n  tls: {{mode: Automatic}}\n");
        resources.listener("door", &port);
        let broker = Broker::start(Settings::new().resources(&resources));
        Remote { broker, _resources: resources }
    }

    /// As an endpoint names it.
    pub fn host(&self) -> String {
        let address = self.broker.listener("door/0").expect("a listener called door/0");
        format!("localhost:{}", address.port())
    }

    /// A client that nobody asks anything.
    pub fn client(&self) -> Client {
        self.broker.client(Version::V5)
    }

    /// Who came through the guarded port and is there.
    pub fn guests(&self) -> Vec<Value> {
        let answer = http::request(self.broker.admin(), "GET", "/api/v1/clients?listener=door%2F0", &[]);
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["items"].as_array().expect("a list").clone()
    }

    /// Logins and renewals that were accepted.
    pub fn accepted(&self) -> f64 {
        http::metric(self.broker.admin(), "causeway_authentication_accepted_total", "").unwrap_or_default()
    }
}

/// The broker with the dataflows.
pub struct Local {
    pub broker: Broker,
    pub resources: Resources,
}

impl Local {
    /// Its resources, before it starts: endpoint `remote` with this `authentication`, and dataflow `upward` from
    /// `telemetry/#` here to the same topics there.
    pub fn resources(remote: &Remote, line: &str, authentication: &str) -> Resources {
        let resources = Resources::new();
        resources.broker(TALKATIVE);
        let authority = fs::read_to_string(remote.broker.ca_file()).expect("the authority of the other broker");
        resources.config_map("remote-ca", &[("ca.crt", &authority)]);
        resources.endpoint_of(line, "remote", &endpoint(&remote.host(), authentication));
        resources.dataflow(&Flow::new("upward").from("default", &["telemetry/#"]).to("remote", "${inputTopic}"));
        resources
    }

    pub fn start(resources: Resources, variables: &[(&str, String)]) -> Self {
        let settings = variables.iter().fold(Settings::new(), |settings, (name, value)| settings.variable(name, value));
        let broker = Broker::start(settings.resources(&resources));
        Local { broker, resources }
    }

    pub fn client(&self) -> Client {
        self.broker.client(Version::V5)
    }

    /// What the admin API says of a path.
    pub fn ask(&self, path: &str) -> String {
        let answer = http::request(self.broker.admin(), "GET", path, &[]);
        answer.unwrap_or_else(|| panic!("no answer to {path}")).body
    }
}

/// `mqttSettings` with this `authentication`, which is written as lines of its own.
pub fn endpoint(host: &str, authentication: &str) -> String {
    let authentication: String = authentication.lines().map(|line| format!("  {line}\n")).collect();
    format!("host: {host}\nauthentication:\n{authentication}tls:\n  trustedCaCertificateConfigMapRef: remote-ca\n")
}

/// The machine's own identity, with an audience or without.
pub fn system_identity(audience: Option<&str>) -> String {
    let settings = audience.map_or("{}".to_string(), |audience| format!("{{audience: \"{audience}\"}}"));
    format!("method: SystemAssignedManagedIdentity\nsystemAssignedManagedIdentitySettings: {settings}\n")
}

/// Publishes at the one broker, as soon as the dataflow has subscribed there, and waits until it is there at the other.
pub fn crosses(local: &Local, remote: &Remote) {
    let topic = fresh("telemetry/crossing");
    let mut there = remote.client();
    there.subscribe(&topic, 1);
    let mut here = local.client();
    eventually("the dataflow subscribes", || (here.publish(Publish::new(&topic, "over").qos(1)) == 0).then_some(()));
    let arrived = within(LONG, "a message crosses", || there.poll(Duration::from_millis(100)));
    let Event::Packet(Packet::Publish(message)) = arrived else { panic!("{arrived:?} is no message") };
    assert_eq!(message.text(), "over");
}

/// Writes a file whole or not at all, as the kubelet does.
pub fn replace(file: &Path, content: &str) {
    let hidden = file.with_extension("new");
    fs::write(&hidden, content).expect("a file");
    fs::rename(&hidden, file).expect("a file in its place");
}
