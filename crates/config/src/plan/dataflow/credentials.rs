//! How the client of an endpoint says who it is, out of `mqttSettings.authentication`.

use std::path::PathBuf;

use super::super::trust::Entry;
use super::subject::Subject;
use crate::authentication::ClientPair;
use crate::dataflow::{
    Credentials, EndpointKind, ServiceAccountTokenFile, SystemIdentity, UserIdentity, UsernamePassword,
};
use crate::format::NotEmpty;
use crate::resource::{
    DataflowEndpointSpec, EndpointAuthentication, EndpointMethod, MqttSettings, MqttVersionName, Switch,
};
use crate::{ObjectKind, SecretBytes, SecretText};

pub(super) const DEFAULT_AUDIENCE: &str = "aio-internal";
/// Where the documentation of Azure IoT Operations has clients mount it.
pub(super) const DEFAULT_TOKEN_FILE: &str = "/var/run/secrets/tokens/broker-sat";
const EVENT_GRID_AUDIENCE: &str = "https://eventgrid.azure.net";
const EVENT_GRID_SCOPE: &str = "https://eventgrid.azure.net/.default";
const BLOCK: &str = "mqttSettings.authentication";
/// What a length in MQTT has room for.
const LONGEST_BYTES: usize = 65535;

/// Settings beside `method`, whose they are, and whether their method needs them.
const BLOCKS: &[(&str, EndpointMethod, Need)] = &[
    ("serviceAccountTokenSettings", EndpointMethod::ServiceAccountToken, Need::Spared),
    ("systemAssignedManagedIdentitySettings", EndpointMethod::SystemAssignedManagedIdentity, Need::Spared),
    ("userAssignedManagedIdentitySettings", EndpointMethod::UserAssignedManagedIdentity, Need::Needed),
    ("x509CertificateSettings", EndpointMethod::X509Certificate, Need::Needed),
    ("anonymousSettings", EndpointMethod::Anonymous, Need::Spared),
    ("usernamePasswordSettings", EndpointMethod::UsernamePassword, Need::Needed),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Needed,
    Spared,
}

type Endpoints<'a, 'r> = Subject<'a, 'r, DataflowEndpointSpec>;

/// `None` if they are wrong, which is then a problem.
pub(super) fn settle<'a>(
    subject: &mut Endpoints<'a, '_>,
    entry: &Entry<'a, DataflowEndpointSpec>,
    (settings, kind): (&MqttSettings, EndpointKind),
) -> Option<Credentials> {
    let authentication = settings.authentication.as_ref()?;
    // One without, or with a wrong one, is refused as such.
    let method = authentication.method?;
    check_blocks(subject, method);
    check_surroundings(subject, method, settings);
    let mut methods = Methods { subject, entry, kind };
    match method {
        EndpointMethod::Anonymous => Some(Credentials::Anonymous),
        EndpointMethod::ServiceAccountToken => Some(Credentials::ServiceAccountToken(token(authentication))),
        EndpointMethod::SystemAssignedManagedIdentity => {
            methods.system_identity(authentication).map(Credentials::SystemAssignedManagedIdentity)
        }
        EndpointMethod::UserAssignedManagedIdentity => {
            methods.user_identity(authentication).map(Credentials::UserAssignedManagedIdentity)
        }
        EndpointMethod::X509Certificate => methods.x509(authentication).map(Credentials::X509),
        EndpointMethod::UsernamePassword => {
            methods.username_password(authentication).map(Credentials::UsernamePassword)
        }
    }
}

/// Exactly the settings that fit.
fn check_blocks(subject: &mut Endpoints<'_, '_>, method: EndpointMethod) {
    for (block, whose, need) in BLOCKS {
        let path = format!("{BLOCK}.{block}");
        if *whose != method {
            let expected =
                format!("belongs to the method {whose:?}, and this is {method:?}; leave it out, or give that method");
            subject.refuse_given(&path, &expected);
        } else if *need == Need::Needed && !subject.is_given(&path) {
            subject.refuse_missing(&path, &format!("the method {method:?} needs it"));
        }
    }
}

/// What the rest of the settings has to be for a method.
fn check_surroundings(subject: &mut Endpoints<'_, '_>, method: EndpointMethod, settings: &MqttSettings) {
    let is_token = matches!(
        method,
        EndpointMethod::ServiceAccountToken
            | EndpointMethod::SystemAssignedManagedIdentity
            | EndpointMethod::UserAssignedManagedIdentity
    );
    if is_token && settings.mqtt_version == Some(MqttVersionName::V3) {
        let expected = format!("the method {method:?} needs MQTT 5; give V5 or Auto, or another method");
        subject.refuse("mqttSettings.mqttVersion", &expected);
    }
    let plain = settings.tls.as_ref().and_then(|tls| tls.mode) == Some(Switch::Disabled);
    if plain && method == EndpointMethod::X509Certificate {
        let expected = "the method X509Certificate needs TLS; give Enabled, or another method";
        subject.refuse("mqttSettings.tls.mode", expected);
    }
}

