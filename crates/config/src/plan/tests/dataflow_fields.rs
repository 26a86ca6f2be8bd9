//! Every field of DataflowEndpoint, Dataflow and DataflowProfile.

use serde_json::{Value, json};

use super::fields::{Carried, Changed, Ignored, Kept, Refused, Row, assert_outcome};

const AUTHENTICATION: &str = "mqttSettings.authentication.";

/// An endpoint of the method whose settings are at a path, or of none that matters.
fn endpoint(path: &str) -> Value {
    let block = path.strip_prefix(AUTHENTICATION).and_then(|rest| rest.split('.').next()).unwrap_or_default();
    let authentication = match block {
        "serviceAccountTokenSettings" => {
            json!({"method": "ServiceAccountToken", "serviceAccountTokenSettings": {"audience": "a", "tokenFile": "/a"}})
        }
        "systemAssignedManagedIdentitySettings" => json!({
            "method": "SystemAssignedManagedIdentity", "systemAssignedManagedIdentitySettings": {"audience": "a"}
        }),
        "userAssignedManagedIdentitySettings" => json!({
            "method": "UserAssignedManagedIdentity",
            "userAssignedManagedIdentitySettings": {"clientId": "c", "tenantId": "t", "scope": "s"}
        }),
        "x509CertificateSettings" => {
            json!({"method": "X509Certificate", "x509CertificateSettings": {"secretRef": "client-1"}})
        }
        "usernamePasswordSettings" => {
            json!({"method": "UsernamePassword", "usernamePasswordSettings": {"secretRef": "client-1"}})
        }
        _ => json!({"method": "ServiceAccountToken"}),
    };
    json!({
        "endpointType": "Mqtt",
        "hostType": "CustomMqtt",
        "mqttSettings": {
            "authentication": authentication, "host": "a.example:8883", "protocol": "Mqtt", "clientIdPrefix": "a", "qos": 1,
            "retain": "Keep", "sessionExpirySeconds": 60, "keepAliveSeconds": 30, "maxInflightMessages": 10,
            "cloudEventAttributes": "Propagate", "mqttVersion": "Auto", "hopProperty": "Enabled",
            "tls": {"mode": "Enabled", "trustedCaCertificateConfigMapRef": "ca-1"}
        }
    })
}

