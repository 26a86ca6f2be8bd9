//! A broker with one port that is guarded, and clients at its door.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_tests::deadline::eventually;
use causeway_tests::pki::Pair;
use causeway_tests::stream::{Stream, tcp};
use causeway_tests::{Broker, Client, ConnAck, Connect, Resources, Settings, Version, http, mutual_tls, prop, tls};
use rustls::ClientConfig;
use serde_json::Value;

use crate::leaks;

/// Whether the port has TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Plain,
    Secured,
}

/// A running broker with the directory it is configured from. The port's listener is `door`, who may come in is
/// BrokerAuthentication `guard`, and what they may do is BrokerAuthorization `rules`.
pub struct Guarded {
    pub broker: Broker,
    pub resources: Resources,
    port: Port,
}

/// Failed logins cost nothing: these tests fail often, all from one address. Everything is logged, so that it can be seen
/// that no credential is.
pub const PATIENT: &str =
    "advanced:\n  clients:\n    failedLoginsPerAddress: 0\ndiagnostics:\n  logs:\n    level: trace\n";

impl Guarded {
    /// Lets in whom these methods let in; they may do what they like.
    pub fn by(resources: Resources, port: Port, methods: &[&str]) -> Self {
        resources.authentication("guard", methods);
        resources.broker(PATIENT);
        Guarded::start(resources, port, "authenticationRef: guard")
    }

    /// They may do what the rules say.
    pub fn ruled(resources: Resources, port: Port, methods: &[&str], rules: &str) -> Self {
        resources.authentication("guard", methods);
        resources.authorization("rules", rules);
        resources.broker(PATIENT);
        Guarded::start(resources, port, "authenticationRef: guard\n  authorizationRef: rules")
    }

    /// With what the resources hold already, and a port that refers to it so.
    pub fn start(resources: Resources, port: Port, references: &str) -> Self {
        Guarded::with(Settings::new(), resources, port, references)
    }

    /// As [`Guarded::start`], with further settings.
    pub fn with(settings: Settings, resources: Resources, port: Port, references: &str) -> Self {
        let tls = if port == Port::Secured { "\n  tls: {mode: Automatic}" } else { "" };
        resources.listener("door", &format!("ports:\n- port: 0\n  {references}{tls}\n"));
        let broker = Broker::start(settings.mqtt("off").resources(&resources));
        Guarded { broker, resources, port }
    }

    pub fn address(&self) -> SocketAddr {
        self.broker.listener("door/0").expect("a listener called door/0")
    }

    /// A connection on which nothing has been said, TLS without a certificate where there is TLS.
    pub fn raw(&self, version: Version) -> Client {
        let stream: Box<dyn Stream> = match self.port {
            Port::Plain => Box::new(tcp(self.address())),
            Port::Secured => {
                let config = tls::config(&self.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
                Box::new(tls::connect(self.address(), config, "localhost").expect("a handshake"))
            }
        };
        Client::over(stream, version)
    }

    /// What CONNACK says.
    pub fn knock(&self, connect: &Connect) -> (Client, ConnAck) {
        let mut client = self.raw(connect.version);
        let answer = client.connect(connect);
        (client, answer)
    }

    /// A client that is let in.
    pub fn admitted(&self, connect: &Connect) -> Client {
        let (client, answer) = self.knock(connect);
        assert_eq!(answer.code, 0, "refused: {answer:?}");
        client
    }

    /// Must be refused with this code, its counterpart in MQTT 3.1.1, and not a word more.
    pub fn refused(&self, connect: &Connect, code: u8) {
        let (client, answer) = self.knock(connect);
        check_refusal(client, &answer, code);
    }

    pub fn with_certificate(&self, pair: &Pair) -> Arc<ClientConfig> {
        mutual_tls::config(&self.broker.ca_file(), rustls::ALL_VERSIONS, pair)
    }

    /// A connection over TLS with a certificate, which the handshake must take.
    pub fn shown(&self, pair: &Pair, version: Version) -> Client {
        let stream = tls::connect(self.address(), self.with_certificate(pair), "localhost").expect("a handshake");
        Client::over(Box::new(stream), version)
    }

    /// As [`Guarded::admitted`], with a certificate.
    pub fn admitted_with(&self, pair: &Pair, connect: &Connect) -> Client {
        let mut client = self.shown(pair, connect.version);
        let answer = client.connect(connect);
        assert_eq!(answer.code, 0, "refused: {answer:?}");
        client
    }

    /// Changes files, and waits until the change is applied.
    pub fn apply(&self, write: impl FnOnce(&Resources)) {
        let applied = || self.metric("causeway_configuration_changes_total", "result=\"applied\"");
        let before = applied();
        write(&self.resources);
        self.broker.signal(libc::SIGHUP);
        eventually("the change is applied", || (applied() > before).then_some(()));
    }

    pub fn metric(&self, name: &str, labels: &str) -> Option<f64> {
        http::metric(self.broker.admin(), name, labels)
    }

    /// What the admin API answers; panics unless it is 200.
    pub fn api(&self, path: &str) -> Value {
        let answer = http::request(self.broker.admin(), "GET", &format!("/api/v1/{path}"), &[]).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

impl Drop for Guarded {
    /// Whatever the test was about: no credential is in the log or the audit log.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let secrets: Vec<&[u8]> = leaks::EVERYWHERE.iter().map(|secret| secret.as_bytes()).collect();
        leaks::none_in("the log", &self.broker.log(), &secrets);
        leaks::none_in("the audit log", &leaks::audit(self.broker.data_dir()), &secrets);
    }
}

/// One whom the methods know nothing of: CONNECT with nothing to show.
pub fn anybody(version: Version) -> Connect {
    Connect::fresh(version)
}

/// CONNECT with a username and a password.
pub fn login(version: Version, user: &str, password: &str) -> Connect {
    Connect::fresh(version).user(user).password(password.as_bytes())
}

pub fn check_refusal(mut client: Client, answer: &ConnAck, code: u8) {
    let expected = if client.version.is_v5() { code } else { return_code(code) };
    assert_eq!(answer.code, expected, "{}: CONNACK {:#04x} for {expected:#04x}", client.id, answer.code);
    assert!(!answer.session_present);
    for told in [prop::REASON_STRING, prop::USER_PROPERTY, prop::AUTH_DATA] {
        assert!(!answer.props.has(told), "the client is told more than the code: {answer:?}");
    }
    client.expect_closed();
}

/// What MQTT 3.1.1 has for a reason code of MQTT 5.
fn return_code(code: u8) -> u8 {
    match code {
        0x86 => 4,
        0x87 | 0x8a | 0x8c => 5,
        _ => 3,
    }
}
