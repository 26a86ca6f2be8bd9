//! How many of what a site has.

use std::fmt;
use std::time::Duration;

use backend::{Durability, Placement};
use partition::PartitionId;

use super::dice::Dice;
use super::profile::Profile;

/// What connections between processes are protected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    None,
    /// Both sides show certificates, which last that long.
    Mutual {
        certificates_last: Duration,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub seed: u64,
    pub frontends: u16,
    /// Of each frontend.
    pub workers: u16,
    pub backends: u16,
    pub partitions: u16,
    /// `redundancyFactor`.
    pub replicas: u16,
    pub durability: Durability,
    pub encryption: Encryption,
    /// One way, between any two places.
    pub delay: Duration,
    /// Added to it, up to that, each time anew.
    pub jitter: Duration,
}

/// Lasts beyond every run.
const LONG: Duration = Duration::from_secs(240 * 3600);

impl Wishes {
    pub fn from_seed(seed: u64, profile: Profile) -> Self {
        let mut dice = Dice::new(seed, 1);
        // A run with several copies costs as much as five with one.
        let replicas: u16 = match dice.below(100) {
            0..62 => 1,
            62..67 => 2,
            67..93 => 3,
            _ => 5,
        };
        let backends = match replicas {
            1 => dice.among(1..=3),
            2 => dice.among(2..=3),
            3 => dice.among(3..=4),
            _ => 5,
        } as u16;
        // What there is between partitions is seen where each has one copy too; what there is between groups, with two.
        let partitions = match (replicas, dice.below(100)) {
            (1, 0..20) | (2.., 0..65) => 1,
            (1, 20..50) | (2.., _) => 2,
            _ => dice.among(3..=4),
        } as u16;
        let short = Duration::from_secs(dice.among(12..=30));
        let encryption = match profile {
            Profile::Certificates => Encryption::Mutual { certificates_last: short },
            _ if dice.happens(35).is_yes() => {
                let rotates = profile == Profile::Everything && dice.happens(60).is_yes();
                Encryption::Mutual { certificates_last: if rotates { short } else { LONG } }
            }
            _ => Encryption::None,
        };
        let is_synced = dice.happens(25).is_yes() || profile == Profile::Power;
        let durability = if is_synced { Durability::Fsync } else { Durability::Async };
        let micros = |dice: &mut Dice, most| Duration::from_micros(dice.among(50..=most));
        let (delay, jitter) = match dice.below(100) {
            0..70 if profile != Profile::Failover => (micros(&mut dice, 1_000), micros(&mut dice, 1_000)),
            _ => (micros(&mut dice, 10_000), micros(&mut dice, 20_000)),
        };
        Self {
            seed,
            frontends: dice.among(1..=3) as u16,
            workers: dice.among(1..=2) as u16,
            backends,
            partitions,
            replicas,
            durability,
            encryption,
            delay,
            jitter,
        }
    }

    /// Where the replicas are, as the product places them.
    pub fn placement(&self) -> Placement {
        let of = |partition| (0..self.replicas).map(move |nth| (partition + nth) % self.backends).collect();
        Placement((0..self.partitions).map(of).collect())
    }

    pub fn all_partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId)
    }

    /// Whether what a process has not brought to its device is somewhere else too: a machine may lose its power, and its disk.
    pub fn survives_a_machine(&self) -> bool {
        self.replicas >= 3
    }
}

impl fmt::Display for Wishes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, frontends, workers, backends, partitions, replicas, .. } = self;
        let durability = if self.durability == Durability::Fsync { "fsync" } else { "async" };
        write!(
            f,
            "seed {seed}: {frontends} frontends with {workers} workers, {backends} backends, {partitions} partitions with {replicas} \
             replicas, {durability}, "
        )?;
        match self.encryption {
            Encryption::None => write!(f, "plain links")?,
            Encryption::Mutual { certificates_last } if certificates_last >= LONG => write!(f, "encrypted links")?,
            Encryption::Mutual { certificates_last } => {
                write!(f, "encrypted links, certificates of {} s", certificates_last.as_secs())?;
            }
        }
        write!(f, ", {:?} one way and up to {:?} more", self.delay, self.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_can_be_placed_and_all_kinds_come_up() {
        let mut replicas = std::collections::BTreeSet::new();
        for seed in 0..300 {
            for profile in Profile::ALL {
                let wishes = Wishes::from_seed(seed, profile);
                assert!((1..=3).contains(&wishes.frontends) && (1..=2).contains(&wishes.workers), "{wishes}");
                assert!((1..=5).contains(&wishes.backends) && (1..=4).contains(&wishes.partitions), "{wishes}");
                assert!(wishes.replicas <= wishes.backends, "{wishes}");
                assert_eq!(wishes.placement().0.len(), usize::from(wishes.partitions));
                replicas.insert(wishes.replicas);
            }
        }
        assert_eq!(replicas.into_iter().collect::<Vec<_>>(), [1, 2, 3, 5]);
    }
}
