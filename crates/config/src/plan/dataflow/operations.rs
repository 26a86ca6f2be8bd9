//! A Dataflow: which messages come from where, and where they go.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Subject;
use super::{BUILT_IN, endpoint, profile, topics};
use crate::dataflow::{
    Dataflow, Endpoint, EndpointKind, Group, Hop, Mode, MqttVersion, Profile, RemoteToRemote, SourceFilter,
    TopicTemplate,
};
use crate::format::NotEmpty;
use crate::reading::Spot;
use crate::resource::{
    DataflowSpec, DestinationSettings, MapRule, MapType, OperationSpec, OperationType, OutputFormat, Resources,
    SourceSettings, Switch, TransformationSettings,
};

/// What a Dataflow may refer to.
#[derive(Clone, Copy)]
pub(super) struct Neighbours<'a> {
    pub(super) resources: &'a Resources,
    pub(super) endpoints: &'a BTreeMap<String, Endpoint>,
    pub(super) profiles: &'a BTreeMap<String, Profile>,
}

/// A dataflow, with where its ends are written.
pub(super) struct Flow {
    pub(super) dataflow: Dataflow,
    pub(super) source: Spot,
    pub(super) destination: Spot,
    /// Of its topic.
    pub(super) topic: Spot,
}

/// Settings beside `operationType`, whose they are, and whether their type needs them.
const BLOCKS: &[(&str, OperationType, Need)] = &[
    ("sourceSettings", OperationType::Source, Need::Needed),
    ("builtInTransformationSettings", OperationType::BuiltInTransformation, Need::Spared),
    ("destinationSettings", OperationType::Destination, Need::Needed),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Needed,
    Spared,
}

/// `None` if it is wrong, which is then a problem.
pub(super) fn settle(subject: Subject<'_, '_, DataflowSpec>, neighbours: &Neighbours<'_>) -> Option<Flow> {
    Operations { subject, neighbours: *neighbours }.settle()
}

struct Operations<'a, 'r> {
    subject: Subject<'a, 'r, DataflowSpec>,
    neighbours: Neighbours<'a>,
}

/// One end: the path of its settings, and its endpoint.
struct End<'a> {
    path: String,
    endpoint: &'a Endpoint,
}

