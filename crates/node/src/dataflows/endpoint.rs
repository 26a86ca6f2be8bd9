//! From an endpoint of the plan to what the bridge is told of it.

use bridge::credentials::{Secret, Source, SystemIdentity, UserIdentity, X509Sources};
use bridge::{Address, CloudEvents, Credentials, Endpoint, Hop, Kind, Retain, Version};
use config::authentication::TrustBundle;
use config::dataflow as asked;
use config::{Problem, Protocol};

use super::local::{Elsewhere, LocalBroker};
use super::trust::{self, Authorities, Configurations, Trust, TrustError};

const PAIR_FIELD: &str = "mqttSettings.authentication.x509CertificateSettings.secretRef";
const TRUST_FIELD: &str = "mqttSettings.tls.trustedCaCertificateConfigMapRef";

/// What endpoints of one plan are made with.
pub(super) struct Making<'a> {
    pub(super) local: &'a LocalBroker,
    pub(super) before: &'a Configurations,
    pub(super) configurations: Configurations,
}

impl Making<'_> {
    /// The endpoint, ready to be connected to.
    ///
    /// # Errors
    /// Its TLS cannot be.
    pub(super) fn endpoint(&mut self, asked: &asked::Endpoint) -> Result<Endpoint, Problem> {
        let address = self.address(asked).map_err(|expected| trust_problem(asked, expected))?;
        let credentials = match address {
            // Nobody is asked who he is there.
            Address::Memory(_) => Credentials::Anonymous,
            Address::Remote(_) => credentials(&asked.credentials),
        };
        Ok(Endpoint {
            name: asked.name.clone(),
            address,
            version: match asked.version {
                asked::MqttVersion::Auto => Version::Auto,
                asked::MqttVersion::V3 => Version::V3_1_1,
                asked::MqttVersion::V5 => Version::V5,
            },
            credentials,
            client_id_prefix: asked.client_id_prefix.clone(),
            qos: asked.qos,
            retain: match asked.retain {
                asked::Retain::Keep => Retain::Keep,
                asked::Retain::Never => Retain::Never,
            },
            session_expiry: u32::try_from(asked.session_expiry.as_secs()).unwrap_or(u32::MAX),
            keep_alive: u16::try_from(asked.keep_alive.as_secs()).unwrap_or(u16::MAX),
            max_inflight: asked.max_inflight,
            cloud_events: asked.cloud_events.map(|attributes| match attributes {
                asked::CloudEvents::Propagate => CloudEvents::Propagate,
                asked::CloudEvents::CreateOrRemap => CloudEvents::CreateOrRemap,
            }),
            kind: match asked.kind {
                asked::EndpointKind::Local => Kind::Local,
                asked::EndpointKind::EventGrid => Kind::EventGrid,
                asked::EndpointKind::Custom => Kind::Custom,
            },
            hop: match asked.hop {
                asked::Hop::Checked => Hop::Checked,
                asked::Hop::Off => Hop::Off,
            },
        })
    }

    fn address(&mut self, asked: &asked::Endpoint) -> Result<Address, String> {
        if let (asked::Reach::Memory, LocalBroker::Inside { door, .. }) = (asked.reach, self.local) {
            return Ok(Address::Memory(door.clone()));
        }
        let tls = match self.authorities(asked)? {
            None => None,
            Some(authorities) => {
                let trust = Trust { authorities, protocol: asked.protocol };
                Some(self.configurations.of(trust, self.before).map_err(|error: TrustError| error.to_string())?)
            }
        };
        let (host, port) = whereabouts(asked, self.local);
        Ok(Address::Remote(client::Endpoint { host, port, bind: None, tls, websocket: websocket(asked) }))
    }

    /// `None` is no TLS.
    fn authorities(&self, asked: &asked::Endpoint) -> Result<Option<Authorities>, String> {
        let Some(tls) = &asked.tls else { return Ok(None) };
        let bundle = match &tls.authorities {
            None => Authorities::Machine,
            Some(TrustBundle::Files(files)) => Authorities::Files(files.clone()),
            Some(TrustBundle::Own) => match self.local {
                LocalBroker::Inside { authority, .. } => Authorities::Files(vec![authority.clone()]),
                LocalBroker::Elsewhere(Elsewhere { authority: Some(authority), .. }) => {
                    Authorities::Files(vec![authority.clone()])
                }
                LocalBroker::Elsewhere(_) => return Err(OWN_IS_ELSEWHERE.to_owned()),
            },
        };
        // Whoever names the broker's authority on the command line means the broker, whatever endpoints to it say.
        Ok(Some(match (asked.reach, self.local) {
            (asked::Reach::Memory, LocalBroker::Elsewhere(Elsewhere { authority: Some(authority), .. })) => {
                Authorities::Files(vec![authority.clone()])
            }
            _ => bundle,
        }))
    }
}

