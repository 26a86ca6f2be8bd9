//! The contents of a snapshot: which entry it stands for, who the members were, the state.
//!
//! ```text
//! u8 0x11 | log id | log id of the membership | membership | state
//! ```

use partition::Partition;

use super::error::RaftError;
use super::group::{LogId, StoredMembership, log_id};
use super::message::{Fields, Put};
use super::record::{self, put_log_id, put_membership, read_log_id};
use super::store::Store;

/// First byte; what solo has written begins with the version of the state, 1 or 2.
const SNAPSHOT_FORM: u8 = 0x11;

/// Contents, taken apart.
pub(super) struct Contents {
    pub id: LogId,
    pub membership: StoredMembership,
    pub partition: Partition,
    /// Of them all.
    pub bytes: u64,
}

impl Store {
    /// Those of a snapshot of the state as it is.
    pub fn contents(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.due.state_bytes() as usize);
        out.put_u8(SNAPSHOT_FORM);
        put_log_id(&mut out, &self.applied);
        put_log_id(&mut out, &self.membership.log_id().unwrap_or(log_id(0, 0)));
        put_membership(&mut out, self.membership.membership());
        self.partition.snapshot(&mut out);
        out
    }
}

/// Takes the contents of a snapshot apart; of solo's, too.
pub(super) fn take_apart(index: u64, bytes: &[u8]) -> Result<Contents, RaftError> {
    let restore = |why: String| RaftError::Restore { index, why };
    let mut fields = Fields::new(bytes);
    let (id, membership, state) = match bytes.first() {
        Some(&SNAPSHOT_FORM) => {
            let mut head = || {
                fields.u8()?;
                let (id, at) = (read_log_id(&mut fields)?, read_log_id(&mut fields)?);
                Some((id, StoredMembership::new((at.index > 0).then_some(at), record::membership(&mut fields)?)))
            };
            let (id, membership) = head().ok_or_else(|| restore("its head is not whole".to_owned()))?;
            (id, membership, fields.rest())
        }
        _ => (log_id(0, index), StoredMembership::default(), bytes),
    };
    if id.index != index {
        return Err(restore(format!("it says that it is of entry {}", id.index)));
    }
    let partition = Partition::restore(state).map_err(|source| restore(source.to_string()))?;
    Ok(Contents { id, membership, partition, bytes: bytes.len() as u64 })
}
