//! The self-check's results under the model's names.

use crate::admin::catalogue::probe as name;
use crate::admin::exposition::{Exposition, Metric};
use crate::self_check::{Operation, RouteResult, SelfCheckReport, Wildcard};

pub(super) fn write(page: &mut Exposition, report: &SelfCheckReport) {
    if report.rounds == 0 {
        return;
    }
    routes(
        page,
        report,
        |route| Some(if route.correct { 1.0 } else { 0.0 }),
        &[
            (Operation::Connect, &name::CONNECT_CORRECT),
            (Operation::Publish, &name::PUBLISH_CORRECT),
            (Operation::Subscribe, &name::SUBSCRIBE_CORRECT),
            (Operation::Unsubscribe, &name::UNSUBSCRIBE_CORRECT),
            (Operation::Ping, &name::PING_CORRECT),
        ],
    );
    routes(
        page,
        report,
        |route| route.latency_ms,
        &[
            (Operation::Connect, &name::CONNECT_ROUTE_MS),
            (Operation::Publish, &name::PUBLISH_ROUTE_MS),
            (Operation::Subscribe, &name::SUBSCRIBE_ROUTE_MS),
            (Operation::Unsubscribe, &name::UNSUBSCRIBE_ROUTE_MS),
            (Operation::Ping, &name::PING_ROUTE_MS),
        ],
    );
    page.single(&name::DELIVERY_TIMEOUTS, report.delivery_timeouts as f64);
    page.single(&name::DELIVERY_SENT, report.messages_sent as f64);
    page.single(&name::DELIVERY_RECEIVED, report.messages_received as f64);
    latencies(page, report);
}

fn routes(
    page: &mut Exposition,
    report: &SelfCheckReport,
    of: fn(&RouteResult) -> Option<f64>,
    operations: &[(Operation, &'static Metric)],
) {
    for (operation, metric) in operations {
        let mut samples = page.metric(metric);
        for route in report.routes.iter().filter(|route| route.operation == *operation) {
            if let Some(value) = of(route) {
                let labels = labels(route);
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                samples.value(&labels, value);
            }
        }
    }
}

/// The values of `frontend`, `backend_chain` and `is_wildcard`, as many as the operation has.
fn labels(route: &RouteResult) -> Vec<String> {
    let mut labels = vec![route.frontend.to_string()];
    labels.extend(route.chain.map(|chain| chain.to_string()));
    labels.extend(route.wildcard.map(|wildcard| (wildcard == Wildcard::Yes).to_string()));
    labels
}

fn latencies(page: &mut Exposition, report: &SelfCheckReport) {
    for (operation, latency) in &report.latencies {
        let [last, mean, deviation]: [&'static Metric; 3] = match operation {
            Operation::Connect => [&name::CONNECT_LAST_MS, &name::CONNECT_MEAN_MS, &name::CONNECT_DEVIATION_MS],
            Operation::Ping => [&name::PING_LAST_MS, &name::PING_MEAN_MS, &name::PING_DEVIATION_MS],
            Operation::Subscribe => [&name::SUBSCRIBE_LAST_MS, &name::SUBSCRIBE_MEAN_MS, &name::SUBSCRIBE_DEVIATION_MS],
            Operation::Publish => [&name::PUBLISH_LAST_MS, &name::PUBLISH_MEAN_MS, &name::PUBLISH_DEVIATION_MS],
            Operation::MessageDeliveryCheck => {
                page.single(&name::DELIVERY_ROUTE_MS, latency.last_ms);
                [&name::DELIVERY_LAST_MS, &name::DELIVERY_MEAN_MS, &name::DELIVERY_DEVIATION_MS]
            }
            Operation::Unsubscribe => {
                [&name::UNSUBSCRIBE_LAST_MS, &name::UNSUBSCRIBE_MEAN_MS, &name::UNSUBSCRIBE_DEVIATION_MS]
            }
        };
        page.single(last, latency.last_ms);
        page.single(mean, latency.mean_ms);
        page.single(deviation, latency.deviation_ms);
    }
}
