//! Scenes: dataflows to another broker, to one that refuses, to one that is not there; and what the API shows of them.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::scripted_server::{Reply, ScriptedServer};
use causeway_tests::token::{Signer, now_seconds};
use causeway_tests::{
    Ack, AckKind, Broker, Flow, Props, Publish, Resources, Settings, Version, eventually, free_port, prop,
};
use serde_json::{Value, json};

use crate::ask::{assert_problem, get, items, json, texts};
use crate::watch::{QUIET, Samples, moved, page, quiet, value};

const V: Version = Version::V5;

/// A quiet broker with the dataflow `outward`: what comes below `in/` goes to the endpoint `remote`, below `out/`.
fn outward(host: impl std::fmt::Display, settings: &str, broker: &str) -> (Broker, Resources) {
    let resources = Resources::new();
    resources.broker(&format!("{QUIET}{broker}"));
    resources.endpoint("remote", &plain_settings(host, settings));
    resources.dataflow(&Flow::new("outward").from("default", &["in/#"]).to("remote", "out/${inputTopic.2}"));
    let broker = Broker::start(Settings::new().resources(&resources));
    eventually("the dataflow subscribes", || {
        (!items(&broker, "/api/v1/subscriptions?filter=in%2F%23").is_empty()).then_some(())
    });
    (broker, resources)
}

/// A quiet broker with the dataflow `inward`: what the endpoint `remote` has below `in/` comes below `out/`.
fn inward(host: impl std::fmt::Display) -> (Broker, Resources) {
    let resources = Resources::new();
    resources.broker(QUIET);
    resources.endpoint("remote", &plain_settings(host, ""));
    resources.dataflow(&Flow::new("inward").from("remote", &["in/#"]).to("default", "${inputTopic}"));
    (Broker::start(Settings::new().resources(&resources)), resources)
}

fn dataflow(broker: &Broker, name: &str) -> Value {
    json(broker, &format!("/api/v1/dataflows/{name}"))
}

/// Waits until the dataflow shows what is looked for in its first instance.
fn shown<T>(broker: &Broker, name: &str, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
    eventually(what, || look(&dataflow(broker, name)["instances"][0]))
}

/// From this broker to another one: it is seen at both ends, and counted.
pub fn messages_cross(samples: Samples) {
    let (remote, _remote_resources) = quiet("");
    let (broker, _resources) = outward(remote.mqtt(), "", "");
    let mut there = remote.client(V);
    there.subscribe("out/#", 1);
    let mut here = broker.client(V);
    for text in ["one", "two", "three"] {
        assert_eq!(here.publish(Publish::new("in/a", text).qos(1)), 0);
        assert_eq!(there.take().text(), text);
    }
    moved(&broker, samples);
    let shown = eventually("three are counted", || {
        let shown = dataflow(&broker, "outward");
        let waiting = &shown["instances"][0]["waitingMessages"];
        (shown["messagesSent"] == 3 && shown["heldMessages"] == 0 && *waiting == 0).then_some(shown)
    });
    assert_eq!(
        (&shown["health"], &shown["reasonCode"], &shown["message"]),
        (&json!("Available"), &Value::Null, &Value::Null)
    );
    assert_eq!((&shown["filters"], &shown["topic"]), (&json!(["in/#"]), &json!("out/${inputTopic.2}")));
    let instance = &shown["instances"][0];
    assert_eq!(instance["counts"]["bytesSent"], "onetwothree".len());
    let ids = texts(&items(&remote, "/api/v1/clients"), "clientId");
    assert!(ids.contains(&instance["destination"]["clientId"].as_str().expect("a client id").to_string()), "{ids:?}");
    for side in ["source", "destination"] {
        assert_eq!(
            (&instance[side]["state"], &instance[side]["protocolVersion"]),
            (&json!("Up"), &json!("5.0")),
            "{shown:#}"
        );
        assert!(instance[side]["upSince"].is_string() && instance[side]["failure"].is_null(), "{shown:#}");
    }
    let text = page(&broker);
    let count = "aio_dataflow_processing_latency_count{source_service_type=\"Local AIO MQTT Broker\",\
                 category=\"uncategorized\",dataflow=\"outward\",endpoint=\"default\"} 3";
    assert!(text.lines().any(|line| line == count), "{text}");
    let sent = "aio_dataflow_messages_sent{target_service_type=\"Unknown Mqtt Broker\",category=\"uncategorized\",\
                dataflow=\"outward\",endpoint=\"remote\"} 3";
    assert!(text.lines().any(|line| line == sent), "{text}");
}

