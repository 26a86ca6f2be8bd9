//! Messages that a broker keeps: queued for sessions that are away and come back, or retained for subscribers to come.

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
        self.hand_in(Part::Queueing)?;
        self.worker.gate(3)?;
        self.come(Part::Draining)?;
        self.worker.gate(4)
    }

    pub(super) fn store_and_flood(&mut self) -> Result<(), Halt> {
        self.worker.bring_up(self.publishers.clone())?;
        self.worker.gate(1)?;
        self.hand_in(Part::Storing)?;
        self.worker.gate(2)?;
        self.come(Part::Flooding)?;
        self.worker.gate(3)
    }

    fn go_offline(&mut self) -> Result<(), Halt> {
        for index in self.subscribers.clone() {
            self.worker.leave(index, &mqtt::Disconnect::default());
        }
        self.worker.see_off();
        self.worker.pass(0)
    }

    /// Publishes everything, and waits until all of it is acknowledged.
    fn hand_in(&mut self, part: Part) -> Result<(), Halt> {
        let start = clock::now();
        self.worker.doing = if part == Part::Storing { Doing::Storing } else { Doing::Queueing };
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
        self.stretches.push(Stretch { part, from, until: self.worker.mark() });
        if self.worker.site.shared.is_interrupted() { Err(Halt::Interrupted) } else { Ok(()) }
    }

    /// Connects all subscribers at once and waits for what was kept for them.
    fn come(&mut self, part: Part) -> Result<(), Halt> {
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
        self.stretches.push(Stretch { part, from, until: self.last_mark() });
        Ok(())
    }
}
