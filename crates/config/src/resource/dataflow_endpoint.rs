//! The fields of `DataflowEndpoint`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::Protocol;
use crate::format::{NotEmpty, ServerAddress};
use crate::resource::Switch;

/// When a change takes effect.
const LIVE: &str = "live; dataflows of the endpoint connect anew";
const NOT_THERE: &str = "not there yet: endpoints are of the type Mqtt; leave it out";

/// A broker that dataflows connect to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataflowEndpointSpec {
    /// What it is. `Mqtt` is there, the others are not yet.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) endpoint_type: Option<EndpointType>,
    /// Whose it is. What says nothing is known by its host: this broker's own, Azure Event Grid, or any other.
    #[schemars(extend("x-default" = "by the host", "x-change" = LIVE))]
    pub(crate) host_type: Option<HostType>,
    /// With the type `Mqtt`, which needs it.
    pub(crate) mqtt_settings: Option<MqttSettings>,
    /// With the type `DataExplorer`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) data_explorer_settings: Option<Value>,
    /// With the type `DataLakeStorage`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) data_lake_storage_settings: Option<Value>,
    /// With the type `FabricOneLake`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) fabric_one_lake_settings: Option<Value>,
    /// With the type `Kafka`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) kafka_settings: Option<Value>,
    /// With the type `LocalStorage`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) local_storage_settings: Option<Value>,
    /// With the type `OpenTelemetry`.
    #[schemars(extend("x-refused" = NOT_THERE))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) open_telemetry_settings: Option<Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) provisioning_state: Option<Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) health_state: Option<Value>,
    /// Written by the product itself.
    #[schemars(extend("x-ignored" = true))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) status: Option<Value>,
}

/// What an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum EndpointType {
    /// A broker.
    Mqtt,
    /// Not there yet.
    Kafka,
    /// Not there yet.
    DataExplorer,
    /// Not there yet.
    DataLakeStorage,
    /// Not there yet.
    FabricOneLake,
    /// Not there yet.
    LocalStorage,
    /// Not there yet.
    OpenTelemetry,
}

/// Whose an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum HostType {
    /// This installation's broker, though it may be reached at an address.
    LocalBroker,
    /// Azure Event Grid, though its host may have a name of yours.
    EventGrid,
    /// Any other broker.
    CustomMqtt,
    /// Of another endpoint type; refused.
    FabricRT,
    /// Of another endpoint type; refused.
    Eventhub,
    /// Of another endpoint type; refused.
    CustomKafka,
}