/// PUBACK of that code.
fn puback(publish: &Publish, version: Version, code: u8) -> Reply {
    Reply::With(Ack::new(AckKind::PubAck, publish.packet_id).reason(code).encode(version))
}

/// One that never takes, one that takes what it has refused, one without a topic to go to, one that comes by again.
pub fn messages_are_refused(samples: Samples) {
    let refused = AtomicBool::new(false);
    let server = ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Publish(publish) if publish.topic == "out/never" => puback(publish, heard.version, 0x87),
        FromClient::Publish(publish) if publish.topic == "out/later" && !refused.swap(true, Ordering::SeqCst) => {
            puback(publish, heard.version, 0x97)
        }
        _ => Reply::Usual,
    });
    let (broker, _resources) = outward(server.address, "", "advanced:\n  clients:\n    maxPacketSizeBytes: 1000\n");
    let mut letters = broker.client(V);
    letters.subscribe("dataflow/deadletter/outward", 1);
    let mut here = broker.client(V);
    let mut publish = |topic: &str, payload: &str, props: Props| {
        assert_eq!(here.publish(Publish::new(topic, payload).qos(1).props(props)), 0, "{topic}");
    };
    publish("in/never", "kept", Props::new());
    assert_eq!(letters.take().text(), "kept");
    // With what a dead letter says besides, it is larger than this broker takes.
    publish("in/never", &"x".repeat(950), Props::new());
    assert_eq!(letters.take().text(), "");
    publish("in", "no second level", Props::new());
    assert_eq!(letters.take().text(), "no second level");
    publish("in/later", "in the end", Props::new());
    let taken = server.hears("it is taken", |_| {
        let published = server.published();
        (published.iter().filter(|publish| publish.topic == "out/later").count() > 1)
            .then(|| published.last().cloned())?
    });
    let trail =
        taken.props.users().into_iter().find(|(name, _)| *name == "causeway-hop").expect("a trail").1.to_string();
    publish("in/again", "round", Props::new().user("causeway-hop", &trail));
    moved(&broker, samples);
    let instance = shown(&broker, "outward", "three dead letters", |instance| {
        (instance["counts"]["deadLetters"] == 3).then(|| instance.clone())
    });
    assert_eq!(instance["counts"]["deadLettersWithoutPayload"], 1, "{instance:#}");
    assert_eq!(instance["counts"]["loops"], 1, "{instance:#}");
}

/// A destination that takes nothing: what may not wait expires. One that is away: what need not be kept is dropped.
pub fn messages_are_not_taken_in_time(samples: Samples) {
    let server = ScriptedServer::start(|heard| match &heard.packet {
        FromClient::Publish(publish) if publish.topic == "out/busy" => puback(publish, heard.version, 0x97),
        FromClient::Publish(_) => Reply::Nothing,
        _ => Reply::Usual,
    });
    let (broker, resources) = outward(server.address, "maxInflightMessages: 1\n", "");
    let mut here = broker.client(V);
    let brief = Props::new().u32(prop::MESSAGE_EXPIRY, 1);
    assert_eq!(here.publish(Publish::new("in/busy", "x").qos(1).props(brief)), 0);
    moved(&broker, &["aio_dataflow_messages_expired"]);
    assert_eq!(here.publish(Publish::new("in/hangs", "x").qos(1)), 0);
    moved(&broker, &["causeway_dataflow_held_messages"]);
    resources.endpoint("remote", &plain_settings(format!("127.0.0.1:{}", free_port()), ""));
    // More than are in flight from the source at once.
    for _ in 0..150 {
        assert_eq!(here.publish(Publish::new("in/x", "x").qos(1)), 0);
    }
    crate::watch::stirred(&broker, samples, || {
        for _ in 0..100 {
            here.publish(Publish::new("in/x", "x"));
        }
    });
}

