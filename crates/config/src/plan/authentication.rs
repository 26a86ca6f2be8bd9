//! Who is let in, out of BrokerAuthentications and the objects they refer to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::KeyFields;
use super::leaves;
use super::trust::Entry;
use crate::authentication::{
    AttributeRule, Authentication, Custom, Jwt, Method, OfflineTokens, ServiceAccountToken, TokenPlace,
    TokenVerification, UserPassword, X509,
};
use crate::format::NotEmpty;
use crate::reading::Reading;
use crate::resource::{
    AUTHENTICATION, AdditionalValidation, AuthenticationSpec, CustomSettings, JwtSettings, MethodName, MethodSpec,
    OfflineSettings, Resource, Resources, ServiceAccountTokenSettings, TokenPlaceName, UserPasswordSettings,
    X509Settings,
};
use crate::{EffectiveValue, Input, Origin};

const KIND: &str = "BrokerAuthentication";
const DEFAULT_CLIENT_CA: &str = "client-ca";
const DEFAULT_USERNAME_CLAIM: &str = "sub";
const DEFAULT_LEEWAY_SECONDS: u32 = 60;
const DEFAULT_TIMEOUT_SECONDS: u32 = 5;
const KUBECONFIG_KEY: &str = "kubeconfig";
const USERS_KEY: &str = "users";

/// Settings beside `method`, whose they are, and whether their method needs them.
const BLOCKS: &[(&str, MethodName, Need)] = &[
    ("serviceAccountTokenSettings", MethodName::ServiceAccountToken, Need::Needed),
    ("x509Settings", MethodName::X509, Need::Spared),
    ("customSettings", MethodName::Custom, Need::Needed),
    ("jwtSettings", MethodName::Jwt, Need::Needed),
    ("userPasswordSettings", MethodName::UserPassword, Need::Needed),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Needed,
    Spared,
}

/// Where a process runs, as far as it matters for whom it can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surroundings {
    Pod,
    Machine,
}

/// All of them, by name.
pub(super) fn settle(
    input: &Input,
    (resources, namespace): (&Resources, &str),
    reading: &mut Reading,
) -> BTreeMap<String, Authentication> {
    let surroundings = if input.in_pod { Surroundings::Pod } else { Surroundings::Machine };
    let one = |resource: &Resource<AuthenticationSpec>| {
        leaves::note(resource, KIND, &AUTHENTICATION, reading);
        let mut methods = Vec::new();
        for (n, spec) in resource.spec.authentication_methods.iter().flatten().enumerate() {
            let path = format!("authenticationMethods[{n}]");
            let entry = Entry { resource, path, objects: &resources.objects, namespace };
            methods.extend(Methods { entry, surroundings, reading: &mut *reading }.settle(spec));
        }
        (resource.name.clone(), Authentication { place: resource.whereabouts(), methods })
    };
    resources.authentications.iter().map(one).collect()
}

/// One method on its way to the plan.
struct Methods<'a, 'r> {
    entry: Entry<'a, AuthenticationSpec>,
    surroundings: Surroundings,
    reading: &'r mut Reading,
}

impl Methods<'_, '_> {
    /// `None` if it is wrong, which is then a problem.
    fn settle(&mut self, spec: &MethodSpec) -> Option<Method> {
        // One without, or with a wrong one, is refused as such.
        let method = spec.method?;
        self.check_blocks(method);
        match method {
            MethodName::ServiceAccountToken => {
                let settings = spec.service_account_token_settings.clone()?;
                self.service_account_token(settings).map(Method::ServiceAccountToken)
            }
            MethodName::X509 => {
                let settings = spec.x509_settings.clone().unwrap_or_default();
                self.x509(settings).map(Method::X509)
            }
            MethodName::Custom => self.custom(spec.custom_settings.clone()?).map(Method::Custom),
            MethodName::Jwt => self.jwt(spec.jwt_settings.clone()?).map(Method::Jwt),
            MethodName::UserPassword => {
                self.user_password(spec.user_password_settings.clone()?).map(Method::UserPassword)
            }
        }
    }

