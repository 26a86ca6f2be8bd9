//! `causeway passwd`: adds users to the file that the method UserPassword reads, changes and deletes them.

mod errand;
mod terminal;
mod user_file;

pub(crate) use errand::{PasswdError, run};

#[cfg(test)]
mod tests;
