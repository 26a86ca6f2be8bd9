//! Messages that would come back to where they came from.

use std::collections::BTreeMap;

use super::client_ids::Server;
use super::operations::Flow;
use super::topics;
use crate::dataflow::{Dataflow, Endpoint, Mode};
use crate::reading::Reading;

/// Refuses dataflows that take what they publish, alone or two together: round trips through more brokers are found while
/// they run, by the hop property.
pub(super) fn check(flows: &[Flow], endpoints: &BTreeMap<String, Endpoint>, reading: &mut Reading) {
    let mut there: BTreeMap<(Server<'_>, Server<'_>), Vec<&Flow>> = BTreeMap::new();
    for flow in flows.iter().filter(|flow| flow.dataflow.mode == Mode::Enabled) {
        let server = |name: &String| endpoints.get(name).map(Server::of);
        let Dataflow { source, destination, .. } = &flow.dataflow;
        let (Some(from), Some(to)) = (server(source), server(destination)) else { continue };
        if from == to && published(&flow.dataflow).any(|pattern| takes(&flow.dataflow, &pattern).is_some()) {
            let expected = "the source takes what is published here, and messages would go round for ever; give \
                            another topic, or filters that do not match it";
            refuse(flow, expected.to_owned(), reading);
        }
        let back = there.get(&(to, from)).into_iter().flatten();
        for other in back.filter(|other| returns(&other.dataflow, &flow.dataflow)) {
            let expected = format!(
                "the Dataflow {} ({}:{}) takes what is published here, and sends it back to where this one takes it; \
                 give topics or filters of which one does not match",
                other.dataflow.name, other.topic.file.path, other.topic.line
            );
            refuse(flow, expected, reading);
        }
        there.entry((from, to)).or_default().push(flow);
    }
}

fn refuse(flow: &Flow, expected: String, reading: &mut Reading) {
    reading.refuse_at(&flow.topic, format!("\"{}\"", flow.dataflow.topic), expected);
}

/// Filters for what a dataflow publishes.
fn published(dataflow: &Dataflow) -> impl Iterator<Item = String> {
    dataflow.filters.iter().filter_map(|found| topics::pattern(&dataflow.topic, &found.filter))
}

/// What of a pattern a dataflow takes.
fn takes(dataflow: &Dataflow, pattern: &str) -> Option<String> {
    dataflow.filters.iter().find_map(|found| topics::intersection(&found.filter, pattern))
}

/// Whether what `first` publishes is taken by `second`, and what comes of it by `first` again.
fn returns(first: &Dataflow, second: &Dataflow) -> bool {
    published(first).any(|pattern| {
        let taken = second.filters.iter().filter_map(|found| topics::intersection(&found.filter, &pattern));
        let back = taken.filter_map(|taken| topics::pattern(&second.topic, &taken)).collect::<Vec<_>>();
        back.iter().any(|pattern| takes(first, pattern).is_some())
    })
}
