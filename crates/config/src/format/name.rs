//! Names of resources, objects, services and hosts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A host's name, perhaps with a wildcard for its first label.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DnsName(pub(crate) String);

const LABEL_BYTES: usize = 63;
const NAME_BYTES: usize = 253;

impl TryFrom<String> for DnsName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_dns(&text) { Ok(Self(text)) } else { Err("no DNS name") }
    }
}

impl JsonSchema for DnsName {
    fn schema_name() -> Cow<'static, str> {
        "DnsName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "dns-name" })
    }
}

/// A Broker, a BrokerListener.
pub(super) fn is_resource(text: &str) -> bool {
    (3..=LABEL_BYTES).contains(&text.len()) && is_label(text)
}

/// A Secret, a ConfigMap: labels with dots between. Never a way out of a folder.
pub(super) fn is_object(text: &str) -> bool {
    text.len() <= NAME_BYTES && text.split('.').all(is_label_of_any_length)
}

/// A namespace.
pub(super) fn is_namespace(text: &str) -> bool {
    is_label(text)
}

/// A Service.
pub(super) fn is_service(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A host, perhaps with a wildcard for its first label. Case does not matter, as in DNS.
pub(super) fn is_dns(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    name.len() <= NAME_BYTES && name.split('.').all(is_label) && name.parse::<std::net::IpAddr>().is_err()
}

/// A cluster of processes.
pub(crate) fn is_cluster(text: &str) -> bool {
    is_label(text)
}

/// A process of a cluster, as a pod may be called. Never a way out of a folder.
pub(crate) fn is_member(text: &str) -> bool {
    text.len() <= NAME_BYTES && text.split('.').all(is_label_of_any_length)
}

fn is_label(text: &str) -> bool {
    text.len() <= LABEL_BYTES && is_label_of_any_length(text)
}

fn is_label_of_any_length(text: &str) -> bool {
    let inside = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inside && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::{is_cluster, is_dns, is_member, is_namespace, is_object, is_resource, is_service};

    #[test]
    fn each_kind_of_name_has_its_own_rule() {
        let long = "a".repeat(64);
        for (holds, good, bad) in [
            (
                is_resource as fn(&str) -> bool,
                &["default", "a-1", "000"][..],
                &["", "ab", "Abc", "-ab", "ab-", "a.b", "a_b", &long][..],
            ),
            (is_object, &["a", "ca.key.x", "0", &long], &["", ".", "..", "a..b", "a/b", "../a", "A", ".a", "a-.b"]),
            (is_namespace, &["plant-1", "1", "a"], &["", "a.b", "A", "-a"]),
            (is_cluster, &["default", "1"], &["", "a.b", "A", "a-", &long]),
            (is_member, &["backend-0", "a.b-12", "x"], &["", "..", "a/b", "A", "-a", "a_b", "a..b"]),
            (is_service, &["aio-broker", "a"], &["", "1a", "a.b", "a-", &long]),
            (
                is_dns,
                &["a", "A.example.com", "*.example.com", "localhost"],
                &["", "*", "a.*.b", "a b", "10.0.0.1", "a..b", "-a.b"],
            ),
        ] {
            for text in good {
                assert!(holds(text), "{text}");
            }
            for text in bad {
                assert!(!holds(text), "{text}");
            }
        }
    }
}
