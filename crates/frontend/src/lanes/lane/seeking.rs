//! Which backend leads the partition.

use partition::lane::ToPartition;

use super::{Lane, Outlet, Stage};

/// How long a backend may take to open the lane before another is asked.
const OPENING_MS: u64 = 2000;

/// How long a leader may be out of reach before another replica is asked.
pub(super) const PATIENCE_MS: u64 = 300;

/// How long a leader may take nothing of what it is told before the lane is opened anew, there or elsewhere.
const STALL_MS: u64 = 10_000;

/// Between two questions to backends that do not lead the partition.
const FIRST_PAUSE_MS: u64 = 50;
const LAST_PAUSE_MS: u64 = 500;

impl Lane {
    /// Looks for the leader if there is none. `is_up` tells whether messages to a backend travel.
    pub fn look(&mut self, now: u64, is_up: impl Fn(u16) -> bool, out: &mut Outlet) {
        match self.stage {
            Stage::Seeking { from } if now < from => {}
            Stage::Seeking { .. } => self.ask(now, is_up, out),
            Stage::Opening { backend, since } => {
                if !is_up(backend) || now >= since + OPENING_MS {
                    self.pass_over(backend, now);
                }
            }
            Stage::Open { backend } if is_up(backend) => {
                self.away_since = None;
                if self.batches.is_empty() {
                    self.moved_at = now;
                } else if now >= self.moved_at + STALL_MS {
                    tracing::warn!(backend, batches = self.batches.len(), "a partition's leader takes nothing");
                    self.pass_over(backend, now);
                }
            }
            Stage::Open { backend } => {
                let since = *self.away_since.get_or_insert(now);
                self.moved_at = now;
                // With one replica there is nobody else to ask: its link goes on where it was.
                if now >= since + PATIENCE_MS && self.replicas.len() > 1 {
                    self.next = self.behind(backend);
                    self.stage = Stage::Seeking { from: now };
                }
            }
        }
    }

    fn ask(&mut self, now: u64, is_up: impl Fn(u16) -> bool, out: &mut Outlet) {
        let places = (0..self.replicas.len()).map(|step| (self.next + step) % self.replicas.len());
        let asked = self.hint.take().filter(|hint| is_up(*hint)).or_else(|| {
            let mut up = places.map(|place| self.replicas[place]).filter(|backend| is_up(*backend));
            up.next()
        });
        let Some(backend) = asked else {
            self.stage = Stage::Seeking { from: now + FIRST_PAUSE_MS };
            return;
        };
        let open = ToPartition::Open { incarnation: self.incarnation, received: self.received };
        out.messages.push((backend, open.encode()));
        self.asked.ask(backend);
        self.stage = Stage::Opening { backend, since: now };
    }

    /// A backend says that it leads: it is gone to at once, wherever the lane is, unless another has said so of a later
    /// term. A leader that was replaced may not hear of it for long, and be reached all the while.
    pub(super) fn on_leads(&mut self, backend: u16, term: u64, now: u64) {
        if !self.reigns.is_later(backend, term) || self.is_at(backend) {
            return;
        }
        (self.hint, self.failures) = (Some(backend), 0);
        self.stage = Stage::Seeking { from: now };
    }

    fn behind(&self, backend: u16) -> usize {
        self.replicas.iter().position(|replica| *replica == backend).map_or(0, |place| place + 1)
    }

    /// The backend does not open the lane: another is asked, after a pause that grows.
    pub(super) fn pass_over(&mut self, backend: u16, now: u64) {
        let rounds = self.failures / self.replicas.len().max(1) as u64;
        self.failures += 1;
        self.next = self.behind(backend);
        let pause = (FIRST_PAUSE_MS * (rounds + 1)).min(LAST_PAUSE_MS);
        // A leader that was named is asked at once, but for those that name each other for ever.
        let pause = if self.hint.is_some() && rounds == 0 { 0 } else { pause };
        self.stage = Stage::Seeking { from: now + pause };
    }
}
