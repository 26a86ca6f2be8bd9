//! That every field of the reference pages has its test here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{
    access, admin, audit, certificates, clients, diagnostics, durability, kept, listeners, manual, memory, parts,
    queues, refused, rotation, self_check, services, traces,
};

/// A field, or all below it, and the test of it.
type Shown = (&'static str, fn());

const BROKER: &[Shown] = &[
    ("advanced.clients.failedLoginsPerAddress", access::failed_logins_per_address),
    ("advanced.clients.maxKeepAliveSeconds", clients::max_keep_alive),
    ("advanced.clients.maxMessageExpirySeconds", clients::max_message_expiry),
    ("advanced.clients.maxPacketSizeBytes", clients::max_packet_size),
    ("advanced.clients.maxReceiveMaximum", clients::max_receive_maximum),
    ("advanced.clients.maxSessionExpirySeconds", clients::max_session_expiry),
    ("advanced.clients.receiveMaximum", clients::receive_maximum),
    ("advanced.clients.subscriberQueueLimit.length", clients::subscriber_queue_limit),
    ("advanced.clients.subscriberQueueLimit.strategy", clients::subscriber_queue_limit),
    ("advanced.clients.topicAliasMaximum", clients::topic_alias_maximum),
    ("advanced.durability", durability::durability),
    ("advanced.encryptInternalTraffic", kept::encrypt_internal_traffic),
    ("advanced.internalCerts.*", kept::internal_certs),
    ("cardinality.backendChain.partitions", parts::backend_partitions_and_workers),
    ("cardinality.backendChain.redundancyFactor", parts::replicas_and_redundancy),
    ("cardinality.backendChain.workers", parts::backend_partitions_and_workers),
    ("cardinality.frontend.replicas", parts::replicas_and_redundancy),
    ("cardinality.frontend.workers", parts::frontend_workers),
    ("diagnostics.admin.host", admin::host),
    ("diagnostics.admin.tokenSecretRef", admin::token_secret_ref),
    ("diagnostics.audit.maxFiles", audit::max_files),
    ("diagnostics.audit.maxSize", audit::max_size),
    ("diagnostics.audit.mode", audit::mode),
    ("diagnostics.logs.level", diagnostics::log_level),
    ("diagnostics.metrics.prometheusPort", diagnostics::prometheus_port),
    ("diagnostics.selfCheck.intervalSeconds", self_check::interval_and_timeout),
    ("diagnostics.selfCheck.mode", self_check::mode),
    ("diagnostics.selfCheck.timeoutSeconds", self_check::interval_and_timeout),
    ("diagnostics.sysTopics.intervalSeconds", diagnostics::sys_topics_interval),
    ("diagnostics.traces.cacheSizeMegabytes", traces::cache_size),
    ("diagnostics.traces.mode", traces::mode),
    ("diagnostics.traces.selfTracing.intervalSeconds", traces::self_tracing),
    ("diagnostics.traces.selfTracing.mode", traces::self_tracing),
    ("diagnostics.traces.spanChannelCapacity", traces::span_channel_capacity),
    ("diskBackedMessageBuffer.ephemeralVolumeClaimSpec.*", kept::ephemeral_volume_claim),
    ("diskBackedMessageBuffer.maxSize", queues::max_size),
    ("diskBackedMessageBuffer.persistentVolumeClaimSpec.*", kept::persistent_volume_claim),
    ("generateResourceLimits.cpu", kept::generate_resource_limits),
    ("healthState", refused::written_by_the_product),
    ("highPriorityMessagesBackpressureHandling", refused::high_priority),
    ("memoryProfile", memory::profile),
    ("persistence", refused::persistence),
    ("provisioningState", refused::written_by_the_product),
    ("status", refused::written_by_the_product),
];

const LISTENER: &[Shown] = &[
    ("healthState", refused::written_by_the_product),
    ("ports[].authenticationRef", access::authentication_ref),
    ("ports[].authorizationRef", access::authorization_ref),
    ("ports[].nodePort", services::node_port),
    ("ports[].port", services::port),
    ("ports[].protocol", listeners::protocol),
    ("ports[].tls.certManagerCertificateSpec.duration", certificates::duration),
    ("ports[].tls.certManagerCertificateSpec.issuerRef.group", certificates::issuer_ref),
    ("ports[].tls.certManagerCertificateSpec.issuerRef.kind", certificates::issuer_ref),
    ("ports[].tls.certManagerCertificateSpec.issuerRef.name", certificates::issuer_ref),
    ("ports[].tls.certManagerCertificateSpec.privateKey.algorithm", certificates::algorithm),
    ("ports[].tls.certManagerCertificateSpec.privateKey.algorithm", certificates::algorithm_long_rsa),
    ("ports[].tls.certManagerCertificateSpec.privateKey.rotationPolicy", rotation::rotation_policy),
    ("ports[].tls.certManagerCertificateSpec.renewBefore", rotation::renew_before),
    ("ports[].tls.certManagerCertificateSpec.san.dns", certificates::alternative_names),
    ("ports[].tls.certManagerCertificateSpec.san.ip", certificates::alternative_names),
    ("ports[].tls.certManagerCertificateSpec.secretName", certificates::secret_name),
    ("ports[].tls.manual.secretRef", manual::secret_ref),
    ("ports[].tls.mode", listeners::tls_mode),
    ("provisioningState", refused::written_by_the_product),
    ("serviceName", certificates::service_name),
    ("serviceType", services::service_type),
    ("status", refused::written_by_the_product),
];

/// Every field of a reference page, by its path below `spec`.
fn fields(page: &str) -> BTreeSet<String> {
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    let mut copies = Vec::new();
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_string);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = quoted(heading).unwrap_or_default();
        } else if line.starts_with("| `") {
            sections.entry(section.clone()).or_default().extend(quoted(line));
        } else if line.starts_with("The fields are those of ") {
            copies.push((quoted(line).expect("a section"), section.clone()));
        }
    }
    for (from, to) in copies {
        let below: Vec<_> = sections.iter().filter(|(name, _)| name.starts_with(&from)).collect();
        let renamed: Vec<_> = below.into_iter().map(|(name, all)| (name.replace(&from, &to), all.clone())).collect();
        sections.extend(renamed);
    }
    let path = |section: &str, field: String| match section {
        "spec" => field,
        section => format!("{section}.{field}"),
    };
    sections.into_iter().flat_map(|(section, all)| all.into_iter().map(move |field| path(&section, field))).collect()
}

fn covers(shown: &str, field: &str) -> bool {
    shown.strip_suffix('*').map_or(shown == field, |above| field.starts_with(above))
}

fn is_complete(page: &str, shown: &[Shown]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page);
    let fields = fields(&std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())));
    assert!(fields.len() >= 20, "{page} has only {fields:?}");
    let without: Vec<_> = fields.iter().filter(|field| !shown.iter().any(|(path, _)| covers(path, field))).collect();
    assert!(without.is_empty(), "fields of {page} without a test: {without:#?}");
    let gone: Vec<_> = shown.iter().filter(|(path, _)| !fields.iter().any(|field| covers(path, field))).collect();
    assert!(gone.is_empty(), "no fields of {page}: {:#?}", gone.iter().map(|(path, _)| path).collect::<Vec<_>>());
}

#[test]
fn every_field_of_the_broker_has_a_test() {
    is_complete("broker.md", BROKER);
}

#[test]
fn every_field_of_a_listener_has_a_test() {
    is_complete("broker-listener.md", LISTENER);
}
