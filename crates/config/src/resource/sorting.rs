//! Sorts documents by what they are, and refuses what is not there yet by its name.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::manifest::Manifest;
use super::{
    AUTHENTICATION, AUTHORIZATION, BROKER, DATAFLOW, DATAFLOW_ENDPOINT, DATAFLOW_PROFILE, LISTENER, Resource,
    Resources, broker_properties, whole_file,
};
use crate::document::{self, Node, Parsed};
use crate::reading::{File, Reading, Spot};
use crate::schema::{Shape, nearest};
use crate::{Input, ObjectKind};

const GROUP: &str = "mqttbroker.iotoperations.azure.com";
const DATAFLOW_GROUP: &str = "connectivity.iotoperations.azure.com";
const VERSIONS: &[&str] = &["v1", "v1beta1"];
const KINDS: &[&str] = &["Broker", "BrokerListener", "BrokerAuthentication", "BrokerAuthorization"];
const DATAFLOW_KINDS: &[&str] = &["Dataflow", "DataflowEndpoint", "DataflowProfile"];
/// Kinds of the same group that are told from misspelt ones.
const KINDS_TO_COME: &[&str] = &["DataflowGraph", "RegistryEndpoint"];
/// The name of the only Broker.
const BROKER_NAME: &str = "default";

/// Reads all files, and sorts what they hold.
pub(crate) fn read(input: &Input, reading: &mut Reading) -> Resources {
    let mut sorting = Sorting { resources: Resources::default(), reading };
    sorting.broker_config(input);
    for (n, text) in input.texts.iter().enumerate() {
        let file = Arc::new(File { path: text.path.clone(), order: n + 2 });
        let parsed = document::read(text);
        let spot = sorting.faults(&parsed, file);
        for node in &parsed.documents {
            sorting.document(node, &spot);
        }
    }
    for (n, object) in input.objects.iter().enumerate() {
        let file = Arc::new(File { path: object.path.clone(), order: input.texts.len() + 2 + n });
        sorting.resources.objects.add_directory(object, whole_file(file));
    }
    sorting.resources
}

struct Sorting<'a> {
    resources: Resources,
    reading: &'a mut Reading,
}

