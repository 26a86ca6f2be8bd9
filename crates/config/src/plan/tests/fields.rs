//! Every field of the resources: changing it changes the plan, or is refused, or is kept and explained.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{HOST, dataflow_fields, guards, text};
use crate::resource::{AUTHENTICATION, AUTHORIZATION, BROKER, DATAFLOW, DATAFLOW_ENDPOINT, DATAFLOW_PROFILE, LISTENER};
use crate::schema::{Shape, Standing};
use crate::{Input, Plan, Problems};

/// What comes of changing a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The plan is another.
    Changed,
    /// Only what is explained is another, with a note on where the field takes effect.
    Kept,
    /// The plan is another, and what is explained has a note on where the field takes effect.
    Carried,
    /// Only what is explained is another: all values mean the same here.
    Explained,
    /// It is a problem that names the field.
    Refused,
    /// Nothing is another.
    Ignored,
}

pub(super) use Outcome::{Carried, Changed, Explained, Ignored, Kept, Refused};

/// The field, what it is changed to, and what comes of it.
pub(super) type Row = (&'static str, Value, Outcome);

const BUILT_IN: &str = "azure-iot-operations-aio-certificate-issuer";

fn broker() -> Value {
    let volume = json!({
        "volumeName": "v", "volumeMode": "Filesystem", "storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
        "dataSource": {"apiGroup": "g", "kind": "k", "name": "n"},
        "dataSourceRef": {"apiGroup": "g", "kind": "k", "name": "n", "namespace": "s"},
        "resources": {"limits": {"storage": "2Gi"}, "requests": {"storage": 1}, "claims": [{"name": "c"}]},
        "selector": {"matchExpressions": [{"key": "k", "operator": "In", "values": ["a"]}], "matchLabels": {"a": "b"}}
    });
    json!({
        "memoryProfile": "Medium",
        "cardinality": {
            "frontend": {"replicas": 1, "workers": 2},
            "backendChain": {"partitions": 2, "redundancyFactor": 1, "workers": 1}
        },
        "generateResourceLimits": {"cpu": "Enabled"},
        "advanced": {
            "clients": {
                "maxSessionExpirySeconds": 100, "maxMessageExpirySeconds": 100, "maxPacketSizeBytes": 1000,
                "maxReceiveMaximum": 10, "maxKeepAliveSeconds": 60, "receiveMaximum": 10, "topicAliasMaximum": 10,
                "failedLoginsPerAddress": 5,
                "subscriberQueueLimit": {"length": 10, "strategy": "DropOldest"}
            },
            "durability": "Async",
            "encryptInternalTraffic": "Enabled",
            "internalCerts": {
                "duration": "240h", "renewBefore": "45m",
                "privateKey": {"algorithm": "Rsa2048", "rotationPolicy": "Always"}
            }
        },
        "diskBackedMessageBuffer": {
            "maxSize": "1G", "ephemeralVolumeClaimSpec": volume, "persistentVolumeClaimSpec": volume
        },
        "diagnostics": {
            "logs": {"level": "info"},
            "metrics": {"prometheusPort": 9600},
            "selfCheck": {"mode": "Enabled", "intervalSeconds": 60, "timeoutSeconds": 10},
            "traces": {
                "mode": "Enabled", "cacheSizeMegabytes": 16, "spanChannelCapacity": 1000,
                "selfTracing": {"mode": "Enabled", "intervalSeconds": 30}
            },
            "sysTopics": {"intervalSeconds": 10},
            "admin": {"host": "127.0.0.1", "tokenSecretRef": "token-1"},
            "audit": {"mode": "Enabled", "maxSize": "1Mi", "maxFiles": 3}
        }
    })
}

fn broker_rows() -> Vec<Row> {
    let mut rows = vec![
        ("memoryProfile", json!("Low"), Changed),
        ("cardinality.frontend.replicas", json!(2), Kept),
        ("cardinality.frontend.workers", json!(3), Changed),
        ("cardinality.backendChain.partitions", json!(3), Changed),
        ("cardinality.backendChain.redundancyFactor", json!(2), Kept),
        ("cardinality.backendChain.workers", json!(2), Changed),
        ("generateResourceLimits.cpu", json!("Disabled"), Kept),
        ("advanced.clients.maxSessionExpirySeconds", json!(101), Changed),
        ("advanced.clients.maxMessageExpirySeconds", json!(101), Changed),
        ("advanced.clients.maxPacketSizeBytes", json!(1001), Changed),
        ("advanced.clients.maxReceiveMaximum", json!(11), Changed),
        ("advanced.clients.maxKeepAliveSeconds", json!(61), Changed),
        ("advanced.clients.receiveMaximum", json!(11), Changed),
        ("advanced.clients.topicAliasMaximum", json!(0), Changed),
        ("advanced.clients.failedLoginsPerAddress", json!(0), Changed),
        ("advanced.clients.subscriberQueueLimit.length", json!(11), Changed),
        ("advanced.clients.subscriberQueueLimit.strategy", json!("None"), Changed),
        ("advanced.durability", json!("Fsync"), Changed),
        ("advanced.encryptInternalTraffic", json!("Disabled"), Carried),
        ("advanced.internalCerts.duration", json!("241h"), Carried),
        ("advanced.internalCerts.renewBefore", json!("46m"), Carried),
        ("advanced.internalCerts.privateKey.algorithm", json!("Ed25519"), Carried),
        ("advanced.internalCerts.privateKey.rotationPolicy", json!("Never"), Carried),
        ("diskBackedMessageBuffer.maxSize", json!("2G"), Changed),
        ("diagnostics.logs.level", json!("debug"), Changed),
        ("diagnostics.metrics.prometheusPort", json!(9601), Changed),
        ("diagnostics.selfCheck.mode", json!("Disabled"), Changed),
        ("diagnostics.selfCheck.intervalSeconds", json!(61), Changed),
        ("diagnostics.selfCheck.timeoutSeconds", json!(11), Changed),
        ("diagnostics.traces.mode", json!("Disabled"), Changed),
        ("diagnostics.traces.cacheSizeMegabytes", json!(17), Changed),
        ("diagnostics.traces.spanChannelCapacity", json!(1001), Changed),
        ("diagnostics.traces.selfTracing.mode", json!("Disabled"), Changed),
        ("diagnostics.traces.selfTracing.intervalSeconds", json!(31), Changed),
        ("diagnostics.sysTopics.intervalSeconds", json!(0), Changed),
        ("diagnostics.admin.host", json!("0.0.0.0"), Changed),
        ("diagnostics.admin.tokenSecretRef", json!("token-2"), Changed),
        ("diagnostics.audit.mode", json!("Disabled"), Changed),
        ("diagnostics.audit.maxSize", json!("2Mi"), Changed),
        ("diagnostics.audit.maxFiles", json!(4), Changed),
        ("highPriorityMessagesBackpressureHandling", json!("Accept"), Refused),
        ("persistence", json!({"maxSize": "10G"}), Refused),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({"healthState": {"status": "Available"}}), Ignored),
    ];
    rows.extend(volume_rows());
    rows
}

