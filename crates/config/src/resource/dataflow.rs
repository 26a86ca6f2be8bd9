//! The fields of `Dataflow`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::format::NotEmpty;
use crate::resource::Switch;

/// When a change takes effect.
const LIVE: &str = "live; the dataflow connects anew";
/// What describes messages to people and tools.
const TOLD: &str = "describes the messages to people; none is checked against it";
const NOT_THERE: &str = "not there yet: messages cross as they are; leave it out";

/// Messages of a source go to a destination.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataflowSpec {
    /// DataflowProfile that runs it. `default` is built in.
    #[schemars(extend("format" = "resource-name", "x-default" = "default", "x-change" = LIVE))]
    pub(crate) profile_ref: Option<String>,
    /// Whether it runs. One that does not keeps its session at the source, as long as that lasts.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) mode: Option<Switch>,
    /// Whether the broker is asked to keep what waits for the dataflow on disk.
    #[schemars(
        extend("x-default" = "Disabled", "x-kept" = "this broker keeps what waits in a session on disk either way"),
    )]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) request_disk_persistence: Option<Switch>,
    /// One entry of the type `Source` and one of the type `Destination`, in any order; one of the type
    /// `BuiltInTransformation` may be beside them.
    #[schemars(required, length(min = 2))]
    pub(crate) operations: Option<Vec<OperationSpec>>,
    /// Topic of the local broker for messages that can never be delivered: those that the destination refuses for good,
    /// and those whose topic cannot be made. They have payload and properties, and the reason and where they came from
    /// as user properties.
    #[schemars(
        extend(
            "format" = "topic",
            "x-own" = true,
            "x-default" = "dataflow/deadletter/ and the dataflow's name",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) dead_letter_topic: Option<String>,
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

/// One entry of `operations`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationSpec {
    /// Which. Only the settings of the same name may be beside it.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) operation_type: Option<OperationType>,
    /// A name for people.
    #[schemars(extend("format" = "label", "x-default" = "none", "x-kept" = "a name for people"))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) name: Option<String>,
    /// With the type `Source`, which needs it.
    pub(crate) source_settings: Option<SourceSettings>,
    /// With the type `BuiltInTransformation`. Left out, messages cross as they are.
    pub(crate) built_in_transformation_settings: Option<TransformationSettings>,
    /// With the type `Destination`, which needs it.
    pub(crate) destination_settings: Option<DestinationSettings>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum OperationType {
    /// Takes messages from an endpoint.
    Source,
    /// Lets them pass: others than that are not there yet.
    BuiltInTransformation,
    /// Gives them to an endpoint.
    Destination,
}

/// `operations[].sourceSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceSettings {
    /// DataflowEndpoint that messages come from. `default` is built in: this broker.
    #[schemars(required, extend("format" = "resource-name", "x-change" = LIVE))]
    pub(crate) endpoint_ref: Option<String>,
    /// Topic filters, with `+` and `#`. `$share/GROUP/FILTER` shares messages with others who subscribe so;
    /// `$shared/GROUP/FILTER` is the same. The instances of a profile share by themselves.
    #[schemars(required, length(min = 1), extend("x-change" = LIVE))]
    pub(crate) data_sources: Option<Vec<NotEmpty>>,
    /// How payloads are written.
    #[schemars(extend("x-default" = "Json", "x-kept" = TOLD))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) serialization_format: Option<SourceFormat>,
    /// Schema of the messages.
    #[schemars(extend("x-default" = "none", "x-kept" = TOLD))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) schema_ref: Option<NotEmpty>,
    /// Asset whose messages they are.
    #[schemars(extend("x-default" = "none", "x-kept" = TOLD))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) asset_ref: Option<NotEmpty>,
}

/// How payloads of a source are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum SourceFormat {
    /// JSON; though anything passes.
    Json,
}

/// `operations[].builtInTransformationSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransformationSettings {
    /// How payloads are to be written. `Json` is there, the others are not yet.
    #[schemars(extend("x-default" = "Json", "x-change" = LIVE))]
    pub(crate) serialization_format: Option<OutputFormat>,
    /// Schema of what comes out.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) schema_ref: Option<Value>,
    /// What messages are enriched with. Not there yet: only an empty list is taken.
    #[expect(dead_code, reason = "what is written is looked at")]
    pub(crate) datasets: Option<Vec<Value>>,
    /// Which messages are dropped. Not there yet: only an empty list is taken.
    #[expect(dead_code, reason = "what is written is looked at")]
    pub(crate) filter: Option<Vec<Value>>,
    /// What becomes of the fields of messages. Others than the one entry that lets everything pass are not there yet:
    /// `inputs` `*`, `output` `*`.
    pub(crate) map: Option<Vec<MapRule>>,
}

/// How payloads are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum OutputFormat {
    /// As they came.
    Json,
    /// Not there yet.
    Delta,
    /// Not there yet.
    Parquet,
}

/// One entry of `map`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MapRule {
    /// What it does.
    #[serde(rename = "type")]
    #[schemars(extend("x-default" = "PassThrough", "x-change" = LIVE))]
    pub(crate) kind: Option<MapType>,
    /// What it takes: `*`, everything.
    #[schemars(required, length(min = 1), extend("x-change" = LIVE))]
    pub(crate) inputs: Option<Vec<String>>,
    /// What it gives: `*`, in the place it was.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) output: Option<String>,
    /// What is computed.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) expression: Option<Value>,
    /// A word for people.
    #[schemars(extend("x-default" = "none", "x-kept" = "a word for people"))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) description: Option<String>,
}

/// What an entry of `map` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum MapType {
    /// Lets pass.
    PassThrough,
    /// Not there yet.
    NewProperties,
    /// Not there yet.
    Rename,
    /// Not there yet.
    Compute,
    /// Not there yet.
    BuiltInFunction,
}

/// `operations[].destinationSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationSettings {
    /// DataflowEndpoint that messages go to. `default` is built in: this broker.
    #[schemars(required, extend("format" = "resource-name", "x-change" = LIVE))]
    pub(crate) endpoint_ref: Option<String>,
    /// Topic that messages are published to. In it, `${inputTopic}` is the topic that a message came in on,
    /// `${inputTopic.N}` its level N from 1, not counting slashes at both ends, and `${inputTopic.N+}` that level and all
    /// after it (Causeway's own). A message without such a level goes to `deadLetterTopic`.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) data_destination: Option<String>,
    /// User properties that are added or removed. Not there yet: only an empty list is taken.
    #[expect(dead_code, reason = "what is written is looked at")]
    pub(crate) headers: Option<Vec<Value>>,
}
