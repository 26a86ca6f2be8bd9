//! The rules, a module each.

mod at_least_once;
mod drained;
mod exactly_once;
mod identifiers;
mod invention;
mod kept_session;
mod one_connection;
mod order;
mod retained;
mod subscribed;
mod will;

use super::{Circumstances, History, Violation};

/// What should hold of every run.
#[derive(Debug)]
pub struct Rule {
    pub name: &'static str,
    pub check: fn(&History<'_>, &Circumstances) -> Vec<Violation>,
}

pub static RULES: [Rule; 11] = [
    Rule { name: "at-least-once", check: at_least_once::check },
    Rule { name: "exactly-once", check: exactly_once::check },
    Rule { name: "order", check: order::check },
    Rule { name: "no-invention", check: invention::check },
    Rule { name: "subscribed", check: subscribed::check },
    Rule { name: "one-connection", check: one_connection::check },
    Rule { name: "kept-session", check: kept_session::check },
    Rule { name: "will", check: will::check },
    Rule { name: "retained", check: retained::check },
    Rule { name: "identifiers", check: identifiers::check },
    Rule { name: "drained", check: drained::check },
];
