//! Memory profiles: how much memory publishes may take before publishers are slowed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// How much memory the broker may use for messages on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum MemoryProfile {
    /// 16 MiB of publishes per partition, packets up to 4 MiB.
    Tiny,
    /// 64 MiB of publishes per partition, packets up to 16 MiB.
    Low,
    /// 576 MiB of publishes per partition, packets up to 64 MiB.
    #[default]
    Medium,
    /// 2 GiB of publishes per partition, packets up to 256 MiB.
    High,
}

impl MemoryProfile {
    pub(crate) const WORDS: &'static [(&'static str, Self)] =
        &[("tiny", Self::Tiny), ("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)];

    /// The largest packet a client may send, in bytes.
    pub fn max_packet_bytes(self) -> u32 {
        let mib = match self {
            Self::Tiny => 4,
            Self::Low => 16,
            Self::Medium => 64,
            Self::High => 256,
        };
        mib * MIB as u32
    }

    /// Memory for incoming publishes per partition, in bytes.
    pub fn buffer_bytes(self) -> u64 {
        let mib = match self {
            Self::Tiny => 16,
            Self::Low => 64,
            Self::Medium => 576,
            Self::High => 2048,
        };
        mib * MIB
    }

    /// How much of [`MemoryProfile::buffer_bytes`] may be in use before publishers are told or slowed: 75 %, in bytes.
    pub fn back_pressure_bytes(self) -> u64 {
        self.buffer_bytes() / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::{MIB, MemoryProfile};

    #[test]
    fn each_profile_has_the_documented_sizes() {
        for (profile, packet, buffer, usable) in [
            (MemoryProfile::Tiny, 4, 16, 12),
            (MemoryProfile::Low, 16, 64, 48),
            (MemoryProfile::Medium, 64, 576, 432),
            (MemoryProfile::High, 256, 2048, 1536),
        ] {
            assert_eq!(u64::from(profile.max_packet_bytes()), packet * MIB);
            assert_eq!(profile.buffer_bytes(), buffer * MIB);
            assert_eq!(profile.back_pressure_bytes(), usable * MIB);
        }
    }
}
