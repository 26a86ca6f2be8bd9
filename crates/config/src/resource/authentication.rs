//! The fields of `BrokerAuthentication`, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::SecretText;
use crate::format::NotEmpty;

/// Who is let in by the ports that refer to it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthenticationSpec {
    /// One entry a way to prove who one is, asked in this order. The first that is relevant for a client decides,
    /// whether it lets the client in or not; where none is relevant, the client is refused.
    #[schemars(required, length(min = 1))]
    pub(crate) authentication_methods: Option<Vec<MethodSpec>>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) provisioning_state: Option<serde_json::Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) health_state: Option<serde_json::Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) status: Option<serde_json::Value>,
}

/// When a change takes effect.
const LIVE: &str = "live; who is connected is checked again, as far as that is possible without asking him";

/// One entry of `authenticationMethods`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MethodSpec {
    /// Which. Only the settings of the same name may be beside it; `X509` does without.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) method: Option<MethodName>,
    /// With the method `ServiceAccountToken`, which needs it.
    pub(crate) service_account_token_settings: Option<ServiceAccountTokenSettings>,
    /// With the method `X509`. Left out, everything is at its default.
    pub(crate) x509_settings: Option<X509Settings>,
    /// With the method `Custom`, which needs it.
    pub(crate) custom_settings: Option<CustomSettings>,
    /// With the method `Jwt`, which needs it.
    #[schemars(extend("x-own" = true))]
    pub(crate) jwt_settings: Option<JwtSettings>,
    /// With the method `UserPassword`, which needs it.
    #[schemars(extend("x-own" = true))]
    pub(crate) user_password_settings: Option<UserPasswordSettings>,
}

/// Ways to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum MethodName {
    /// A token that Kubernetes gave a pod, in MQTT 5's enhanced authentication with the method `K8S-SAT`. Relevant for
    /// who uses that method.
    ServiceAccountToken,
    /// The client certificate of the TLS connection; the subject's CN is the username. Relevant for who shows one. On a
    /// port without TLS it is refused. Where it is the only method, the TLS handshake asks for a certificate; beside
    /// others it does without.
    X509,
    /// A server of your own, asked over HTTPS in the protocol 0.5.0. Always relevant, unless the server does not answer:
    /// so it belongs at the end.
    Custom,
    /// A JSON Web Token of any issuer. Relevant for who shows one of that issuer. Causeway's own.
    Jwt,
    /// A username and a password out of a file that `causeway passwd` writes. Relevant for who gives a username and a
    /// password. Causeway's own.
    UserPassword,
}

/// `serviceAccountTokenSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceAccountTokenSettings {
    /// A token has to be for one of them, as `aio-internal`.
    #[schemars(required, length(min = 1), extend("x-change" = LIVE))]
    pub(crate) audiences: Option<Vec<NotEmpty>>,
    /// Secret with a kubeconfig in its key `kubeconfig`: the cluster that is asked about tokens (TokenReview). Without
    /// it, and without `offline`, it is the one that the broker runs in; outside of a pod one of the two is needed.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) kubeconfig_secret_ref: Option<String>,
    /// Context of that kubeconfig.
    #[schemars(
        extend("x-own" = true, "x-default" = "the kubeconfig's current one", "x-change" = LIVE),
    )]
    pub(crate) kubeconfig_context: Option<NotEmpty>,
    /// Tokens are checked with the keys that the cluster publishes, and the cluster is not asked about each. A token
    /// then holds until it expires, even if its pod is gone before.
    #[schemars(extend("x-own" = true))]
    pub(crate) offline: Option<OfflineSettings>,
}