pub(super) fn endpoint_rows() -> Vec<Row> {
    let of = |name: &str| &*format!("{AUTHENTICATION}{name}").leak();
    vec![
        ("endpointType", json!("Kafka"), Refused),
        ("hostType", json!("EventGrid"), Changed),
        ("mqttSettings.host", json!("b.example:8883"), Changed),
        ("mqttSettings.protocol", json!("WebSockets"), Changed),
        ("mqttSettings.clientIdPrefix", json!("b"), Changed),
        ("mqttSettings.qos", json!(0), Changed),
        ("mqttSettings.retain", json!("Never"), Changed),
        ("mqttSettings.sessionExpirySeconds", json!(61), Changed),
        ("mqttSettings.keepAliveSeconds", json!(31), Changed),
        ("mqttSettings.maxInflightMessages", json!(11), Changed),
        ("mqttSettings.cloudEventAttributes", json!("CreateOrRemap"), Changed),
        ("mqttSettings.mqttVersion", json!("V5"), Changed),
        ("mqttSettings.hopProperty", json!("Disabled"), Changed),
        ("mqttSettings.tls.mode", json!("Disabled"), Changed),
        ("mqttSettings.tls.trustedCaCertificateConfigMapRef", json!("ca-2"), Changed),
        (of("method"), json!("Anonymous"), Changed),
        (of("serviceAccountTokenSettings.audience"), json!("b"), Changed),
        (of("serviceAccountTokenSettings.tokenFile"), json!("/b"), Changed),
        (of("systemAssignedManagedIdentitySettings.audience"), json!("b"), Changed),
        (of("userAssignedManagedIdentitySettings.clientId"), json!("b"), Changed),
        (of("userAssignedManagedIdentitySettings.tenantId"), json!("b"), Changed),
        (of("userAssignedManagedIdentitySettings.scope"), json!("b"), Changed),
        (of("x509CertificateSettings.secretRef"), json!("client-2"), Changed),
        (of("anonymousSettings"), json!({}), Refused),
        (of("usernamePasswordSettings.secretRef"), json!("client-2"), Changed),
        ("dataExplorerSettings", json!({}), Refused),
        ("dataLakeStorageSettings", json!({}), Refused),
        ("fabricOneLakeSettings", json!({}), Refused),
        ("kafkaSettings", json!({}), Refused),
        ("localStorageSettings", json!({}), Refused),
        ("openTelemetrySettings", json!({}), Refused),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

fn dataflow() -> Value {
    json!({
        "profileRef": "default",
        "mode": "Enabled",
        "operations": [
            {"operationType": "Source", "sourceSettings": {"endpointRef": "default", "dataSources": ["a/+"]}},
            {
                "operationType": "BuiltInTransformation",
                "builtInTransformationSettings": {"map": [{"type": "PassThrough", "inputs": ["*"], "output": "*"}]}
            },
            {
                "operationType": "Destination",
                "destinationSettings": {"endpointRef": "remote-1", "dataDestination": "b/${inputTopic.2}"}
            }
        ],
        "deadLetterTopic": "dead"
    })
}

pub(super) fn dataflow_rows() -> Vec<Row> {
    const PASS: &str = "operations[1].builtInTransformationSettings";
    let pass = |name: &str| &*format!("{PASS}.{name}").leak();
    vec![
        ("profileRef", json!("profile-1"), Changed),
        ("mode", json!("Disabled"), Changed),
        ("requestDiskPersistence", json!("Enabled"), Kept),
        ("operations[0].operationType", json!("Sink"), Refused),
        ("operations[0].name", json!("first"), Kept),
        ("operations[0].sourceSettings.endpointRef", json!("near-1"), Changed),
        ("operations[0].sourceSettings.dataSources[0]", json!("c/+"), Changed),
        ("operations[0].sourceSettings.serializationFormat", json!("Json"), Kept),
        ("operations[0].sourceSettings.schemaRef", json!("aio-sr://a/b:1"), Kept),
        ("operations[0].sourceSettings.assetRef", json!("oven"), Kept),
        (pass("serializationFormat"), json!("Parquet"), Refused),
        (pass("schemaRef"), json!("aio-sr://a/b:1"), Refused),
        (pass("datasets"), json!([{}]), Refused),
        (pass("filter"), json!([{}]), Refused),
        (pass("map[0].type"), json!("Compute"), Refused),
        (pass("map[0].inputs"), json!(["a"]), Refused),
        (pass("map[0].output"), json!("a"), Refused),
        (pass("map[0].expression"), json!("$1"), Refused),
        (pass("map[0].description"), json!("all"), Kept),
        ("operations[2].destinationSettings.endpointRef", json!("remote-2"), Changed),
        ("operations[2].destinationSettings.dataDestination", json!("c"), Changed),
        ("operations[2].destinationSettings.headers", json!([{}]), Refused),
        ("deadLetterTopic", json!("dead/2"), Changed),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

pub(super) fn profile_rows() -> Vec<Row> {
    vec![
        ("instanceCount", json!(3), Changed),
        ("remoteToRemote", json!("Allowed"), Changed),
        ("diagnostics.logs.level", json!("debug"), Carried),
        ("diagnostics.metrics.prometheusPort", json!(9601), Carried),
        ("debuggingSettings", json!({}), Refused),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

#[test]
fn every_field_of_dataflow_endpoint_has_its_effect() {
    for row in endpoint_rows() {
        assert_outcome("DataflowEndpoint", &endpoint(row.0), row);
    }
}

#[test]
fn every_field_of_dataflow_has_its_effect() {
    for row in dataflow_rows() {
        assert_outcome("Dataflow", &dataflow(), row);
    }
}

#[test]
fn every_field_of_dataflow_profile_has_its_effect() {
    let base = json!({
        "instanceCount": 2, "remoteToRemote": "Refused",
        "diagnostics": {"logs": {"level": "info"}, "metrics": {"prometheusPort": 9600}}
    });
    for row in profile_rows() {
        assert_outcome("DataflowProfile", &base, row);
    }
}
