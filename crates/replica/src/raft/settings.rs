//! How a member is set up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use partition::{PartitionId, SlotTable};

use super::group::{Durability, MemberId};
use crate::bodies::BodySettings;
use crate::log::LogSettings;

/// Entries in one message to a follower.
const ENTRIES_A_MESSAGE: u64 = 64;

/// How a directory came to be a member's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is one already; anything else is refused.
    Known,
    /// As `Known`, also where the end of its log may be missing: for when so many have forgotten something that the others
    /// can elect nobody. What a machine that went down had not on its device is then lost, as `async` says.
    Resumes,
    /// It is the first of its group if it is none yet; what solo has left there is the beginning of the log. The others
    /// have joined, with nothing, and vote from the beginning: nothing is committed without a majority of all.
    Founds { with: BTreeSet<MemberId> },
    /// It is new, with nothing in its directory, and is told everything by the others.
    Joins,
}

impl Origin {
    /// Founds a group in which nobody else votes yet.
    pub fn founds_alone() -> Self {
        Self::Founds { with: BTreeSet::new() }
    }
}

/// How patient members are with each other.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Also how long one may take to be answered.
    pub heartbeat: Duration,
    /// A member stands for election when it has heard nothing from the leader for `election_to` and then a random time
    /// from here ...
    pub election_from: Duration,
    /// ... to here. A leader takes nothing when a majority has not answered for so long, and serves what is not
    /// logged only while it has within `election_from`.
    pub election_to: Duration,
    /// For a message with entries, and for a piece of a snapshot.
    pub message: Duration,
    /// For the last piece of a snapshot: until it is installed.
    pub install: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(75),
            election_from: Duration::from_millis(200),
            election_to: Duration::from_millis(350),
            message: Duration::from_secs(5),
            install: Duration::from_secs(60),
        }
    }
}

/// How a member is set up.
#[derive(Clone, Debug)]
pub struct MemberSettings {
    /// Holds `log`, `bodies`, `snapshots`, `arriving`, `ballot` and `committed` of this member alone.
    pub dir: PathBuf,
    pub member: MemberId,
    pub origin: Origin,
    pub partition: PartitionId,
    pub slots: SlotTable,
    pub durability: Durability,
    pub log: LogSettings,
    pub bodies: BodySettings,
    pub timing: Timing,
    /// Bytes of log after which a snapshot is taken and the log before it given back; more when the state is large.
    pub compact_after_bytes: u64,
    /// Held back on the disk for what must be noted even when it is full.
    pub reserve_bytes: u64,
}

impl Timing {
    pub(super) fn configuration(&self) -> Result<Config, openraft::ConfigError> {
        let config = Config {
            cluster_name: "causeway".to_owned(),
            heartbeat_interval: self.heartbeat.as_millis() as u64,
            election_timeout_min: self.election_from.as_millis() as u64,
            election_timeout_max: self.election_to.as_millis() as u64,
            install_snapshot_timeout: self.message.as_millis() as u64,
            max_payload_entries: ENTRIES_A_MESSAGE,
            // Members are told to take snapshots by size.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: 0,
            purge_batch_size: 1,
            backoff: "50ms 100ms 200ms ...400ms".to_owned(),
            enable_pre_vote: Some(true),
            // A leader that comes back stands for election: its own first entry tells that its state is complete.
            enable_leader_restore: Some(false),
            ..Config::default()
        };
        config.validate()
    }
}
