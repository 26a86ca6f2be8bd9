//! The broker under test with its dataflows, and what can be waited for.

use causeway_tests::flow::plain_settings;
use causeway_tests::mosquitto::Mosquitto;
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Broker, Client, Flow, Publish, Resources, Settings, Version, eventually, http};

/// A broker with the directory it is configured from.
pub struct Here {
    pub broker: Broker,
    pub resources: Resources,
}

impl Here {
    pub fn start(resources: Resources) -> Self {
        Here { broker: Broker::start(Settings::new().resources(&resources)), resources }
    }

    /// With the dataflow `upward`: what comes here below `in/` goes below `out/` to the server, an endpoint with these further
    /// settings.
    pub fn up(server: &ScriptedServer, settings: &str) -> Self {
        let resources = Resources::new();
        resources.endpoint("remote", &plain_settings(server.address, settings));
        Here::up_to("remote", resources)
    }

    /// The same with an endpoint `remote` that the resources hold already.
    pub fn up_to(endpoint: &str, resources: Resources) -> Self {
        resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to(endpoint, "out/${inputTopic.2+}"));
        let here = Here::start(resources);
        here.takes("in/#", 1);
        here
    }

    /// With the dataflow `downward`: what the server sends below `in/` comes here below `out/`.
    pub fn down(server: &ScriptedServer, settings: &str) -> Self {
        let resources = Resources::new();
        resources.endpoint("remote", &plain_settings(server.address, settings));
        resources.dataflow(&Flow::new("downward").from("remote", &["in/#"]).to("default", "out/${inputTopic.2+}"));
        let here = Here::start(resources);
        server.subscription();
        here
    }

    /// Waits until so many sessions here have subscribed to this filter.
    pub fn takes(&self, filter: &str, sessions: usize) {
        eventually(&format!("{sessions} subscriptions to {filter}"), || {
            (self.subscribed(filter) == sessions).then_some(())
        });
    }

    /// How many sessions here have this filter now.
    pub fn subscribed(&self, filter: &str) -> usize {
        self.subscriptions(&format!("filter={}", encoded(filter)))
    }

    /// Waits until so many sessions here have subscribed to something that matches this topic.
    pub fn takes_topic(&self, topic: &str, sessions: usize) {
        eventually(&format!("{sessions} subscriptions for {topic}"), || {
            (self.subscriptions(&format!("topic={}", encoded(topic))) == sessions).then_some(())
        });
    }

    fn subscriptions(&self, query: &str) -> usize {
        let path = format!("/api/v1/subscriptions?{query}");
        let page = http::request(self.broker.admin(), "GET", &path, &[]).expect("an answer").json();
        page["items"].as_array().map_or(0, Vec::len)
    }

    /// A client of the test, MQTT 5.
    pub fn client(&self) -> Client {
        self.broker.client(Version::V5)
    }

    /// Publishes one message at QoS 1, as somebody else would.
    pub fn publish(&self, publish: Publish) {
        let reason = self.client().publish(publish.qos(1));
        assert!(reason < 0x80, "the broker here refuses it: {reason:#04x}");
    }

    /// Changes files, and waits until the change is applied.
    pub fn apply(&self, write: impl FnOnce(&Resources)) {
        let applied =
            || http::metric(self.broker.admin(), "causeway_configuration_changes_total", "result=\"applied\"");
        let before = applied();
        write(&self.resources);
        eventually("the change is applied", || (applied() > before).then_some(()));
    }

    /// Waits for a line of the log with all of these words.
    pub fn says(&self, words: &[&str]) -> String {
        eventually(&format!("the log says {words:?}"), || {
            let log = self.broker.log();
            log.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_string)
        })
    }
}

/// Waits until the dataflow has subscribed at mosquitto.
pub fn taken_from(mosquitto: &Mosquitto, dataflow: &str) {
    mosquitto.says(&["Sending SUBACK to", dataflow]);
}

/// Waits until the dataflow is connected to mosquitto, and returns the line that says so.
pub fn connected(mosquitto: &Mosquitto, dataflow: &str) -> String {
    mosquitto.says(&["New client connected", dataflow])
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}