const OWN_IS_ELSEWHERE: &str = "the authority of the local broker is that broker's, and this process is another; give \
                                --local-ca FILE, which is tls/ca.crt in the broker's data directory, or the ConfigMap \
                                azure-iot-operations-aio-ca-trust-bundle beside the resources";

/// Where an endpoint is for people, as a URL; `memory` within this process.
pub(super) fn shown_address(asked: &asked::Endpoint, local: &LocalBroker) -> String {
    if reach(asked, local) == asked::Reach::Memory {
        return "memory".to_owned();
    }
    let scheme = match (&asked.tls, asked.protocol) {
        (None, Protocol::Mqtt) => "mqtt",
        (Some(_), Protocol::Mqtt) => "mqtts",
        (None, Protocol::WebSockets) => "ws",
        (Some(_), Protocol::WebSockets) => "wss",
    };
    let (host, port) = whereabouts(asked, local);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{scheme}://{host}:{port}{}", websocket(asked).unwrap_or_default())
}

/// How this process reaches it.
pub(super) fn reach(asked: &asked::Endpoint, local: &LocalBroker) -> asked::Reach {
    match local {
        LocalBroker::Inside { .. } => asked.reach,
        LocalBroker::Elsewhere(_) => asked::Reach::Network,
    }
}

fn whereabouts(asked: &asked::Endpoint, local: &LocalBroker) -> (String, u16) {
    match (asked.reach, local) {
        (asked::Reach::Memory, LocalBroker::Elsewhere(Elsewhere { address: Some(address), .. })) => address.clone(),
        _ => (asked.host.clone(), asked.port),
    }
}

fn websocket(asked: &asked::Endpoint) -> Option<String> {
    match asked.protocol {
        Protocol::Mqtt => None,
        Protocol::WebSockets => Some(asked.path.clone().unwrap_or_else(|| "/mqtt".to_owned())),
    }
}

fn credentials(asked: &asked::Credentials) -> Credentials {
    let held = |name: String, content: &[u8]| Source::Held { name, content: Secret::new(content.to_vec()) };
    match asked {
        asked::Credentials::Anonymous => Credentials::Anonymous,
        asked::Credentials::ServiceAccountToken(token) => {
            Credentials::ServiceAccountToken { file: token.file.clone(), audience: Some(token.audience.clone()) }
        }
        asked::Credentials::X509(pair) => Credentials::X509(X509Sources {
            certificate: held(format!("{}/client_cert.pem", pair.name), &pair.chain_pem),
            key: held(format!("{}/client_key.pem", pair.name), pair.key_pem.reveal()),
            // Behind the client's own, already.
            intermediates: None,
        }),
        asked::Credentials::SystemAssignedManagedIdentity(identity) => {
            Credentials::SystemAssignedManagedIdentity(SystemIdentity { audience: identity.audience.clone() })
        }
        asked::Credentials::UserAssignedManagedIdentity(identity) => {
            Credentials::UserAssignedManagedIdentity(UserIdentity {
                client_id: identity.client_id.clone(),
                tenant_id: identity.tenant_id.clone(),
                scope: identity.scope.clone(),
            })
        }
        asked::Credentials::UsernamePassword(pair) => Credentials::UsernamePassword {
            username: held(format!("{}/username", pair.name), pair.username.reveal().as_bytes()),
            password: held(format!("{}/password", pair.name), pair.password.reveal()),
        },
    }
}

/// The method's name in resources.
pub(super) fn method(asked: &asked::Credentials) -> &'static str {
    credentials(asked).name()
}

/// Whether what an endpoint shows can be shown at all.
///
/// # Errors
/// The client certificate and its key are not a pair.
pub(super) fn check_credentials(asked: &asked::Endpoint) -> Result<(), Problem> {
    match &asked.credentials {
        asked::Credentials::X509(pair) => {
            trust::check_pair(pair).map_err(|error| problem(asked, PAIR_FIELD, error.to_string()))
        }
        _ => Ok(()),
    }
}

/// That an endpoint's TLS cannot be, in the form that all problems have.
pub(super) fn trust_problem(asked: &asked::Endpoint, expected: String) -> Problem {
    problem(asked, TRUST_FIELD, expected)
}

fn problem(asked: &asked::Endpoint, field: &str, expected: String) -> Problem {
    let place = asked.place.as_ref().map_or_else(String::new, |place| format!("{} ", place.of(field)));
    Problem { place: format!("{place}DataflowEndpoint"), text: asked.name.clone(), expected }
}