/// `serviceAccountTokenSettings.offline`. Keys come from `jwksConfigMap`, from `jwksEndpoint`, or from where the issuer's
/// OpenID configuration says.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfflineSettings {
    /// The cluster's `--service-account-issuer`, to the letter. With neither `jwksConfigMap` nor `jwksEndpoint` it is
    /// asked for its keys (`/.well-known/openid-configuration`), and has to be an address of `https`, or of `http` on
    /// this machine.
    #[schemars(required, extend("x-own" = true, "x-change" = LIVE))]
    pub(crate) issuer: Option<NotEmpty>,
    /// ConfigMap with the keys in its key `jwks.json`, as `kubectl get --raw /openid/v1/jwks` prints them.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) jwks_config_map: Option<String>,
    /// Address of the keys: `https`, or `http` on this machine.
    #[schemars(extend("format" = "key-address", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) jwks_endpoint: Option<String>,
    /// ConfigMap with the authorities of that server's certificate, in PEM form, in any keys. They take the place of
    /// this machine's.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "this machine's", "x-change" = LIVE))]
    pub(crate) ca_cert_config_map: Option<String>,
    /// Attributes for authorization: name, and the claim that holds the value, such as
    /// `kubernetes.io.serviceaccount.name`.
    #[schemars(
        extend(
            "x-own" = true,
            "x-default" = "`namespace`, `serviceAccount` and `pod`, out of the claims in `kubernetes.io`",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) attributes: Option<BTreeMap<String, NotEmpty>>,
    /// Seconds by which the cluster's clock and this one may differ.
    #[schemars(
        range(min = 0, max = 300),
        extend("x-own" = true, "x-unit" = "seconds", "x-default" = "60", "x-change" = LIVE),
    )]
    pub(crate) leeway_seconds: Option<u32>,
}

/// `x509Settings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct X509Settings {
    /// ConfigMap with the authorities whose certificates are taken, root or not, in PEM form: those of all its keys.
    /// `azure-iot-operations-aio-ca-trust-bundle` is the broker's own authority, unless there is a ConfigMap of that
    /// name.
    #[schemars(
        extend(
            "format" = "object-name",
            "x-default" = "client-ca",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) trusted_client_ca_cert: Option<String>,
    /// Attributes for authorization: rules by a name of your choice. A certificate's own subject is looked for first,
    /// then that of the one that signed it, up to the authority; the first rule found is the only one that counts.
    pub(crate) authorization_attributes: Option<BTreeMap<String, AttributeRuleSpec>>,
    /// What else is asked of a certificate.
    #[schemars(extend("x-default" = "None", "x-change" = LIVE))]
    pub(crate) additional_validation: Option<AdditionalValidation>,
    /// ConfigMap with revocation lists: each of its keys is one, in PEM or DER form. A certificate in one of them is
    /// refused.
    #[schemars(
        extend(
            "format" = "object-name",
            "x-own" = true,
            "x-default" = "none",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) crl_config_map: Option<String>,
}

/// `x509Settings.authorizationAttributes.NAME`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttributeRuleSpec {
    /// Subject of a certificate, such as `CN = Contoso Root CA, OU = Engineering, C = US`. Order and spaces do not
    /// matter.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) subject: Option<NotEmpty>,
    /// Names with values.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) attributes: Option<BTreeMap<String, String>>,
}

/// What else is asked of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum AdditionalValidation {
    /// Nothing.
    None,
    /// An entry in the Azure Device Registry. Refused: there is no registry outside of Azure.
    AzureDeviceRegistry,
}

/// `customSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomSettings {
    /// Address of the server, `https` only.
    #[schemars(required, extend("format" = "https-address", "x-change" = LIVE))]
    pub(crate) endpoint: Option<String>,
    /// ConfigMap with the authorities of the server's certificate, in PEM form, in any keys. They take the place of this
    /// machine's. `azure-iot-operations-aio-ca-trust-bundle` is the broker's own, unless there is a ConfigMap of that
    /// name.
    #[schemars(extend("format" = "object-name", "x-default" = "this machine's", "x-change" = LIVE))]
    pub(crate) ca_cert_config_map: Option<String>,
    /// How the broker proves to the server who it is.
    pub(crate) auth: Option<ServerAuth>,
    /// Headers that are sent along: names and values. Values are not shown anywhere.
    #[schemars(extend("x-secret" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) headers: Option<BTreeMap<String, SecretText>>,
    /// Seconds for one client. After them the server counts as one that does not answer.
    #[schemars(
        range(min = 1, max = 10),
        extend("x-own" = true, "x-unit" = "seconds", "x-default" = "5", "x-change" = LIVE),
    )]
    pub(crate) timeout_seconds: Option<u32>,
}

