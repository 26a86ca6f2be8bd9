//! Fields that have their effect elsewhere: kept as given, and told by `explain` and the API with where that is.

use causeway_tests::{Resources, Settings, errand};

use super::served::{Served, refused_broker};

const SEPARATE: &str = "takes effect with separate processes";
const KUBERNETES: &str = "Kubernetes only";

/// Every one of these paths has that value, that line as its origin, and a note with that text.
fn explains(spec: &str, note: &str, expected: &[(&str, &str)]) {
    let resources = Resources::new();
    resources.broker(spec);
    let explained = errand::explain(&["--resources".as_ref(), resources.path().as_os_str()]);
    for (path, value) in expected {
        let line = explained.iter().find(|line| line.path == format!("Broker {path}"));
        let line = line.unwrap_or_else(|| panic!("{path} is not explained: {explained:#?}"));
        assert_eq!(line.value, *value, "{path}");
        assert!(line.origin.contains("broker.yaml:"), "{line:?}");
        assert!(line.origin.contains(note), "{line:?}");
    }
    // And a running broker tells the same.
    let served = Served::from(resources, Settings::new());
    for (path, value) in expected {
        assert_eq!(served.in_effect(&format!("Broker {path}")).as_deref(), Some(*value), "{path}");
    }
}

#[test]
pub fn encrypt_internal_traffic() {
    for value in ["Enabled", "Disabled"] {
        let field = "advanced.encryptInternalTraffic";
        explains(&format!("advanced:\n  encryptInternalTraffic: {value}\n"), SEPARATE, &[(field, value)]);
    }
    assert!(
        refused_broker("advanced: {encryptInternalTraffic: On}\n").contains("spec.advanced.encryptInternalTraffic")
    );
}

#[test]
pub fn internal_certs() {
    let spec = "advanced:\n  internalCerts:\n    duration: 240h\n    renewBefore: 45m\n    privateKey:\n      algorithm: Rsa2048\n      rotationPolicy: Never\n";
    let expected = [
        ("advanced.internalCerts.duration", "240h"),
        ("advanced.internalCerts.renewBefore", "45m"),
        ("advanced.internalCerts.privateKey.algorithm", "Rsa2048"),
        ("advanced.internalCerts.privateKey.rotationPolicy", "Never"),
    ];
    explains(spec, SEPARATE, &expected);
    let told = refused_broker(
        "advanced: {internalCerts: {duration: 1d, renewBefore: soon, privateKey: {algorithm: Ec1, rotationPolicy: No}}}\n",
    );
    for (path, _) in expected {
        assert!(told.contains(&format!("spec.{path}")), "{path}: {told}");
    }
}

#[test]
pub fn generate_resource_limits() {
    explains("generateResourceLimits:\n  cpu: Disabled\n", KUBERNETES, &[("generateResourceLimits.cpu", "Disabled")]);
    assert!(refused_broker("generateResourceLimits: {cpu: 2}\n").contains("spec.generateResourceLimits.cpu"));
}

const CLAIM: &str = "
    volumeName: volume
    volumeMode: Filesystem
    storageClassName: fast
    accessModes: [ReadWriteOnce, ReadWriteOncePod]
    dataSource: {apiGroup: one.example, kind: Snapshot, name: before}
    dataSourceRef: {apiGroup: two.example, kind: Claim, name: source, namespace: elsewhere}
    resources:
      limits: {storage: 2Gi}
      requests: {storage: 500M}
      claims: [{name: claimed}]
    selector:
      matchLabels: {disk: ssd}
      matchExpressions: [{key: zone, operator: In, values: [here, there]}]
";

const CLAIMED: &[(&str, &str)] = &[
    ("volumeName", "volume"),
    ("volumeMode", "Filesystem"),
    ("storageClassName", "fast"),
    ("accessModes[0]", "ReadWriteOnce"),
    ("accessModes[1]", "ReadWriteOncePod"),
    ("dataSource.apiGroup", "one.example"),
    ("dataSource.kind", "Snapshot"),
    ("dataSource.name", "before"),
    ("dataSourceRef.apiGroup", "two.example"),
    ("dataSourceRef.kind", "Claim"),
    ("dataSourceRef.name", "source"),
    ("dataSourceRef.namespace", "elsewhere"),
    ("resources.limits.storage", "2Gi"),
    ("resources.requests.storage", "500M"),
    ("resources.claims[0].name", "claimed"),
    ("selector.matchLabels.disk", "ssd"),
    ("selector.matchExpressions[0].key", "zone"),
    ("selector.matchExpressions[0].operator", "In"),
    ("selector.matchExpressions[0].values[0]", "here"),
    ("selector.matchExpressions[0].values[1]", "there"),
];

fn claim(name: &str) {
    let spec = format!("diskBackedMessageBuffer:\n  maxSize: 500M\n  {name}:{CLAIM}");
    let paths: Vec<(String, &str)> =
        CLAIMED.iter().map(|(path, value)| (format!("diskBackedMessageBuffer.{name}.{path}"), *value)).collect();
    let expected: Vec<(&str, &str)> = paths.iter().map(|(path, value)| (path.as_str(), *value)).collect();
    explains(&spec, KUBERNETES, &expected);
    let wrong = "{volumeMode: Tape, accessModes: [All], storageClass: x, dataSource: {name: x}, resources: {limits: {storage: lots}}, selector: {matchExpressions: [{key: x, operator: Like}]}}";
    let told = refused_broker(&format!("diskBackedMessageBuffer:\n  maxSize: 500M\n  {name}: {wrong}\n"));
    for path in [
        ".volumeMode",
        ".accessModes[0]",
        " storageClass: no such field",
        ".dataSource kind: is missing",
        ".resources.limits.storage",
        ".selector.matchExpressions[0].operator",
    ] {
        assert!(told.contains(&format!("spec.diskBackedMessageBuffer.{name}{path}")), "{path}: {told}");
    }
}

#[test]
pub fn ephemeral_volume_claim() {
    claim("ephemeralVolumeClaimSpec");
}

#[test]
pub fn persistent_volume_claim() {
    claim("persistentVolumeClaimSpec");
}
