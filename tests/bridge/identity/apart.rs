//! Dataflows in a process of their own: it is known at both brokers by its pod's token.

use causeway_tests::bridge_process::BridgeProcess;
use causeway_tests::deadline::{eventually, within};
use causeway_tests::leaks::none_in;
use causeway_tests::token::{Signer, now_seconds, pod_claims, with};
use causeway_tests::{Flow, Resources};
use serde_json::{Value, json};

use super::scene::Remote;
use super::service_account::{Projected, account};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;
use crate::shown::{self, DESTINATION, LONG, SOURCE};

/// The one connection of the dataflow.
fn guest(broker: &Remote) -> Value {
    let [guest] = broker.guests().try_into().unwrap_or_else(|guests| panic!("one guest, not {guests:?}"));
    guest
}

fn endpoint(host: &str, authority: &str, projected: &Projected) -> String {
    let authentication: String = account(projected, "aio-internal").lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "host: \"{host}\"\nauthentication:\n{authentication}tls:\n  trustedCaCertificateConfigMapRef: {authority}\n"
    )
}

#[test]
fn both_brokers_know_the_bridge_by_its_token_and_its_successor() {
    let signer = Signer::new("RS256", "cluster-1");
    let (here, there) = (Remote::of_accounts(&signer), Remote::of_accounts(&signer));
    let ends = now_seconds() + 15;
    let first = signer.sign(&with(pod_claims(), "/exp", json!(ends)));
    let projected = Projected::new(&first);
    let resources = Resources::new();
    resources.profile("default", "diagnostics:\n  logs:\n    level: trace\n");
    for (name, broker) in [("here-ca", &here), ("there-ca", &there)] {
        let authority = std::fs::read_to_string(broker.broker.ca_file()).expect("an authority");
        resources.config_map(name, &[("ca.crt", &authority)]);
    }
    resources.endpoint("default", &endpoint("aio-broker:18883", "here-ca", &projected));
    resources.endpoint("remote", &endpoint(&there.host(), "there-ca", &projected));
    resources.dataflow(&Flow::new("upward").from("default", &["telemetry/#"]).to("remote", "${inputTopic}"));
    let door = here.broker.listener("door/0").expect("a listener called door/0");
    let mut bridge = BridgeProcess::start(&resources, door);
    shown::up(&bridge, "upward");
    let before = [guest(&here), guest(&there)];
    assert!(before.iter().all(|guest| guest["username"] == "system:serviceaccount:shop:till"), "{before:?}");
    let recorder = Recorder::start(there.broker.mqtt(), "telemetry/#");
    let published = Publishing::start(here.broker.mqtt(), Series::new("telemetry", 3000).per_second(200));
    let second = signer.sign(&with(pod_claims(), "/exp", json!(now_seconds() + 3600)));
    projected.put(&second);
    for (broker, before) in [&here, &there].into_iter().zip(&before) {
        eventually("the broker knows of the new token", || {
            (guest(broker)["credentialsExpireAt"] != before["credentialsExpireAt"]).then_some(())
        });
    }
    within(LONG, "the first token ends", || (now_seconds() > ends + 1).then_some(()));
    within(LONG, "all numbers arrive", || {
        (published.is_done() && recorder.missing(published.series(), 3000) == 0).then_some(())
    });
    recorder.verdict(&published).assert_once();
    for (broker, before) in [&here, &there].into_iter().zip(&before) {
        assert_eq!(guest(broker)["connectedAt"], before["connectedAt"], "by AUTH, not by a new connection");
    }
    for end in [SOURCE, DESTINATION] {
        let shown = shown::end(&bridge, "upward", end);
        let left = shown["credentialExpiresInSeconds"].as_i64();
        assert!(left.is_some_and(|left| (3000..=3600).contains(&left)), "{shown}");
    }
    assert!(bridge.terminate().success());
    none_in("the bridge's log", &bridge.log(), &[first.as_bytes(), second.as_bytes()]);
}
