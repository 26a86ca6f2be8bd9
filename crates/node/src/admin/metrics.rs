//! The page of metrics: the broker's figures under their names.

mod broker;
mod probe;
mod state;

use super::endpoint::Endpoint;
use super::exposition::Exposition;
use super::problem::Problem;
use super::process;

/// All metrics at this moment.
///
/// # Errors
/// The broker does not run yet.
pub(super) fn page(endpoint: &Endpoint) -> Result<String, Problem> {
    let source = endpoint.running()?;
    let figures = (source.figures)();
    let mut page = Exposition::default();
    broker::write(&mut page, &figures);
    probe::write(&mut page, &source.self_check.report());
    state::write(&mut page, endpoint, source, &figures);
    process::write(&mut page, endpoint.health().started());
    Ok(page.into_text())
}
