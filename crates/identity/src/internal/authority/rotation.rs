//! Replacing the authority: a successor is announced, issues, and the old one is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::super::TrustedRoots;
use super::issuer::Issuing;
use super::state::{Announced, Outgoing, Published, State};
use super::{AuthorityPhase, AuthoritySettings, InternalAuthority, InternalError};
use crate::certificate::written;
use crate::files::{self, CERTIFICATE_MODE, KEY_MODE};

/// How long the list of authorities may go without being looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Certificates end at whole seconds, rounded up.
const ROUNDING: Duration = Duration::from_secs(1);

impl InternalAuthority {
    /// Announces a successor now.
    ///
    /// # Errors
    /// A rotation is under way; the successor cannot be made or stored.
    pub fn rotate(&self, now: SystemTime) -> Result<(), InternalError> {
        let _desk = self.desk();
        match self.published.load().state.is_rotating() {
            true => Err(InternalError::RotationUnderWay),
            false => self.announce(now),
        }
    }

    /// Takes the steps of a rotation that are due. Returns how long nothing is to be done, a minute at most.
    ///
    /// A step that fails is logged, counted and tried again; the authority goes on as before meanwhile. Whoever passes on
    /// [`InternalAuthority::roots`] looks afterwards whether their generation has risen.
    pub fn tend(&self, now: SystemTime) -> Duration {
        let mut retry = self.desk();
        if retry.next(now).is_none_or(|next| next <= now) {
            match self.step(now) {
                Ok(()) => retry.succeeded(),
                Err(error) => {
                    let not_after = self.published.load().state.issuing.not_after();
                    let left = not_after.duration_since(now).unwrap_or(Duration::ZERO);
                    let retry_seconds = retry.failed(now, left).as_secs_f64();
                    self.counts.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, retry_seconds, "could not rotate the internal authority; it goes on as it is");
                }
            }
        }
        let next = retry.next(now).unwrap_or_else(|| self.published.load().next_step());
        next.duration_since(now).unwrap_or(Duration::ZERO).min(LOOK_EVERY)
    }

    fn step(&self, now: SystemTime) -> Result<(), InternalError> {
        let published = self.published.load();
        if published.next_step() > now {
            return Ok(());
        }
        match published.phase() {
            AuthorityPhase::Alone { .. } => self.announce(now),
            AuthorityPhase::Announced { .. } => self.hand_over(now),
            AuthorityPhase::Overlap { .. } => self.drop_outgoing(),
        }
    }

    fn announce(&self, now: SystemTime) -> Result<(), InternalError> {
        let Published { state, settings } = &**self.published.load();
        let next = Issuing::make(&self.provider, &self.cluster, settings, now)?;
        let certificates = vec![state.issuing.certificate().clone(), next.certificate().clone()];
        let signers = [state.issuing.signer(), next.signer()];
        let list = (certificates, state.roots.removed().to_vec());
        let roots = TrustedRoots::sign(self.cluster.clone(), state.roots.generation() + 1, list, &signers)?;
        let issues_from = now + settings.announce;
        let announced = Some(Announced { issuing: next, issues_from });
        let state = State { roots, issuing: state.issuing.clone(), announced, outgoing: None };
        self.put(state, settings.clone())?;
        tracing::info!(from = written(issues_from), "announced a new internal authority");
        Ok(())
    }

    fn hand_over(&self, now: SystemTime) -> Result<(), InternalError> {
        let Published { state, settings } = &**self.published.load();
        let Some(announced) = state.announced.clone() else {
            return Ok(());
        };
        let old = &state.issuing;
        let until = now + old.longest_leaf() + ROUNDING;
        let outgoing = Some(Outgoing { certificate: old.certificate().clone(), until });
        let state = State { roots: state.roots.clone(), issuing: announced.issuing, announced: None, outgoing };
        self.put(state, settings.clone())?;
        tracing::info!(until = written(until), "the new internal authority issues; the old one is trusted for a while");
        Ok(())
    }

    fn drop_outgoing(&self) -> Result<(), InternalError> {
        let Published { state, settings } = &**self.published.load();
        let issuing = state.issuing.clone();
        let generation = state.roots.generation() + 1;
        let certificates = vec![issuing.certificate().clone()];
        let list = (certificates, state.roots.removed().to_vec());
        let roots = TrustedRoots::sign(self.cluster.clone(), generation, list, &[issuing.signer()])?;
        self.put(State { roots, issuing, announced: None, outgoing: None }, settings.clone())?;
        tracing::info!(generation, "dropped the old internal authority");
        Ok(())
    }

    /// Stores first: what others have heard of must be there after a crash. For who has the desk.
    pub(super) fn put(&self, state: State, settings: AuthoritySettings) -> Result<(), InternalError> {
        files::replace(&self.folder.join("authority"), &state.to_bytes(), KEY_MODE)?;
        let roots = state.roots.to_pem();
        files::replace(&self.folder.join("roots.pem"), roots.as_bytes(), CERTIFICATE_MODE)?;
        self.published.store(Arc::new(Published { state, settings }));
        Ok(())
    }
}
