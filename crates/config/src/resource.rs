//! Resources out of documents: which kinds there are, what they say, what they refer to.

mod authentication;
mod authorization;
mod broker;
mod dataflow;
mod dataflow_endpoint;
mod dataflow_profile;
mod diagnostics;
mod listener;
mod manifest;
mod object;
mod sorting;
#[expect(dead_code, reason = "checked by the schema, and kept as the tree that was written")]
mod volume_claim;

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;

pub(crate) use authentication::{
    AdditionalValidation, AuthenticationSpec, CustomSettings, JwtSettings, MethodName, MethodSpec, OfflineSettings,
    ServiceAccountTokenSettings, TokenPlaceName, UserPasswordSettings, X509Settings,
};
pub(crate) use authorization::{
    AuthorizationSpec, BrokerMethod, BrokerResourceSpec, KeyType, PrincipalsSpec, RuleSpec, StateStoreResourceSpec,
};
pub(crate) use broker::{BrokerSpec, ClientsSpec, SEPARATE, Switch};
pub(crate) use dataflow::{
    DataflowSpec, DestinationSettings, MapRule, MapType, OperationSpec, OperationType, OutputFormat, SourceSettings,
    TransformationSettings,
};
pub(crate) use dataflow_endpoint::{
    CloudEventsName, DataflowEndpointSpec, EndpointAuthentication, EndpointMethod, EndpointType, HostType,
    MqttSettings, MqttVersionName, RetainName,
};
pub(crate) use dataflow_profile::{DataflowProfileSpec, RemoteToRemoteName};
pub(crate) use listener::{CertManagerCertificateSpec, ListenerSpec, PortSpec, ServiceType, TlsMode, TlsSpec};
pub(crate) use object::{Missing, Objects};
pub(crate) use sorting::read;
pub(crate) use volume_claim::{KEPT as KEPT_FOR_VOLUMES, VolumeClaimSpec};

use crate::document::Node;
use crate::reading::{Reading, Spot};
use crate::schema::{self, Shape};

/// What a Broker may say; derived once, since its type does not change.
pub(crate) static BROKER: LazyLock<Shape> = LazyLock::new(schema::shape_of::<BrokerSpec>);
/// What a BrokerListener may say.
pub(crate) static LISTENER: LazyLock<Shape> = LazyLock::new(schema::shape_of::<ListenerSpec>);
/// What a BrokerAuthentication may say.
pub(crate) static AUTHENTICATION: LazyLock<Shape> = LazyLock::new(schema::shape_of::<AuthenticationSpec>);
/// What a BrokerAuthorization may say.
pub(crate) static AUTHORIZATION: LazyLock<Shape> = LazyLock::new(schema::shape_of::<AuthorizationSpec>);
/// What a DataflowEndpoint may say.
pub(crate) static DATAFLOW_ENDPOINT: LazyLock<Shape> = LazyLock::new(schema::shape_of::<DataflowEndpointSpec>);
/// What a Dataflow may say.
pub(crate) static DATAFLOW: LazyLock<Shape> = LazyLock::new(schema::shape_of::<DataflowSpec>);
/// What a DataflowProfile may say.
pub(crate) static DATAFLOW_PROFILE: LazyLock<Shape> = LazyLock::new(schema::shape_of::<DataflowProfileSpec>);

/// Everything that was written, sorted by kind.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(crate) broker: Option<Resource<BrokerSpec>>,
    pub(crate) listeners: Vec<Resource<ListenerSpec>>,
    pub(crate) authentications: Vec<Resource<AuthenticationSpec>>,
    pub(crate) authorizations: Vec<Resource<AuthorizationSpec>>,
    pub(crate) endpoints: Vec<Resource<DataflowEndpointSpec>>,
    pub(crate) dataflows: Vec<Resource<DataflowSpec>>,
    pub(crate) profiles: Vec<Resource<DataflowProfileSpec>>,
    pub(crate) objects: Objects,
}

/// A resource: what it says, and where it says so. Debug prints no field: some are secret.
pub(crate) struct Resource<T> {
    pub(crate) name: String,
    /// Only what it says itself.
    pub(crate) namespace: Option<String>,
    /// What is right of its fields; what is wrong is left out, and a problem.
    pub(crate) spec: T,
    tree: Node,
    /// Where the fields begin.
    spot: Spot,
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({}, {})", self.name, self.spot.place())
    }
}

impl<T: DeserializeOwned + Default> Resource<T> {
    /// Checks the fields in `tree`, which lies at `spot`, and takes over what is right of them.
    fn check(name: String, (tree, spot): (Node, Spot), shape: &Shape, reading: &mut Reading) -> Self {
        let sound = schema::check(shape, &tree, &spot, reading);
        let spec = match serde_json::from_value(sound) {
            Ok(spec) => spec,
            Err(error) => {
                // The schema and the type are one; should they part, the resource is refused rather than half read.
                reading.refuse_at(&spot, "cannot be read", error);
                T::default()
            }
        };
        Self { name, namespace: None, spec, tree, spot }
    }
}

impl<T> Resource<T> {
    /// Where a field was written; `None` where it was not, or is null.
    pub(crate) fn given(&self, path: &str) -> Option<Spot> {
        let line = self.tree.line_of(path)?;
        let dot = if self.spot.path.is_empty() || path.is_empty() { "" } else { "." };
        Some(self.spot.moved(line, format!("{}{dot}{path}", self.spot.path)))
    }

    /// Where a field was written, or where it would have been: for what is wrong with several fields together.
    pub(crate) fn place(&self, path: &str) -> Spot {
        let parent = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        match self.given(path) {
            Some(spot) => spot,
            None if path.is_empty() => self.spot.clone(),
            None => self.place(parent),
        }
    }

    /// The value of a field as a message shows it.
    pub(crate) fn shown(&self, path: &str) -> String {
        self.tree.at(path).map(Node::shown).unwrap_or_default()
    }

    /// The resource with the lines of its fields.
    pub(crate) fn whereabouts(&self) -> crate::Place {
        let Spot { file, line, path } = &self.spot;
        crate::Place::new(file.path.clone(), (path.clone(), *line), self.tree.lines())
    }

    pub(crate) fn tree(&self, path: &str) -> Option<&Node> {
        self.tree.at(path)
    }
}

/// The Broker's properties alone, as `az iot ops create --broker-config-file` takes them.
fn broker_properties(tree: Node, spot: Spot, reading: &mut Reading) -> Resource<BrokerSpec> {
    Resource::check("default".to_owned(), (tree, spot), &BROKER, reading)
}

/// A file's first line.
fn whole_file(file: Arc<crate::reading::File>) -> Spot {
    Spot { file, line: 1, path: String::new() }
}
