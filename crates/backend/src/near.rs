//! The ways out of a partition whose neighbours and workers are in this process.

use link::{inbox, mailbox};
use partition::{Answer, BatchBuilder, Reply};
use replica::Outgoing;

/// Only one frontend is in the process.
pub(crate) const FRONTEND: u16 = 0;

/// Where everything goes, with buffers that are kept from turn to turn.
pub(crate) struct Near {
    workers: Vec<mailbox::Sender<Answer>>,
    partitions: Vec<inbox::Sender>,
    by_worker: Vec<Vec<Answer>>,
    acknowledgements: Vec<Vec<Answer>>,
    to_partitions: Vec<BatchBuilder>,
}

impl Near {
    pub fn new(workers: Vec<mailbox::Sender<Answer>>, partitions: Vec<inbox::Sender>) -> Self {
        Self {
            by_worker: workers.iter().map(|_| Vec::new()).collect(),
            acknowledgements: workers.iter().map(|_| Vec::new()).collect(),
            to_partitions: partitions.iter().map(|_| BatchBuilder::new()).collect(),
            workers,
            partitions,
        }
    }

    pub fn let_out(&mut self, out: &mut Outgoing) {
        debug_assert!(out.passages.is_empty(), "those are of lanes");
        // Commands first: what a connection does next must not overtake them.
        for (to, command) in out.commands.drain(..) {
            if let Some(batch) = self.to_partitions.get_mut(usize::from(to.0)) {
                batch.push_frame(&command);
            }
        }
        for (batch, partition) in self.to_partitions.iter_mut().zip(&self.partitions) {
            if !batch.is_empty() {
                // Commands between partitions are few and repeated until confirmed; a stopped one gets them later.
                let _ = partition.send(batch.take());
            }
        }
        // Acknowledgements to publishers last: what is acknowledged has been handed to every worker that delivers it.
        for (_, answer) in out.answers.drain(..) {
            let to = usize::from(answer.to.worker);
            let lists = match answer.reply {
                Reply::Published { .. } => &mut self.acknowledgements,
                _ => &mut self.by_worker,
            };
            if let Some(list) = lists.get_mut(to) {
                list.push(answer);
            }
        }
        for lists in [&mut self.by_worker, &mut self.acknowledgements] {
            for (answers, worker) in lists.iter_mut().zip(&self.workers) {
                worker.send(answers);
            }
        }
    }
}
