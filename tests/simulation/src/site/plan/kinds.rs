//! Which faults a profile has, and how often.

use std::time::Duration;

use backend::Durability;

use crate::site::dice::Dice;
use crate::site::fault::{Fault, Lasting};
use crate::site::network::Place;
use crate::site::profile::Profile;
use crate::site::wishes::{Encryption, Wishes};

/// How many faults are thrown.
pub fn how_many(profile: Profile, dice: &mut Dice) -> u64 {
    match profile {
        Profile::Calm => 0,
        Profile::Rolling => dice.among(1..=2),
        Profile::Power => dice.among(2..=4),
        Profile::Failover => dice.among(4..=8),
        Profile::Crashes | Profile::Disks | Profile::Clocks | Profile::Certificates => dice.among(3..=6),
        Profile::Network => dice.among(3..=8),
        Profile::Late => dice.among(4..=7),
        Profile::Everything => dice.among(4..=9),
    }
}

/// A fault, so long after those before it, and how long it lasts.
pub type Thrown = (Duration, Fault, Duration);

/// What goes wrong next: several things where they belong together, nothing if this time nothing fits.
pub fn throw(profile: Profile, wishes: &Wishes, dice: &mut Dice) -> Vec<Thrown> {
    if profile == Profile::Late {
        return late(wishes, dice);
    }
    let one = throw_one(profile, wishes, dice);
    one.into_iter().map(|(fault, lasts)| (Duration::ZERO, fault, lasts)).collect()
}

fn throw_one(profile: Profile, wishes: &Wishes, dice: &mut Dice) -> Option<(Fault, Duration)> {
    match profile {
        Profile::Calm | Profile::Late => None,
        Profile::Crashes => crash(wishes, dice),
        Profile::Failover => Some((Fault::Kill(backend(wishes, dice)), brief(dice))),
        Profile::Power => match dice.below(100) {
            0..60 => Some((Fault::PowerCut(backend(wishes, dice)), brief(dice))),
            60..85 => Some((Fault::Blackout, brief(dice))),
            _ => crash(wishes, dice),
        },
        Profile::Network => Some(network(wishes, dice)),
        Profile::Disks => Some(disk(wishes, dice)),
        Profile::Clocks => Some(clock(wishes, dice)),
        Profile::Certificates => match dice.below(100) {
            0..60 => certificate(wishes, dice),
            60..80 => Some(network(wishes, dice)),
            _ => crash(wishes, dice),
        },
        Profile::Rolling => match dice.below(100) {
            0..70 => Some((Fault::Roll, Duration::ZERO)),
            _ => Some((Fault::Stop(process(wishes, dice)), brief(dice))),
        },
        Profile::Everything => match dice.below(100) {
            0..30 => crash(wishes, dice),
            30..60 => Some(network(wishes, dice)),
            60..75 => Some(disk(wishes, dice)),
            75..83 => Some(clock(wishes, dice)),
            83..90 => certificate(wishes, dice),
            90..97 => Some((Fault::Stop(process(wishes, dice)), brief(dice))),
            _ => Some((Fault::Roll, Duration::ZERO)),
        },
    }
}

fn millis(dice: &mut Dice, least: u64, most: u64) -> Duration {
    dice.duration(Duration::from_millis(least)..=Duration::from_millis(most))
}

/// Often short, at times so long that others take it for dead.
fn brief(dice: &mut Dice) -> Duration {
    match dice.below(100) {
        0..50 => millis(dice, 20, 500),
        50..94 => millis(dice, 500, 4_000),
        _ => millis(dice, 4_000, 9_000),
    }
}

fn backend(wishes: &Wishes, dice: &mut Dice) -> Place {
    Place::Backend(dice.below(wishes.backends.into()) as u16)
}

fn frontend(wishes: &Wishes, dice: &mut Dice) -> Place {
    Place::Frontend(dice.below(wishes.frontends.into()) as u16)
}

fn process(wishes: &Wishes, dice: &mut Dice) -> Place {
    if dice.happens(60).is_yes() { backend(wishes, dice) } else { frontend(wishes, dice) }
}

