//! The protocol versions a connection can speak, and how a CONNECT names them.

use crate::violation::Violation;

/// The protocol a connection speaks; fixed by its CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// `MQIsdp`, level 3.
    V3_1,
    /// `MQTT`, level 4.
    V3_1_1,
    /// `MQTT`, level 5.
    V5,
}

impl ProtocolVersion {
    /// Whether packets carry properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }

    /// The protocol level byte of CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Self::V3_1 => 3,
            Self::V3_1_1 => 4,
            Self::V5 => 5,
        }
    }

    /// The protocol name of CONNECT.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQIsdp",
            Self::V3_1_1 | Self::V5 => "MQTT",
        }
    }

    /// Reads the version from the body of a CONNECT, so that a CONNECT that is refused for another reason can be
    /// answered in its own version.
    ///
    /// # Errors
    /// `ProtocolName` (MQTT-3.1.2-1), `UnsupportedProtocolVersion` (MQTT-3.1.2-2), `Truncated`.
    pub fn of_connect(body: &[u8]) -> Result<Self, Violation> {
        let (&[high, low], rest) = body.split_first_chunk().ok_or(Violation::Truncated)?;
        let name_len = usize::from(u16::from_be_bytes([high, low]));
        let (name, rest) = rest.split_at_checked(name_len).ok_or(Violation::Truncated)?;
        if name != b"MQTT" && name != b"MQIsdp" {
            return Err(Violation::ProtocolName);
        }
        let &level = rest.first().ok_or(Violation::Truncated)?;
        match (name, level) {
            (b"MQTT", 5) => Ok(Self::V5),
            (b"MQTT", 4) => Ok(Self::V3_1_1),
            (b"MQIsdp", 3) => Ok(Self::V3_1),
            _ => Err(Violation::UnsupportedProtocolVersion { level }),
        }
    }
}
