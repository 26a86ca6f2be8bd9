//! The protocol versions a test runs for, and names no other test uses.

use std::sync::atomic::{AtomicU32, Ordering};

/// The protocol of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V31,
    V311,
    V5,
}

impl Version {
    pub fn level(self) -> u8 {
        match self {
            Version::V31 => 3,
            Version::V311 => 4,
            Version::V5 => 5,
        }
    }

    pub fn protocol_name(self) -> &'static str {
        match self {
            Version::V31 => "MQIsdp",
            _ => "MQTT",
        }
    }

    pub fn is_v5(self) -> bool {
        self == Version::V5
    }
}

/// A name no other test of this process uses: tests may share one broker.
pub fn fresh(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes one test per protocol version out of each function: `name::v311` and `name::v5`.
#[macro_export]
macro_rules! both {
    ($($(#[$meta:meta])* fn $name:ident($version:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$meta])*
            fn check($version: $crate::Version) $body

            #[test]
            fn v311() {
                check($crate::Version::V311);
            }

            #[test]
            fn v5() {
                check($crate::Version::V5);
            }
        }
    )*};
}
