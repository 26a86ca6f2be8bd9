//! Method X509.

use auth::authentication::{AttributeRule, X509Settings};
use config::authentication::X509;

use super::ground::Ground;
use super::trust;

pub(super) fn settings(asked: &X509, ground: &Ground) -> X509Settings {
    let attributes = asked.attributes.iter().map(|(name, rule)| {
        let rule = AttributeRule { subject: rule.subject.clone(), attributes: rule.attributes.clone() };
        (name.clone(), rule)
    });
    X509Settings {
        authorities: trust::authorities(&asked.authorities, ground),
        revocation_lists: trust::files(&asked.revocation_lists),
        attributes: attributes.collect(),
    }
}
