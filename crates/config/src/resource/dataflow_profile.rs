//! The fields of `DataflowProfile`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::LogLevel;

/// Where the settings of a process take effect.
const APART: &str = "takes effect in a process of its own; inside the broker, the Broker's diagnostics hold";

/// What dataflows that refer to it have in common.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataflowProfileSpec {
    /// Sessions that each dataflow has at its source, and at its destination. Those at the source share the subscription,
    /// so that messages of one topic may overtake each other. Azure Event Grid as a source has no shared subscriptions,
    /// and needs 1.
    #[schemars(
        range(min = 1, max = 20),
        extend("x-unit" = "instances", "x-default" = "1", "x-change" = "live; its dataflows connect anew"),
    )]
    pub(crate) instance_count: Option<u16>,
    /// What is told.
    pub(crate) diagnostics: Option<ProfileDiagnostics>,
    /// Copies of some messages for debugging.
    #[schemars(extend("x-refused" = "not there yet: no message is copied; leave it out"))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) debugging_settings: Option<Value>,
    /// Whether both ends of a dataflow may be remote.
    #[schemars(extend("x-own" = true, "x-default" = "Refused", "x-change" = "live"))]
    pub(crate) remote_to_remote: Option<RemoteToRemoteName>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) provisioning_state: Option<Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) health_state: Option<Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) status: Option<Value>,
}

/// Whether both ends of a dataflow may be remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum RemoteToRemoteName {
    /// They may.
    Allowed,
    /// One end is the local broker.
    Refused,
}

/// `diagnostics`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileDiagnostics {
    /// The log on stderr.
    pub(crate) logs: Option<ProfileLogs>,
    /// Metrics.
    pub(crate) metrics: Option<ProfileMetrics>,
}

/// `diagnostics.logs`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileLogs {
    /// What the log tells; each level tells all before it, too.
    #[schemars(extend("x-default" = "info", "x-kept" = APART))]
    pub(crate) level: Option<LogLevel>,
}

/// `diagnostics.metrics`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileMetrics {
    /// Port of the metrics; 0 is none.
    #[schemars(range(min = 0, max = 65535), extend("x-default" = "9600", "x-kept" = APART))]
    pub(crate) prometheus_port: Option<u16>,
}
