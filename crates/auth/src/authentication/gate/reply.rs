//! An answer that cannot be forgotten.

use crate::authentication::judgement::Verdict;

/// Takes the verdict on one request. Dropped without one, as when the gate stops or fails, it takes "unavailable".
pub struct Reply(Option<Box<dyn FnOnce(Verdict) + Send>>);

impl Reply {
    pub fn new(take: impl FnOnce(Verdict) + Send + 'static) -> Self {
        Self(Some(Box::new(take)))
    }

    pub(super) fn send(mut self, verdict: Verdict) {
        if let Some(take) = self.0.take() {
            take(verdict);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(take) = self.0.take() {
            take(Verdict::Unavailable { why: "authentication ended without a verdict".to_owned() });
        }
    }
}
