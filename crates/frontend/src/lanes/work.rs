//! What a worker does for its lanes: takes what comes, follows leaders, begins anew, and says goodbye.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use partition::lane::{ToPartition, ToWorker};
use partition::{
    AnswerReader, Command, DecodeError, Figures, Frame, Frames, Incarnation, PartitionId, Passed, Publish,
};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::arrivals::{Arrival, What};
use super::lane::Outlet;
use super::links::Lanes;
use super::shared::Far;
use crate::fault::Fault;
use crate::worker::{Request, Worker};

/// How often it is looked for leaders that are not there.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// How often it is looked how things stand when nothing happens.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How long a worker that ends waits for the partitions, however long its clients have taken to go.
const LEAST_FLUSH: Duration = Duration::from_secs(1);

/// How often a worker that ends looks whether everything is taken.
const FLUSH_PAUSE: Duration = Duration::from_millis(5);

/// Until it is dropped.
pub(crate) async fn work(worker: Rc<Worker>) {
    let Some((lanes, far)) = both(&worker) else { return };
    let Some(mut arrivals) = lanes.arrivals.take() else { return };
    let changed = Rc::new(Notify::new());
    for mut status in lanes.statuses() {
        let changed = Rc::clone(&changed);
        tokio::task::spawn_local(async move {
            // Until the link is gone.
            while status.changed().await.is_ok() {
                changed.notify_one();
            }
        });
    }
    let mut arrived = Vec::new();
    let mut some_seek = lanes.look(worker.id, far);
    loop {
        let pause = if some_seek { LOOK_AGAIN } else { LOOK_AROUND };
        tokio::select! {
            // All are cancel safe.
            () = arrivals.receive(&mut arrived) => {}
            () = changed.notified() => {}
            () = sleep(pause) => {}
        }
        arrivals.take(&mut arrived);
        worker.look_at_the_clock();
        let count = arrived.len();
        for arrival in arrived.drain(..) {
            worker.on_arrival(lanes, arrival);
        }
        // Without a pause in between: whoever is asked to go on is told of everything that has come.
        some_seek = lanes.look(worker.id, far);
        if worker.has_paused() {
            worker.resume_paused();
        }
        if worker.count_messages(count) {
            yield_now().await;
        }
    }
}

fn both(worker: &Worker) -> Option<(&Lanes, &Far)> {
    worker.lanes.as_ref().zip(worker.far.as_deref())
}

/// Waits until the partitions have taken what was said, says goodbye to them once all workers are that far, and ends the
/// links.
pub(crate) async fn drain(worker: &Rc<Worker>, deadline: Instant) {
    let Some((lanes, far)) = both(worker) else { return };
    let deadline = deadline.max(Instant::now() + LEAST_FLUSH);
    while !(worker.nothing_is_left_to_say() && lanes.are_flushed()) && Instant::now() < deadline {
        worker.end_turn();
        sleep(FLUSH_PAUSE).await;
    }
    if lanes.are_flushed() {
        far.flushed();
    } else {
        tracing::warn!(worker = worker.id, "partitions have not taken all that they were to be told in time");
    }
    while !far.all_are_flushed() && Instant::now() < deadline {
        sleep(FLUSH_PAUSE).await;
    }
    if far.all_are_flushed() {
        lanes.leave();
    }
    lanes.stop().await;
}

impl Worker {
    fn on_arrival(self: &Rc<Self>, lanes: &Lanes, Arrival { backend, what }: Arrival) {
        match what {
            What::Session(partition) => lanes.on_session(partition, backend),
            What::Lane(partition, message) => {
                lanes.done(&message);
                if let Err(error) = self.on_lane_message(lanes, backend, partition, &message) {
                    tracing::error!(backend, %partition, %error, "a backend says what cannot be read");
                    let now = lanes.now();
                    lanes.with_lane(partition, |lane, _| lane.on_refused(backend, now));
                }
            }
            What::Figures(message) => {
                lanes.done(&message);
                let Some(far) = self.far.as_ref() else { return };
                match Figures::decode(&message) {
                    Ok(Figures(figures)) => figures.into_iter().for_each(|(of, counters)| far.tell(of, counters)),
                    Err(error) => tracing::error!(backend, %error, "a backend tells figures that cannot be read"),
                }
            }
        }
    }

    fn on_lane_message(
        self: &Rc<Self>,
        lanes: &Lanes,
        backend: u16,
        partition: PartitionId,
        message: &Bytes,
    ) -> Result<(), DecodeError> {
        // Nearly all are answers, which are taken one by one as they are read.
        if let Ok(answers) = AnswerReader::new(message) {
            let take = |answer| self.on_answer(answer);
            let pass = |passed: &Passed<'_>| self.on_passed(passed, message);
            let pass_over = |to| {
                if let Some(connection) = self.connection(to) {
                    connection.on_late_qos0();
                }
            };
            return lanes.on_answers((partition, backend), answers, take, pass, pass_over);
        }
        let said = ToWorker::decode(message)?;
        let (now, bytes) = (lanes.now(), message.len());
        let out = lanes.with_lane(partition, |lane, out| lane.on_message(backend, said, bytes, now, out));
        self.on_outlet(lanes, partition, out);
        Ok(())
    }

    fn on_outlet(self: &Rc<Self>, lanes: &Lanes, partition: PartitionId, out: Outlet) {
        for answer in out.answers {
            self.on_answer(answer);
        }
        for message in out.taken_again {
            self.publish_unanswered(partition, &message);
        }
        if let Some(known) = out.lost {
            tracing::warn!(%partition, "the partition has forgotten what it had for this frontend: all clients are sent away");
            self.lose(lanes, known);
        }
    }

    /// Sends those publishes of a batch again that nobody has answered: their refusal, for a full disk, was lost with the
    /// leader that refused them, and the batch counts as applied without them.
    #[cold]
    fn publish_unanswered(&self, partition: PartitionId, message: &Bytes) {
        let id = partition::Lane { frontend: self.frontend, worker: self.id };
        let Ok(ToPartition::Batch(_, batch)) = ToPartition::decode(id, message) else {
            debug_assert!(false, "a batch of this worker");
            return;
        };
        for frame in Frames::new(&batch).flatten().filter(Frame::is_publish) {
            let Ok(Command::Publish(Publish { reply: Some((owner, tag)), .. })) = frame.decode() else { continue };
            if self.connection(owner).is_some_and(|connection| connection.waits_for(tag, frame.bytes)) {
                self.send_encoded(partition, frame.bytes);
            }
        }
    }

    /// The incarnation that this worker speaks in is of no use any more.
    fn lose(self: &Rc<Self>, lanes: &Lanes, known: Incarnation) {
        let Some(far) = self.far.as_ref() else { return };
        if far.begin_anew(lanes.incarnation(), known) {
            (0..self.peers.len()).for_each(|worker| self.request(worker, Request::BeginAnew));
        }
        self.begin_anew();
    }

    /// Ends all connections, and speaks to the partitions as a frontend that has just begun; once per incarnation.
    pub fn begin_anew(self: &Rc<Self>) {
        let Some((lanes, far)) = both(self) else { return };
        let incarnation = far.incarnation();
        if lanes.incarnation() == incarnation {
            return;
        }
        self.send_away(Fault::ShuttingDown, |_| true);
        // What is said of them from here on is said by the new incarnation, and finds their sessions closed.
        self.forget_commands();
        lanes.begin_anew(incarnation);
    }
}
