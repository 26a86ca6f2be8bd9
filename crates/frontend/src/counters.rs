//! What a worker counts. Each worker writes its own, so counting is a plain store; readers add the workers up.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        // One writer, so load and store lose nothing and cost no locked instruction.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    (
        worker { $($(#[$worker_doc:meta])* $worker:ident,)* }
        category { $($(#[$category_doc:meta])* $category:ident,)* }
    ) => {
        /// What one worker counts of all clients together.
        // A cache line of its own, so that workers do not slow each other.
        #[repr(align(128))]
        #[derive(Default)]
        pub(crate) struct Counters { $(pub $worker: Counter,)* }

        /// What one worker counts of the clients of one category.
        #[repr(align(128))]
        #[derive(Default)]
        pub(crate) struct CategoryCounters { $(pub $category: Counter,)* }

        /// All workers' counters, added up.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Totals {
            $($(#[$worker_doc])* pub $worker: u64,)*
            $($(#[$category_doc])* pub $category: u64,)*
        }

        /// What all workers count of the clients of one category.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct CategoryTotals { $($(#[$category_doc])* pub $category: u64,)* }

        impl Totals {
            pub(crate) fn add(&mut self, worker: &Counters) {
                $(self.$worker += worker.$worker.value();)*
            }

            pub(crate) fn add_category(&mut self, category: &CategoryTotals) {
                $(self.$category += category.$category;)*
            }
        }

        impl CategoryTotals {
            pub(crate) fn add(&mut self, worker: &CategoryCounters) {
                $(self.$category += worker.$category.value();)*
            }
        }
    };
}

counters! {
    worker {
        /// Network connections open now; the broker's own through memory are not among them.
        connections,
        /// Network connections ever accepted.
        connections_accepted,
        /// Clients connected now (after CONNACK), the broker itself not counted.
        clients,
        bytes_received,
        bytes_sent,
        /// MQTT packets of any type.
        packets_received,
        packets_sent,
        /// Messages not delivered because they exceed the client's Maximum Packet Size (MQTT-3.1.2-24).
        too_large_dropped,
        /// Messages that expired while waiting for the client.
        expired_dropped,
        /// Publishes refused with 0x97 because memory was short.
        rejected_memory,
        /// Publishes refused with 0x97 because the disk was full.
        rejected_disk,
        /// Connections closed for a malformed packet or a protocol error.
        protocol_errors,
        /// Connections closed because nothing came within 1.5 times the keep alive.
        keep_alive_timeouts,
    }
    category {
        publishes_received,
        /// PUBLISH packets to clients, one per delivery.
        publishes_sent,
        /// Payload bytes in PUBLISH packets received.
        payload_bytes_received,
        payload_bytes_sent,
        /// QoS 0 messages not taken because the disk was full.
        qos0_dropped_incoming,
        /// QoS 0 messages not delivered because the client reads too slowly, or because they came too late.
        qos0_dropped_outgoing,
        authentication_successes,
        authentication_deny,
        /// Authentications that came to no end: the exchange was not finished in time, or could not be carried on.
        authentication_failures,
        authorization_allow,
        authorization_deny,
        /// Decisions that could not be made. Policies are held in memory, where none fails.
        authorization_failures,
    }
}
