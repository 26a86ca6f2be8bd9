//! Scenes: configuration, certificates and restarts.

use std::fs;
use std::path::PathBuf;

use causeway_tests::{Broker, Resources, Settings, free_port};

use crate::watch::{QUIET, Samples, moved, quiet, still, stirred, value};

pub fn configuration_changes(samples: Samples) {
    let (broker, resources) = quiet("");
    still(&broker, samples);
    resources.write("wrong.yaml", "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n");
    moved(&broker, &["causeway_configuration_rejected", "causeway_configuration_changes_total{result=\"rejected\"}"]);
    resources.remove("wrong.yaml");
    resources.broker(&format!("{QUIET}advanced:\n  durability: Fsync\n  clients:\n    maxKeepAliveSeconds: 100\n"));
    moved(
        &broker,
        &["causeway_configuration_changes_total{result=\"applied\"}", "causeway_configuration_restart_pending"],
    );
    let rejected = value(&broker, "causeway_configuration_rejected");
    assert!(rejected.abs() < f64::EPSILON, "still {rejected} after the file is gone");
}

/// A broker with a certificate that is renewed every second, and the folder of its certificates.
fn short_lived() -> (Broker, Resources, PathBuf) {
    let resources = Resources::new();
    resources.broker(QUIET);
    let issuer = "issuerRef:\n        group: cert-manager.io\n        kind: ClusterIssuer\n        name: azure-iot-operations-aio-certificate-issuer";
    resources.listener(
        "brief",
        &format!(
            "ports:\n- port: {}\n  tls:\n    mode: Automatic\n    certManagerCertificateSpec:\n      secretName: brief\n      duration: 1m\n      renewBefore: 58s\n      {issuer}\n",
            free_port()
        ),
    );
    let broker = Broker::start(Settings::new().resources(&resources));
    let folder = broker.data_dir().join("tls/brief");
    assert!(folder.join("tls.crt").exists(), "no certificate in {}", folder.display());
    (broker, resources, folder)
}

pub fn certificates_are_renewed(samples: Samples) {
    let (broker, _resources, _) = short_lived();
    moved(&broker, samples);
}

pub fn certificates_cannot_be_stored(samples: Samples) {
    let (broker, _resources, folder) = short_lived();
    still(&broker, samples);
    stirred(&broker, samples, || {
        // A file where the folder was; a renewal that came between made it anew.
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::write(&folder, "in the way");
    });
    let health = crate::ask::json(&broker, "/health");
    assert_eq!(health["reasonCode"], "CertificateRenewalFailed", "{health}");
    assert_eq!(health["status"], "Degraded", "{health}");
}

pub fn restarts_are_counted(samples: Samples) {
    let (mut broker, _resources) = quiet("");
    still(&broker, samples);
    for count in 1..=2 {
        broker.restart();
        for sample in samples {
            assert!(
                (value(&broker, sample) - f64::from(count)).abs() < f64::EPSILON,
                "{sample} after {count} restarts"
            );
        }
    }
}
