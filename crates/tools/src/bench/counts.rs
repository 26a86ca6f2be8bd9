//! What has been counted, by one thread or all of them.

use std::ops::{Index, IndexMut};

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Count {
            $($(#[$doc])* $name,)*
        }

        const LEN: usize = [$(Count::$name),*].len();
    };
}

counted! {
    /// Publishes written for the first time.
    Sent,
    /// Their payload bytes.
    SentBytes,
    /// Publishes whose PUBACK or PUBCOMP came.
    Acked,
    /// Publishes whose PUBACK or PUBREC said no.
    RefusedPublishes,
    /// Publishes written again after a lost connection.
    Resent,
    /// PUBLISH packets of this run that came, repetitions included.
    Received,
    /// Their payload bytes.
    ReceivedBytes,
    /// Of these, messages that had come before.
    Repeated,
    /// Of these, with the DUP flag.
    RepeatedFlagged,
    /// Messages that came after a later one of their stream.
    Late,
    /// Messages of which it is not known whether they had come before.
    Untracked,
    /// Messages received with QoS 0.
    AtMostOnce,
    /// Messages of somebody else.
    Foreign,
    /// Messages of this run that came to the wrong subscriber.
    Misrouted,
    /// CONNACKs that accepted.
    Opened,
    /// Of these, with the session that was there before.
    SessionsPresent,
    /// Connections made again after one was lost.
    Reconnected,
    /// Of these, without the session that should have been there.
    SessionsLost,
    /// Open connections that ended unasked.
    Dropped,
    /// Attempts to connect that failed.
    ConnectFailures,
    /// SUBACKs that accepted.
    Subscribed,
    /// Of these, with a lower QoS than asked for.
    Downgraded,
    /// Times that a publisher's window was opened again because nothing came any more.
    Stalls,
    /// Publishes that were due and not written when the time was over.
    Behind,
}

/// One number for each `Count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts([u64; LEN]);

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count += more;
        }
    }

    /// What has come on top of `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut difference = *self;
        for (count, before) in difference.0.iter_mut().zip(&earlier.0) {
            *count = count.saturating_sub(*before);
        }
        difference
    }
}

impl Index<Count> for Counts {
    type Output = u64;

    #[inline]
    fn index(&self, count: Count) -> &u64 {
        &self.0[count as usize]
    }
}

impl IndexMut<Count> for Counts {
    #[inline]
    fn index_mut(&mut self, count: Count) -> &mut u64 {
        &mut self.0[count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_marks_subtract() {
        let (mut all, mut one) = (Counts::default(), Counts::default());
        one[Count::Sent] = 5;
        one[Count::Behind] = 1;
        all.add(&one);
        all.add(&one);
        assert_eq!((all[Count::Sent], all[Count::Behind]), (10, 2));
        assert_eq!(all.since(&one), one);
    }
}
