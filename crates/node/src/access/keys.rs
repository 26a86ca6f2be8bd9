//! Keys that sign tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use auth::authentication::{KeySettings, RemoteKeySettings, RemotePlace, Secret};
use config::authentication::{KeyPlace, Keys, RemoteKeys};

use super::ground::Ground;
use super::trust;

/// For one fetch of published keys.
const FETCH_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn keys(asked: &Keys, ground: &Ground) -> KeySettings {
    match asked {
        Keys::File(file) => KeySettings::Set(trust::file(file)),
        Keys::Remote(remote) => KeySettings::Remote(Box::new(published(remote, ground))),
        Keys::Secret(secret) => KeySettings::Secret(Secret::new(secret.reveal().to_vec())),
    }
}

fn published(asked: &RemoteKeys, ground: &Ground) -> RemoteKeySettings {
    RemoteKeySettings {
        place: match &asked.place {
            KeyPlace::Address(address) => RemotePlace::Address(address.clone()),
            KeyPlace::Discovery => RemotePlace::Discovery,
        },
        https: trust::https(asked.authorities.as_ref(), ground),
        headers: BTreeMap::new(),
        refresh: asked.refresh,
        deadline: FETCH_DEADLINE,
    }
}
