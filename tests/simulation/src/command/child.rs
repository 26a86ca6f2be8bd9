//! One seed, in this process.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::arguments::Arguments;
use super::scenario::{self, Remains};
use super::tally::Tally;
use crate::engine::{self, Bounds};
use crate::oracle::{Violation, judge};

/// What a child ends with when something is wrong.
pub const WRONG: u8 = 1;

/// So many are shown of each rule.
const SHOWN: usize = 3;

static PANICS: AtomicUsize = AtomicUsize::new(0);

pub fn main(arguments: &Arguments) -> ExitCode {
    let seed = arguments.all_seeds().start;
    let profile = arguments.profile_of(seed);
    // Says nothing yet: until something comes of it, it is the run that it is without.
    if let Some(sabotage) = arguments.sabotage {
        sabotage.commit();
    }
    count_panics();
    let bounds = Bounds { virtual_time: Duration::from_secs(900), ..Bounds::default() };
    let outcome = engine::run(seed, bounds, move || scenario::run(seed, profile));
    let Remains { mut record, circumstances, trouble } = outcome.value;
    circumstances.disturbances.iter().for_each(|fault| {
        record.note(fault.from, format!("{}, until {:.3}", fault.text, fault.until.as_secs_f64()));
    });
    record.order_notes();
    if arguments.trace {
        println!("{}", record.whole());
    }
    let mut is_right = true;
    for (rule, violations) in judge(&record, &circumstances) {
        is_right = false;
        println!("VIOLATION of {}, {} times", rule.name, violations.len());
        violations.iter().take(SHOWN).for_each(|violation: &Violation| {
            println!("{}", violation.report(rule.name, &record));
        });
    }
    if let Some(trouble) = trouble {
        is_right = false;
        println!("VIOLATION of settled\nsettled: the site did not come to rest: {trouble}");
    }
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        is_right = false;
        println!("VIOLATION of no-panic\nno-panic: {panics} threads have panicked, see above");
    }
    let mut tally = Tally::of(&record);
    tally.add("milliseconds", outcome.now.as_millis() as u64);
    tally.add("turns", outcome.steps);
    if let Some(sabotage) = arguments.sabotage {
        println!("broken on purpose: {sabotage}");
    }
    println!("trace {:016x}\n{tally}", outcome.trace);
    if is_right { ExitCode::SUCCESS } else { ExitCode::from(WRONG) }
}

/// A panic of a product's thread ends nothing by itself.
fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
}
