//! The page of metrics: the figures of what runs here under their names.

mod broker;
mod cluster;
mod dataflows;
mod probe;
mod state;

use super::endpoint::Endpoint;
use super::exposition::Exposition;
use super::problem::Problem;
use super::process;

/// All metrics at this moment.
///
/// # Errors
/// The process does not run yet.
pub(super) async fn page(endpoint: &Endpoint) -> Result<String, Problem> {
    let source = endpoint.running()?;
    let mut page = Exposition::default();
    if let Some(broker) = &source.broker {
        let figures = (broker.figures)();
        broker::write(&mut page, broker.part, &figures);
        if broker.part.has_clients() {
            probe::write(&mut page, &broker.self_check.report());
        }
        state::broker(&mut page, broker, &figures);
    }
    if let Some(cluster) = &source.cluster {
        cluster::write(&mut page, cluster);
    }
    state::process(&mut page, endpoint, source);
    dataflows::write(&mut page, source).await;
    process::write(&mut page, endpoint.health().started());
    Ok(page.into_text())
}
