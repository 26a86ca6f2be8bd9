//! What a worker counts. Each worker writes its own, so counting is a plain store; readers add the workers up.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        // One writer, so load and store lose nothing and cost no locked instruction.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counters of one worker.
        // A cache line of its own, so that workers do not slow each other.
        #[repr(align(128))]
        #[derive(Default)]
        pub struct Counters { $($(#[$doc])* pub $name: Counter,)* }

        /// All workers' counters, added up.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Totals { $($(#[$doc])* pub $name: u64,)* }

        impl Totals {
            pub(crate) fn add(&mut self, worker: &Counters) {
                $(self.$name += worker.$name.value();)*
            }
        }
    };
}

counters! {
    /// Network connections open now.
    connections,
    /// Network connections ever accepted.
    connections_accepted,
    /// Clients connected now (after CONNACK).
    clients,
    bytes_received,
    bytes_sent,
    /// MQTT packets of any type.
    packets_received,
    packets_sent,
    publishes_received,
    /// PUBLISH packets to clients, one per delivery.
    publishes_sent,
    /// Payload bytes in PUBLISH packets received.
    payload_bytes_received,
    payload_bytes_sent,
    /// QoS 0 messages not taken because memory was short.
    qos0_dropped_incoming,
    /// QoS 0 messages not delivered because the client reads too slowly.
    qos0_dropped_outgoing,
    /// Messages not delivered because they exceed the client's Maximum Packet Size (MQTT-3.1.2-24).
    too_large_dropped,
    /// Messages that expired while waiting for the client.
    expired_dropped,
    /// Publishes refused with 0x97 because memory was short.
    rejected_memory,
    /// Publishes refused with 0x97 because the disk was full.
    rejected_disk,
    authorization_allow,
    authorization_deny,
    authentication_successes,
    authentication_deny,
    /// Connections closed for a malformed packet or a protocol error.
    protocol_errors,
    /// Connections closed because nothing came within 1.5 times the keep alive.
    keep_alive_timeouts,
}
