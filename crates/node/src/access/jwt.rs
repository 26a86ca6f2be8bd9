//! Method Jwt.

use auth::authentication::{JwtSettings, TokenPlace};
use config::authentication::{self, Jwt};

use super::ground::Ground;
use super::keys::keys;

pub(super) fn settings(asked: &Jwt, ground: &Ground) -> JwtSettings {
    let places = asked.places.iter().map(|place| match place {
        authentication::TokenPlace::Enhanced(method) => TokenPlace::Enhanced(method.clone()),
        authentication::TokenPlace::Password => TokenPlace::Password,
    });
    JwtSettings {
        issuer: asked.issuer.clone(),
        audiences: asked.audiences.clone(),
        keys: keys(&asked.keys, ground),
        leeway: asked.leeway,
        username: asked.username_claim.clone(),
        attributes: asked.attributes.clone(),
        places: places.collect(),
    }
}
