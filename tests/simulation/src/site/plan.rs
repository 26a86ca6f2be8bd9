//! What goes wrong in a run, when, and for how long: made of the seed before the run begins.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::engine;

use super::dice::Dice;
use super::fault::Fault;
use super::profile::Profile;
use super::running::Site;
use super::say::say;
use super::wishes::Wishes;

mod kinds;

/// Before the first.
const BEGINS: Duration = Duration::from_secs(1);

/// A fault with its times, since the plan began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Planned {
    at: Duration,
    until: Duration,
    fault: Fault,
}

/// See the module. In the order of their beginnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan(Vec<Planned>);

impl FaultPlan {
    pub fn from_seed(seed: u64, profile: Profile, wishes: &Wishes) -> Self {
        let mut dice = Dice::new(seed, 3);
        let mut planned: Vec<Planned> = Vec::new();
        let (mut at, faults) = (BEGINS, kinds::how_many(profile, &mut dice));
        for _ in 0..faults {
            at += dice.duration(Duration::from_millis(100)..=Duration::from_millis(2500));
            for (later, fault, lasts) in kinds::throw(profile, wishes, &mut dice) {
                at += later;
                let until = if fault.is_momentary() { at } else { at + lasts };
                // One thing at a time happens to a process.
                let strikes = fault.strikes();
                let is_struck =
                    |other: &Planned| strikes.is_some() && other.fault.strikes() == strikes && other.until > at;
                if !planned.iter().any(is_struck) {
                    planned.push(Planned { at, until, fault });
                }
            }
        }
        Self(planned)
    }

    /// When the last one is over, since the plan began. It may take a little longer: stopping a process has no fixed length.
    pub fn end(&self) -> Duration {
        self.0.iter().map(|planned| planned.until).max().unwrap_or(BEGINS)
    }

    /// Has everything happen, and returns when the last is over.
    pub fn run(&self, site: &Site) {
        let begun = engine::now();
        // By time: what ends goes before what begins.
        let mut due: BTreeMap<(Duration, Step, usize), &Fault> = BTreeMap::new();
        for (number, Planned { at, until, fault }) in self.0.iter().enumerate() {
            due.insert((*at, Step::Begin, number), fault);
            due.insert((*until, if at == until { Step::EndAtOnce } else { Step::End }, number), fault);
        }
        let mut under_way = BTreeMap::new();
        for ((at, step, number), fault) in due {
            engine::sleep((begun + at).saturating_sub(engine::now()));
            match step {
                Step::Begin => match site.begin(fault) {
                    Some(fault_begun) => {
                        say(&fault.to_string());
                        under_way.insert(number, fault_begun);
                    }
                    None => say(&format!("left out: {fault}")),
                },
                Step::End | Step::EndAtOnce => {
                    let Some(fault_begun) = under_way.remove(&number) else { continue };
                    site.end(fault_begun);
                    if step == Step::End {
                        say(&format!("over: {fault}"));
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    End,
    Begin,
    EndAtOnce,
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Planned { at, until, fault }) in self.0.iter().enumerate() {
            let before = if nth == 0 { "" } else { "\n" };
            write!(f, "{before}{at:>9.3?} ")?;
            if until > at {
                write!(f, "for {:.3?} ", *until - *at)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_plan_each_time_and_every_profile_but_the_calm_has_some() {
        for profile in Profile::ALL {
            let mut some = 0;
            for seed in 0..100 {
                let wishes = Wishes::from_seed(seed, profile);
                let plan = FaultPlan::from_seed(seed, profile, &wishes);
                assert_eq!(plan, FaultPlan::from_seed(seed, profile, &wishes));
                assert!(plan.end() < Duration::from_secs(90), "{plan}");
                some += usize::from(!plan.0.is_empty());
            }
            assert_eq!(some > 80, profile != Profile::Calm, "{profile}: {some}");
        }
    }

    #[test]
    fn nothing_is_taken_away_that_there_is_only_once() {
        for seed in 0..500 {
            let wishes = Wishes::from_seed(seed, Profile::Everything);
            let plan = FaultPlan::from_seed(seed, Profile::Everything, &wishes);
            for Planned { fault, .. } in &plan.0 {
                let is_kept = wishes.durability == backend::Durability::Fsync && !matches!(fault, Fault::LostDisk(_));
                assert!(!fault.destroys() || is_kept || wishes.survives_a_machine(), "{wishes}: {fault}");
            }
        }
    }
}
