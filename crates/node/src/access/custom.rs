//! Method Custom.

use auth::authentication::{ClientIdentity, CustomSettings, HttpsSettings, Secret};
use config::authentication::{ClientPair, Custom};

use super::ground::Ground;
use super::trust;

pub(super) fn settings(asked: &Custom, ground: &Ground) -> CustomSettings {
    let https = trust::https(asked.authorities.as_ref(), ground);
    let headers = asked.headers.iter().map(|(name, value)| (name.clone(), Secret::from(value.reveal())));
    CustomSettings {
        endpoint: asked.endpoint.clone(),
        https: HttpsSettings { identity: asked.identity.as_ref().map(identity), ..https },
        headers: headers.collect(),
        deadline: asked.deadline,
        most_at_once: CustomSettings::MOST_AT_ONCE,
    }
}

fn identity(asked: &ClientPair) -> ClientIdentity {
    ClientIdentity {
        name: asked.name.clone(),
        chain_pem: asked.chain_pem.clone(),
        key_pem: Secret::new(asked.key_pem.reveal().to_vec()),
    }
}
