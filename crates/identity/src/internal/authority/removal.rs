//! Taking a process's standing away: it gets no other certificate, and those it has are refused.

use std::time::SystemTime;

use super::super::roots::{MOST_REMOVED, Removed};
use super::super::{InternalError, MemberName, Role, TrustedRoots};
use super::InternalAuthority;
use super::state::{Published, State};

impl InternalAuthority {
    /// Gives a process no other certificate, until it joins anew with a token, and has those that it has refused by whoever has
    /// the list of trusted authorities from here on ([`InternalAuthority::roots`], whose generation has risen).
    ///
    /// # Errors
    /// Nobody of that name is known; too many were removed whose certificates have not ended; it cannot be noted down. It may be
    /// tried again then.
    pub fn remove(&self, role: Role, name: &MemberName, now: SystemTime) -> Result<(), InternalError> {
        let _desk = self.desk();
        let (keys, until) = self.members.remove(role, name)?;
        let Published { state, settings } = &**self.published.load();
        let mut removed: Vec<Removed> =
            state.roots.removed().iter().filter(|removed| removed.until > now).cloned().collect();
        for key in keys {
            if !removed.iter().any(|removed| removed.key == key) {
                removed.push(Removed { key, role, name: name.clone(), until });
            }
        }
        if removed.len() > MOST_REMOVED.into() {
            let reason = "too many processes were removed whose certificates have not ended; it gets no other one";
            return Err(InternalError::Request { reason: reason.to_owned() });
        }
        let announced = state.announced.as_ref().map(|announced| announced.issuing.signer());
        let signers: Vec<_> = [Some(state.issuing.signer()), announced].into_iter().flatten().collect();
        let list = (state.roots.certificates().to_vec(), removed);
        let roots = TrustedRoots::sign(self.cluster.clone(), state.roots.generation() + 1, list, &signers)?;
        self.put(State { roots, ..state.clone() }, settings.clone())?;
        tracing::info!(member = %self.member(role, name), "removed a process from the cluster");
        Ok(())
    }
}
