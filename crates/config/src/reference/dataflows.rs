//! What the pages of dataflows begin with.

use super::page::{Page, written};
use crate::resource::{DATAFLOW, DATAFLOW_ENDPOINT, DATAFLOW_PROFILE};

/// `docs/reference/dataflow-endpoint.md`.
pub fn dataflow_endpoint_page() -> String {
    written(&Page {
        kind: "DataflowEndpoint",
        introduction: ENDPOINT_INTRODUCTION,
        example: ENDPOINT_EXAMPLE,
        shape: &DATAFLOW_ENDPOINT,
    })
}

/// `docs/reference/dataflow.md`.
pub fn dataflow_page() -> String {
    written(&Page {
        kind: "Dataflow",
        introduction: DATAFLOW_INTRODUCTION,
        example: DATAFLOW_EXAMPLE,
        shape: &DATAFLOW,
    })
}

/// `docs/reference/dataflow-profile.md`.
pub fn dataflow_profile_page() -> String {
    written(&Page {
        kind: "DataflowProfile",
        introduction: PROFILE_INTRODUCTION,
        example: PROFILE_EXAMPLE,
        shape: &DATAFLOW_PROFILE,
    })
}

const ENDPOINT_INTRODUCTION: &str = "\
A broker that dataflows connect to: API group `connectivity.iotoperations.azure.com`, versions `v1` and `v1beta1`. Dataflows name
it as the `endpointRef` of their source or destination. The endpoint `default` is built in, unless one of this name is given: this
broker itself, at `aio-broker:18883`, reached within the process. Endpoints of the type `Mqtt` are there; other types are refused
by name.

A host that ends with `.eventgrid.azure.net` is Azure Event Grid. Towards it no user properties are sent but on messages, times are
kept within its bounds, and there are no shared subscriptions. A host of another name is that, too, with `hostType: EventGrid`.

ConfigMaps and Secrets are manifests, or directories beside the resources (`configmaps/NAME/KEY`, `secrets/NAME/KEY`); their
content is read anew when it changes. A ConfigMap `azure-iot-operations-aio-ca-trust-bundle` that nobody gives is the broker's own
authority, `tls/ca.crt` of the data directory.

A token for Azure Event Grid is shown to Azure Event Grid alone: for another host, `audience` or `scope` has to be given.

There is an example of each method in `deploy/resources/dataflows`.";

const DATAFLOW_INTRODUCTION: &str = "\
Messages of a source go to a destination: API group `connectivity.iotoperations.azure.com`, versions `v1` and `v1beta1`. One of the
two is this broker, unless the DataflowProfile lifts that. A bridge in both directions is two dataflows.

With QoS 1 each message arrives at least once, and those of a topic in order: the source is told that one has arrived when the
destination has said so, or when it is among the dead letters. What waits is in the source's session, not in memory. All properties
of a message cross with it; what it has left of its expiry, too.

Messages that would go round are refused here, as far as that can be seen: a dataflow whose source takes what it publishes, and two
that take what the other publishes. What goes round by way of other brokers is found while it runs, by the user property
`causeway-hop` (`mqttSettings.hopProperty` of the endpoints).

Two dataflows must not have one client identifier at one broker: it is the endpoint's `clientIdPrefix`, the dataflow's name, for
the destination `-out` if its endpoint has no prefix or is at the same server as the source, and, if the profile has several
instances, `-1`, `-2` and so on.";

const PROFILE_INTRODUCTION: &str = "\
What dataflows that refer to it have in common: API group `connectivity.iotoperations.azure.com`, versions `v1` and `v1beta1`. The
profile `default` is built in, with one instance, unless one of this name is given. There is no limit to the dataflows of a profile,
and a dataflow may change to another one.";

const ENDPOINT_EXAMPLE: &str = "\
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata:
  name: headquarters
  namespace: azure-iot-operations
spec:
  endpointType: Mqtt
  mqttSettings:
    host: broker.headquarters.example:8883
    tls:
      mode: Enabled
      trustedCaCertificateConfigMapRef: headquarters-ca
    authentication:
      method: X509Certificate
      x509CertificateSettings:
        secretRef: headquarters-client
    clientIdPrefix: plant-7-
    sessionExpirySeconds: 86400
    retain: Never
";

const DATAFLOW_EXAMPLE: &str = "\
apiVersion: connectivity.iotoperations.azure.com/v1
kind: Dataflow
metadata:
  name: telemetry-up
  namespace: azure-iot-operations
spec:
  profileRef: default
  mode: Enabled
  operations:
    - operationType: Source
      sourceSettings:
        endpointRef: default
        dataSources:
          - line/+/temperature
          - line/+/pressure
    - operationType: Destination
      destinationSettings:
        endpointRef: headquarters
        dataDestination: plant-7/${inputTopic.2}/${inputTopic.3}
  deadLetterTopic: undelivered/telemetry
";

const PROFILE_EXAMPLE: &str = "\
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowProfile
metadata:
  name: many
  namespace: azure-iot-operations
spec:
  instanceCount: 4
  remoteToRemote: Allowed
";

#[cfg(test)]
mod tests {
    use super::{DATAFLOW_EXAMPLE, ENDPOINT_EXAMPLE, PROFILE_EXAMPLE};
    use crate::{Host, Input, Object, ObjectKind, Plan, Text};

    #[test]
    fn the_examples_work() {
        let text = |path: &str, text: &str| Text { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let pem = |label: &str| format!("-----BEGIN {label}-----\n").into_bytes();
        let object = |kind, name: &str, entries: &[(&str, &str)]| Object {
            kind,
            name: name.to_owned(),
            path: name.to_owned(),
            entries: entries.iter().map(|(key, label)| ((*key).to_owned(), pem(label))).collect(),
        };
        let client = [("client_cert.pem", "CERTIFICATE"), ("client_key.pem", "PRIVATE KEY")];
        let input = Input {
            texts: vec![
                text("endpoint.yaml", ENDPOINT_EXAMPLE),
                text("dataflow.yaml", DATAFLOW_EXAMPLE),
                text("profile.yaml", PROFILE_EXAMPLE),
            ],
            objects: vec![
                object(ObjectKind::Secret, "headquarters-client", &client),
                object(ObjectKind::ConfigMap, "headquarters-ca", &[("ca.crt", "CERTIFICATE")]),
            ],
            ..Input::default()
        };
        let plan = Plan::check(&input, &Host { cores: 4, remembered: None }).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((plan.endpoints.len(), plan.profiles.len(), plan.dataflows.len()), (2, 2, 1));
        assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    }
}