/// `mqttSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MqttSettings {
    /// How the broker is told who connects.
    #[schemars(required)]
    pub(crate) authentication: Option<EndpointAuthentication>,
    /// `HOST:PORT`, as `aio-broker:18883`, `10.0.0.7:1883` or `[fd00::7]:8883`; with the protocol `WebSockets` a path may
    /// follow, as `gateway.example:443/mqtt`, and is `/mqtt` otherwise. `aio-broker:18883`, and the name and port of a
    /// BrokerListener's Service, are this broker itself: it is reached within the process, and `authentication`, `tls`
    /// and `protocol` then matter only where dataflows run in a process of their own.
    #[schemars(extend("x-default" = "aio-broker:18883", "x-change" = LIVE))]
    pub(crate) host: Option<ServerAddress>,
    /// What is spoken there, over TLS or not.
    #[schemars(extend("x-default" = "Mqtt", "x-change" = LIVE))]
    pub(crate) protocol: Option<Protocol>,
    /// What client identifiers begin with; the dataflow's name follows, `-out` for a destination at the same server as the
    /// source, and `-1`, `-2` and so on if there are several instances. One that is changed leaves sessions behind, with what is in them.
    #[schemars(
        extend(
            "format" = "client-id-prefix",
            "x-default" = "something of this installation's own",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) client_id_prefix: Option<String>,
    /// Quality of service that a source is subscribed with, and a destination is published to with. With 0 messages may be
    /// lost; with 1 none is, and some may come twice after a fault.
    #[schemars(range(min = 0, max = 1), extend("x-default" = "1", "x-change" = LIVE))]
    pub(crate) qos: Option<u8>,
    /// What becomes of the RETAIN flag of a message that goes to the endpoint.
    #[schemars(extend("x-default" = "Keep", "x-change" = LIVE))]
    pub(crate) retain: Option<RetainName>,
    /// Seconds for which the broker keeps the session while nobody is connected, and so what is queued in it. Azure Event
    /// Grid takes at most 28800, and is asked for no more.
    #[schemars(
        range(min = 0, max = 4_294_967_295_u32),
        extend("x-unit" = "seconds", "x-default" = "600", "x-change" = LIVE),
    )]
    pub(crate) session_expiry_seconds: Option<u32>,
    /// Seconds without a packet after which the broker is asked whether it is there; 0 is never. Azure Event Grid takes 1
    /// to 1160, and is asked for no more.
    #[schemars(range(min = 0, max = 65535), extend("x-unit" = "seconds", "x-default" = "60", "x-change" = LIVE))]
    pub(crate) keep_alive_seconds: Option<u16>,
    /// Messages under way: what a source may send before the first is acknowledged (Receive Maximum), and what a
    /// destination is sent before it acknowledges the first.
    #[schemars(range(min = 1, max = 65535), extend("x-unit" = "messages", "x-default" = "100", "x-change" = LIVE))]
    pub(crate) max_inflight_messages: Option<u16>,
    /// What becomes of the user properties that are CloudEvents attributes, on messages that go to the endpoint.
    #[schemars(extend("x-default" = "they are passed on as they are", "x-change" = LIVE))]
    pub(crate) cloud_event_attributes: Option<CloudEventsName>,
    /// How the connection is secured.
    pub(crate) tls: Option<EndpointTlsSpec>,
    /// Which MQTT is spoken.
    #[schemars(extend("x-own" = true, "x-default" = "Auto", "x-change" = LIVE))]
    pub(crate) mqtt_version: Option<MqttVersionName>,
    /// Whether messages to the endpoint get the user property `causeway-hop`, which names the installations they went
    /// through, and messages from it that went through this one are acknowledged, counted and not forwarded.
    #[schemars(extend("x-own" = true, "x-default" = "Enabled", "x-change" = LIVE))]
    pub(crate) hop_property: Option<Switch>,
}

/// What becomes of RETAIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum RetainName {
    /// It stays as it is.
    Keep,
    /// It is cleared.
    Never,
}

/// What becomes of CloudEvents attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum CloudEventsName {
    /// A message that has all of `specversion`, `type`, `source` and `id` passes with them.
    Propagate,
    /// The same; and what another message has not is made.
    CreateOrRemap,
}

/// Which MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum MqttVersionName {
    /// 5, and 3.1.1 where the broker refuses 5.
    Auto,
    /// 3.1.1: properties of messages do not cross.
    V3,
    /// 5.
    V5,
}

/// `mqttSettings.tls`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointTlsSpec {
    /// Whether there is TLS.
    #[schemars(extend("x-default" = "Enabled", "x-change" = LIVE))]
    pub(crate) mode: Option<Switch>,
    /// ConfigMap with the authorities of the broker's certificate, in PEM form, in any keys. They take the place of this
    /// machine's. `azure-iot-operations-aio-ca-trust-bundle` is this broker's own, unless there is a ConfigMap of that
    /// name.
    #[schemars(extend("format" = "object-name", "x-default" = "this machine's", "x-change" = LIVE))]
    pub(crate) trusted_ca_certificate_config_map_ref: Option<String>,
}

