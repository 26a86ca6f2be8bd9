//! The reference pages of the resources, written from their types.

mod dataflows;
mod page;

pub use dataflows::{dataflow_endpoint_page, dataflow_page, dataflow_profile_page};

use crate::resource::{AUTHENTICATION, AUTHORIZATION, BROKER, LISTENER};

/// `docs/reference/broker.md`.
pub fn broker_page() -> String {
    page::written(&page::Page {
        kind: "Broker",
        introduction: BROKER_INTRODUCTION,
        example: BROKER_EXAMPLE,
        shape: &BROKER,
    })
}

/// `docs/reference/broker-listener.md`.
pub fn listener_page() -> String {
    page::written(&page::Page {
        kind: "BrokerListener",
        introduction: LISTENER_INTRODUCTION,
        example: LISTENER_EXAMPLE,
        shape: &LISTENER,
    })
}

/// `docs/reference/broker-authentication.md`.
pub fn authentication_page() -> String {
    page::written(&page::Page {
        kind: "BrokerAuthentication",
        introduction: AUTHENTICATION_INTRODUCTION,
        example: AUTHENTICATION_EXAMPLE,
        shape: &AUTHENTICATION,
    })
}

/// `docs/reference/broker-authorization.md`.
pub fn authorization_page() -> String {
    page::written(&page::Page {
        kind: "BrokerAuthorization",
        introduction: AUTHORIZATION_INTRODUCTION,
        example: AUTHORIZATION_EXAMPLE,
        shape: &AUTHORIZATION,
    })
}

const BROKER_INTRODUCTION: &str = "\
The broker as a whole: API group `mqttbroker.iotoperations.azure.com`, versions `v1` and `v1beta1`. There is at most one, and its
name is `default`; without one, everything is at its default. It is given as a manifest with `--resources FILE|DIR`, or as its
properties alone, in JSON, with `--broker-config-file FILE`, as `az iot ops create` takes them: not both. A flag of the command
line goes before a field; `causeway explain` tells where each value came from.";

const LISTENER_INTRODUCTION: &str = "\
Ports that clients connect to: API group `mqttbroker.iotoperations.azure.com`, versions `v1` and `v1beta1`. There may be several,
also of one service type. Where there is none, MQTT is served on 127.0.0.1:1883, over TLS on 127.0.0.1:8883 and over WebSocket on
127.0.0.1:8083. Where there is one, only what BrokerListeners say is served, and what `--mqtt`, `--mqtts` and `--ws` say
explicitly. Two ports with one address are refused; port 0 is any free port.

What a port is bound to: the address of `--bind`, if that is given; in a pod, every interface (`0.0.0.0`); elsewhere what
`serviceType` says.

Certificates of `Automatic` are kept in `tls/FOLDER` of the data directory, signed by the authority in `tls/ca.crt`, which
clients have to trust. Besides what is asked for, they are valid for the names and addresses of the machine.";

const BROKER_EXAMPLE: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: Broker
metadata:
  name: default
  namespace: azure-iot-operations
spec:
  memoryProfile: Low
  cardinality:
    frontend:
      replicas: 1
      workers: 2
    backendChain:
      partitions: 2
      redundancyFactor: 1
  advanced:
    clients:
      maxSessionExpirySeconds: 282277
      subscriberQueueLimit:
        length: 1000
        strategy: DropOldest
  diagnostics:
    logs:
      level: info
";

const LISTENER_EXAMPLE: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata:
  name: plant
  namespace: azure-iot-operations
spec:
  serviceType: LoadBalancer
  ports:
    - port: 8883
      authenticationRef: plant
      authorizationRef: plant
      tls:
        mode: Automatic
        certManagerCertificateSpec:
          issuerRef:
            kind: ClusterIssuer
            name: azure-iot-operations-aio-certificate-issuer
          san:
            dns: [broker.plant.example]
    - port: 8443
      protocol: WebSockets
      tls:
        mode: Manual
        manual:
          secretRef: plant-certificate
";

const AUTHENTICATION_INTRODUCTION: &str = "\
Who is let in: API group `mqttbroker.iotoperations.azure.com`, versions `v1` and `v1beta1`. A port of a BrokerListener names one as
its `authenticationRef`; a port that names none lets everybody in. One may guard several ports.

Methods are asked in the order of the list. The first one that is relevant for what the client brings decides, whether it lets the
client in or not; where none is relevant, the client is refused. What a client is told is a reason code (0x86, 0x87, 0x88, 0x8C or
0x89); why is in the log.

