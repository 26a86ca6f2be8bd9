//! What is checked and kept for where it will be effective: internal certificates, volume claims.

use std::time::Duration;

use super::certificate::refuse_lifetime;
use super::settling::{Settling, word};
use crate::document::{Node, Value};
use crate::format::shown;
use crate::reading::Spot;
use crate::resource::VolumeClaimSpec;

const CERTS: &str = "advanced.internalCerts";
const EPHEMERAL: &str = "diskBackedMessageBuffer.ephemeralVolumeClaimSpec";
const PERSISTENT: &str = "diskBackedMessageBuffer.persistentVolumeClaimSpec";

pub(super) fn settle(settling: &mut Settling<'_>) {
    internal_traffic(settling);
    let buffer = settling.spec.disk_backed_message_buffer.clone().unwrap_or_default();
    volume_claim(settling, EPHEMERAL, buffer.ephemeral_volume_claim_spec.as_ref());
    volume_claim(settling, PERSISTENT, buffer.persistent_volume_claim_spec.as_ref());
}

fn internal_traffic(settling: &mut Settling<'_>) {
    let advanced = settling.spec.advanced.clone().unwrap_or_default();
    settling.settle("advanced.encryptInternalTraffic", None, advanced.encrypt_internal_traffic);
    let certs = advanced.internal_certs.unwrap_or_default();
    let (duration_path, renew_path) = (format!("{CERTS}.duration"), format!("{CERTS}.renewBefore"));
    let as_written = |duration: &Duration| shown(*duration);
    let duration = settling.settle_shown(&duration_path, None, certs.duration.map(|d| d.get()), as_written);
    let renew_before = settling.settle_shown(&renew_path, None, certs.renew_before.map(|d| d.get()), as_written);
    if let Some(broker) = settling.broker {
        let places = (broker.place(&duration_path), broker.place(&renew_path));
        refuse_lifetime(duration.zip(Some(&places.0)), renew_before.zip(Some(&places.1)), settling.reading);
    }
    let key = certs.private_key.unwrap_or_default();
    settling.settle_shown("advanced.internalCerts.privateKey.algorithm", None, key.algorithm, word);
    settling.settle_shown("advanced.internalCerts.privateKey.rotationPolicy", None, key.rotation_policy, word);
}

/// Notes what is written, leaf by leaf, and checks what only several fields together say.
fn volume_claim(settling: &mut Settling<'_>, path: &str, claim: Option<&VolumeClaimSpec>) {
    let (Some(broker), Some(claim)) = (settling.broker, claim) else { return };
    let expressions = claim.selector.as_ref().and_then(|selector| selector.match_expressions.as_ref());
    for (n, expression) in expressions.into_iter().flatten().enumerate() {
        let path = format!("{path}.selector.matchExpressions[{n}]");
        let Some(expected) = expression.contradiction() else { continue };
        let operator = broker.shown(&format!("{path}.operator"));
        settling.reading.refuse_at(&broker.place(&format!("{path}.operator")), operator, expected);
    }
    if let (Some(tree), Some(spot)) = (broker.tree(path), broker.given(path)) {
        note_leaves(settling, tree, &spot, path);
    }
}

fn note_leaves(settling: &mut Settling<'_>, node: &Node, spot: &Spot, path: &str) {
    match &node.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                note_leaves(
                    settling,
                    node,
                    &spot.moved(key.line, ""),
                    &format!("{path}.{}", crate::document::shortened(&key.text)),
                );
            }
        }
        Value::List(items) => {
            for (n, node) in items.iter().enumerate() {
                note_leaves(settling, node, &spot.moved(node.line, ""), &format!("{path}[{n}]"));
            }
        }
        Value::Scalar(_) if node.is_null() => {}
        Value::Scalar(scalar) => {
            let note = Some(crate::resource::KEPT_FOR_VOLUMES.to_owned());
            let text = crate::document::shortened(&scalar.text);
            settling.note_value(format!("Broker {path}"), text, spot.origin(), note);
        }
    }
}
