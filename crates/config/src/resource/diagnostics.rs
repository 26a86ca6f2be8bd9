//! The fields of `Broker` below `diagnostics`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::broker::Switch;
use crate::LogLevel;
use crate::format::FileSize;

/// `diagnostics`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Diagnostics {
    /// The log on stderr.
    pub(crate) logs: Option<Logs>,
    /// Metrics, health and the API.
    pub(crate) metrics: Option<Metrics>,
    /// The broker's own connections that try each operation.
    pub(crate) self_check: Option<SelfCheckSpec>,
    /// What is kept of operations that carry a sampled `traceparent`.
    pub(crate) traces: Option<TracesSpec>,
    /// The topics below `$SYS/broker`.
    #[schemars(extend("x-own" = true))]
    pub(crate) sys_topics: Option<SysTopics>,
    /// Who may use the admin endpoint.
    #[schemars(extend("x-own" = true))]
    pub(crate) admin: Option<AdminSpec>,
    /// The record of what was denied to clients, and of what was done to the broker: `audit` in the data directory, one
    /// JSON object a line.
    #[schemars(extend("x-own" = true))]
    pub(crate) audit: Option<AuditSpec>,
}

/// `diagnostics.audit`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditSpec {
    /// Whether it is kept.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) mode: Option<Switch>,
    /// Bytes after which a file is put aside and a new one begun. Ki, Mi, Gi are powers of 1024; k, M, G of 1000.
    #[schemars(extend("x-default" = "10Mi", "x-change" = "live"))]
    pub(crate) max_size: Option<FileSize>,
    /// Files that are kept, the one that is written among them; the oldest goes first.
    #[schemars(range(min = 1, max = 100), extend("x-unit" = "files", "x-default" = "5", "x-change" = "live"))]
    pub(crate) max_files: Option<u32>,
}

/// `diagnostics.logs`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Logs {
    /// What the log tells; each level tells all before it, too.
    #[schemars(extend("x-default" = "info", "x-change" = "live"))]
    pub(crate) level: Option<LogLevel>,
}

/// `diagnostics.metrics`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metrics {
    /// Port of the admin endpoint: `/metrics`, `/health`, `/api`. 0 turns it off.
    #[schemars(range(min = 0, max = 65535), extend("x-default" = "9600", "x-change" = "live"))]
    pub(crate) prometheus_port: Option<u16>,
}

/// `diagnostics.selfCheck`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelfCheckSpec {
    /// Whether the broker tries itself.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) mode: Option<Switch>,
    /// Seconds from one check to the next.
    #[schemars(range(min = 30, max = 300), extend("x-unit" = "seconds", "x-default" = "30", "x-change" = "live"))]
    pub(crate) interval_seconds: Option<u32>,
    /// Seconds after which an operation has failed. If that is longer than the interval, a check that hangs delays the
    /// next.
    #[schemars(range(min = 5, max = 120), extend("x-unit" = "seconds", "x-default" = "15", "x-change" = "live"))]
    pub(crate) timeout_seconds: Option<u32>,
}

/// `diagnostics.traces`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TracesSpec {
    /// Whether traced operations are recorded. Operations without a sampled `traceparent` cost nothing either way.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) mode: Option<Switch>,
    /// Memory for finished traces, in units of 1,048,576 bytes; the oldest go first.
    #[schemars(range(min = 1, max = 128), extend("x-unit" = "megabytes", "x-default" = "16", "x-change" = "live"))]
    pub(crate) cache_size_megabytes: Option<u32>,
    /// Spans on their way to that memory; more are dropped and counted.
    #[schemars(range(min = 1000, max = 100_000), extend("x-unit" = "spans", "x-default" = "1000", "x-change" = "live"))]
    pub(crate) span_channel_capacity: Option<u32>,
    /// Traces that the broker makes of itself.
    pub(crate) self_tracing: Option<SelfTracing>,
}

/// `diagnostics.traces.selfTracing`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelfTracing {
    /// Whether there are any. None without `diagnostics.traces.mode: Enabled`.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) mode: Option<Switch>,
    /// Seconds from one to the next.
    #[schemars(range(min = 1, max = 300), extend("x-unit" = "seconds", "x-default" = "30", "x-change" = "live"))]
    pub(crate) interval_seconds: Option<u32>,
}

/// `diagnostics.sysTopics`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SysTopics {
    /// Seconds between two publications; 0 is never.
    #[schemars(range(min = 0, max = 86400), extend("x-unit" = "seconds", "x-default" = "10", "x-change" = "live"))]
    pub(crate) interval_seconds: Option<u32>,
}

/// `diagnostics.admin`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdminSpec {
    /// IP address the admin endpoint binds; `0.0.0.0` and `::` are every interface. One that is not loopback needs
    /// `tokenSecretRef`.
    #[schemars(extend("format" = "ip", "x-default" = "127.0.0.1", "x-change" = "live"))]
    pub(crate) host: Option<std::net::IpAddr>,
    /// Secret whose key `token` holds what requests must bear (`Authorization: Bearer TOKEN`), 16 characters or more.
    /// Then every path asks for it but `/health/live` and `/health/ready`, on loopback too.
    #[schemars(extend("format" = "object-name", "x-default" = "no token", "x-change" = "live"))]
    pub(crate) token_secret_ref: Option<String>,
}
