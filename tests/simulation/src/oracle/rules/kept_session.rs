//! A session that is kept is there when its client comes back, and one that has ended is not.
//!
//! **Claim.** A CONNECT without clean start is answered with session present 1 if the client has a session that it was told of, that is kept
//! beyond the run, and that it has done nothing to end since. It is answered with 0 if all that the client ever asked for were
//! sessions that end with their connection. With clean start it is answered with 0 (MQTT-3.2.2-2, -3).
//!
//! **Let pass.** Sessions that are kept for less than the run: when the broker began to count is not known to clients. CONNECTs
//! that were not answered may have begun or ended a session. Sessions that a power cut or a lost disk may have taken.

use crate::oracle::history::{Connection, History, Keeping};
use crate::oracle::{Circumstances, Losses, Violation};

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    history.connections.values().filter_map(|connection| wrong(history, circumstances, connection)).collect()
}

fn wrong(history: &History<'_>, circumstances: &Circumstances, connection: &Connection) -> Option<Violation> {
    let accepted = connection.accepted?;
    let client = connection.client;
    if connection.clean_start && connection.session_present {
        let text = format!("{client} asked for a clean start, and was told of a session");
        return Some(Violation::new(text, [connection.connect, accepted]));
    }
    let mut earlier = history.of_client(client).filter(|other| other.connect < connection.connect);
    if connection.session_present && earlier.all(|other| other.expiry == 0) {
        let text = format!("{client} was told of a session, and never had one that outlives its connection");
        return Some(Violation::new(text, [connection.connect, accepted]));
    }
    let lives = history.lives.iter().filter(|life| life.client == client && life.certain < connection.connect);
    let life = lives.max_by_key(|life| life.certain)?;
    let is_kept = life.keeping == Keeping::Long && life.may_end.is_none_or(|end| end >= connection.connect);
    let is_lost = is_kept && !connection.clean_start && !connection.session_present;
    (is_lost && circumstances.losses == Losses::None).then(|| {
        let text = format!("the session of {client} was to be kept, and is gone");
        Violation::new(text, [life.certain, connection.connect, accepted])
    })
}

#[cfg(test)]
mod tests {
    use crate::oracle::history::LONG;
    use crate::oracle::{Losses, Scene};

    const RULE: &str = "kept-session";

    #[test]
    fn a_session_that_is_gone_is_seen() {
        let mut scene = Scene::new();
        let first = scene.persistent(1);
        scene.lose(first);
        let second = scene.connect(1, false, LONG, None);
        scene.accept(second, false);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.circumstances.losses = Losses::Acknowledged;
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn an_unanswered_clean_start_may_have_ended_it() {
        let mut scene = Scene::new();
        let first = scene.persistent(1);
        scene.lose(first);
        let unanswered = scene.connect(1, true, 0, None);
        scene.lose(unanswered);
        let second = scene.connect(1, false, LONG, None);
        scene.accept(second, false);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_session_that_was_never_there_is_seen() {
        let mut scene = Scene::new();
        let first = scene.transient(1);
        scene.lose(first);
        scene.resume(1);
        assert_eq!(scene.violations(RULE).len(), 1);
        let clean = scene.connect(2, true, LONG, None);
        scene.accept(clean, true);
        assert_eq!(scene.violations(RULE).len(), 2);
    }
}
