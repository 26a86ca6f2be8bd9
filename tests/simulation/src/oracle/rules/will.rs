//! A will is published once where its connection ends without a word, and never where it ends well.
//!
//! **Due.** A connection that was accepted and ends other than by DISCONNECT 0x00 (lost, closed, taken over, sent away) has its will published:
//! without a will delay, or when its session ends with it, in any case; with a delay, if its client has not come back
//! until [`SETTLED`] after it has passed, or came back with a clean start. "Published" is seen by the sessions that are kept, and
//! subscribed with QoS 1 or 2 from before the CONNECT to the end: each receives it.
//!
//! **Once.** No session gets it twice, but for a repetition under the same identifier.
//!
//! **Never.** Of a connection that is open at the end; of a CONNECT that was refused; after DISCONNECT 0x00, if no fault is felt from then
//! on; with a delay, if the client has come back to the same session before it had passed, and no fault was felt since the CONNECT.
//!
//! **Let pass.** CONNECTs that were not answered. What ended within [`SETTLED`] of the end. Delays where wall clocks
//! jump. DISCONNECT on a connection that another had taken over. A frontend that dies or is cut off may not have passed on
//! that its client said goodbye: the will is then published (docs/operations.md, "What survives what").

use std::time::Duration;

use mqtt::ReasonCode;

use crate::oracle::history::{Connection, History, Keeping, LifeNumber, Novelty};
use crate::oracle::reach::{certain, is_kept_to_the_end, is_sure};
use crate::oracle::record::{Place, Will};
use crate::oracle::{Circumstances, Losses, Violation};

/// Six seconds until a frontend counts as gone, and time for everything else to come back.
const SETTLED: Duration = Duration::from_secs(10);

/// What should have become of a will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Due(&'static str),
    Never(&'static str),
    Open,
}

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    let mut violations = Vec::new();
    for connection in history.connections.values() {
        let Some(will) = connection.will else { continue };
        violations.extend(twice(history, circumstances, will));
        let got = history.receptions.iter().find(|got| got.message == Some(will.message));
        match fate(history, circumstances, connection, will) {
            Fate::Never(why) => violations.extend(got.map(|got| {
                let text = format!("the will {} of {} was published, and {why}", will.message, connection.number);
                Violation::new(text, [connection.connect, got.place])
            })),
            Fate::Due(why) => violations.extend(missing(history, connection, will, why)),
            Fate::Open => {}
        }
    }
    violations
}

fn fate(history: &History<'_>, circumstances: &Circumstances, connection: &Connection, will: Will) -> Fate {
    let at = |place: Place| history.record.entries[place].at;
    let Some(accepted) = connection.accepted else {
        return if connection.is_refused { Fate::Never("its CONNECT was refused") } else { Fate::Open };
    };
    let Some((closed, _)) = connection.closed else { return Fate::Never("the connection is open") };
    let others = history.of_client(connection.client).filter(|other| other.connect > connection.connect);
    let next = others.min_by_key(|other| other.connect);
    if let Some((left, ReasonCode::Success, _)) = connection.disconnect {
        let is_own = next.is_none_or(|next| next.connect > left);
        let is_calm = circumstances.is_calm(at(accepted), at(left) + SETTLED);
        return if is_own && is_calm { Fate::Never("its client said goodbye") } else { Fate::Open };
    }
    if circumstances.losses != Losses::None || at(closed) + SETTLED > history.record.end() {
        return Fate::Open;
    }
    if will.delay == 0 || connection.expiry == 0 {
        return Fate::Due("its connection ended without a word");
    }
    let delay = Duration::from_secs(will.delay.into());
    if !circumstances.clocks_are_true() || at(closed) + delay + SETTLED > history.record.end() {
        return Fate::Open;
    }
    match next {
        None => Fate::Due("its delay has passed"),
        Some(next) if next.clean_start && next.accepted.is_some() => {
            Fate::Due("its session was ended by a clean start")
        }
        Some(next) if at(next.connect) > at(closed) + delay + SETTLED => Fate::Due("its delay had passed"),
        Some(next) => {
            let is_back = next.session_present && next.life == connection.life;
            let back = next.accepted.filter(|_| is_back && next.connect > closed).map(at);
            let is_in_time = back.is_some_and(|back| back + Duration::from_secs(2) < at(closed) + delay);
            let is_calm = back.is_some_and(|back| circumstances.is_calm(at(connection.connect), back));
            let is_first = will.delay < connection.expiry;
            if is_in_time && is_calm && is_first { Fate::Never("its client was back in time") } else { Fate::Open }
        }
    }
}