ConfigMaps and Secrets are manifests, or directories beside the resources (`configmaps/NAME/KEY`, `secrets/NAME/KEY`); their
content is read anew when it changes. A ConfigMap `azure-iot-operations-aio-ca-trust-bundle` that nobody gives is the broker's own
authority, `tls/ca.crt` of the data directory.

There is an example of each method in `deploy/resources/authentication`.";

const AUTHORIZATION_INTRODUCTION: &str = "\
What who is let in may do: API group `mqttbroker.iotoperations.azure.com`, versions `v1` and `v1beta1`. A port of a BrokerListener
names one as its `authorizationRef`, beside its `authenticationRef`; on a port that names none, clients may do everything.

Rules allow, and nothing else does: what no rule allows is denied. A rule is for whoever one entry of its `principals` fits, and
allows each of its resources. Texts may contain what authentication found out: `{principal.username}`, `{principal.clientId}`,
`{principal.attributes.NAME}`; one that the client does not have fits nothing. `causeway authz explain` tells which rule decides.

There is an example in `deploy/resources/authorization`.";

const AUTHENTICATION_EXAMPLE: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata:
  name: plant
  namespace: azure-iot-operations
spec:
  authenticationMethods:
    - method: X509
      x509Settings:
        trustedClientCaCert: client-ca
        authorizationAttributes:
          north:
            subject: CN = Plant North CA, O = Contoso
            attributes:
              site: north
    - method: ServiceAccountToken
      serviceAccountTokenSettings:
        audiences: [aio-internal]
        kubeconfigSecretRef: cluster
";

const AUTHORIZATION_EXAMPLE: &str = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthorization
metadata:
  name: plant
  namespace: azure-iot-operations
spec:
  authorizationPolicies:
    cache: Enabled
    rules:
      - principals:
          attributes:
            - site: north
        brokerResources:
          - method: Connect
            clientIds: ['{principal.attributes.site}-*']
          - method: Publish
            topics: ['telemetry/{principal.attributes.site}/{principal.clientId}/#']
          - method: Subscribe
            topics: ['commands/{principal.clientId}/#']
      - principals:
          usernames: [historian]
        brokerResources:
          - method: Connect
          - method: Subscribe
            topics: ['telemetry/#']
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        AUTHENTICATION_EXAMPLE, AUTHORIZATION_EXAMPLE, BROKER_EXAMPLE, LISTENER_EXAMPLE, authentication_page,
        authorization_page, broker_page, dataflow_endpoint_page, dataflow_page, dataflow_profile_page, listener_page,
    };
    use crate::{Host, Input, Object, ObjectKind, Plan, Text};

    #[test]
    fn the_pages_are_what_the_types_say() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
        for (name, page) in [
            ("broker.md", broker_page()),
            ("broker-listener.md", listener_page()),
            ("broker-authentication.md", authentication_page()),
            ("broker-authorization.md", authorization_page()),
            ("dataflow-endpoint.md", dataflow_endpoint_page()),
            ("dataflow.md", dataflow_page()),
            ("dataflow-profile.md", dataflow_profile_page()),
        ] {
            let path = folder.join(name);
            if std::env::var_os("CAUSEWAY_BLESS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &page).unwrap();
            }
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                there == page,
                "docs/reference/{name} is stale; CAUSEWAY_BLESS=1 cargo test -p config writes it anew"
            );
        }
    }

    #[test]
    fn the_examples_work() {
        let text = |path: &str, text: &str| Text { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let pem = |label: &str| format!("-----BEGIN {label}-----\n").into_bytes();
        let object = |kind, name: &str, entries: &[(&str, Vec<u8>)]| Object {
            kind,
            name: name.to_owned(),
            path: name.to_owned(),
            entries: entries.iter().map(|(key, content)| ((*key).to_owned(), content.clone())).collect(),
        };
        let pair = [("tls.crt", pem("CERTIFICATE")), ("tls.key", pem("PRIVATE KEY"))];
        let input = Input {
            texts: vec![
                text("broker.yaml", BROKER_EXAMPLE),
                text("listener.yaml", LISTENER_EXAMPLE),
                text("authentication.yaml", AUTHENTICATION_EXAMPLE),
                text("authorization.yaml", AUTHORIZATION_EXAMPLE),
            ],
            objects: vec![
                object(ObjectKind::Secret, "plant-certificate", &pair),
                object(ObjectKind::ConfigMap, "client-ca", &[("ca.crt", pem("CERTIFICATE"))]),
                object(ObjectKind::Secret, "cluster", &[("kubeconfig", b"apiVersion: v1".to_vec())]),
            ],
            ..Input::default()
        };
        let plan = Plan::check(&input, &Host { cores: 4, remembered: None }).unwrap();
        assert_eq!(plan.listeners.len(), 2);
        assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    }
}
