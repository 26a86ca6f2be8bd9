//! The fields of `Broker`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::diagnostics::Diagnostics;
use super::volume_claim::VolumeClaimSpec;
use crate::format::{DiskSize, GoDuration};
use crate::{Durability, Encryption, KeyAlgorithm, KeyRotation, MemoryProfile, QueueStrategy};

/// The broker as a whole. There is one, called `default`; without one, everything is at its default.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerSpec {
    /// Memory that messages on their way may take before publishers are slowed, and the size of the largest packet.
    #[schemars(extend("x-default" = "Medium", "x-change" = "live"))]
    pub(crate) memory_profile: Option<MemoryProfile>,
    /// How many there are of each part. Left out, this process takes half of the machine's cores for each.
    pub(crate) cardinality: Option<CardinalitySpec>,
    /// What Kubernetes is asked to reserve.
    pub(crate) generate_resource_limits: Option<GenerateResourceLimits>,
    /// What seldom needs another value.
    pub(crate) advanced: Option<Advanced>,
    /// The bound of what queues may hold on disk. Queues are always on disk here; without this object they may fill it.
    pub(crate) disk_backed_message_buffer: Option<DiskBackedMessageBuffer>,
    /// How the broker is watched.
    pub(crate) diagnostics: Option<Diagnostics>,
    /// Whether publishes with `$high_priority` are taken while others are slowed.
    #[schemars(
        extend("x-refused" = "not there yet: under back-pressure all publishes are treated alike; leave it out"),
    )]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) high_priority_messages_backpressure_handling: Option<serde_json::Value>,
    /// What is on disk.
    #[schemars(
        extend(
            "x-refused" = "not there yet: sessions, queued and retained messages are kept in the data directory in any case and \
                are there after a restart; leave it out",
        ),
    )]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) persistence: Option<serde_json::Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) provisioning_state: Option<serde_json::Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) health_state: Option<serde_json::Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) status: Option<serde_json::Value>,
}

/// `cardinality`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CardinalitySpec {
    /// The part that holds the connections.
    pub(crate) frontend: Option<FrontendSpec>,
    /// The part that holds sessions, queues and retained messages.
    pub(crate) backend_chain: Option<BackendChainSpec>,
}

/// `cardinality.frontend`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FrontendSpec {
    /// Frontends, each `causeway frontend`. A broker that is alone is one of them; more than 1 is accepted with a notice.
    #[schemars(
        required,
        range(min = 1, max = 16),
        extend(
            "x-unit" = "pods",
            "x-default" = "1",
            "x-kept" = "takes effect with separate processes; this process is one frontend",
        ),
    )]
    pub(crate) replicas: Option<u32>,
    /// Threads that serve connections, in each frontend. 2 if `cardinality.frontend` is given without it.
    #[schemars(
        range(min = 1, max = 16),
        extend(
            "x-unit" = "workers",
            "x-default" = "half the cores, 1 to 16",
            "x-change" = "at the next start, because a connection lives on the thread that accepted it",
        ),
    )]
    pub(crate) workers: Option<u32>,
}

/// `cardinality.backendChain`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackendChainSpec {
    /// Parts the broker's state is divided into. There are `partitions` x `workers` of them, as there are so
    /// many chains; at most 16, a larger product is taken as 16 with a notice. All processes of a cluster have to be given the
    /// same; there it is 4 unless somebody says otherwise.
    #[schemars(
        required,
        range(min = 1, max = 16),
        extend(
            "x-unit" = "partitions",
            "x-default" = "half the cores, 1 to 16",
            "x-change" = "never: a data directory keeps the number it was made with, because queues and retained messages lie \
                where that number put them; another number is refused",
        ),
    )]
    pub(crate) partitions: Option<u32>,
    /// Copies of each partition, each in another `causeway backend`; no more than there are backends. A broker that is alone
    /// holds one of them, and takes more than 1 with a notice, since the model asks for 2 or more. `--redundancy-factor` goes
    /// before it. A partition serves while most of its copies are there: with 3 it goes on without one of them, with 5
    /// without two; with 2 it keeps what it acknowledges twice, and serves while both are there.
    #[schemars(
        required,
        range(min = 1, max = 5),
        extend(
            "x-unit" = "copies",
            "x-default" = "1",
            "x-kept" = "takes effect with separate processes; this process is one copy",
        ),
    )]
    pub(crate) redundancy_factor: Option<u32>,
    /// Chains in each partition: multiplies `partitions`.
    #[schemars(
        range(min = 1, max = 16),
        extend("x-unit" = "workers", "x-default" = "1", "x-change" = "never, as `partitions`"),
    )]
    pub(crate) workers: Option<u32>,
}