/// A source that sends what nobody has asked for.
pub fn messages_stray(samples: Samples) {
    let server = ScriptedServer::polite();
    let (broker, _resources) = inward(server.address);
    server.subscription();
    server.send(&Publish { packet_id: 7, ..Publish::new("elsewhere", "x").qos(1) }.encode(V));
    moved(&broker, samples);
}

/// Connections break, and the server knows nothing of the session when the dataflow comes back.
pub fn sessions_are_lost(samples: Samples) {
    let there = ScriptedServer::polite();
    let (source, _source_resources) = inward(there.address);
    there.subscription();
    there.cut();
    moved(&source, &["causeway_dataflow_sessions_lost_total{side=\"source\"}"]);
    let lost = shown(&source, "inward", "the session is lost", |instance| {
        instance["source"]["sessionLostAt"].as_str().map(str::to_string)
    });
    assert!(lost.ends_with('Z'), "{lost}");

    let server = ScriptedServer::polite();
    let (broker, _resources) = outward(server.address, "", "");
    server.connect(0);
    server.cut();
    server.connect(1);
    server.cut();
    moved(&broker, samples);
}

/// A token that ends, and a connection that never comes about.
pub fn credentials_and_configuration(samples: Samples) {
    let server = ScriptedServer::polite();
    let (broker, resources) = outward(server.address, "", "");
    let claims = json!({ "aud": "plant", "exp": now_seconds() + 3_000 });
    let token = resources.path().join("token.jwt");
    fs::write(&token, Signer::new("ES256", "key").sign(&claims)).expect("a token file");
    let account = format!("{{audience: plant, tokenFile: {}}}", token.display());
    let settings = plain_settings(server.address, "");
    let method = format!("  method: ServiceAccountToken\n  serviceAccountTokenSettings: {account}");
    resources.endpoint("remote", &settings.replace("  method: Anonymous", &method));
    moved(&broker, &["causeway_dataflow_credential_expiry_seconds"]);
    let left = value(&broker, "causeway_dataflow_credential_expiry_seconds");
    assert!((2_000.0..=3_000.0).contains(&left), "{left}");
    let shown = dataflow(&broker, "outward");
    let left = shown["instances"][0]["destination"]["credentialExpiresInSeconds"].as_i64();
    assert!(left.is_some_and(|left| (2_000..=3_000).contains(&left)), "{shown:#}");
    let endpoint = json(&broker, "/api/v1/dataflow-endpoints/remote");
    assert_eq!(endpoint["authentication"], "ServiceAccountToken", "{endpoint:#}");
    resources.write("wrong.yaml", "apiVersion: connectivity.iotoperations.azure.com/v1\nkind: Dataflow\n");
    moved(&broker, samples);
}

