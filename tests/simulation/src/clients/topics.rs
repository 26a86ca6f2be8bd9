//! Which topics there are, and who subscribes to what.

use crate::site::dice::Dice;

/// Topics for everybody, for shared groups alone, and that retain.
const PLAIN: u64 = 6;
const SHARED: u64 = 2;
const REGISTERS: u64 = 4;

/// A topic to publish to, without retain.
pub fn plain(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 | 1 => format!("s/{}", dice.below(SHARED)),
        _ => format!("t/{}", dice.below(PLAIN)),
    }
}

pub fn register(dice: &mut Dice) -> String {
    format!("r/{}", dice.below(REGISTERS))
}

/// All topics that retain something.
pub fn registers() -> impl Iterator<Item = String> {
    (0..REGISTERS).map(|number| format!("r/{number}"))
}

/// Where a client's will goes.
pub fn will(client: u16) -> String {
    format!("w/{client}")
}

pub const WILLS: &str = "w/#";

/// A filter that is not shared.
pub fn filter(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => "t/#".into(),
        1 => "+/1".into(),
        2 => "#".into(),
        3 => "r/+".into(),
        4 => format!("r/{}", dice.below(REGISTERS)),
        _ => format!("t/{}", dice.below(PLAIN)),
    }
}

/// The filter of a group.
pub fn shared(group: u64) -> String {
    match group {
        0 => "$share/g/s/+".into(),
        _ => format!("$share/h/s/{}", group % SHARED),
    }
}