/// `generateResourceLimits`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GenerateResourceLimits {
    /// Whether pods ask for a core per frontend worker and two per backend worker.
    #[schemars(extend("x-default" = "Enabled", "x-kept" = "Kubernetes only: kept for the pods' resource requests"))]
    pub(crate) cpu: Option<Switch>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum Switch {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// `advanced`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Advanced {
    /// Bounds of what clients ask for. Who asks for more gets the bound, and MQTT 5 clients are told so in CONNACK.
    /// They hold for clients that connect after a change; who is connected keeps what he was promised.
    pub(crate) clients: Option<ClientsSpec>,
    /// When an acknowledgement may leave.
    #[schemars(
        extend(
            "x-own" = true,
            "x-default" = "Async",
            "x-change" = "at the next start, because what is acknowledged while it changes would be promised neither way",
        ),
    )]
    pub(crate) durability: Option<Durability>,
    /// Whether `causeway frontend` and `causeway backend` talk over TLS 1.3, both ends showing a certificate. `Disabled` sends
    /// messages as they are and lets in whoever comes; it needs the same in all processes, and takes effect when they are
    /// started again.
    #[schemars(extend("x-default" = "Enabled", "x-kept" = INTERNAL))]
    pub(crate) encrypt_internal_traffic: Option<Encryption>,
    /// The certificates by which frontends and backends know each other, signed by an authority of their own that the first
    /// backend holds. A change makes each process get another certificate, while it runs.
    pub(crate) internal_certs: Option<InternalCerts>,
}

/// `advanced.clients`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientsSpec {
    /// Seconds a session may outlive its connection. Also the expiry of a 3.1.1 session with clean session 0.
    #[schemars(
        range(min = 1, max = 4_294_967_295_u64),
        extend("x-unit" = "seconds", "x-default" = "no bound", "x-change" = "live"),
    )]
    pub(crate) max_session_expiry_seconds: Option<u32>,
    /// Seconds a message may wait for a subscriber, retained ones included. A message without an expiry of its own gets
    /// this one.
    #[schemars(
        range(min = 1, max = 4_294_967_295_u64),
        extend("x-unit" = "seconds", "x-default" = "no bound", "x-change" = "live"),
    )]
    pub(crate) max_message_expiry_seconds: Option<u32>,
    /// Bytes of the largest packet taken from a client; never more than the memory profile allows.
    #[schemars(
        range(min = 1, max = 268_435_456),
        extend("x-unit" = "bytes", "x-default" = "the memory profile's", "x-change" = "live"),
    )]
    pub(crate) max_packet_size_bytes: Option<u32>,
    /// Bound on a client's own Receive Maximum: QoS 1 and 2 messages in flight to it.
    #[schemars(range(min = 1, max = 65535), extend("x-unit" = "messages", "x-default" = "65535", "x-change" = "live"))]
    pub(crate) max_receive_maximum: Option<u16>,
    /// Seconds of the longest keep alive; 0 is no bound. A client that asks for more, or for none, is told this one.
    #[schemars(
        range(min = 0, max = 65535),
        extend("x-unit" = "seconds", "x-default" = "no bound", "x-change" = "live"),
    )]
    pub(crate) max_keep_alive_seconds: Option<u16>,
    /// Bound on the messages that wait for one session, over all partitions; those in flight are not counted.
    pub(crate) subscriber_queue_limit: Option<SubscriberQueueLimit>,
    /// The broker's own Receive Maximum: QoS 1 and 2 messages a client may have unacknowledged.
    #[schemars(
        range(min = 1, max = 65535),
        extend("x-own" = true, "x-unit" = "messages", "x-default" = "1000", "x-change" = "live"),
    )]
    pub(crate) receive_maximum: Option<u16>,
    /// Topic aliases a client may use towards the broker; 0 forbids them.
    #[schemars(
        range(min = 0, max = 65535),
        extend("x-own" = true, "x-unit" = "aliases", "x-default" = "32", "x-change" = "live"),
    )]
    pub(crate) topic_alias_maximum: Option<u16>,
    /// Logins that may fail from one address (of IPv6: from one /64 network) at once; one is given back every second.
    /// Beyond it the address is refused unheard for a second, then for twice as long each time, up to a minute. 0 is no
    /// limit.
    #[schemars(
        range(min = 0, max = 10000),
        extend("x-own" = true, "x-unit" = "logins", "x-default" = "10", "x-change" = "live"),
    )]
    pub(crate) failed_logins_per_address: Option<u32>,
}

