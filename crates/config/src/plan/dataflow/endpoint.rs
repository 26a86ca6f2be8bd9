//! Brokers that dataflows connect, out of DataflowEndpoints.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mqtt::QoS;

use super::super::leaves;
use super::super::trust::{Entry, own_bundle};
use super::own_broker::{self, OwnBroker};
use super::subject::Subject;
use super::{BUILT_IN, credentials};
use crate::Protocol;
use crate::authentication::TrustBundle;
use crate::dataflow::{
    CloudEvents, Credentials, Endpoint, EndpointKind, EndpointTls, Hop, MqttVersion, Reach, Retain,
    ServiceAccountTokenFile,
};
use crate::format::ServerAddress;
use crate::reading::Reading;
use crate::resource::{
    CloudEventsName, DATAFLOW_ENDPOINT, DataflowEndpointSpec, EndpointType, HostType, MqttSettings, MqttVersionName,
    Resource, Resources, RetainName, Switch,
};

const KIND: &str = "DataflowEndpoint";
const HOST: &str = "mqttSettings.host";
/// What Azure Event Grid's hosts end with, in each of its clouds.
const EVENT_GRID: &[&str] = &[".eventgrid.azure.net", ".eventgrid.azure.us", ".eventgrid.azure.cn"];
const DEFAULT_PATH: &str = "/mqtt";
const DEFAULT_SESSION_EXPIRY_SECONDS: u32 = 600;
const DEFAULT_KEEP_ALIVE_SECONDS: u16 = 60;
const DEFAULT_MAX_INFLIGHT: u16 = 100;

/// All of them, by name.
pub(super) fn settle(resources: &Resources, namespace: &str, reading: &mut Reading) -> BTreeMap<String, Endpoint> {
    let own = OwnBroker::of(resources, namespace);
    let mut endpoints = BTreeMap::from([(BUILT_IN.to_owned(), built_in(own_bundle(&resources.objects, namespace)))]);
    for resource in &resources.endpoints {
        leaves::note(resource, KIND, &DATAFLOW_ENDPOINT, reading);
        let entry = Entry { resource, path: "mqttSettings".to_owned(), objects: &resources.objects, namespace };
        let subject = Subject { resource, reading: &mut *reading };
        if let Some(endpoint) = (Settling { subject, entry, own: &own }).settle() {
            endpoints.insert(resource.name.clone(), endpoint);
        }
    }
    endpoints
}

/// This broker, as Azure IoT Operations makes the endpoint of this name.
fn built_in(authorities: TrustBundle) -> Endpoint {
    let (audience, file) = (credentials::DEFAULT_AUDIENCE.to_owned(), PathBuf::from(credentials::DEFAULT_TOKEN_FILE));
    Endpoint {
        name: BUILT_IN.to_owned(),
        place: None,
        kind: EndpointKind::Local,
        reach: Reach::Memory,
        host: own_broker::NAME.to_owned(),
        port: own_broker::PORT,
        protocol: Protocol::Mqtt,
        path: None,
        tls: Some(EndpointTls { authorities: Some(authorities) }),
        version: MqttVersion::Auto,
        credentials: Credentials::ServiceAccountToken(ServiceAccountTokenFile { audience, file }),
        client_id_prefix: None,
        qos: QoS::AtLeastOnce,
        retain: Retain::Keep,
        session_expiry: Duration::from_secs(DEFAULT_SESSION_EXPIRY_SECONDS.into()),
        keep_alive: Duration::from_secs(DEFAULT_KEEP_ALIVE_SECONDS.into()),
        max_inflight: DEFAULT_MAX_INFLIGHT,
        cloud_events: None,
        hop: Hop::Checked,
    }
}

/// One endpoint on its way to the plan.
struct Settling<'a, 'r> {
    subject: Subject<'a, 'r, DataflowEndpointSpec>,
    entry: Entry<'a, DataflowEndpointSpec>,
    own: &'a OwnBroker,
}

/// Where a broker is, and whose it is.
struct Whereabouts {
    address: ServerAddress,
    kind: EndpointKind,
    reach: Reach,
}

