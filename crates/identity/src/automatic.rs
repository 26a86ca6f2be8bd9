//! Certificates from the authority here: kept while they fit their settings, issued anew when they do not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::authority::Authority;
use crate::certificate::Inspected;
use crate::issue::CLOCK_SKEW;
use crate::key::PrivateKey;
use crate::leaf::Leaf;
use crate::pair_folder::{Found, PairFolder};
use crate::verdict::Verdict;
use crate::{IdentityError, KeyAlgorithm, KeyRotation, ServerNames};

/// How a listener's certificate is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticSettings {
    /// The name of the folder it is kept in, below the authority's; one listener's alone.
    pub folder: String,
    /// What clients may call the listener; at least one name.
    pub names: ServerNames,
    /// How long a certificate is valid; less only where the authority ends earlier.
    pub duration: Duration,
    /// How long before its end it is renewed; shorter than `duration`.
    pub renew_before: Duration,
    /// The kind of key.
    pub algorithm: KeyAlgorithm,
    /// Whether a renewed certificate gets a new key.
    pub rotation: KeyRotation,
}

impl AutomaticSettings {
    pub(crate) fn check(&self) -> Result<(), IdentityError> {
        let folder = self.folder.as_str();
        let is_plain = !folder.is_empty() && folder.len() <= 253 && !folder.starts_with('.');
        if !is_plain || folder.chars().any(|c| c == '/' || c.is_control()) || ["ca.crt", "ca.key"].contains(&folder) {
            return Err(IdentityError::FolderName { folder: folder.to_owned() });
        }
        if self.names.is_empty() {
            return Err(IdentityError::NoNames);
        }
        if self.renew_before >= self.duration {
            return Err(IdentityError::RenewBefore { renew_before: self.renew_before, duration: self.duration });
        }
        Ok(())
    }

    pub(crate) fn pair_folder(&self, authority: &Authority) -> PairFolder {
        PairFolder::new(authority.folder().join(PathBuf::from(&self.folder)))
    }

    /// A new certificate: with the key of the one before, or a new one.
    pub(crate) fn renew(&self, authority: &Authority, before: &Leaf, now: SystemTime) -> Result<Leaf, IdentityError> {
        let key = match self.rotation {
            KeyRotation::Never => before.key.clone(),
            KeyRotation::Always => Arc::new(PrivateKey::make(self.algorithm, authority.provider())?),
        };
        Leaf::issue(authority, self, key, now)
    }

    /// Whether `leaf` can go on being used as it is; otherwise why not.
    fn misfit(&self, leaf: &Leaf, authority: &Authority, now: SystemTime) -> Result<(), Misfit> {
        let inspected = Inspected::parse(&leaf.certificate).map_err(Misfit::Damaged)?;
        if !inspected.key_kind().is(self.algorithm) {
            return Err(Misfit::Algorithm);
        }
        match authority.verdict(&leaf.certificate, &self.names, now) {
            Verdict::Valid => {}
            Verdict::OutOfTime(_) => return Err(Misfit::OutOfTime),
            Verdict::OtherNames => return Err(Misfit::Names),
            Verdict::Foreign(reason) => return Err(Misfit::Foreign(reason)),
        }
        let (dns, addresses) = inspected.alternative_names();
        if !self.names.are(&dns, &addresses) {
            return Err(Misfit::Names);
        }
        if !self.lasts_as_wanted(leaf, authority) {
            return Err(Misfit::Duration);
        }
        match leaf.due(self, authority) {
            Some(due) if now >= due => Err(Misfit::OutOfTime),
            _ => Ok(()),
        }
    }

    fn lasts_as_wanted(&self, leaf: &Leaf, authority: &Authority) -> bool {
        let lasts = leaf.not_after.duration_since(leaf.not_before).unwrap_or(Duration::ZERO).saturating_sub(CLOCK_SKEW);
        let is_cut_short = leaf.not_after >= authority.not_after() && lasts < self.duration;
        // Certificates have whole seconds.
        is_cut_short || lasts.abs_diff(self.duration) <= Duration::from_secs(1)
    }
}

/// Why a certificate found in the folder is not used.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("the settings ask for another kind of key")]
    Algorithm,
    #[error("the settings ask for other names")]
    Names,
    #[error("the settings ask for another duration")]
    Duration,
    #[error("it is due for renewal")]
    OutOfTime,
    #[error("there is none")]
    Missing,
    #[error("it does not belong to the key beside it")]
    NotAPair,
    #[error("it was not issued by the authority here ({0})")]
    Foreign(String),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// A certificate ready to be used, and whether its folder has it.
#[derive(Debug)]
pub(crate) enum Obtained {
    Kept(Leaf),
    Issued(Leaf),
}

/// The certificate in `found` where it fits, a new one otherwise. May take as long as making a key takes.
pub(crate) fn obtain(
    authority: &Authority,
    settings: &AutomaticSettings,
    found: Found,
    now: SystemTime,
) -> Result<Obtained, IdentityError> {
    let key = match (found.key, settings.rotation) {
        (Ok(key), _) => key.map(Arc::new),
        // A key that is to stay is somebody's to restore.
        (Err(damage), KeyRotation::Never) => return Err(damage.0),
        (Err(damage), KeyRotation::Always) => {
            tracing::warn!(error = %damage.0, "making a new key in place of a damaged one");
            None
        }
    };
    let certificate = match (&key, found.certificate) {
        (_, Err(damage)) => Err(Misfit::Damaged(damage.0.to_string())),
        (Some(key), Ok(Some(certificate))) => match key.fits(&certificate) {
            true => Ok((key.clone(), certificate)),
            false => Err(Misfit::NotAPair),
        },
        (_, Ok(_)) => Err(Misfit::Missing),
    };
    let fitting = certificate.and_then(|(key, certificate)| {
        let leaf = Leaf::new(key, certificate).map_err(|e| Misfit::Damaged(e.to_string()))?;
        settings.misfit(&leaf, authority, now)?;
        Ok(leaf)
    });
    let misfit = match fitting {
        Ok(leaf) => return Ok(Obtained::Kept(leaf)),
        Err(misfit) => misfit,
    };
    let reusable = key.filter(|key| {
        let is_fitting = key.kind().is_some_and(|kind| kind.is(settings.algorithm));
        settings.rotation == KeyRotation::Never && is_fitting
    });
    let key = match reusable {
        Some(key) => key,
        None => Arc::new(PrivateKey::make(settings.algorithm, authority.provider())?),
    };
    let leaf = Leaf::issue(authority, settings, key, now)?;
    report(&misfit, settings, authority);
    Ok(Obtained::Issued(leaf))
}

fn report(misfit: &Misfit, settings: &AutomaticSettings, authority: &Authority) {
    let folder = settings.pair_folder(authority);
    let path = folder.certificate_path().display();
    match misfit {
        Misfit::NotAPair | Misfit::Foreign(_) | Misfit::Damaged(_) => {
            tracing::warn!(%path, reason = %misfit, "issued a certificate in place of the one found");
        }
        _ => tracing::info!(%path, reason = %misfit, "issued a certificate"),
    }
}

#[cfg(test)]
mod tests;
