//! The leader's clock: the only one that commands are stamped from.

use std::time::{SystemTime, UNIX_EPOCH};

use partition::Timestamp;

pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since_epoch.as_millis() as u64)
}
