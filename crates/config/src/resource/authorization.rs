//! The fields of `BrokerAuthorization`, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::authorization::{Cache, DeniedPublish, StoreAccess};
use crate::format::NotEmpty;

/// What those may do who are let in by the ports that refer to it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationSpec {
    /// The rules, and how they are applied.
    #[schemars(required)]
    pub(crate) authorization_policies: Option<PoliciesSpec>,
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

/// When a change of a rule takes effect.
const LIVE: &str = "live; who is connected stays if he may, and his subscriptions as far as they are allowed";

/// Where keys of the state store are effective.
const STORE: &str = "takes effect with the state store; checked already";

/// `authorizationPolicies`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoliciesSpec {
    /// Whether decisions are remembered for each connection.
    #[schemars(extend("x-default" = "Enabled", "x-change" = "live"))]
    pub(crate) cache: Option<Cache>,
    /// What a client of MQTT 3.1.1 gets for a publish that is denied: there is no code to say so.
    #[schemars(extend("x-own" = true, "x-default" = "Acknowledge", "x-change" = "live"))]
    pub(crate) denied_publish: Option<DeniedPublish>,
    /// What is allowed, one entry a rule. What no rule allows is denied, so without rules everything is.
    pub(crate) rules: Option<Vec<RuleSpec>>,
}

/// One entry of `rules`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleSpec {
    /// Whom the rule is for: whoever any entry of any of these lists fits. Upper and lower case differ.
    #[schemars(required)]
    pub(crate) principals: Option<PrincipalsSpec>,
    /// What they may do with MQTT.
    #[schemars(required)]
    pub(crate) broker_resources: Option<Vec<BrokerResourceSpec>>,
    /// What they may do with the state store.
    pub(crate) state_store_resources: Option<Vec<StateStoreResourceSpec>>,
}

/// `rules[].principals`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrincipalsSpec {
    /// Usernames; may contain tokens: `{principal.clientId}` fits whose username is the client id.
    #[schemars(extend("x-default" = "none", "x-change" = LIVE))]
    pub(crate) usernames: Option<Vec<NotEmpty>>,
    /// Client ids, whole.
    #[schemars(extend("x-default" = "none", "x-change" = LIVE))]
    pub(crate) client_ids: Option<Vec<NotEmpty>>,
    /// Attributes that authentication left: names with values. All pairs of one entry have to be there.
    #[schemars(extend("x-default" = "none", "x-change" = LIVE))]
    pub(crate) attributes: Option<Vec<BTreeMap<String, String>>>,
}

/// One entry of `brokerResources`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokerResourceSpec {
    /// What is allowed.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) method: Option<BrokerMethod>,
    /// With `Connect` only: client ids one may connect with; none is any. May contain tokens, and `*` as the last
    /// character for any end.
    #[schemars(extend("x-default" = "any", "x-change" = LIVE))]
    pub(crate) client_ids: Option<Vec<NotEmpty>>,
    /// With `Publish` and `Subscribe`, which need it: topics, wildcards understood. Tokens
    /// (`{principal.username}`, `{principal.clientId}`, `{principal.attributes.NAME}`) stand for whole levels. A filter
    /// of a SUBSCRIBE is allowed if one of these matches all that it matches; of `$share/GROUP/FILTER`, the `FILTER`
    /// counts.
    #[schemars(extend("x-default" = "none", "x-change" = LIVE))]
    pub(crate) topics: Option<Vec<NotEmpty>>,
}

/// What is allowed with MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum BrokerMethod {
    /// To connect.
    Connect,
    /// To publish, a will included.
    Publish,
    /// To subscribe.
    Subscribe,
}

/// One entry of `stateStoreResources`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateStoreResourceSpec {
    /// What is allowed.
    #[schemars(required, extend("x-kept" = STORE))]
    pub(crate) method: Option<StoreAccess>,
    /// How keys are written.
    #[schemars(required, extend("x-kept" = STORE))]
    pub(crate) key_type: Option<KeyType>,
    /// The keys.
    #[schemars(required, length(min = 1), extend("x-kept" = STORE))]
    pub(crate) keys: Option<Vec<NotEmpty>>,
}

/// How keys of the state store are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum KeyType {
    /// Globs: `*` any run, `?` one character, `[0-9]` one of a range; tokens understood.
    Pattern,
    /// The keys themselves.
    String,
    /// The keys themselves, in base64.
    Binary,
}
