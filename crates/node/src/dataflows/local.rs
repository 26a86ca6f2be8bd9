//! The broker of this installation, as dataflows of this process reach it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::SystemTime;

use config::authentication::File;
use identity::{Authority, IdentityError};

/// Where it is.
pub(crate) enum LocalBroker {
    /// In this process.
    Inside {
        door: bridge::Door,
        /// The certificate of its authority, for endpoints that reach it, or anybody else with a certificate of it, at an
        /// address.
        authority: File,
    },
    /// In another process.
    Elsewhere(Elsewhere),
}

/// A broker in another process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elsewhere {
    /// Instead of what endpoints say.
    pub(crate) address: Option<(String, u16)>,
    /// Instead of what endpoints say.
    pub(crate) authority: Option<File>,
}

impl LocalBroker {
    /// Behind `door`, on whose workers connections are spread.
    pub(crate) fn inside(door: frontend::Door, authority_pem: String) -> Self {
        let turn = AtomicU16::new(0);
        let door: bridge::Door = Arc::new(move || Box::new(door.connect(turn.fetch_add(1, Ordering::Relaxed))));
        Self::Inside { door, authority: own(authority_pem) }
    }

    /// For plans that are only checked, on a machine that may have no authority yet.
    ///
    /// # Errors
    /// No certificate can be made here.
    pub(crate) fn example() -> Result<Self, IdentityError> {
        let door: bridge::Door = Arc::new(|| Box::new(tokio::io::empty()));
        Ok(Self::Inside { door, authority: own(Authority::example(SystemTime::now())?) })
    }
}

fn own(pem: String) -> File {
    File { name: "tls/ca.crt".to_owned(), content: pem.into_bytes() }
}
