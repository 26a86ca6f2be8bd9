//! Why a packet cannot be written.

/// A packet that the wire format has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string or binary field of more than 65,535 bytes, or a string with U+0000.
    #[error("a field does not fit a packet")]
    Field,
    /// A list that must not be empty is.
    #[error("a list that must not be empty is")]
    EmptyList,
    /// More than 268,435,455 bytes behind the fixed header.
    #[error("packet is larger than any packet may be")]
    PacketTooLarge,
}