impl<'a> Operations<'a, '_> {
    fn settle(mut self) -> Option<Flow> {
        let (resource, neighbours) = (self.subject.resource, self.neighbours);
        let (name, spec) = (resource.name.clone(), &resource.spec);
        let profile = self.profile();
        let operations = spec.operations.as_deref().unwrap_or_default();
        operations.iter().enumerate().for_each(|(n, operation)| self.check_blocks(n, operation));
        self.check_number(operations);
        for (n, operation) in operations.iter().enumerate() {
            if let Some(settings) = &operation.built_in_transformation_settings {
                self.transformation(&format!("operations[{n}].builtInTransformationSettings"), settings);
            }
        }
        let found = |wanted| operations.iter().position(|operation| operation.operation_type == Some(wanted));
        let (from, to) = (found(OperationType::Source)?, found(OperationType::Destination)?);
        let (from_path, to_path) =
            (format!("operations[{from}].sourceSettings"), format!("operations[{to}].destinationSettings"));
        let source = operations[from].source_settings.as_ref();
        let destination = operations[to].destination_settings.as_ref();
        let source_end = self.end(from_path, source.and_then(|source| source.endpoint_ref.as_deref()));
        let destination_end = self.end(to_path, destination.and_then(|to| to.endpoint_ref.as_deref()));
        let filters = self.filters(from, source, (source_end.as_ref(), profile));
        let topic = self.topic(to, destination, &filters);
        let dead_letter = self.dead_letter(&name, source_end.as_ref(), &filters)?;
        let (source_end, destination_end, profile) = (source_end?, destination_end?, profile?);
        self.check_ends((&source_end, &destination_end), profile);
        let mode = if spec.mode == Some(Switch::Disabled) { Mode::Disabled } else { Mode::Enabled };
        let spots = [
            format!("{}.endpointRef", source_end.path),
            format!("{}.endpointRef", destination_end.path),
            format!("{}.dataDestination", destination_end.path),
        ];
        let [source, destination, place] = spots.map(|path| self.subject.place(&path));
        let dataflow = Dataflow {
            name,
            profile: profile.name.clone(),
            mode,
            instances: neighbours.profiles.get(&profile.name)?.instances,
            source: source_end.endpoint.name.clone(),
            filters,
            destination: destination_end.endpoint.name.clone(),
            topic: topic?,
            dead_letter,
        };
        Some(Flow { dataflow, source, destination, topic: place })
    }

    fn profile(&mut self) -> Option<&'a Profile> {
        const PATH: &str = "profileRef";
        let neighbours = self.neighbours;
        let name = match &self.subject.resource.spec.profile_ref {
            Some(name) => name.as_str(),
            // One that is wrong is refused as such.
            None if self.subject.is_given(PATH) => return None,
            None => BUILT_IN,
        };
        let profile = neighbours.profiles.get(name);
        if profile.is_none() {
            self.subject.refuse_dangling(PATH, "DataflowProfile", name, profile::names(neighbours.resources));
        }
        profile
    }

    /// Exactly the settings that fit.
    fn check_blocks(&mut self, n: usize, operation: &OperationSpec) {
        // One without a type, or with a wrong one, is refused as such.
        let Some(kind) = operation.operation_type else { return };
        for (block, whose, need) in BLOCKS {
            let path = format!("operations[{n}].{block}");
            if *whose != kind {
                let expected =
                    format!("belongs to the type {whose:?}, and this is {kind:?}; leave it out, or give that type");
                self.subject.refuse_given(&path, &expected);
            } else if *need == Need::Needed && !self.subject.is_given(&path) {
                self.subject.refuse_missing(&path, &format!("the type {kind:?} needs it"));
            }
        }
    }

    /// One source, one destination, one transformation at most.
    fn check_number(&mut self, operations: &[OperationSpec]) {
        let untold = operations.iter().any(|operation| operation.operation_type.is_none());
        for (_, kind, need) in BLOCKS {
            let mut of = operations.iter().enumerate().filter(|(_, o)| o.operation_type == Some(*kind));
            let first = of.next();
            for (n, _) in of {
                let expected = format!("there is an entry of this type already; leave one {kind:?} out");
                self.subject.refuse(&format!("operations[{n}].operationType"), &expected);
            }
            // With a type that is wrong, or fewer than two entries, more is known already.
            if first.is_none() && *need == Need::Needed && !untold && operations.len() > 1 {
                let expected = format!("there is no entry of the type {kind:?}; add one");
                self.subject.refuse("operations", &expected);
            }
        }
    }

    /// Only what lets everything pass.
    fn transformation(&mut self, path: &str, settings: &TransformationSettings) {
        const NOTHING_ELSE: &str = "not there yet: messages cross as they are; leave it out";
        if !matches!(settings.serialization_format, None | Some(OutputFormat::Json)) {
            let expected = "not there yet: payloads cross as they are; give Json, or leave it out";
            self.subject.refuse(&format!("{path}.serializationFormat"), expected);
        }
        for field in ["datasets", "filter"] {
            self.subject.refuse_entries(&format!("{path}.{field}"), NOTHING_ELSE);
        }
        for (n, rule) in settings.map.iter().flatten().enumerate() {
            self.rule(&format!("{path}.map[{n}]"), rule);
        }
    }

    fn rule(&mut self, path: &str, rule: &MapRule) {
        const PASS: &str = "not there yet: messages cross as they are";
        if !matches!(rule.kind, None | Some(MapType::PassThrough)) {
            self.subject.refuse(&format!("{path}.type"), &format!("{PASS}; give PassThrough, or leave the entry out"));
            return;
        }
        if rule.inputs.as_ref().is_some_and(|inputs| !inputs.is_empty() && *inputs != ["*"]) {
            self.subject.refuse(&format!("{path}.inputs"), &format!("{PASS}; give one, *"));
        }
        if rule.output.as_ref().is_some_and(|output| output != "*") {
            self.subject.refuse(&format!("{path}.output"), &format!("{PASS}; give *"));
        }
    }

    /// The endpoint that a reference leads to; `None` if there is none, or none that is sound.
    fn end(&mut self, path: String, name: Option<&str>) -> Option<End<'a>> {
        let neighbours = self.neighbours;
        let name = name?;
        let names = endpoint::names(neighbours.resources);
        if !names.clone().any(|known| known == name) {
            self.subject.refuse_dangling(&format!("{path}.endpointRef"), "DataflowEndpoint", name, names);
            return None;
        }
        let written = neighbours.resources.endpoints.iter().any(|endpoint| endpoint.name == name);
        // The built-in one must not stand in for one that is wrong.
        let endpoint = neighbours.endpoints.get(name).filter(|endpoint| endpoint.place.is_some() == written)?;
        Some(End { path, endpoint })
    }

    fn filters(
        &mut self,
        n: usize,
        settings: Option<&SourceSettings>,
        (end, profile): (Option<&End<'_>>, Option<&Profile>),
    ) -> Vec<SourceFilter> {
        let shared = profile.is_some_and(|profile| profile.instances > 1);
        let sources = settings.and_then(|settings| settings.data_sources.as_ref());
        let mut filters = Vec::new();
        let mut seen = BTreeSet::new();
        for (i, text) in sources.into_iter().flatten().enumerate() {
            let path = format!("operations[{n}].sourceSettings.dataSources[{i}]");
            let Some(found) = self.filter(&path, text) else { continue };
            if found.group != Group::None && end.is_some_and(|end| end.endpoint.kind == EndpointKind::EventGrid) {
                let expected = "Azure Event Grid has no shared subscriptions; give the filter alone";
                self.subject.refuse(&path, expected);
            }
            let found = match found.group {
                Group::None if shared => SourceFilter { group: Group::Instances, ..found },
                _ => found,
            };
            match seen.insert(found.filter.clone()) {
                true => filters.push(found),
                false => self.subject.notice(&path, "it is in the list already; subscribed to once"),
            }
        }
        filters
    }

    fn filter(&mut self, path: &str, text: &NotEmpty) -> Option<SourceFilter> {
        let text = text.clone().text();
        let standard = match text.strip_prefix("$shared/") {
            Some(rest) => format!("$share/{rest}"),
            None => text,
        };
        match mqtt::Filter::parse(&standard) {
            Ok(mqtt::Filter { share, filter }) => {
                let group = share.map_or(Group::None, |share| Group::Named(share.to_owned()));
                Some(SourceFilter { group, filter: filter.to_owned() })
            }
            Err(error) => {
                self.subject.refuse(path, &format!("give a topic filter, such as site/+/temperature/#; {error}"));
                None
            }
        }
    }

    fn topic(
        &mut self,
        n: usize,
        settings: Option<&DestinationSettings>,
        filters: &[SourceFilter],
    ) -> Option<TopicTemplate> {
        let path = format!("operations[{n}].destinationSettings.dataDestination");
        let headers = format!("operations[{n}].destinationSettings.headers");
        self.subject.refuse_entries(&headers, "not there yet: user properties cross as they are; leave it out");
        let template = match TopicTemplate::parse(settings?.data_destination.as_ref()?) {
            Ok(template) => template,
            Err(expected) => {
                self.subject.refuse(&path, &expected);
                return None;
            }
        };
        for SourceFilter { filter, .. } in filters {
            if topics::pattern(&template, filter).is_none() {
                let sentence = format!("messages of {filter} have no such level, and go to the dead-letter topic");
                self.subject.notice(&path, &sentence);
            }
        }
        Some(template)
    }

    fn dead_letter(&mut self, name: &str, source: Option<&End<'_>>, filters: &[SourceFilter]) -> Option<String> {
        const PATH: &str = "deadLetterTopic";
        let topic = match &self.subject.resource.spec.dead_letter_topic {
            Some(topic) => topic.clone(),
            // One that is wrong is refused as such.
            None if self.subject.is_given(PATH) => return None,
            None => format!("dataflow/deadletter/{name}"),
        };
        // What marks messages that were here keeps dead letters from being taken up again.
        let unmarked = source.map(|end| end.endpoint).filter(|endpoint| endpoint.hop == Hop::Off);
        let taken = filters.iter().find(|found| mqtt::matches(&found.filter, &topic));
        if let (Some(EndpointKind::Local), Some(found)) = (unmarked.map(|endpoint| endpoint.kind), taken) {
            let expected = format!(
                "{topic} is among what {} takes, and without hopProperty dead letters would go round for ever; give \
                 another topic, or hopProperty: Enabled",
                found.filter
            );
            self.subject.refuse(PATH, &expected);
        }
        Some(topic)
    }

    /// What is wrong with two ends that are each right.
    fn check_ends(&mut self, (source, destination): (&End<'_>, &End<'_>), profile: &Profile) {
        let Profile { name, instances, remote_to_remote, .. } = profile;
        let remote = |end: &End<'_>| end.endpoint.kind != EndpointKind::Local;
        if remote(source) && remote(destination) && *remote_to_remote == RemoteToRemote::Refused {
            let expected = format!(
                "neither this nor {} is this installation's broker; give default for one of them, or \
                 remoteToRemote: Allowed in the DataflowProfile {name}",
                source.endpoint.name
            );
            self.subject.refuse(&format!("{}.endpointRef", destination.path), &expected);
        }
        let shares = |version: MqttVersion| version != MqttVersion::V3;
        let why = match source.endpoint.kind {
            EndpointKind::EventGrid => "Azure Event Grid has no shared subscriptions",
            _ if !shares(source.endpoint.version) => "MQTT 3.1.1 has no shared subscriptions",
            _ => return,
        };
        if *instances > 1 {
            let expected = format!(
                "{why}, and as a source needs one instance; the DataflowProfile {name} has instanceCount {instances}, \
                 give a profile with 1"
            );
            self.subject.refuse(&format!("{}.endpointRef", source.path), &expected);
        }
    }
}