impl Sorting<'_> {
    /// The file's own problems. Returns the place of its beginning.
    fn faults(&mut self, parsed: &Parsed, file: Arc<File>) -> Spot {
        let spot = whole_file(file);
        for fault in &parsed.faults {
            self.reading.refuse_at(&spot.moved(fault.line, ""), &fault.text, &fault.expected);
        }
        spot
    }

    fn broker_config(&mut self, input: &Input) {
        let Some(text) = &input.broker_config else { return };
        let file = Arc::new(File { path: text.path.clone(), order: 1 });
        let parsed = document::read_json(text);
        let spot = self.faults(&parsed, file);
        let Some(tree) = parsed.documents.into_iter().next() else { return };
        let foreign = ["apiVersion", "kind", "spec", "properties"];
        if let Some(field) = foreign.into_iter().find(|field| tree.field(field).is_some()) {
            let spot = spot.moved(tree.line_of(field).unwrap_or(1), "");
            let expected = "give the Broker's properties alone, as az iot ops create takes them: what is inside of spec or \
                            properties; a whole resource goes to --resources";
            self.reading.refuse_at(&spot, field, expected);
            return;
        }
        self.resources.broker = Some(broker_properties(tree, spot, self.reading));
    }

    fn document(&mut self, node: &Node, file: &Spot) {
        if node.is_null() {
            return;
        }
        let Some(manifest) = Manifest::of(node, file, self.reading) else { return };
        match (manifest.group, manifest.kind) {
            ("", "List")
            | (GROUP, "BrokerList" | "BrokerListenerList" | "BrokerAuthenticationList" | "BrokerAuthorizationList")
            | (DATAFLOW_GROUP, "DataflowList" | "DataflowEndpointList" | "DataflowProfileList") => self.list(&manifest),
            ("", "Secret") => self.object(&manifest, ObjectKind::Secret),
            ("", "ConfigMap") => self.object(&manifest, ObjectKind::ConfigMap),
            (GROUP, kind) => self.own(&manifest, kind),
            (DATAFLOW_GROUP, kind) => self.dataflow(&manifest, kind),
            (group, kind) => self.other(&manifest, group, kind),
        }
    }

    /// What kubectl prints of several: `items` are documents.
    fn list(&mut self, manifest: &Manifest<'_>) {
        manifest.refuse_other_fields(&["apiVersion", "kind", "metadata", "items"], self.reading);
        let Some(items) = manifest.field("items") else { return };
        match items.items() {
            Some(items) => items.iter().for_each(|item| self.document(item, &manifest.spot)),
            None => {
                self.reading.refuse_at(&manifest.at("items"), items.shown(), "give a list; each entry begins with -")
            }
        }
    }

    fn object(&mut self, manifest: &Manifest<'_>, kind: ObjectKind) {
        self.resources.objects.add_manifest(manifest, kind, self.reading);
    }

    /// A kind of the broker's group.
    fn own(&mut self, manifest: &Manifest<'_>, kind: &str) {
        self.version(manifest);
        match kind {
            "Broker" => self.broker(manifest),
            "BrokerListener" => {
                let listener = self.named(manifest, &LISTENER, |resources| &resources.listeners);
                self.resources.listeners.push(listener);
            }
            "BrokerAuthentication" => {
                let authentication = self.named(manifest, &AUTHENTICATION, |resources| &resources.authentications);
                self.resources.authentications.push(authentication);
            }
            "BrokerAuthorization" => {
                let authorization = self.named(manifest, &AUTHORIZATION, |resources| &resources.authorizations);
                self.resources.authorizations.push(authorization);
            }
            _ => self.unknown(manifest, KINDS),
        }
    }

    /// A kind of the group of dataflows.
    fn dataflow(&mut self, manifest: &Manifest<'_>, kind: &str) {
        self.version(manifest);
        match kind {
            "Dataflow" => {
                let dataflow = self.named(manifest, &DATAFLOW, |resources| &resources.dataflows);
                self.resources.dataflows.push(dataflow);
            }
            "DataflowEndpoint" => {
                let endpoint = self.named(manifest, &DATAFLOW_ENDPOINT, |resources| &resources.endpoints);
                self.resources.endpoints.push(endpoint);
            }
            "DataflowProfile" => {
                let profile = self.named(manifest, &DATAFLOW_PROFILE, |resources| &resources.profiles);
                self.resources.profiles.push(profile);
            }
            _ if KINDS_TO_COME.contains(&kind) => {
                let expected = "not there yet; keep it in another directory";
                self.reading.refuse_at(&manifest.at("kind"), kind, expected);
            }
            _ => self.unknown(manifest, DATAFLOW_KINDS),
        }
    }

    fn version(&mut self, manifest: &Manifest<'_>) {
        if !VERSIONS.contains(&manifest.version) {
            let group = manifest.group;
            let text = format!("\"{group}/{}\"", document::shortened(manifest.version));
            let expected = format!("give {group}/{}", VERSIONS.join(&format!(" or {group}/")));
            self.reading.refuse_at(&manifest.at("apiVersion"), text, expected);
        }
    }

    fn unknown(&mut self, manifest: &Manifest<'_>, kinds: &[&str]) {
        let kind = manifest.kind;
        let hint = nearest(kind, kinds.iter().copied()).map(|near| format!("; did you mean {near}?"));
        let expected = format!("give one of {}{}", kinds.join(", "), hint.unwrap_or_default());
        self.reading.refuse_at(&manifest.at("kind"), document::shortened(kind), expected);
    }

    fn broker(&mut self, manifest: &Manifest<'_>) {
        manifest.refuse_other_fields(&["apiVersion", "kind", "metadata", "spec", "status"], self.reading);
        let metadata = manifest.metadata("resource-name", self.reading);
        if let Some(metadata) = &metadata
            && metadata.name != BROKER_NAME
        {
            let text = format!("\"{}\"", metadata.name);
            self.reading.refuse_at(
                &manifest.at("metadata.name"),
                text,
                "give default; there is one Broker, of this name",
            );
        }
        let (tree, spot) = spec(manifest);
        let mut broker = Resource::check(BROKER_NAME.to_owned(), (tree, spot), &BROKER, self.reading);
        broker.namespace = metadata.and_then(|metadata| metadata.namespace);
        match &self.resources.broker {
            Some(first) => {
                let first = first.place("");
                let expected = match first.path.is_empty() {
                    true => {
                        format!("{} gives the Broker's properties already; leave one of the two out", first.file.path)
                    }
                    false => {
                        format!("there is one already, in {}:{}; leave one of them out", first.file.path, first.line)
                    }
                };
                self.reading.refuse_at(&manifest.at("kind"), "Broker", expected);
            }
            None => self.resources.broker = Some(broker),
        }
    }

    /// A resource of a kind of which there may be several, each with a name of its own.
    fn named<T: DeserializeOwned + Default>(
        &mut self,
        manifest: &Manifest<'_>,
        shape: &Shape,
        others: fn(&Resources) -> &[Resource<T>],
    ) -> Resource<T> {
        manifest.refuse_other_fields(&["apiVersion", "kind", "metadata", "spec", "status"], self.reading);
        let metadata = manifest.metadata("resource-name", self.reading);
        let (name, namespace) = metadata.map_or_else(Default::default, |m| (m.name, m.namespace));
        let same = |other: &&Resource<T>| !name.is_empty() && other.name == name;
        if let Some(first) = others(&self.resources).iter().find(same) {
            let (first, kind) = (first.place(""), manifest.kind);
            let expected = format!("a {kind} of this name is in {}:{}; give another", first.file.path, first.line);
            self.reading.refuse_at(&manifest.at("metadata.name"), format!("\"{name}\""), expected);
        }
        let mut resource = Resource::check(name, spec(manifest), shape, self.reading);
        resource.namespace = namespace;
        resource
    }

    /// Directories hold manifests of other programs, too.
    fn other(&mut self, manifest: &Manifest<'_>, group: &str, kind: &str) {
        let known = [GROUP, DATAFLOW_GROUP];
        if let Some(near) = nearest(group, known) {
            let text = format!("\"{}/{}\"", document::shortened(group), document::shortened(manifest.version));
            let expected = format!("no such group; did you mean {near}/{}?", VERSIONS[0]);
            self.reading.refuse_at(&manifest.at("apiVersion"), text, expected);
            return;
        }
        let of = if group.is_empty() { "Kubernetes" } else { group };
        let sentence = format!("is of {}, not of the broker; skipped", document::shortened(of));
        self.reading.notice(&manifest.at("kind").place(), document::shortened(kind), sentence);
    }
}

/// The fields; where there are none, an empty map in their place.
fn spec(manifest: &Manifest<'_>) -> (Node, Spot) {
    let spot = manifest.at("spec").moved(manifest.at("spec").line, "spec");
    let empty = Node { line: spot.line, value: document::Value::Map(Vec::new()) };
    (manifest.field("spec").cloned().unwrap_or(empty), spot)
}