    /// Exactly the settings that fit.
    fn check_blocks(&mut self, method: MethodName) {
        for (block, whose, need) in BLOCKS {
            if *whose != method {
                let expected = format!(
                    "belongs to the method {whose:?}, and this is {method:?}; leave it out, or give that method"
                );
                self.entry.refuse_given(block, &expected, self.reading);
            } else if *need == Need::Needed && !self.entry.is_given(block) {
                let expected = format!("is missing; the method {method:?} needs it");
                self.entry.refuse_missing("", block, &expected, self.reading);
            }
        }
    }

    fn service_account_token(&mut self, settings: ServiceAccountTokenSettings) -> Option<ServiceAccountToken> {
        const BLOCK: &str = "serviceAccountTokenSettings";
        let (kubeconfig, context, offline) =
            (format!("{BLOCK}.kubeconfigSecretRef"), format!("{BLOCK}.kubeconfigContext"), format!("{BLOCK}.offline"));
        let (by_kubeconfig, by_keys) = (self.entry.is_given(&kubeconfig), self.entry.is_given(&offline));
        if by_kubeconfig && by_keys {
            let expected = "kubeconfigSecretRef has the cluster asked; leave one of the two out";
            self.entry.refuse_given(&offline, expected, self.reading);
        } else if !by_kubeconfig {
            let expected = "belongs to kubeconfigSecretRef; give that, too, or leave it out";
            self.entry.refuse_given(&context, expected, self.reading);
        }
        let verification = match (settings.offline, settings.kubeconfig_secret_ref) {
            _ if by_kubeconfig && by_keys => None,
            (Some(offline), _) => self.offline(offline).map(TokenVerification::Offline),
            (None, Some(name)) => {
                let file = self.entry.secret(&kubeconfig, (&name, KUBECONFIG_KEY), self.reading)?;
                let context = settings.kubeconfig_context.map(NotEmpty::text);
                Some(TokenVerification::Kubeconfig { file, context })
            }
            (None, None) if by_kubeconfig || by_keys => None,
            (None, None) => self.in_cluster(),
        };
        let audiences = texts(settings.audiences);
        Some(ServiceAccountToken { audiences, verification: verification? })
    }

    fn in_cluster(&mut self) -> Option<TokenVerification> {
        if self.surroundings == Surroundings::Pod {
            return Some(TokenVerification::InCluster);
        }
        let expected =
            "is missing, as is offline; outside of a pod there is no cluster to ask about tokens: give one of the two";
        self.entry.refuse_missing("serviceAccountTokenSettings", "kubeconfigSecretRef", expected, self.reading);
        None
    }

    fn offline(&mut self, settings: OfflineSettings) -> Option<OfflineTokens> {
        let issuer = settings.issuer.map(NotEmpty::text);
        let keys = KeyFields {
            path: "serviceAccountTokenSettings.offline",
            issuer: issuer.clone(),
            config_map: settings.jwks_config_map,
            endpoint: settings.jwks_endpoint,
            secret: None,
            authorities: settings.ca_cert_config_map,
            refresh: None,
        };
        let keys = keys.settle(&self.entry, self.reading);
        let attributes = settings.attributes.map(pairs);
        Some(OfflineTokens { issuer: issuer?, keys: keys?, attributes, leeway: leeway(settings.leeway_seconds) })
    }

    fn x509(&mut self, settings: X509Settings) -> Option<X509> {
        const BLOCK: &str = "x509Settings";
        const CA: &str = "x509Settings.trustedClientCaCert";
        if settings.additional_validation == Some(AdditionalValidation::AzureDeviceRegistry) {
            let expected = "the registry is a service of Azure, which is not asked; give None, or leave it out";
            self.entry.refuse_given(&format!("{BLOCK}.additionalValidation"), expected, self.reading);
        }
        if !self.entry.is_given(BLOCK) {
            let path = format!("{KIND}/{} {}.{CA}", self.entry.resource.name, self.entry.path);
            let value = DEFAULT_CLIENT_CA.to_owned();
            self.reading.values.push(EffectiveValue { path, value, origin: Origin::Default, note: None });
        }
        // A name that is wrong is known already, and the default is not meant.
        let name = match (settings.trusted_client_ca_cert, self.entry.is_given(CA)) {
            (Some(name), _) => Some(name),
            (None, given) => (!given).then(|| DEFAULT_CLIENT_CA.to_owned()),
        };
        let authorities = name.and_then(|name| self.entry.bundle(CA, &name, self.reading));
        let revocation_lists = match &settings.crl_config_map {
            Some(name) => self.entry.all_files(&format!("{BLOCK}.crlConfigMap"), name, self.reading),
            None => Some(Vec::new()),
        };
        let rules = settings.authorization_attributes.unwrap_or_default().into_iter();
        let attributes = rules.map(|(name, rule)| {
            let subject = rule.subject.map(NotEmpty::text).unwrap_or_default();
            (name, AttributeRule { subject, attributes: rule.attributes.unwrap_or_default() })
        });
        Some(X509 { attributes: attributes.collect(), authorities: authorities?, revocation_lists: revocation_lists? })
    }

