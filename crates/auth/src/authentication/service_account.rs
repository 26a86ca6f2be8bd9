//! The method ServiceAccountToken: tokens that Kubernetes gives its pods, shown in the enhanced authentication `K8S-SAT`.
//!
//! Two ways to check one: the cluster is asked (TokenReview), and says what stands on the account too; or nobody is, and the
//! signature is checked with the cluster's published keys.

mod account;
mod cluster;
mod method;
mod offline;
mod recent;
mod review;

pub(crate) use method::ServiceAccountToken;
pub use method::{ServiceAccountSettings, Verification};
pub use offline::OfflineSettings;
pub use review::{ClusterAccess, ReviewSettings};
