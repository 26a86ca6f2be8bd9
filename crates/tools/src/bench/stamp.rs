//! What the front of a payload says: whose message it is, which one, and when it was due.

/// Bytes of a payload that a stamp takes; shorter payloads carry none.
pub(super) const STAMP_LEN: usize = 28;

/// Where in a stamp what differs from message to message begins: sequence and time.
pub(super) const STAMP_VARIES_AT: usize = 12;

/// Tells a stamped payload from anything else.
const MAGIC: [u8; 4] = *b"CwB1";

/// Little endian on the wire: magic, run, stream, sequence, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The run that sent it.
    pub(super) run: u32,
    /// The publisher and topic it belongs to; sequence numbers count within.
    pub(super) stream: u32,
    /// From 0.
    pub(super) sequence: u64,
    /// When it was due, in nanoseconds since 1970 by the sender's clock.
    pub(super) due: u64,
}

impl Stamp {
    #[inline]
    pub(super) fn write(&self) -> [u8; STAMP_LEN] {
        let mut bytes = [0; STAMP_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.run.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.stream.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[20..].copy_from_slice(&self.due.to_le_bytes());
        bytes
    }

    /// Writes sequence and time over those of a stamp, whose varying part is at the front of `bytes`.
    #[inline]
    pub(super) fn write_varying(bytes: &mut [u8], sequence: u64, due: u64) {
        bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&due.to_le_bytes());
    }

    /// `None`: the payload carries no stamp.
    #[inline]
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let bytes: &[u8; STAMP_LEN] = payload.first_chunk()?;
        if bytes[..4] != MAGIC {
            return None;
        }
        Some(Self {
            run: u32::from_le_bytes(*bytes[4..].first_chunk()?),
            stream: u32::from_le_bytes(*bytes[8..].first_chunk()?),
            sequence: u64::from_le_bytes(*bytes[12..].first_chunk()?),
            due: u64::from_le_bytes(*bytes[20..].first_chunk()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let stamp = Stamp { run: 0xdead_beef, stream: 7, sequence: u64::MAX - 1, due: 1_800_000_000_000_000_000 };
        let mut payload = stamp.write().to_vec();
        payload.extend_from_slice(b"and more");
        assert_eq!(Stamp::read(&payload), Some(stamp));
    }

    #[test]
    fn what_varies_is_written_over() {
        let stamp = Stamp { run: 1, stream: 2, sequence: 3, due: 4 };
        let mut payload = stamp.write();
        Stamp::write_varying(&mut payload[STAMP_VARIES_AT..], 5, 6);
        assert_eq!(Stamp::read(&payload), Some(Stamp { sequence: 5, due: 6, ..stamp }));
    }

    #[test]
    fn others_payloads_carry_none() {
        assert_eq!(Stamp::read(b""), None);
        assert_eq!(Stamp::read(&[0; 64]), None);
        let short = Stamp { run: 1, stream: 2, sequence: 3, due: 4 }.write();
        assert_eq!(Stamp::read(&short[..STAMP_LEN - 1]), None);
    }
}