fn volume_rows() -> Vec<Row> {
    // The other claim has the same type.
    const PATHS: &[(&str, &str)] = &[
        ("volumeName", "w"),
        ("volumeMode", "Block"),
        ("storageClassName", "slow"),
        ("accessModes[0]", "ReadWriteOncePod"),
        ("dataSource.apiGroup", "h"),
        ("dataSource.kind", "l"),
        ("dataSource.name", "o"),
        ("dataSourceRef.apiGroup", "h"),
        ("dataSourceRef.kind", "l"),
        ("dataSourceRef.name", "o"),
        ("dataSourceRef.namespace", "t"),
        ("resources.limits.storage", "3Gi"),
        ("resources.requests.storage", "2"),
        ("resources.claims[0].name", "d"),
        ("selector.matchExpressions[0].key", "l"),
        ("selector.matchExpressions[0].operator", "NotIn"),
        ("selector.matchExpressions[0].values[0]", "b"),
        ("selector.matchLabels.a", "c"),
    ];
    let claims = ["ephemeralVolumeClaimSpec", "persistentVolumeClaimSpec"];
    let of = |claim: &str| {
        let path = |rest: &str| &*format!("diskBackedMessageBuffer.{claim}.{rest}").leak();
        PATHS.iter().map(|(rest, value)| (path(rest), json!(value), Kept)).collect::<Vec<Row>>()
    };
    claims.into_iter().flat_map(of).collect()
}