/// `customSettings.auth`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerAuth {
    /// With a certificate.
    #[schemars(required)]
    pub(crate) x509: Option<ServerX509>,
}

/// `customSettings.auth.x509`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerX509 {
    /// Secret with `tls.crt` (the broker's certificate first, then intermediates) and `tls.key`.
    #[schemars(required, extend("format" = "object-name", "x-change" = LIVE))]
    pub(crate) secret_ref: Option<String>,
}

/// `jwtSettings`. Keys come from `jwksConfigMap`, `jwksEndpoint` or `hsSecretRef`, one of them, or from where the
/// issuer's OpenID configuration says.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JwtSettings {
    /// What the claim `iss` says, to the letter. Without `jwksConfigMap`, `jwksEndpoint` and `hsSecretRef` it is asked
    /// for its keys (`/.well-known/openid-configuration`), and has to be an address of `https`, or of `http` on this
    /// machine.
    #[schemars(required, extend("x-own" = true, "x-change" = LIVE))]
    pub(crate) issuer: Option<NotEmpty>,
    /// One of them has to be in the claim `aud`.
    #[schemars(required, length(min = 1), extend("x-own" = true, "x-change" = LIVE))]
    pub(crate) audiences: Option<Vec<NotEmpty>>,
    /// ConfigMap with a JSON Web Key Set in its key `jwks.json`.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) jwks_config_map: Option<String>,
    /// Address of a JSON Web Key Set: `https`, or `http` on this machine.
    #[schemars(extend("format" = "key-address", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) jwks_endpoint: Option<String>,
    /// Secret with what is shared with the issuer in its key `secret` (HS256), 32 bytes or more. A line break at the end
    /// of a text does not belong to it.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) hs_secret_ref: Option<String>,
    /// ConfigMap with the authorities of the certificate of the server that has the keys, in PEM form, in any keys. They
    /// take the place of this machine's.
    #[schemars(extend("format" = "object-name", "x-own" = true, "x-default" = "this machine's", "x-change" = LIVE))]
    pub(crate) ca_cert_config_map: Option<String>,
    /// Seconds after which keys are fetched again. A token with a key that is not known has them fetched at once, though
    /// not as often as anybody likes.
    #[schemars(
        range(min = 60, max = 86400),
        extend("x-own" = true, "x-unit" = "seconds", "x-default" = "3600", "x-change" = LIVE),
    )]
    pub(crate) refresh_seconds: Option<u32>,
    /// The claim that is the username.
    #[schemars(extend("x-own" = true, "x-default" = "sub", "x-change" = LIVE))]
    pub(crate) username_claim: Option<NotEmpty>,
    /// Attributes for authorization: name, and the claim that holds the value.
    #[schemars(extend("x-own" = true, "x-default" = "none", "x-change" = LIVE))]
    pub(crate) attributes: Option<BTreeMap<String, NotEmpty>>,
    /// Seconds by which the issuer's clock and this one may differ.
    #[schemars(
        range(min = 0, max = 300),
        extend("x-own" = true, "x-unit" = "seconds", "x-default" = "60", "x-change" = LIVE),
    )]
    pub(crate) leeway_seconds: Option<u32>,
    /// Where clients may put their token.
    #[schemars(length(min = 1), extend("x-own" = true, "x-default" = "all of them", "x-change" = LIVE))]
    pub(crate) token_places: Option<Vec<TokenPlaceName>>,
}

/// Where a client puts its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum TokenPlaceName {
    /// MQTT 5's enhanced authentication with this method.
    #[serde(rename = "OAUTH2-JWT")]
    OAuth2,
    /// MQTT 5's enhanced authentication with this method, as Azure Event Grid has it.
    #[serde(rename = "CUSTOM-JWT")]
    Custom,
    /// The password of CONNECT, of MQTT 3.1.1 and 5. The username does not matter.
    Password,
}

/// `userPasswordSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserPasswordSettings {
    /// Secret with names and hashes in its key `users`, which `causeway passwd` writes: `secrets/NAME/users` among the
    /// resources.
    #[schemars(required, extend("format" = "object-name", "x-own" = true, "x-change" = LIVE))]
    pub(crate) password_secret_ref: Option<String>,
}
