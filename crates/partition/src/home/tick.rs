//! `Tick`: sessions end and wills are published when their time has come.

use crate::effects::Effects;
use crate::moment::Moment;

use super::Home;

/// Deadlines met by one tick; the next follows at once.
const DEADLINES: usize = 256;

impl Home {
    pub(crate) fn tick(&mut self, at: Moment, out: &mut Effects) {
        for _ in 0..DEADLINES {
            let Some((_, client_id)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= at.now) else {
                return;
            };
            let Some((client_id, mut session)) = self.take(&client_id.clone()) else { return };
            if session.ends.is_some_and(|ends| ends <= at.now) {
                self.expired += 1;
                self.end(&client_id, session, at.now, out);
                continue;
            }
            session.will_due = None;
            if let Some(will) = session.will.take() {
                self.publish_will(&client_id, session.epoch, &will, at.now, out);
            }
            self.put(client_id, session);
        }
    }
}