fn listener() -> Value {
    json!({
        "serviceType": "NodePort",
        "serviceName": "aio-broker",
        "ports": [
            {
                "port": 8883,
                "protocol": "Mqtt",
                "authenticationRef": "one",
                "authorizationRef": "one",
                "tls": {
                    "mode": "Automatic",
                    "certManagerCertificateSpec": {
                        "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": BUILT_IN},
                        "duration": "240h", "renewBefore": "24h", "secretName": "server",
                        "privateKey": {"algorithm": "Ec256", "rotationPolicy": "Always"},
                        "san": {"dns": ["a.example"], "ip": ["10.0.0.1"]}
                    }
                }
            },
            {"port": 8884, "nodePort": 30001, "tls": {"mode": "Manual", "manual": {"secretRef": "pem-1"}}},
            {"port": 8885, "tls": {"mode": "Automatic"}}
        ]
    })
}

fn listener_rows() -> Vec<Row> {
    vec![
        ("serviceType", json!("LoadBalancer"), Changed),
        ("serviceName", json!("broker"), Changed),
        ("ports[0].port", json!(8000), Changed),
        ("ports[1].nodePort", json!(30002), Changed),
        ("ports[0].protocol", json!("WebSockets"), Changed),
        ("ports[0].authenticationRef", json!("two"), Changed),
        ("ports[0].authorizationRef", json!("two"), Changed),
        ("ports[2].tls.mode", json!("Manual"), Refused),
        ("ports[0].tls.certManagerCertificateSpec.issuerRef.group", json!("example.com"), Refused),
        ("ports[0].tls.certManagerCertificateSpec.issuerRef.kind", json!("ClusterIssuer"), Explained),
        ("ports[0].tls.certManagerCertificateSpec.issuerRef.name", json!("other"), Refused),
        ("ports[0].tls.certManagerCertificateSpec.duration", json!("241h"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.renewBefore", json!("25h"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.secretName", json!("other"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.privateKey.algorithm", json!("Ec384"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.privateKey.rotationPolicy", json!("Never"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.san.dns[0]", json!("b.example"), Changed),
        ("ports[0].tls.certManagerCertificateSpec.san.ip[0]", json!("10.0.0.2"), Changed),
        ("ports[1].tls.manual.secretRef", json!("pem-2"), Changed),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

/// Sets what lies at a path.
fn set(document: &mut Value, path: &str, value: Value) {
    let mut node = document;
    for step in path.split('.') {
        let (name, index) = step.split_once('[').map_or((step, None), |(name, rest)| (name, Some(rest)));
        node = &mut node[name];
        if let Some(index) = index {
            node = &mut node[index.trim_end_matches(']').parse::<usize>().unwrap()];
        }
    }
    *node = value;
}

const OBJECTS: &str = include_str!("objects.yaml");

pub(super) fn check(kind: &str, spec: &Value) -> Result<Plan, Problems> {
    let group = if kind.starts_with("Dataflow") { "connectivity" } else { "mqttbroker" };
    let resource = json!({
        "apiVersion": format!("{group}.iotoperations.azure.com/v1"), "kind": kind, "metadata": {"name": "default"}, "spec": spec
    });
    let texts = vec![text("r.json", &resource.to_string()), text("objects.yaml", OBJECTS)];
    Plan::check(&Input { texts, ..Input::default() }, &HOST)
}

/// The plan without what is only told.
fn silent(plan: &Plan) -> Plan {
    let mut plan = Plan { notices: Vec::new(), values: Vec::new(), ..plan.clone() };
    let nowhere = || crate::Place::new(String::new(), (String::new(), 0), BTreeMap::new());
    plan.authentications.values_mut().for_each(|authentication| authentication.place = nowhere());
    plan.authorizations.values_mut().for_each(|authorization| authorization.place = nowhere());
    plan.endpoints.values_mut().for_each(|endpoint| endpoint.place = None);
    plan
}

pub(super) fn assert_outcome(kind: &str, base: &Value, (path, value, outcome): Row) {
    let before = check(kind, base).unwrap_or_else(|problems| panic!("{problems}"));
    let mut changed = base.clone();
    set(&mut changed, path, value.clone());
    if path == "serviceType" {
        changed["ports"][1].as_object_mut().unwrap().remove("nodePort");
    }
    let after = check(kind, &changed);
    if outcome == Refused {
        let problems = after.unwrap_err().to_string();
        let field = path.rsplit('.').next().unwrap();
        let parent = path.strip_suffix(field).unwrap_or_default().trim_end_matches('.');
        assert!(problems.contains(path) || problems.contains(&format!("{parent} manual")), "{path}: {problems}");
        return;
    }
    let after = after.unwrap_or_else(|problems| panic!("{path}: {problems}"));
    assert_eq!(
        silent(&before) != silent(&after),
        matches!(outcome, Changed | Carried),
        "{path}: whether the plan is another"
    );
    assert_eq!(before.values != after.values, outcome != Ignored, "{path}: whether another value is explained");
    if matches!(outcome, Kept | Carried) {
        let whose = if kind == "Broker" { "" } else { "/default" };
        let name = format!("{kind}{whose} {path}");
        let name = if kind == "Broker" { name.as_str() } else { name.trim_end_matches("[0]") };
        let told = after.values.iter().find(|told| told.path == *name).unwrap_or_else(|| panic!("{name}"));
        assert!(told.note.is_some(), "{path}: explained without a note");
        assert_eq!(told.value, value.as_str().map_or(value.to_string(), str::to_owned), "{path}");
    }
}

#[test]
fn every_field_of_broker_has_its_effect() {
    for row in broker_rows() {
        assert_outcome("Broker", &broker(), row);
    }
}

#[test]
fn every_field_of_broker_listener_has_its_effect() {
    for row in listener_rows() {
        assert_outcome("BrokerListener", &listener(), row);
    }
}

/// The paths of all leaves, without indices.
fn leaves(shape: &Shape, path: &str, found: &mut Vec<(String, Outcome)>) {
    for field in shape.fields() {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        if !field.shape.fields().is_empty() {
            // In a map, rows have this name.
            let name = if matches!(field.shape, Shape::Map(_)) { ".NAME" } else { "" };
            leaves(&field.shape, &format!("{path}{name}"), found);
            continue;
        }
        let outcome = match (&field.refused, field.standing, &field.kept) {
            (Some(_), _, _) => Refused,
            (_, Standing::Ignored, _) => Ignored,
            (_, _, Some(_)) => Kept,
            _ => Changed,
        };
        found.push((path, outcome));
    }
}

fn bare(path: &str) -> String {
    path.split('.').map(|step| step.split('[').next().unwrap()).collect::<Vec<_>>().join(".")
}

#[test]
fn no_field_is_without_a_row_and_each_row_says_what_the_schema_says() {
    for (shape, rows) in [
        (&BROKER, broker_rows()),
        (&LISTENER, listener_rows()),
        (&AUTHENTICATION, guards::authentication_rows()),
        (&AUTHORIZATION, guards::authorization_rows()),
        (&DATAFLOW_ENDPOINT, dataflow_fields::endpoint_rows()),
        (&DATAFLOW, dataflow_fields::dataflow_rows()),
        (&DATAFLOW_PROFILE, dataflow_fields::profile_rows()),
    ] {
        let mut found = Vec::new();
        leaves(shape, "", &mut found);
        for (path, told) in found {
            let row = rows.iter().find(|(row, _, _)| bare(row) == path || bare(row).starts_with(&format!("{path}.")));
            let (_, _, outcome) = row.unwrap_or_else(|| panic!("{path} has no row"));
            let agrees = *outcome == told
                || (told == Changed && matches!(outcome, Refused | Explained))
                || (told == Kept && *outcome == Carried);
            assert!(agrees, "{path}: the schema says {told:?}, the row {outcome:?}");
        }
        for (row, _, _) in &rows {
            assert!(shape.field(row).is_some(), "{row} is no field");
        }
    }
}

#[test]
fn turning_tls_on_off_or_over_changes_the_plan() {
    let base = check("BrokerListener", &listener()).unwrap();
    for (path, value) in [
        ("ports[2].tls", Value::Null),
        ("ports[2].tls", json!({"mode": "Manual", "manual": {"secretRef": "pem-1"}})),
        ("ports[1].tls", json!({"mode": "Automatic"})),
    ] {
        let mut changed = listener();
        set(&mut changed, path, value);
        assert_ne!(silent(&check("BrokerListener", &changed).unwrap()), silent(&base), "{path}");
    }
}