fn token(authentication: &EndpointAuthentication) -> ServiceAccountTokenFile {
    let settings = authentication.service_account_token_settings.clone().unwrap_or_default();
    let audience = settings.audience.map_or_else(|| DEFAULT_AUDIENCE.to_owned(), NotEmpty::text);
    let file = PathBuf::from(settings.token_file.as_deref().unwrap_or(DEFAULT_TOKEN_FILE));
    ServiceAccountTokenFile { audience, file }
}

struct Methods<'a, 's, 'r> {
    subject: &'a mut Endpoints<'s, 'r>,
    entry: &'a Entry<'s, DataflowEndpointSpec>,
    kind: EndpointKind,
}

impl Methods<'_, '_, '_> {
    fn system_identity(&mut self, authentication: &EndpointAuthentication) -> Option<SystemIdentity> {
        let settings = authentication.system_assigned_managed_identity_settings.clone().unwrap_or_default();
        let path = format!("{BLOCK}.systemAssignedManagedIdentitySettings.audience");
        let audience = self.asked_for(&path, settings.audience, EVENT_GRID_AUDIENCE)?;
        Some(SystemIdentity { audience })
    }

    fn user_identity(&mut self, authentication: &EndpointAuthentication) -> Option<UserIdentity> {
        let settings = authentication.user_assigned_managed_identity_settings.clone()?;
        let path = format!("{BLOCK}.userAssignedManagedIdentitySettings.scope");
        let scope = self.asked_for(&path, settings.scope, EVENT_GRID_SCOPE);
        Some(UserIdentity { client_id: settings.client_id?.text(), tenant_id: settings.tenant_id?, scope: scope? })
    }

    /// What a token is asked for. One for Azure Event Grid is shown to nobody else, who could use it there.
    fn asked_for(&mut self, path: &str, given: Option<NotEmpty>, of_event_grid: &str) -> Option<String> {
        match given {
            Some(given) => Some(given.text()),
            // One that is wrong is refused as such.
            None if self.subject.is_given(path) => None,
            None if self.kind == EndpointKind::EventGrid => Some(of_event_grid.to_owned()),
            None => {
                let expected = format!(
                    "the host is not Azure Event Grid's, and {of_event_grid} is for that alone; give what the broker \
                     expects, or hostType: EventGrid if it is Azure Event Grid"
                );
                self.subject.refuse_missing(path, &expected);
                None
            }
        }
    }

    fn x509(&mut self, authentication: &EndpointAuthentication) -> Option<ClientPair> {
        const PATH: &str = "authentication.x509CertificateSettings.secretRef";
        const INTERMEDIATES: &str = "client_intermediate_certs.pem";
        let name = authentication.x509_certificate_settings.as_ref()?.secret_ref.as_deref()?;
        let (objects, namespace) = (self.entry.objects, self.entry.namespace);
        let found = objects.pem_pair((name, "client_cert.pem", "client_key.pem"), namespace).map(|(leaf, key)| {
            let mut chain_pem = leaf.to_vec();
            if let Ok(intermediates) = objects.find((ObjectKind::Secret, name), INTERMEDIATES, namespace) {
                // Files need not end with a line break, and what follows has to begin a line.
                chain_pem.push(b'\n');
                chain_pem.extend_from_slice(intermediates);
            }
            ClientPair { name: format!("secrets/{name}"), chain_pem, key_pem: SecretBytes::new(key.to_vec()) }
        });
        self.entry.found(PATH, name, found, self.subject.reading)
    }

    fn username_password(&mut self, authentication: &EndpointAuthentication) -> Option<UsernamePassword> {
        const PATH: &str = "authentication.usernamePasswordSettings.secretRef";
        let name = authentication.username_password_settings.as_ref()?.secret_ref.as_deref()?;
        let username = self.entry.secret(PATH, (name, "username"), self.subject.reading);
        // A Secret that is not there is one problem.
        let objects = self.entry.objects;
        let named = objects.all_of((ObjectKind::Secret, name), self.entry.namespace).is_ok();
        let password = if named { self.entry.secret(PATH, (name, "password"), self.subject.reading) } else { None };
        let (username, password) = (username?, password?);
        let (username, password) = (line(username.content.reveal()), line(password.content.reveal()));
        let username = std::str::from_utf8(username).ok().filter(|text| !text.contains('\0'));
        let fits = password.len() <= LONGEST_BYTES && username.is_some_and(|text| text.len() <= LONGEST_BYTES);
        let Some(username) = username.filter(|_| fits) else {
            let expected = "a username is text, and neither it nor a password is longer than 65535 bytes; give others";
            self.subject.refuse(&format!("mqttSettings.{PATH}"), &format!("in the Secret {name}: {expected}"));
            return None;
        };
        Some(UsernamePassword {
            name: format!("secrets/{name}"),
            username: SecretText::new(username.to_owned()),
            password: SecretBytes::new(password.to_vec()),
        })
    }
}

/// Editors end texts with a line break.
fn line(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}
