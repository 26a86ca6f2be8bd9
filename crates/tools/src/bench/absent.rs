//! Sessions that go offline, get messages queued, and come back for them.

use super::clock;
use super::ledger::Measure;
use super::outcome::{Part, Stretch};
use super::shared::Doing;
use super::traffic::Traffic;
use super::worker::{Halt, SHORT_WAIT_NS};

impl Traffic {
    pub(super) fn queue_and_drain(&mut self) -> Result<(), Halt> {
        self.worker.bring_up(self.subscribers.clone())?;
        self.go_offline()?;
        self.worker.gate(1)?;
        self.worker.bring_up(self.publishers.clone())?;
        self.worker.gate(2)?;
        self.queue()?;
        self.worker.gate(3)?;
        self.come_back()?;
        self.worker.gate(4)
    }

    fn go_offline(&mut self) -> Result<(), Halt> {
        for index in self.subscribers.clone() {
            self.worker.leave(index, &mqtt::Disconnect::default());
        }
        self.worker.see_off();
        self.worker.pass(0)
    }

    fn queue(&mut self) -> Result<(), Halt> {
        let start = clock::now();
        self.worker.doing = Doing::Queueing;
        self.worker.ledger.now = start;
        self.start_flow(start, u64::MAX);
        self.worker.ledger.measure = Measure::On;
        let from = self.worker.mark();
        while !self.worker.site.shared.is_interrupted() {
            if self.is_over() && self.unanswered() == 0 {
                break;
            }
            let wait = self.produce(self.worker.ledger.now);
            self.worker.pass(wait)?;
            if self.is_stuck() {
                break;
            }
        }
        self.finish_sending();
        self.worker.ledger.measure = Measure::Off;
        self.stretches.push(Stretch { part: Part::Queueing, from, until: self.worker.mark() });
        if self.worker.site.shared.is_interrupted() { Err(Halt::Interrupted) } else { Ok(()) }
    }

    /// Connects all sessions at once and waits for what was queued.
    fn come_back(&mut self) -> Result<(), Halt> {
        self.worker.doing = Doing::Draining;
        let from = self.worker.mark();
        self.flow.latest = None;
        self.worker.settled.clear();
        self.worker.ended.clear();
        self.worker.queue(self.subscribers.clone());
        while self.worker.settled.len() + self.worker.ended.len() < self.subscribers.len() {
            self.worker.pass(SHORT_WAIT_NS)?;
            self.note_progress();
            if self.worker.site.shared.is_interrupted() {
                return Err(Halt::Interrupted);
            }
        }
        self.drain()?;
        self.stretches.push(Stretch { part: Part::Draining, from, until: self.last_mark() });
        Ok(())
    }
}
