//! From the site's faults to what the judge has to know of them.

use std::time::Duration;

use crate::oracle::{Circumstances, Disturbance, Kind, Losses};
use crate::site::{Fault, Site};

/// What the world was like, now that it is quiet: nothing is disturbed since `calm_from`.
pub fn of(site: &Site, calm_from: Duration) -> Circumstances {
    let disturbances = site.faults().into_iter().map(|happened| {
        let kind = match happened.fault {
            Fault::Clock(..) => Kind::Clock,
            Fault::FullDisk(_) => Kind::FullDisk,
            _ => Kind::Other,
        };
        Disturbance { from: happened.from, until: happened.until, kind, text: happened.fault.to_string() }
    });
    Circumstances {
        disturbances: disturbances.collect(),
        // A site does not lose its power or a disk where that may cost what was acknowledged.
        losses: Losses::None,
        waiting: waiting(site),
        calm_from: Some(calm_from),
    }
}

fn waiting(site: &Site) -> Vec<String> {
    let mut lines = match site.queues() {
        Ok(queues) => {
            queues.iter().map(|(client, messages)| format!("{messages} messages wait for {client}")).collect()
        }
        Err(error) => vec![format!("the backends do not say what waits: {error}")],
    };
    let outbox = site.remains().outbox;
    if outbox > 0 {
        lines.push(format!("partitions owe each other {outbox} commands"));
    }
    lines
}
