//! The fields of a Kubernetes PersistentVolumeClaim's spec: checked, and kept for where there are volumes to claim.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::Quantity;

/// What every field here is kept for.
pub(crate) const KEPT: &str = "Kubernetes only: kept for the pods' volume claim";

/// A volume claim.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeClaimSpec {
    /// A volume to bind to.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) volume_name: Option<String>,
    /// What the volume is.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) volume_mode: Option<VolumeMode>,
    /// The storage class; empty is none.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) storage_class_name: Option<String>,
    /// Who may mount it.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) access_modes: Option<Vec<AccessMode>>,
    /// What the volume is filled from.
    pub(crate) data_source: Option<DataSource>,
    /// What the volume is filled from, perhaps in another namespace.
    pub(crate) data_source_ref: Option<DataSourceRef>,
    /// How large it is.
    pub(crate) resources: Option<Resources>,
    /// Which volumes will do.
    pub(crate) selector: Option<Selector>,
}

/// What a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum VolumeMode {
    /// A file system.
    Filesystem,
    /// A device.
    Block,
}

/// Who may mount a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[expect(clippy::enum_variant_names, reason = "they are Kubernetes' words")]
pub(crate) enum AccessMode {
    /// One node writes.
    ReadWriteOnce,
    /// Many nodes read.
    ReadOnlyMany,
    /// Many nodes write.
    ReadWriteMany,
    /// One pod writes.
    ReadWriteOncePod,
}

/// `dataSource`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSource {
    /// Its API group.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) api_group: Option<String>,
    /// Its kind.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) kind: Option<String>,
    /// Its name.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) name: Option<String>,
}

/// `dataSourceRef`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSourceRef {
    /// Its API group.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) api_group: Option<String>,
    /// Its kind.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) kind: Option<String>,
    /// Its name.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) name: Option<String>,
    /// Its namespace.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) namespace: Option<String>,
}

/// `resources`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resources {
    /// At most so much, by resource: `storage: 2Gi`.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) limits: Option<BTreeMap<String, Quantity>>,
    /// At least so much, by resource: `storage: 1Gi`.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) requests: Option<BTreeMap<String, Quantity>>,
    /// Resource claims.
    pub(crate) claims: Option<Vec<ResourceClaim>>,
}

/// One entry of `resources.claims`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceClaim {
    /// Its name.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) name: Option<String>,
}

/// `selector`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selector {
    /// Conditions on labels; all must hold.
    pub(crate) match_expressions: Option<Vec<MatchExpression>>,
    /// Labels and their values; all must be there.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) match_labels: Option<BTreeMap<String, String>>,
}

/// One entry of `selector.matchExpressions`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MatchExpression {
    /// The label.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) key: Option<String>,
    /// How it is compared.
    #[schemars(required, extend("x-kept" = KEPT))]
    pub(crate) operator: Option<Operator>,
    /// With what; for `In` and `NotIn` only, which need it.
    #[schemars(extend("x-kept" = KEPT))]
    pub(crate) values: Option<Vec<String>>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Operator {
    /// It is one of the values.
    In,
    /// It is none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl MatchExpression {
    /// What is wrong with operator and values together; nothing while one of them is wrong by itself.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let values = self.values.as_ref().is_some_and(|values| !values.is_empty());
        match (self.operator?, values) {
            (Operator::In | Operator::NotIn, false) => Some("needs values; give one or more"),
            (Operator::Exists | Operator::DoesNotExist, true) => Some("takes no values; leave them out"),
            _ => None,
        }
    }
}
