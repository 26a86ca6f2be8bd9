//! This broker as an end: within the process, by the names users have for it, and by its address.

use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::stream::tcp;
use causeway_tests::users::user;
use causeway_tests::{
    Broker, Client, Connect, Flow, Packet, Publish, Resources, Settings, Version, eventually, free_port, http,
};

use crate::here::Here;
use crate::shown;

/// The endpoint as Azure IoT Operations makes it.
const DEFAULT: &str = "\
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata:
  name: default
  namespace: azure-iot-operations
spec:
  endpointType: Mqtt
  mqttSettings:
    host: \"aio-broker:18883\"
    tls:
      mode: Enabled
      trustedCaCertificateConfigMapRef: azure-iot-operations-aio-ca-trust-bundle
    authentication:
      method: ServiceAccountToken
      serviceAccountTokenSettings:
        audience: aio-internal
";

#[test]
fn the_default_endpoint_as_it_is_deployed() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.write("default.yaml", DEFAULT);
    resources.endpoint("remote", &plain_settings(server.address, ""));
    let here = Here::up_to("remote", resources);
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(server.publish(0).text(), "body");
}

#[test]
fn from_this_broker_to_itself() {
    let resources = Resources::new();
    resources.dataflow(&Flow::new("copy").from("default", &["in/#"]).to("default", "out/${inputTopic.2+}"));
    let here = Here::start(resources);
    here.takes("in/#", 1);
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    for number in 0..50 {
        here.publish(Publish::new("in/x", number.to_string()));
    }
    assert_eq!(sink.take_texts(50), (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Another endpoint for this broker, by an address that it listens on: two sessions at one broker.
#[test]
fn this_broker_at_its_address() {
    let port = free_port();
    let resources = Resources::new();
    resources.endpoint("own", &plain_settings(format!("127.0.0.1:{port}"), ""));
    resources.dataflow(&Flow::new("copy").from("default", &["in/#"]).to("own", "out/${inputTopic.2+}"));
    let settings = Settings::new().resources(&resources).mqtt(&format!("127.0.0.1:{port}"));
    let here = Here { broker: Broker::start(settings), resources };
    here.takes("in/#", 1);
    shown::up(&here.broker, "copy");
    let mut sink = here.client();
    sink.subscribe("out/#", 1);
    for number in 0..20 {
        here.publish(Publish::new("in/x", number.to_string()));
    }
    assert_eq!(sink.take_texts(20), (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

const GUARD: &str = "method: UserPassword\nuserPasswordSettings:\n  passwordSecretRef: users\n";
/// The pump publishes, and nobody does anything else.
const RULES: &str = "rules:\n- principals: {usernames: [pump]}\n  brokerResources:\n  - {method: Connect}\n  \
                     - {method: Publish, topics: [\"in/#\"]}\n";

/// Everybody at the door has to show a password, and may do next to nothing; dataflows are this broker's own.
#[test]
fn no_credential_and_no_rule_is_needed_within_the_process() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.secret("users", &[("users", user("pump", "secret", &[]).as_bytes())]);
    resources.authentication("guard", &[GUARD]);
    resources.authorization("rules", RULES);
    resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n  authorizationRef: rules\n");
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("remote", "out"));
    resources.dataflow(&Flow::new("downward").from("remote", &["cloud/#"]).to("default", "in/from/the/cloud"));
    let broker = Broker::start(Settings::new().mqtt("off").resources(&resources));
    let here = Here { broker, resources };
    here.takes("in/#", 1);
    let subscribed = server.hears("a SUBSCRIBE", |heard| {
        heard.iter().find_map(|one| matches!(one.packet, FromClient::Subscribe { .. }).then_some(one.connection))
    });
    let door = here.broker.listener("door/0").expect("the door");
    let mut pump = Client::over(Box::new(tcp(door)), Version::V5);
    let answer = pump.connect(&Connect::fresh(Version::V5).user("pump").password(b"secret"));
    assert_eq!(answer.code, 0);
    assert_eq!(pump.publish(Publish::new("in/x", "from the pump").qos(1)), 0);
    assert_eq!(server.publish(0).text(), "from the pump");
    server.send_on(subscribed, &Publish::new("cloud/x", "from above").qos(1).packet_id(1).encode(Version::V5));
    // Down by one dataflow, and up again by the other.
    assert_eq!(server.publish(1).text(), "from above");
}

/// A filter for everything takes what clients publish, and nothing of what the broker says to itself.
#[test]
fn everything_is_what_clients_publish() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    resources.broker("diagnostics:\n  sysTopics: {intervalSeconds: 1}\n");
    resources.endpoint("remote", &plain_settings(server.address, ""));
    resources.dataflow(&Flow::new("upward").from("default", &["#"]).to("remote", "all/${inputTopic}"));
    let here = Here::start(resources);
    here.takes("#", 1);
    let rounds = || http::metric(here.broker.admin(), "causeway_self_check_rounds_total", "");
    eventually("a round of the self-check", || (rounds()? >= 1.0).then_some(()));
    let mut own = here.client();
    own.subscribe("$SYS/#", 0);
    // What is retained, and what is new.
    own.take();
    own.await_packet("a live message", |packet| match packet {
        Packet::Publish(message) if !message.retain => Some(()),
        _ => None,
    });
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(server.publish(0).topic, "all/in/x");
    assert_eq!(server.published().len(), 1);
}