    fn custom(&mut self, settings: CustomSettings) -> Option<Custom> {
        const CA: &str = "customSettings.caCertConfigMap";
        const SECRET: &str = "customSettings.auth.x509.secretRef";
        let authorities = settings.ca_cert_config_map.map(|name| self.entry.bundle(CA, &name, self.reading));
        let secret = settings.auth.and_then(|auth| auth.x509).and_then(|x509| x509.secret_ref);
        let identity = secret.map(|name| self.entry.pair(SECRET, &name, self.reading));
        // What was asked for and is not there has been refused.
        let (authorities, identity) = (asked(authorities)?, asked(identity)?);
        let seconds = settings.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
        let headers = settings.headers.unwrap_or_default();
        Some(Custom { endpoint: settings.endpoint?, authorities, identity, headers, deadline: secs(seconds) })
    }

    fn jwt(&mut self, settings: JwtSettings) -> Option<Jwt> {
        let issuer = settings.issuer.map(NotEmpty::text);
        let keys = KeyFields {
            path: "jwtSettings",
            issuer: issuer.clone(),
            config_map: settings.jwks_config_map,
            endpoint: settings.jwks_endpoint,
            secret: settings.hs_secret_ref,
            authorities: settings.ca_cert_config_map,
            refresh: settings.refresh_seconds.map(secs),
        };
        let keys = keys.settle(&self.entry, self.reading);
        let username_claim = settings.username_claim.map_or_else(|| DEFAULT_USERNAME_CLAIM.to_owned(), NotEmpty::text);
        Some(Jwt {
            issuer: issuer?,
            audiences: texts(settings.audiences),
            keys: keys?,
            leeway: leeway(settings.leeway_seconds),
            username_claim,
            attributes: settings.attributes.map(pairs).unwrap_or_default(),
            places: places(settings.token_places),
        })
    }

    fn user_password(&mut self, settings: UserPasswordSettings) -> Option<UserPassword> {
        const PATH: &str = "userPasswordSettings.passwordSecretRef";
        let name = settings.password_secret_ref?;
        Some(UserPassword { file: self.entry.secret(PATH, (&name, USERS_KEY), self.reading)? })
    }
}

/// Whether what was asked for is there; nothing asked for is fine.
fn asked<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    match found {
        Some(None) => None,
        Some(found) => Some(found),
        None => Some(None),
    }
}

/// Each once; all, if none is named.
fn places(named: Option<Vec<TokenPlaceName>>) -> Vec<TokenPlace> {
    let all = || vec![TokenPlaceName::OAuth2, TokenPlaceName::Custom, TokenPlaceName::Password];
    let mut places = Vec::new();
    for name in named.unwrap_or_else(all) {
        let place = match name {
            TokenPlaceName::OAuth2 => TokenPlace::Enhanced("OAUTH2-JWT".to_owned()),
            TokenPlaceName::Custom => TokenPlace::Enhanced("CUSTOM-JWT".to_owned()),
            TokenPlaceName::Password => TokenPlace::Password,
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn texts(texts: Option<Vec<NotEmpty>>) -> Vec<String> {
    texts.into_iter().flatten().map(NotEmpty::text).collect()
}

fn pairs(pairs: BTreeMap<String, NotEmpty>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, claim)| (name, claim.text())).collect()
}

fn leeway(seconds: Option<u32>) -> Duration {
    secs(seconds.unwrap_or(DEFAULT_LEEWAY_SECONDS))
}

fn secs(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}