/// Nobody there: the step, since when, the next try; what waits is counted in both places.
#[test]
fn a_remote_that_is_not_there_is_told_with_its_step() {
    let (broker, resources) = outward(format!("127.0.0.1:{}", free_port()), "maxInflightMessages: 5\n", "");
    let instance = shown(&broker, "outward", "TCP fails", |instance| {
        let end = &instance["destination"];
        (end["failure"]["step"] == "TCP" && end["nextRetryAt"].is_string()).then(|| instance.clone())
    });
    let (end, failure) = (&instance["destination"], &instance["destination"]["failure"]);
    assert!(failure["since"].is_string() && failure["last"].is_string() && failure["code"].is_null(), "{failure}");
    assert!(failure["times"].as_u64() >= Some(1) && failure["text"].to_string().contains("127.0.0.1"), "{failure}");
    assert_eq!((&end["upSince"], &end["protocolVersion"]), (&Value::Null, &Value::Null), "{end}");
    assert_eq!(instance["source"]["state"], "Up", "{instance:#}");
    let flow = dataflow(&broker, "outward");
    assert_eq!(
        (&flow["health"], &flow["reasonCode"]),
        (&json!("Unavailable"), &json!("DataflowMqttTargetConnectionFailed"))
    );

    let mut here = broker.client(V);
    // As many as are in flight from the source are held.
    for number in 0..150 {
        assert_eq!(here.publish(Publish::new("in/a", number.to_string()).qos(1)), 0);
    }
    let (held, waiting) = shown(&broker, "outward", "all are somewhere", |instance| {
        let (held, waiting) = (instance["heldMessages"].as_u64()?, instance["waitingMessages"].as_u64()?);
        (held + waiting == 150).then_some((held, waiting))
    });
    assert!(held > 0 && waiting > 0, "{held} are held, {waiting} wait");

    let health = json(&broker, "/health");
    assert_eq!(
        (&health["status"], &health["reasonCode"]),
        (&json!("Degraded"), &json!("DataflowNotAvailable")),
        "{health}"
    );
    let problem = health["conditions"][0]["problems"][0].as_str().expect("a problem").to_string();
    for words in
        ["dataflow outward: Unavailable, DataflowMqttTargetConnectionFailed, since 2", "destination remote: TCP: "]
    {
        assert!(problem.contains(words), "{problem}");
    }
    assert_eq!(get(&broker, "/health/ready").status, 200);
    let up = |side: &str| {
        value(&broker, &format!("causeway_dataflow_up{{dataflow=\"outward\",instance=\"0\",side=\"{side}\""))
    };
    assert!(up("source") > 0.5 && up("destination") < 0.5);

    let (remote, _remote_resources) = quiet("");
    let mut there = remote.client(V);
    there.subscribe("out/#", 1);
    resources.endpoint("remote", &plain_settings(remote.mqtt(), ""));
    for number in 0..150 {
        assert_eq!(there.take().text(), number.to_string());
    }
    let health = eventually("health is well again", || {
        let health = json(&broker, "/health");
        (health["status"] == "Available").then_some(health)
    });
    assert_eq!(health["conditions"], json!([]));
}

#[test]
fn dataflows_and_endpoints_are_listed() {
    let resources = Resources::new();
    resources.broker(QUIET);
    for name in ["beta", "alpha"] {
        resources.endpoint(name, &plain_settings(format!("127.0.0.1:{}", free_port()), ""));
        resources.dataflow(&Flow::new(name).from("default", &["$share/us/in/+"]).to(name, "${inputTopic}"));
    }
    resources.dataflow(&Flow::new("idle").from("alpha", &["x"]).to("default", "y").with("mode: Disabled"));
    let broker = Broker::start(Settings::new().resources(&resources));
    assert_eq!(texts(&items(&broker, "/api/v1/dataflows"), "name"), ["alpha", "beta", "idle"]);
    assert_eq!(texts(&items(&broker, "/api/v1/dataflows?endpoint=alpha"), "name"), ["alpha", "idle"]);
    let first = json(&broker, "/api/v1/dataflows?limit=1");
    assert_eq!((&first["items"][0]["filters"], &first["next"]), (&json!(["$share/us/in/+"]), &json!("alpha")));
    let idle = dataflow(&broker, "idle");
    assert_eq!((&idle["mode"], &idle["health"], &idle["instances"]), (&json!("Disabled"), &Value::Null, &json!([])));
    assert_eq!(texts(&items(&broker, "/api/v1/dataflow-endpoints"), "name"), ["alpha", "beta", "default"]);
    let local = json(&broker, "/api/v1/dataflow-endpoints/default");
    assert_eq!((&local["kind"], &local["inProcess"]), (&json!("LocalBroker"), &json!(true)), "{local:#}");
    assert_eq!(local["dataflows"].as_array().map(Vec::len), Some(3), "{local:#}");
    for (path, place) in
        [("dataflows?limit=0", "limit"), ("dataflows?health=fine", "health"), ("dataflow-endpoints?x=1", "x")]
    {
        assert_problem(&get(&broker, &format!("/api/v1/{path}")), 400, place);
    }
    for path in ["dataflows/none", "dataflow-endpoints/none"] {
        assert_problem(&get(&broker, &format!("/api/v1/{path}")), 404, "");
    }
}
