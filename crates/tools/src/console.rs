//! What a tool says on stderr, and how much of it.

use std::fmt::Display;
use std::io::{Write, stderr};

use crate::connection::Connection;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    Quiet,
    Normal,
    /// What happens on the connection, too.
    Debug,
}

impl Console {
    pub fn of(connection: &Connection) -> Self {
        match (connection.quiet, connection.debug) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Debug,
            (false, false) => Self::Normal,
        }
    }

    pub fn error(self, text: impl Display) {
        if self != Self::Quiet {
            say(format_args!("Error: {text}"));
        }
    }

    pub fn warning(self, text: impl Display) {
        if self != Self::Quiet {
            say(format_args!("Warning: {text}"));
        }
    }

    /// A plain word.
    pub fn note(self, text: impl Display) {
        if self != Self::Quiet {
            say(text);
        }
    }

    pub fn debug(self, text: impl Display) {
        if self == Self::Debug {
            say(text);
        }
    }
}

/// A terminal that is gone is no reason to stop.
fn say(text: impl Display) {
    writeln!(stderr(), "{text}").ok();
}