/// Two that talk to each other.
fn neighbours(wishes: &Wishes, dice: &mut Dice) -> (Place, Place) {
    let far = backend(wishes, dice);
    let near = match dice.below(100) {
        0..45 => frontend(wishes, dice),
        _ => backend(wishes, dice),
    };
    if near != far {
        return (near, far);
    }
    match dice.below(4) {
        0 => (Place::Clients, frontend(wishes, dice)),
        _ => (frontend(wishes, dice), far),
    }
}

/// One road between a frontend and a backend stalls. What the backend says is then still under way when it is killed, or when
/// the others have elected another; what is said to it comes behind what other frontends say.
fn late(wishes: &Wishes, dice: &mut Dice) -> Vec<Thrown> {
    let (near, far) = (frontend(wishes, dice), backend(wishes, dice));
    let before = millis(dice, 100, 800);
    match dice.below(100) {
        0..70 if wishes.survives_a_machine() => {
            let lasts = millis(dice, 2_000, 4_000);
            vec![(Duration::ZERO, Fault::OneWay(far, near), before + lasts), (before, Fault::Deposed(far), lasts)]
        }
        0..40 => vec![(Duration::ZERO, Fault::OneWay(near, far), millis(dice, 300, 2_500))],
        _ => vec![
            (Duration::ZERO, Fault::OneWay(far, near), before + millis(dice, 0, 300)),
            (before, Fault::Kill(far), millis(dice, 20, 1_500)),
        ],
    }
}

fn crash(wishes: &Wishes, dice: &mut Dice) -> Option<(Fault, Duration)> {
    let is_fsync = wishes.durability == Durability::Fsync;
    let fault = match dice.below(100) {
        0..35 => Fault::Kill(backend(wishes, dice)),
        35..55 => Fault::Kill(frontend(wishes, dice)),
        55..72 => Fault::Freeze(process(wishes, dice)),
        72..85 if is_fsync || wishes.survives_a_machine() => Fault::PowerCut(backend(wishes, dice)),
        85..92 if wishes.survives_a_machine() => Fault::LostDisk(backend(wishes, dice)),
        92..97 if is_fsync => Fault::Blackout,
        _ => Fault::Kill(process(wishes, dice)),
    };
    Some((fault, brief(dice)))
}

fn network(wishes: &Wishes, dice: &mut Dice) -> (Fault, Duration) {
    let (one, other) = neighbours(wishes, dice);
    let (from, to) = if dice.happens(50).is_yes() { (one, other) } else { (other, one) };
    let fault = match dice.below(100) {
        0..22 => Fault::Cut(one, other),
        22..40 => Fault::Apart(one, other),
        40..56 => Fault::OneWay(from, to),
        56..68 => Fault::Isolated(process(wishes, dice)),
        68..78 => Fault::Refused(one, other),
        78..88 => Fault::Slow(one, other, dice.among(2_000..=100_000)),
        _ => Fault::Far(process(wishes, dice), millis(dice, 1, 300)),
    };
    (fault, brief(dice))
}

fn disk(wishes: &Wishes, dice: &mut Dice) -> (Fault, Duration) {
    let at = backend(wishes, dice);
    let fault = match dice.below(100) {
        0..40 => Fault::FullDisk(at),
        _ => Fault::SlowDisk(at, millis(dice, 1, 150)),
    };
    (fault, brief(dice))
}

fn clock(wishes: &Wishes, dice: &mut Dice) -> (Fault, Duration) {
    let by = match dice.below(100) {
        0..70 => millis(dice, 50, 5_000),
        _ => millis(dice, 5_000, 120_000),
    };
    let lasting = if dice.happens(50).is_yes() { Lasting::Ahead(by) } else { Lasting::Behind(by) };
    (Fault::Clock(process(wishes, dice), lasting), millis(dice, 1_000, 10_000))
}

fn certificate(wishes: &Wishes, dice: &mut Dice) -> Option<(Fault, Duration)> {
    if wishes.encryption == Encryption::None {
        return None;
    }
    let fault = match dice.below(100) {
        0..65 => Fault::Renewal(process(wishes, dice)),
        _ => Fault::Succession,
    };
    Some((fault, Duration::ZERO))
}