/// `advanced.clients.subscriberQueueLimit`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriberQueueLimit {
    /// Messages at which the strategy applies. Has no effect with the strategy `None`.
    #[schemars(
        range(min = 1, max = 9_223_372_036_854_775_807_u64),
        extend("x-unit" = "messages", "x-default" = "no bound", "x-change" = "live"),
    )]
    pub(crate) length: Option<u64>,
    /// What happens to a message that finds the queue full. `DropOldest` needs `length`.
    #[schemars(extend("x-default" = "None", "x-change" = "live"))]
    pub(crate) strategy: Option<QueueStrategy>,
}

/// `advanced.internalCerts`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InternalCerts {
    /// How long a certificate is valid; a minute or more.
    #[schemars(required, extend("x-default" = "720h", "x-kept" = INTERNAL))]
    pub(crate) duration: Option<GoDuration>,
    /// How long before its end a certificate is renewed; a second or more, less than `duration`.
    #[schemars(required, extend("x-default" = "240h", "x-kept" = INTERNAL))]
    pub(crate) renew_before: Option<GoDuration>,
    /// Its key.
    #[schemars(required)]
    pub(crate) private_key: Option<InternalKey>,
}

/// Where the fields of `advanced.internalCerts` are effective.
/// How what is said of fields begins that have no effect in a broker that is alone.
pub(crate) const SEPARATE: &str = "takes effect with separate processes";
const INTERNAL: &str = "takes effect with separate processes; inside this one there is no internal traffic";

/// `advanced.internalCerts.privateKey`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InternalKey {
    /// Kind of key.
    #[schemars(required, extend("x-default" = "Ec256", "x-kept" = INTERNAL))]
    pub(crate) algorithm: Option<KeyAlgorithm>,
    /// Whether a renewal makes a new key.
    #[schemars(required, extend("x-default" = "Always", "x-kept" = INTERNAL))]
    pub(crate) rotation_policy: Option<KeyRotation>,
}

/// `diskBackedMessageBuffer`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskBackedMessageBuffer {
    /// Bytes of queued messages on disk, over all partitions. K, M, G, T, P, E are powers of 1000: `500M` is
    /// 500,000,000 bytes. Publishes that would be queued beyond it are refused (MQTT 5: 0x97) until the queues are
    /// shorter.
    #[schemars(required, extend("x-default" = "no bound", "x-change" = "live"))]
    pub(crate) max_size: Option<DiskSize>,
    /// The volume pods get, made and deleted with them.
    pub(crate) ephemeral_volume_claim_spec: Option<VolumeClaimSpec>,
    /// The volume pods get, if there is no ephemeral one.
    pub(crate) persistent_volume_claim_spec: Option<VolumeClaimSpec>,
}