impl Settling<'_, '_> {
    /// `None` if it is wrong, which is then a problem.
    fn settle(mut self) -> Option<Endpoint> {
        let spec = &self.subject.resource.spec;
        self.check_type(spec.endpoint_type);
        let settings = spec.mqtt_settings.as_ref()?;
        let found = self.whereabouts(settings, spec.host_type)?;
        let protocol = settings.protocol.unwrap_or(Protocol::Mqtt);
        let path = self.path(&found.address, protocol);
        let tls = self.tls(settings);
        let version = match settings.mqtt_version {
            None | Some(MqttVersionName::Auto) => MqttVersion::Auto,
            Some(MqttVersionName::V3) => MqttVersion::V3,
            Some(MqttVersionName::V5) => MqttVersion::V5,
        };
        let (session_expiry, keep_alive) = self.times(settings, found.kind);
        let credentials = credentials::settle(&mut self.subject, &self.entry, (settings, found.kind))?;
        let tls = tls?;
        self.notice_in_the_open(&found, &credentials, tls.as_ref());
        Some(Endpoint {
            name: self.subject.resource.name.clone(),
            place: Some(self.subject.resource.whereabouts()),
            kind: found.kind,
            reach: found.reach,
            host: found.address.host,
            port: found.address.port,
            protocol,
            path,
            tls,
            version,
            credentials,
            client_id_prefix: settings.client_id_prefix.clone(),
            qos: if settings.qos == Some(0) { QoS::AtMostOnce } else { QoS::AtLeastOnce },
            retain: if settings.retain == Some(RetainName::Never) { Retain::Never } else { Retain::Keep },
            session_expiry,
            keep_alive,
            max_inflight: settings.max_inflight_messages.unwrap_or(DEFAULT_MAX_INFLIGHT),
            cloud_events: settings.cloud_event_attributes.map(|attributes| match attributes {
                CloudEventsName::Propagate => CloudEvents::Propagate,
                CloudEventsName::CreateOrRemap => CloudEvents::CreateOrRemap,
            }),
            hop: if settings.hop_property == Some(Switch::Disabled) { Hop::Off } else { Hop::Checked },
        })
    }

    fn check_type(&mut self, endpoint_type: Option<EndpointType>) {
        const SETTINGS: &str = "mqttSettings";
        match endpoint_type {
            // One without a type is refused as such.
            None => {}
            Some(EndpointType::Mqtt) if self.subject.is_given(SETTINGS) => {}
            Some(EndpointType::Mqtt) => self.subject.refuse_missing(SETTINGS, "the type Mqtt needs it"),
            Some(_) => {
                let expected =
                    "not there yet: dataflows go from broker to broker; give Mqtt, or keep it in another directory";
                self.subject.refuse("endpointType", expected);
            }
        }
    }

    fn whereabouts(&mut self, settings: &MqttSettings, host_type: Option<HostType>) -> Option<Whereabouts> {
        let address = match &settings.host {
            Some(address) => address.clone(),
            // One that is wrong is refused as such.
            None if self.subject.is_given(HOST) => return None,
            None => ServerAddress { host: own_broker::NAME.to_owned(), port: own_broker::PORT, path: None },
        };
        let host = address.host.trim_end_matches('.');
        let of_event_grid = EVENT_GRID.iter().any(|end| host.ends_with(end));
        let own = self.own.is_at(&address);
        let expected = match host_type {
            Some(HostType::FabricRT | HostType::Eventhub | HostType::CustomKafka) => {
                Some("belongs to the endpoint type Kafka; give LocalBroker, EventGrid or CustomMqtt, or leave it out")
            }
            Some(HostType::EventGrid | HostType::CustomMqtt) if own => {
                Some("the host is this broker; give LocalBroker, or leave it out")
            }
            Some(HostType::LocalBroker) if of_event_grid => {
                Some("the host is Azure Event Grid's; give EventGrid, or leave it out")
            }
            _ => None,
        };
        if let Some(expected) = expected {
            self.subject.refuse("hostType", expected);
        }
        let (kind, reach) = match host_type {
            _ if own => (EndpointKind::Local, Reach::Memory),
            _ if of_event_grid => (EndpointKind::EventGrid, Reach::Network),
            Some(HostType::LocalBroker) => (EndpointKind::Local, Reach::Network),
            Some(HostType::EventGrid) => (EndpointKind::EventGrid, Reach::Network),
            _ => (EndpointKind::Custom, Reach::Network),
        };
        self.note_kind(match (kind, reach) {
            (EndpointKind::Local, Reach::Memory) => "this broker, reached within the process",
            (EndpointKind::Local, Reach::Network) => "this broker, reached at its address",
            (EndpointKind::EventGrid, _) => "Azure Event Grid",
            (EndpointKind::Custom, _) => "a broker of its own",
        });
        Some(Whereabouts { address, kind, reach })
    }

