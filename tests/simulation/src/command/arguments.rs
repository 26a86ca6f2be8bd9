//! What can be said on the command line.

use std::ops::Range;

use clap::Parser;

use super::guards::Sabotage;
use crate::site::Profile;

/// Runs frontends, backends and clients in one process by a seed, has things go wrong, and judges what clients saw.
#[derive(Clone, Debug, Parser)]
#[command(name = "simulation")]
pub struct Arguments {
    /// One seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
    pub seed: Option<u64>,
    /// Seeds from the first to before the second, as in 0..1000.
    #[arg(long, value_parser = range)]
    pub seeds: Option<Range<u64>>,
    /// The faults of every run: calm, crashes, failover, late, power, network, disks, clocks, certificates, rolling, everything. Without it, the
    /// seed decides.
    #[arg(long)]
    pub profile: Option<Profile>,
    /// Runs at a time; as many as there are processors if not said.
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Prints the whole record of what clients did and saw, with the engine's notes.
    #[arg(long)]
    pub trace: bool,
    /// Breaks a guard of the product, to see that it is noticed.
    #[arg(long)]
    pub sabotage: Option<Sabotage>,
    /// Ends with the first run that fails.
    #[arg(long)]
    pub first: bool,
}

impl Arguments {
    pub fn all_seeds(&self) -> Range<u64> {
        match (&self.seeds, self.seed) {
            (Some(seeds), _) => seeds.clone(),
            (None, seed) => {
                let seed = seed.unwrap_or(0);
                seed..seed + 1
            }
        }
    }

    /// Most runs have some of everything; each kind of fault has runs of its own.
    pub fn profile_of(&self, seed: u64) -> Profile {
        let own = |seed: u64| Profile::ALL[(seed / 2) as usize % Profile::ALL.len()];
        self.profile.unwrap_or(if seed.is_multiple_of(2) { Profile::Everything } else { own(seed) })
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.filter(|seeds: &Range<u64>| !seeds.is_empty()).ok_or_else(|| format!("{text} is no range such as 0..1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_beginning_and_an_end() {
        assert_eq!(range("3..7"), Ok(3..7));
        for wrong in ["3", "7..3", "a..b", "3..=7", ".."] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_profile_each_has_its_seeds() {
        let arguments = Arguments::parse_from(["simulation", "--seeds", "0..100"]);
        for profile in Profile::ALL {
            assert!(arguments.all_seeds().any(|seed| arguments.profile_of(seed) == profile), "{profile}");
        }
    }
}
