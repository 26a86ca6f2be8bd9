//! Resources of dataflows: endpoints, dataflows and profiles.

use crate::Resources;

/// The group and version of these resources.
const API: &str = "connectivity.iotoperations.azure.com/v1";

/// A Dataflow under construction.
#[derive(Clone, Debug)]
pub struct Flow {
    name: String,
    source: String,
    filters: Vec<String>,
    destination: String,
    topic: String,
    /// Lines beside `operations`.
    rest: String,
}

impl Flow {
    pub fn new(name: &str) -> Self {
        let (source, destination) = ("default".to_string(), "default".to_string());
        let (filters, topic, rest) = (Vec::new(), String::new(), String::new());
        Flow { name: name.into(), source, filters, destination, topic, rest }
    }

    /// Takes what matches these filters at that endpoint.
    pub fn from(mut self, endpoint: &str, filters: &[&str]) -> Self {
        self.source = endpoint.into();
        self.filters = filters.iter().map(|filter| (*filter).to_string()).collect();
        self
    }

    /// Publishes it to that topic at that endpoint.
    pub fn to(mut self, endpoint: &str, topic: &str) -> Self {
        self.destination = endpoint.into();
        self.topic = topic.into();
        self
    }

    /// One more line of the spec: `mode: Disabled`, `profileRef: several`.
    pub fn with(mut self, line: &str) -> Self {
        self.rest = format!("{}{line}\n", self.rest);
        self
    }

    /// As it is written in a file.
    pub fn yaml(&self) -> String {
        let filters: String = self.filters.iter().map(|filter| format!("    - \"{filter}\"\n")).collect();
        let (source, destination, topic, rest) = (&self.source, &self.destination, &self.topic, &self.rest);
        let spec = format!(
            "{rest}operations:\n- operationType: Source\n  sourceSettings:\n    endpointRef: {source}\n    dataSources:\n\
             {filters}- operationType: Destination\n  destinationSettings:\n    endpointRef: {destination}\n    \
             dataDestination: \"{topic}\"\n"
        );
        resource("Dataflow", &self.name, &spec)
    }
}

/// `mqttSettings` of a broker on this machine whom nobody is named to, without TLS; `more` are further lines.
pub fn plain_settings(host: impl std::fmt::Display, more: &str) -> String {
    format!("host: \"{host}\"\nauthentication:\n  method: Anonymous\ntls:\n  mode: Disabled\n{more}")
}

impl Resources {
    /// A DataflowEndpoint in a file of its own; `settings` is what stands below `mqttSettings`.
    pub fn endpoint(&self, name: &str, settings: &str) {
        self.endpoint_of("", name, settings);
    }

    /// The same with a line beside `endpointType`, as `hostType: EventGrid`.
    pub fn endpoint_of(&self, line: &str, name: &str, settings: &str) {
        let settings: String = settings.lines().map(|line| format!("  {line}\n")).collect();
        let spec = format!("endpointType: Mqtt\n{line}\nmqttSettings:\n{settings}");
        self.write(&format!("endpoint-{name}.yaml"), &resource("DataflowEndpoint", name, &spec));
    }

    /// A Dataflow in a file of its own.
    pub fn dataflow(&self, flow: &Flow) {
        self.write(&format!("dataflow-{}.yaml", flow.name), &flow.yaml());
    }

    pub fn remove_dataflow(&self, name: &str) {
        self.remove(&format!("dataflow-{name}.yaml"));
    }

    /// A DataflowProfile in a file of its own.
    pub fn profile(&self, name: &str, spec: &str) {
        self.write(&format!("profile-{name}.yaml"), &resource("DataflowProfile", name, spec));
    }
}

fn resource(kind: &str, name: &str, spec: &str) -> String {
    let indented: String = spec.lines().filter(|line| !line.is_empty()).map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: {API}\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n{indented}")
}
