//! Guards of the product that can be broken.

use std::fmt;
use std::str::FromStr;

use partition::sabotage::Guard;

/// What is broken in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    Partition(Guard),
    /// A link takes frames twice.
    LinkRepeats,
}

impl Sabotage {
    pub fn all() -> impl Iterator<Item = Self> {
        Guard::ALL.into_iter().map(Self::Partition).chain([Self::LinkRepeats])
    }

    /// From now on, in this process.
    pub fn commit(self) {
        match self {
            Self::Partition(guard) => partition::sabotage::break_guard(guard),
            Self::LinkRepeats => link::sabotage::take_frames_twice(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Partition(Guard::LaneRepeats) => "lane-repeats",
            Self::Partition(Guard::Synced) => "synced",
            Self::Partition(Guard::Resume) => "resume",
            Self::Partition(Guard::TakeOver) => "take-over",
            Self::Partition(Guard::Identifiers) => "identifiers",
            Self::Partition(Guard::ExactlyOnce) => "exactly-once",
            Self::Partition(Guard::CloseEpoch) => "close-epoch",
            Self::Partition(Guard::Subscribed) => "subscribed",
            Self::Partition(Guard::LaneOrder) => "lane-order",
            Self::Partition(Guard::AnswerRepeats) => "answer-repeats",
            Self::Partition(Guard::Taken) => "taken",
            Self::LinkRepeats => "link-repeats",
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sabotage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|known| known.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::name).collect();
            format!("there is no guard {text}; there are {}", names.join(", "))
        })
    }
}
