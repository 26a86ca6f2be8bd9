//! The end of a session at the source that nobody will go on in.

use std::time::Duration;

use mqtt::client::UnsubscribeRequest;
use tokio::time::Instant;

use super::{Carrier, Woken};
use crate::link::Event;

/// A session of which nothing has come for so long is empty.
const QUIET: Duration = Duration::from_secs(1);

impl Carrier {
    /// Has the source send nothing new, and carries on until nothing of what it still has comes any more. Without a
    /// connection it never ends: the caller gives it a deadline.
    pub(super) async fn retire(&mut self) {
        let filters = self.dataflow.filters();
        let client = self.source.client().map(|(client, _)| client.clone());
        let unsubscribed = async move {
            let Some(client) = client else { return std::future::pending().await };
            client.unsubscribe(UnsubscribeRequest { filters, ..UnsubscribeRequest::default() }).await.is_ok()
        };
        let mut unsubscribed = std::pin::pin!(unsubscribed);
        let mut quiet_since = None;
        while quiet_since.is_none_or(|since: Instant| since.elapsed() < QUIET) || !self.ledger.is_idle() {
            self.send().await;
            // Both branches are cancel-safe. The second comes back at least once a second.
            tokio::select! {
                is_done = &mut unsubscribed, if quiet_since.is_none() => {
                    if !is_done {
                        return std::future::pending().await;
                    }
                    quiet_since = Some(Instant::now());
                }
                woken = self.wait(None) => {
                    if matches!(woken, Woken::Source(Event::Message(_))) {
                        quiet_since = quiet_since.map(|_| Instant::now());
                    }
                    self.woken(woken).await;
                }
            }
            self.settle().await;
        }
    }
}
