//! Names and passwords of CONNECT against the file.

use std::collections::HashMap;
use std::time::Instant;

use super::file::{self, User};
use super::hashing::{self, Hash};
use super::recent::Recent;
use crate::authentication::credentials::Credentials;
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};
use crate::authentication::method::MethodFault;
use crate::authentication::pem::PemFile;
use crate::authentication::turnstile::Turnstile;

/// Each hash takes a core and much memory for a while.
const HASHES_AT_ONCE: usize = 2;
const MOST_WAITING: usize = 256;

/// The file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPasswordSettings {
    pub file: PemFile,
}

pub(crate) struct UserPassword {
    users: HashMap<Box<str>, User>,
    /// For names that are not in the file: hashes as costly as those that are, so that time does not tell which it was.
    strangers: Vec<Hash>,
    recent: Recent,
    turnstile: Turnstile,
}

impl UserPassword {
    pub fn new(settings: &UserPasswordSettings) -> Result<Self, MethodFault> {
        let faulty = |error| MethodFault::PasswordFile { name: settings.file.name.clone(), error };
        let users = file::parse(&settings.file.content).map_err(faulty)?;
        let mut strangers: Vec<Hash> = users.values().map(|user| user.hash.clone()).collect();
        if strangers.is_empty() {
            let hash = hashing::hash(b"nobody").map_err(MethodFault::System)?;
            strangers.push(Hash::parse(&hash).map_err(|_| MethodFault::System("argon2 does not read what it wrote"))?);
        }
        let recent = Recent::new().map_err(|_| MethodFault::System("the system gives no random bytes"))?;
        Ok(Self { users, strangers, recent, turnstile: Turnstile::new(HASHES_AT_ONCE, MOST_WAITING) })
    }

    pub async fn judge(&self, credentials: &Credentials) -> Judgement {
        // Who names an enhanced method means that one.
        let (Some(username), Some(password), None) =
            (&credentials.username, &credentials.password, &credentials.enhanced)
        else {
            return Judgement::NotRelevant;
        };
        let user = self.users.get(username);
        let now = Instant::now();
        if let Some(user) = user.filter(|_| self.recent.knows(username, password, now)) {
            return accept(username, user);
        }
        let Some(place) = self.turnstile.enter().await else {
            return Judgement::Unavailable { why: "too many passwords are being checked".to_owned() };
        };
        let hash = user.map_or_else(|| self.stranger(username), |user| &user.hash).clone();
        let bytes = password.clone();
        let checked = tokio::task::spawn_blocking(move || {
            // The place is free when the work is done, also if nobody waits for it any more.
            let _place = place;
            hash.fits(&bytes)
        });
        match (checked.await, user) {
            (Ok(true), Some(user)) => {
                self.recent.keep(username, password, now);
                accept(username, user)
            }
            (Ok(_), Some(_)) => Judgement::bad_password("the password is wrong"),
            // A stranger's password may fit the hash that was taken for him; he stays a stranger.
            (Ok(_), None) => Judgement::bad_password("there is no such user"),
            (Err(_), _) => Judgement::Unavailable { why: "the password could not be checked".to_owned() },
        }
    }

    /// Whether a user of one of `old` has the same password here.
    ///
    /// # Errors
    /// Why not.
    pub fn still_knows<'m>(&self, old: impl Iterator<Item = &'m Self>, username: &str) -> Result<Accepted, String> {
        let user = self.users.get(username).ok_or("there is no such user any more")?;
        let mut before = old.filter_map(|method| method.users.get(username));
        if !before.any(|before| before.hash == user.hash) {
            return Err("the password has changed".to_owned());
        }
        Ok(accepted(username, user))
    }

    /// Always the same for one name, as for a user.
    fn stranger(&self, username: &str) -> &Hash {
        let at = self.recent.number(username) % self.strangers.len() as u64;
        &self.strangers[at as usize]
    }
}

fn accept(username: &str, user: &User) -> Judgement {
    Judgement::Accept(accepted(username, user))
}

fn accepted(username: &str, user: &User) -> Accepted {
    Accepted {
        username: Some(username.into()),
        attributes: user.attributes.clone(),
        expires: None,
        by: MethodKind::UserPassword,
    }
}