    fn note_kind(&mut self, note: &str) {
        let path = format!("{KIND}/{} {HOST}", self.subject.resource.name);
        if let Some(value) = self.subject.reading.values.iter_mut().rev().find(|value| value.path == path) {
            value.note = Some(note.to_owned());
        }
    }

    fn path(&mut self, address: &ServerAddress, protocol: Protocol) -> Option<String> {
        // A protocol that is wrong is refused as such.
        let unknown =
            self.entry.is_given("protocol") && self.entry.resource.spec.mqtt_settings.as_ref()?.protocol.is_none();
        match (protocol, &address.path) {
            (Protocol::WebSockets, Some(path)) => Some(path.clone()),
            (Protocol::WebSockets, None) => Some(DEFAULT_PATH.to_owned()),
            (Protocol::Mqtt, Some(_)) if !unknown => {
                self.subject
                    .refuse(HOST, "a path belongs to the protocol WebSockets; leave it out, or give that protocol");
                None
            }
            (Protocol::Mqtt, _) => None,
        }
    }

    /// The inner `None` is no TLS.
    fn tls(&mut self, settings: &MqttSettings) -> Option<Option<EndpointTls>> {
        const CA: &str = "tls.trustedCaCertificateConfigMapRef";
        let tls = settings.tls.clone().unwrap_or_default();
        let authorities = match &tls.trusted_ca_certificate_config_map_ref {
            Some(name) => Some(self.entry.bundle(CA, name, self.subject.reading)?),
            None => None,
        };
        Some((tls.mode != Some(Switch::Disabled)).then_some(EndpointTls { authorities }))
    }

    /// Session expiry and keep alive.
    fn times(&mut self, settings: &MqttSettings, kind: EndpointKind) -> (Duration, Duration) {
        let expiry = settings.session_expiry_seconds.unwrap_or(DEFAULT_SESSION_EXPIRY_SECONDS);
        let keep_alive = settings.keep_alive_seconds.unwrap_or(DEFAULT_KEEP_ALIVE_SECONDS);
        let (expiry, keep_alive) = (Duration::from_secs(expiry.into()), Duration::from_secs(keep_alive.into()));
        if kind != EndpointKind::EventGrid {
            return (expiry, keep_alive);
        }
        let longest = EndpointKind::EVENT_GRID_SESSION_EXPIRY;
        if expiry > longest {
            let sentence = format!("Azure Event Grid keeps sessions for {} seconds at most", longest.as_secs());
            self.subject.notice("mqttSettings.sessionExpirySeconds", &sentence);
        }
        let slowest = EndpointKind::EVENT_GRID_KEEP_ALIVE;
        let beyond = keep_alive.is_zero() || keep_alive > slowest;
        if beyond {
            let sentence = format!("Azure Event Grid takes 1 to {0} seconds, so it is {0}", slowest.as_secs());
            self.subject.notice("mqttSettings.keepAliveSeconds", &sentence);
        }
        (expiry.min(longest), if beyond { slowest } else { keep_alive })
    }

    /// Without TLS anybody on the way reads a password, and a token, which are as good for him.
    fn notice_in_the_open(&mut self, found: &Whereabouts, credentials: &Credentials, tls: Option<&EndpointTls>) {
        let host = &found.address.host;
        let near = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if tls.is_none() && !near && found.reach == Reach::Network && *credentials != Credentials::Anonymous {
            let sentence = "without TLS everybody on the way reads what the broker is shown";
            self.subject.notice("mqttSettings.authentication.method", sentence);
        }
    }
}

/// The names that Dataflows may refer to, whether their endpoints are sound or not.
pub(super) fn names(resources: &Resources) -> impl Iterator<Item = &str> + Clone {
    let written = |endpoint: &Resource<DataflowEndpointSpec>| !endpoint.name.is_empty() && endpoint.name != BUILT_IN;
    let others = resources.endpoints.iter().filter(move |endpoint| written(endpoint));
    std::iter::once(BUILT_IN).chain(others.map(|endpoint| endpoint.name.as_str()))
}
