//! Where the questions of links are answered: by the authority, and by the partitions, whatever of both is here.

use std::sync::Arc;

use backend::BackendView;
use bytes::Bytes;
use link::wire::{Answer, Answering, Asker};
use tokio::task::spawn_blocking;

use super::desk::Desk;
use super::errand::{Errand, Reply};

/// See the module.
#[derive(Clone)]
pub(super) struct Counter {
    pub(super) desk: Option<Arc<Desk>>,
    /// Of the partitions that are led here alone.
    pub(super) partitions: Option<BackendView>,
}

impl Counter {
    async fn serve(self, asker: Asker, question: Bytes) -> Reply {
        let Some(errand) = Errand::from_bytes(&question) else {
            return Reply::Refused("this release does not know the question".to_owned());
        };
        match (errand, self.desk, self.partitions) {
            (Errand::View(question), _, Some(partitions)) => Reply::Viewed(partitions.serve(question).await),
            (Errand::View(_), ..) => Reply::Refused("it has no partitions".to_owned()),
            (errand, Some(desk), _) => {
                let served = spawn_blocking(move || desk.serve(&asker.proof, errand)).await;
                served.unwrap_or_else(|_| Reply::Refused("the authority has failed; its log says how".to_owned()))
            }
            (_, None, _) => Reply::Refused("it does not hold the cluster's authority".to_owned()),
        }
    }
}

impl Answer for Counter {
    fn answer(&self, asker: Asker, question: Bytes) -> Answering {
        let counter = self.clone();
        Box::pin(async move { counter.serve(asker, question).await.to_bytes().into() })
    }
}
