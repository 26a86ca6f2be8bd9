//! Tokens that end every few seconds, while messages cross both ways.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_tests::Flow;
use causeway_tests::deadline::within;
use causeway_tests::https_server::Answered;
use causeway_tests::identity_server::{Arced, Mint};
use serde_json::{Value, json};

use super::scene::{EVENT_GRID, Local, Remote, system_identity};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;
use crate::shown::{self, DESTINATION, SOURCE};

/// A plant whose tokens are good for so many seconds, with a dataflow each way.
struct Plant {
    mint: std::sync::Arc<Mint>,
    _agent: Arced,
    remote: Remote,
    local: Local,
}

impl Plant {
    fn new(lifetime: u64) -> Self {
        let mint = Mint::of(lifetime);
        let remote = Remote::of_tokens(&mint, EVENT_GRID);
        let agent = Arced::start(&mint);
        let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
        resources
            .dataflow(&Flow::new("downward").from("remote", &["orders/#"]).to("default", "arrived/${inputTopic.2+}"));
        let local = Local::start(resources, &agent.variables());
        for name in ["upward", "downward"] {
            shown::up(&local.broker, name);
        }
        Plant { mint, _agent: agent, remote, local }
    }

    /// Begins to publish at both brokers, with those who write down what crosses.
    fn traffic(&self, count: u64, per_second: usize) -> [(Publishing, Recorder); 2] {
        let (here, there) = (self.local.broker.mqtt(), self.remote.broker.mqtt());
        [(here, "telemetry", there, "telemetry/#"), (there, "orders", here, "arrived/#")].map(
            |(from, what, to, filter)| {
                let recorder = Recorder::start(to, filter);
                (Publishing::start(from, Series::new(what, count).per_second(per_second)), recorder)
            },
        )
    }

    /// What happened to the connections at one end of a dataflow.
    fn counts(&self, name: &str, end: &str) -> Value {
        shown::dataflow(&self.local.broker, name).expect("a dataflow")["instances"][0]["counts"][end].clone()
    }

    /// The value of a metric at one end of a dataflow.
    fn metric(&self, metric: &str, name: &str, end: &str) -> Option<f64> {
        let text = self.local.ask("/metrics");
        let labels = [format!("dataflow=\"{name}\""), format!("side=\"{end}\"")];
        let mut lines = text.lines().filter(|line| line.starts_with(metric));
        let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// The ends of the two dataflows that are there by a token.
    fn ends(&self) -> [Value; 2] {
        [("upward", DESTINATION), ("downward", SOURCE)].map(|(name, end)| shown::end(&self.local.broker, name, end))
    }
}

fn arrive(traffic: &[(Publishing, Recorder); 2], limit: Duration) {
    for (published, recorder) in traffic {
        let count = published.series().count;
        within(limit, "everything is published", || published.is_done().then_some(()));
        within(limit, "everything arrives", || (recorder.missing(published.series(), count) == 0).then_some(()));
    }
}

#[test]
fn tokens_of_seconds_are_renewed_on_connections_that_stand() {
    let plant = Plant::new(6);
    let traffic = plant.traffic(5000, 200);
    let mut connected: BTreeSet<String> = BTreeSet::new();
    let mut ends: BTreeSet<String> = BTreeSet::new();
    let looks = |text: &Value| text.as_str().expect("a text").to_owned();
    within(shown::LONG, "five tokens are shown by each dataflow", || {
        let guests = plant.remote.guests();
        assert_eq!(guests.len(), 2, "{guests:?}");
        for guest in &guests {
            connected.insert(format!("{} {}", looks(&guest["clientId"]), looks(&guest["connectedAt"])));
            ends.insert(format!("{} {}", looks(&guest["clientId"]), looks(&guest["credentialsExpireAt"])));
        }
        for end in plant.ends() {
            assert_eq!(end["state"], "Up", "{end}");
            let left = end["credentialExpiresInSeconds"].as_i64().unwrap_or_else(|| panic!("no end: {end}"));
            assert!((0..=6).contains(&left), "{end}");
        }
        let by_guest = |guest: &Value| ends.iter().filter(|end| end.starts_with(&looks(&guest["clientId"]))).count();
        guests.iter().all(|guest| by_guest(guest) >= 5).then_some(())
    });
    arrive(&traffic, shown::LONG);
    assert_eq!(connected.len(), 2, "a new connection: {connected:?}");
    assert!(plant.remote.accepted() >= 10.0, "{} logins and renewals", plant.remote.accepted());
    for (published, recorder) in &traffic {
        recorder.verdict(published).assert_once();
    }
    for (name, end) in [("upward", DESTINATION), ("downward", SOURCE)] {
        let left = plant.metric("causeway_dataflow_credential_expiry_seconds", name, end);
        assert!(left.is_some_and(|left| (0.0..=6.0).contains(&left)), "{name}: {left:?}");
        assert_eq!(plant.metric("causeway_dataflow_up", name, end), Some(1.0), "{name}");
        let counts = plant.counts(name, end);
        assert_eq!(counts, json!({ "connections": 1, "failures": 0, "sessionsLost": 0 }), "{name}");
    }
}

#[test]
fn without_new_tokens_the_connections_end_and_come_back_with_them() {
    let plant = Plant::new(5);
    let traffic = plant.traffic(4000, 200);
    plant.mint.fails(Answered::With(503, r#"{"error":"unavailable"}"#.into()));
    for (name, end) in [("upward", DESTINATION), ("downward", SOURCE)] {
        let failing = shown::failing(&plant.local.broker, name, end, "token", 2);
        assert!(failing.text.contains("answers 503") || failing.text.contains("has ended"), "{}", failing.text);
        shown::until(&plant.local.broker, name, "why there is no token", |shown| {
            let text = shown["instances"][0][end]["credentialFailure"]["text"].as_str()?;
            text.contains("answers 503").then_some(())
        });
    }
    let health = shown::dataflow(&plant.local.broker, "upward").expect("a dataflow")["health"].clone();
    assert_eq!(health, "Unavailable");
    within(shown::LONG, "nobody is there with a token that has ended", || {
        plant.remote.guests().is_empty().then_some(())
    });
    plant.mint.recovers();
    for name in ["upward", "downward"] {
        shown::up(&plant.local.broker, name);
    }
    arrive(&traffic, shown::LONG);
    for (published, recorder) in &traffic {
        recorder.verdict(published).assert_whole();
    }
    for end in plant.ends() {
        assert_eq!(end["failure"], Value::Null, "{end}");
    }
    for (name, end) in [("upward", DESTINATION), ("downward", SOURCE)] {
        let counts = plant.counts(name, end);
        assert!(counts["connections"].as_u64() >= Some(2) && counts["sessionsLost"] == 0, "{name}: {counts}");
    }
}
