//! A broker that files configure, and what it tells of itself.

use std::net::SocketAddr;

use causeway_tests::deadline::eventually;
use causeway_tests::stream::tcp;
use causeway_tests::{Broker, Client, Connect, Resources, Settings, Version, errand, http};
use serde_json::Value;

pub const V: Version = Version::V5;

/// A running broker with the directory it is configured from.
pub struct Served {
    pub broker: Broker,
    pub resources: Resources,
}

impl Served {
    /// Configured by a Broker with these properties; plain MQTT on any port.
    pub fn by(spec: &str) -> Self {
        let resources = Resources::new();
        resources.broker(spec);
        let settings = Settings::new();
        Served::from(resources, if spec.contains("cardinality:") { settings.as_written() } else { settings })
    }

    /// Serves what the BrokerListener `plant` with these properties says, and nothing else.
    pub fn at(spec: &str) -> Self {
        let resources = Resources::new();
        resources.listener("plant", spec);
        Served::from(resources, Settings::new().mqtt("off"))
    }

    pub fn from(resources: Resources, settings: Settings) -> Self {
        let broker = Broker::start(settings.resources(&resources));
        Served { broker, resources }
    }

    /// Gives the Broker other properties, and waits until they are in effect.
    pub fn change(&self, spec: &str) {
        self.apply(|resources| resources.broker(spec));
    }

    /// Changes files, and waits until the change is applied.
    pub fn apply(&self, write: impl FnOnce(&Resources)) {
        let applied = || self.metric("causeway_configuration_changes_total", "result=\"applied\"");
        let before = applied();
        write(&self.resources);
        self.broker.signal(libc::SIGHUP);
        eventually("the change is applied", || (applied() > before).then_some(()));
    }

    /// Where the listener of this name is now.
    pub fn address(&self, name: &str) -> SocketAddr {
        self.broker.listener(name).unwrap_or_else(|| panic!("no listener {name}"))
    }

    /// A connected client of that listener, which speaks plain MQTT.
    pub fn client(&self, name: &str) -> Client {
        connected(self.address(name))
    }

    pub fn metric(&self, name: &str, labels: &str) -> Option<f64> {
        http::metric(self.broker.listener("admin")?, name, labels)
    }

    /// What the admin API answers; panics unless it is 200.
    pub fn api(&self, path: &str) -> Value {
        let answer = http::request(self.address("admin"), "GET", &format!("/api/v1/{path}"), &[]).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// What the admin API tells of a value in effect.
    pub fn in_effect(&self, path: &str) -> Option<String> {
        let all = self.api("configuration");
        let item = all["items"].as_array()?.iter().find(|item| item["path"] == path)?;
        Some(item["value"].as_str()?.to_string())
    }

    pub fn health(&self) -> Value {
        http::request(self.address("admin"), "GET", "/health", &[]).expect("an answer").json()
    }
}

/// A client that is connected over plain TCP.
pub fn connected(address: SocketAddr) -> Client {
    let mut client = Client::over(Box::new(tcp(address)), V);
    assert_eq!(client.connect(&Connect::fresh(V)).code, 0);
    client
}

/// What `causeway check` says of a Broker with these properties, which it refuses.
pub fn refused_broker(spec: &str) -> String {
    refused(|resources| resources.broker(spec))
}

/// The same of a BrokerListener.
pub fn refused_listener(spec: &str) -> String {
    refused(|resources| resources.listener("plant", spec))
}

/// The same of what is written so.
pub fn refused(write: impl FnOnce(&Resources)) -> String {
    let resources = Resources::new();
    write(&resources);
    let outcome = errand::run(&["check".as_ref(), resources.path().as_os_str()]);
    assert_eq!(outcome.code, 2, "{} {}", outcome.stdout, outcome.stderr);
    outcome.stderr
}
