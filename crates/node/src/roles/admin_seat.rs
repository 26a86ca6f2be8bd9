//! The place of the admin endpoint, which may move while the broker runs.

use std::io;
use std::net::TcpListener;

use config::SecretText;

use crate::admin::{Admin, AdminSettings};

/// The endpoint, if it is open, and what it is opened with.
pub(super) struct AdminSeat {
    settings: AdminSettings,
    open: Option<Admin>,
}

impl AdminSeat {
    /// A closed endpoint that answers from `settings`.
    pub(super) fn new(settings: AdminSettings) -> Self {
        Self { settings, open: None }
    }

    /// Opens it at `socket`.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(super) fn open(&mut self, socket: TcpListener, token: Option<SecretText>) -> io::Result<()> {
        self.settings.token = token;
        self.open = Some(Admin::start(socket, self.settings.clone())?);
        Ok(())
    }

    /// Asks for another token from now on.
    pub(super) fn set_token(&mut self, token: Option<SecretText>) {
        if let Some(admin) = &self.open {
            admin.set_token(token.clone());
        }
        self.settings.token = token;
    }

    /// Closes it and waits for its end.
    pub(super) fn close(&mut self) {
        if let Some(admin) = self.open.take() {
            admin.stop();
        }
    }
}