fn missing(history: &History<'_>, connection: &Connection, will: Will, why: &str) -> Vec<Violation> {
    let message = history.record.of(will.message);
    let lives = history.lives.iter().enumerate().filter(|(_, life)| is_kept_to_the_end(history, life));
    let missing = lives.filter_map(|(number, life)| {
        let grant = certain(life, message, connection.connect, usize::MAX)?;
        let is_due = is_sure(grant, message) && life.keeping == Keeping::Long;
        if !is_due || history.received(number, will.message).next().is_some() {
            return None;
        }
        let text = format!(
            "the will {} {message} of {} was never published, though {why}: {} has been subscribed to {} all along",
            will.message, connection.number, life.client, grant.filter
        );
        Some(Violation::new(text, [connection.connect].into_iter().chain(grant.certain)))
    });
    missing.collect()
}

fn twice(history: &History<'_>, circumstances: &Circumstances, will: Will) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let mut first: Vec<(LifeNumber, Place)> = Vec::new();
    let mut violations = Vec::new();
    let of_will = |got: &&_| is_copy(got, will);
    for got in history.receptions.iter().filter(of_will) {
        match first.iter().find(|(life, _)| *life == got.life) {
            Some((_, before)) => {
                let client = history.lives[got.life].client;
                let text = format!("the will {} was published twice, as {client} saw", will.message);
                violations.push(Violation::new(text, [*before, got.place]));
            }
            None => first.push((got.life, got.place)),
        }
    }
    violations
}

fn is_copy(got: &crate::oracle::Reception<'_>, will: Will) -> bool {
    got.message == Some(will.message) && !got.retain && got.novelty == Novelty::New
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mqtt::ReasonCode;

    use crate::oracle::Scene;
    use crate::oracle::circumstances::{Disturbance, Kind};
    use crate::oracle::history::LONG;
    use crate::oracle::record::{Closed, ConnectionNumber, MessageNumber, What, Will};

    const RULE: &str = "will";

    /// A watcher, and a connection with a will.
    fn scene(delay: u32) -> (Scene, ConnectionNumber, ConnectionNumber, MessageNumber) {
        let mut scene = Scene::new();
        let watcher = scene.persistent(1);
        scene.subscribe(watcher, "w/#", 1);
        let message = scene.message(2, "w/2", 1);
        let connection = scene.connect(2, true, LONG, Some(Will { message, delay }));
        scene.record.messages[message.0 as usize].will_of = Some(connection);
        scene.accept(connection, false);
        (scene, watcher, connection, message)
    }

    fn pass(scene: &mut Scene, seconds: usize) {
        let busy = scene.transient(9);
        for _ in 0..seconds {
            scene.publish(busy, "x", 0);
        }
    }

    #[test]
    fn a_lost_connection_has_its_will_published_once() {
        let (mut scene, watcher, connection, will) = scene(0);
        scene.lose(connection);
        assert_eq!(scene.violations(RULE), [], "it may be on its way");
        pass(&mut scene, 50);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE), []);
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn a_will_after_goodbye_or_of_an_open_connection_is_seen() {
        let (mut scene, watcher, connection, will) = scene(0);
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE).len(), 1, "open");
        scene.add(connection, What::Disconnect { reason: ReasonCode::Success, expiry: None });
        scene.add(connection, What::Closed(Closed::ByServer));
        assert_eq!(scene.violations(RULE).len(), 1, "goodbye");
        let (mut scene, watcher, connection, will) = self::scene(0);
        scene.add(connection, What::Disconnect { reason: ReasonCode::DisconnectWithWill, expiry: None });
        scene.add(connection, What::Closed(Closed::ByServer));
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_connect_that_is_refused_leaves_no_will_whatever_goes_wrong() {
        for is_refused in [true, false] {
            let (mut scene, watcher, _, _) = self::scene(0);
            let message = scene.message(3, "w/3", 1);
            let connection = scene.connect(3, true, LONG, Some(Will { message, delay: 0 }));
            scene.record.messages[message.0 as usize].will_of = Some(connection);
            if is_refused {
                scene.add(connection, What::Refused(ReasonCode::ServerUnavailable));
            }
            scene.add(connection, What::Closed(Closed::ByServer));
            scene.deliver(watcher, message);
            let (from, until) = (Duration::ZERO, scene.record.end());
            let text = "frontend-0 is cut off".to_owned();
            scene.circumstances.disturbances = vec![Disturbance { from, until, kind: Kind::Other, text }];
            assert_eq!(scene.violations(RULE).len(), usize::from(is_refused));
        }
    }

    #[test]
    fn a_delay_is_cut_short_by_coming_back() {
        let (mut scene, watcher, connection, will) = scene(30);
        scene.lose(connection);
        scene.resume(2);
        pass(&mut scene, 90);
        assert_eq!(scene.violations(RULE), []);
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn a_delay_that_passes_makes_it_due() {
        let (mut scene, watcher, connection, will) = scene(30);
        scene.lose(connection);
        pass(&mut scene, 90);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(watcher, will);
        assert_eq!(scene.violations(RULE), []);
    }
}