/// `mqttSettings.authentication`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointAuthentication {
    /// Which. Only the settings of the same name may be beside it.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) method: Option<EndpointMethod>,
    /// With the method `ServiceAccountToken`. Left out, everything is at its default.
    pub(crate) service_account_token_settings: Option<EndpointTokenSettings>,
    /// With the method `SystemAssignedManagedIdentity`. Left out, everything is at its default.
    pub(crate) system_assigned_managed_identity_settings: Option<SystemIdentitySettings>,
    /// With the method `UserAssignedManagedIdentity`, which needs it.
    pub(crate) user_assigned_managed_identity_settings: Option<UserIdentitySettings>,
    /// With the method `X509Certificate`, which needs it.
    #[serde(rename = "x509CertificateSettings")]
    pub(crate) x509_certificate_settings: Option<X509CertificateSettings>,
    /// With the method `Anonymous`. There is nothing to set.
    #[schemars(extend("x-default" = "none"))]
    #[expect(dead_code, reason = "only the schema needs it")]
    pub(crate) anonymous_settings: Option<AnonymousSettings>,
    /// With the method `UsernamePassword`, which needs it.
    #[schemars(extend("x-own" = true))]
    pub(crate) username_password_settings: Option<UsernamePasswordSettings>,
}

/// How a broker is told who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum EndpointMethod {
    /// A token that Kubernetes gave the pod, in MQTT 5's enhanced authentication with the method `K8S-SAT`. When the file
    /// changes, the new one is given to the broker, and the connection stays.
    ServiceAccountToken,
    /// A token of Microsoft Entra for the identity of this machine (an Azure virtual machine, or one that Azure Arc has
    /// connected), in MQTT 5's enhanced authentication with the method `OAUTH2-JWT`. Renewed before its end, and the
    /// connection stays.
    SystemAssignedManagedIdentity,
    /// The same for an identity of your own, by workload identity federation: the pod's token is exchanged for one.
    UserAssignedManagedIdentity,
    /// A certificate in the TLS handshake. When it changes, the connection is made anew.
    X509Certificate,
    /// Nobody is named.
    Anonymous,
    /// A username and a password out of a Secret. When they change, the connection is made anew. Causeway's own.
    UsernamePassword,
}

/// `mqttSettings.authentication.serviceAccountTokenSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointTokenSettings {
    /// What the token has to be for: one of the `audiences` of the broker.
    #[schemars(extend("x-default" = "aio-internal", "x-change" = LIVE))]
    pub(crate) audience: Option<NotEmpty>,
    /// The file in which the kubelet puts the token: a projected volume of the pod, with that audience.
    #[schemars(
        extend(
            "format" = "absolute-path",
            "x-own" = true,
            "x-default" = "/var/run/secrets/tokens/broker-sat",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) token_file: Option<String>,
}

/// `mqttSettings.authentication.systemAssignedManagedIdentitySettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemIdentitySettings {
    /// What the token is asked for. A broker other than Azure Event Grid needs one of its own.
    #[schemars(
        extend("x-default" = "https://eventgrid.azure.net for Azure Event Grid, otherwise it is needed", "x-change" = LIVE),
    )]
    pub(crate) audience: Option<NotEmpty>,
}

/// `mqttSettings.authentication.userAssignedManagedIdentitySettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserIdentitySettings {
    /// The identity's client ID.
    #[schemars(required, extend("x-change" = LIVE))]
    pub(crate) client_id: Option<NotEmpty>,
    /// Its directory's tenant ID.
    #[schemars(required, extend("format" = "tenant", "x-change" = LIVE))]
    pub(crate) tenant_id: Option<String>,
    /// What the token is asked for. A broker other than Azure Event Grid needs one of its own.
    #[schemars(
        extend(
            "x-default" = "https://eventgrid.azure.net/.default for Azure Event Grid, otherwise it is needed",
            "x-change" = LIVE,
        ),
    )]
    pub(crate) scope: Option<NotEmpty>,
}

/// `mqttSettings.authentication.x509CertificateSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct X509CertificateSettings {
    /// Secret with `client_cert.pem` and `client_key.pem`, and with `client_intermediate_certs.pem` where there are
    /// intermediates.
    #[schemars(required, extend("format" = "object-name", "x-change" = LIVE))]
    pub(crate) secret_ref: Option<String>,
}

/// `mqttSettings.authentication.anonymousSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(crate) struct AnonymousSettings {}

/// `mqttSettings.authentication.usernamePasswordSettings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsernamePasswordSettings {
    /// Secret with `username` and `password`. A line break at the end of either does not belong to it.
    #[schemars(required, extend("format" = "object-name", "x-own" = true, "x-change" = LIVE))]
    pub(crate) secret_ref: Option<String>,
}
