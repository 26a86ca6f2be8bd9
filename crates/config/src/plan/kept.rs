//! What is checked and kept for where it will be effective: volume claims, and what pods reserve.

use super::settling::{Settling, word};
use crate::document::{Node, Value};
use crate::reading::Spot;
use crate::resource::{Switch, VolumeClaimSpec};

const EPHEMERAL: &str = "diskBackedMessageBuffer.ephemeralVolumeClaimSpec";
const PERSISTENT: &str = "diskBackedMessageBuffer.persistentVolumeClaimSpec";

pub(super) fn settle(settling: &mut Settling<'_>) {
    let limits = settling.spec.generate_resource_limits.as_ref().and_then(|limits| limits.cpu);
    settling.settle_shown("generateResourceLimits.cpu", None, limits, |limits: &Switch| word(limits));
    let buffer = settling.spec.disk_backed_message_buffer.clone().unwrap_or_default();
    volume_claim(settling, EPHEMERAL, buffer.ephemeral_volume_claim_spec.as_ref());
    volume_claim(settling, PERSISTENT, buffer.persistent_volume_claim_spec.as_ref());
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
