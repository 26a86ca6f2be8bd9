//! The MQTT bridge tutorial: two dataflows, one each way, against mosquitto, over every transport; with the manifests users
//! have.

use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::pki::TestAuthority;
use causeway_tests::{Resources, Version};

use crate::ends::{self, Subscriber};
use crate::here::{Here, taken_from};

const DATAFLOWS: &str = "\
---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: Dataflow
metadata:
  name: local-to-remote
  namespace: azure-iot-operations
spec:
  profileRef: default
  mode: Enabled
  operations:
    - operationType: Source
      sourceSettings:
        endpointRef: default
        dataSources:
          - tutorial/local
    - operationType: Destination
      destinationSettings:
        endpointRef: eventgrid
        dataDestination: telemetry/aio
---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: Dataflow
metadata:
  name: remote-to-local
  namespace: azure-iot-operations
spec:
  profileRef: default
  mode: Enabled
  operations:
    - operationType: Source
      sourceSettings:
        endpointRef: eventgrid
        dataSources:
          - telemetry/#
    - operationType: Destination
      destinationSettings:
        endpointRef: default
        dataDestination: tutorial/cloud
";

/// A custom broker as the documentation writes it, with what stands below `mqttSettings`.
fn manifests(settings: &str) -> String {
    let settings: String = settings.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: connectivity.iotoperations.azure.com/v1\nkind: DataflowEndpoint\nmetadata:\n  name: eventgrid\n  \
         namespace: azure-iot-operations\nspec:\n  endpointType: Mqtt\n  mqttSettings:\n{settings}{DATAFLOWS}"
    )
}

/// What is published at one end comes out at the other, both ways.
fn crosses_both_ways(remote: &Mosquitto, resources: Resources, settings: &str) {
    resources.write("bridge.yaml", &manifests(settings));
    let here = Here::start(resources);
    here.takes("tutorial/local", 1);
    taken_from(remote, "remote-to-local");
    let there = Subscriber::start(remote.back(), "telemetry/aio");
    let back = Subscriber::start(here.broker.mqtt(), "tutorial/cloud");

    // The echo is the tutorial's own: the second dataflow takes what the first publishes.
    ends::publish(here.broker.mqtt(), "tutorial/local", "This is a message, not JSON");
    assert_eq!(there.message(), "telemetry/aio This is a message, not JSON");
    assert_eq!(back.message(), "tutorial/cloud This is a message, not JSON");
    ends::publish(remote.back(), "telemetry/cloud/only", "{\"from\": \"there\"}");
    assert_eq!(back.message(), "tutorial/cloud {\"from\": \"there\"}");
}

const ANONYMOUS: &str = "authentication:\n  method: Anonymous\n  anonymousSettings:\n    {}\n";
const TRUSTS: &str = "tls:\n  mode: Enabled\n  trustedCaCertificateConfigMapRef: client-ca-configmap\n";

#[test]
fn plain() {
    let remote = Mosquitto::start(Setup::plain());
    let host = remote.front();
    let settings = format!("host: \"{host}\"\n{ANONYMOUS}tls:\n  mode: Disabled # or Enabled\n");
    crosses_both_ways(&remote, Resources::new(), &settings);
}

/// A server with a certificate of an authority of its own, which is in the ConfigMap.
fn secured(setup: Setup) -> (Mosquitto, Resources) {
    let authority = TestAuthority::new("Remote CA");
    let resources = Resources::new();
    resources.config_map("client-ca-configmap", &[("root_ca.crt", &authority.certificate)]);
    (Mosquitto::start(setup.tls(&authority.server("remote"))), resources)
}

#[test]
fn tls() {
    let (remote, resources) = secured(Setup::plain());
    let settings = format!("host: \"localhost:{}\"\n{ANONYMOUS}{TRUSTS}", remote.front().port());
    crosses_both_ways(&remote, resources, &settings);
}

#[test]
fn websockets() {
    let remote = Mosquitto::start(Setup::plain().websockets());
    let host = remote.front();
    let settings = format!("host: \"{host}/mqtt\"\nprotocol: WebSockets\n{ANONYMOUS}tls:\n  mode: Disabled\n");
    crosses_both_ways(&remote, Resources::new(), &settings);
}

#[test]
fn secured_websockets() {
    let (remote, resources) = secured(Setup::plain().websockets());
    let host = remote.front();
    let settings = format!("host: \"{host}/mqtt\"\nprotocol: WebSockets\n{ANONYMOUS}{TRUSTS}");
    crosses_both_ways(&remote, resources, &settings);
}

/// The example that the project itself ships.
#[test]
fn the_example_for_a_first_try() {
    let remote = Mosquitto::start(Setup::plain());
    let example = include_str!("../../deploy/resources/dataflows/anonymous.yaml");
    assert!(example.contains("127.0.0.1:1884"), "the example has another address");
    let resources = Resources::new();
    resources.write("bridge.yaml", &example.replace("127.0.0.1:1884", &remote.front().to_string()));
    let here = Here::start(resources);
    here.takes("tutorial/local", 1);
    taken_from(&remote, "remote-to-local");
    let mut back = here.client();
    back.subscribe("tutorial/cloud", 1);
    ends::publish(here.broker.mqtt(), "tutorial/local", "once around");
    assert_eq!(back.take().text(), "once around");
}

/// Both ends by clients of MQTT 3.1.1, whose messages have no properties: what the bridge adds must not come out there.
#[test]
fn clients_of_3_1_1_at_both_ends() {
    let remote = Mosquitto::start(Setup::plain());
    let resources = Resources::new();
    let host = remote.front();
    let settings = format!("host: \"{host}\"\n{ANONYMOUS}tls:\n  mode: Disabled\n");
    resources.write("bridge.yaml", &manifests(&settings));
    let here = Here::start(resources);
    here.takes("tutorial/local", 1);
    let mut there = remote.client(Version::V311);
    there.subscribe("telemetry/aio", 1);
    let mut sender = here.broker.client(Version::V311);
    assert_eq!(sender.publish(causeway_tests::Publish::new("tutorial/local", "old").qos(1)), 0);
    assert_eq!(there.take().text(), "old");
}
