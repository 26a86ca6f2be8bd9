//! What the process was asked to be, checked.
//!
//! An [`Input`] is what somebody wrote: flags as a [`Request`], resource files as [`Text`]s, Secrets as [`Object`]s.
//! [`Plan::check`] turns it into a [`Plan`]: every value parsed, in range, references resolved, defaults filled in. All
//! [`Problems`] come at once. [`Change::between`] two plans is what a running process has to do. No clock, no files:
//! what the plan depends on besides the input is a [`Host`].
//!
//! ```text
//!   files --> document --> resource (checked by schema) --+
//!   arguments -> Request ---------------------------------+--> Plan::check --> Plan -> each role's settings
//!   cores, cluster.json -> Host --------------------------+               \-> Problems (what, where, what would be right)
//! ```

pub mod authentication;
pub mod authorization;
mod broker;
mod change;
mod clients;
mod cluster;
pub mod dataflow;
mod diagnostics;
mod document;
mod effective;
mod format;
mod input;
mod internal_traffic;
mod listener;
mod member;
mod memory;
mod place;
mod plan;
mod problem;
mod reading;
pub mod reference;
mod request;
mod resource;
mod schema;
mod secret;

pub use broker::{Cardinality, Durability};
pub use change::{Change, Setting, Waiting};
pub use clients::{ClientLimits, QueueLimit, QueueStrategy};
pub use cluster::{ClusterRecord, ClusterRecordError};
pub use diagnostics::{Audit, LogLevel, SelfCheck, Traces};
pub use effective::{EffectiveValue, Origin};
pub use format::duration;
pub use input::{Input, Object, ObjectKind, Text};
pub use internal_traffic::{Encryption, InternalCertificates, InternalTraffic};
pub use listener::{
    Admin, AutomaticCertificate, KeyAlgorithm, KeyRotation, Listener, ManualCertificate, Protocol, Tls,
};
pub use member::{BackendAddress, ClusterMember, ClusterPlan, ClusterRole};
pub use memory::MemoryProfile;
pub use place::Place;
pub use plan::{Host, Notice, Plan};
pub use problem::{Problem, Problems};
pub use request::{ClusterRequest, Given, Request};
pub use secret::{SecretBytes, SecretText};
