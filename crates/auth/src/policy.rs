//! What guards one port.

use std::fmt;
use std::sync::Arc;

use crate::authentication::Methods;
use crate::authorization::Authorization;
use crate::principal::Principal;
use crate::rights::Rights;

/// Who may come in by one port, and what they may do. It never changes: a change is another one.
#[derive(Clone, Default)]
pub struct Policy {
    methods: Option<Arc<Methods>>,
    authorization: Option<Arc<Authorization>>,
}

impl Policy {
    /// Everybody is let in as who they say they are, and may do everything but publish to what is the broker's own.
    pub fn open() -> Self {
        Self::default()
    }

    /// `methods`: who is let in; `None` is everybody. `authorization`: what they may do; `None` is everything but
    /// publishing to what is the broker's own.
    pub fn new(methods: Option<Arc<Methods>>, authorization: Option<Arc<Authorization>>) -> Self {
        Self { methods, authorization }
    }

    pub fn methods(&self) -> Option<&Arc<Methods>> {
        self.methods.as_ref()
    }

    pub fn authorization(&self) -> Option<&Arc<Authorization>> {
        self.authorization.as_ref()
    }

    /// What `principal` may do.
    pub fn rights(&self, principal: &Principal) -> Rights {
        Rights::new(self.authorization.clone(), principal)
    }
}

/// Its parts are large, and hold secrets.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("authenticates", &self.methods.is_some())
            .field("authorization", &self.authorization.as_ref().map(|authorization| authorization.name()))
            .finish()
    }
}
