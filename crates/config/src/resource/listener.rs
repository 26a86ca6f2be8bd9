//! The fields of `BrokerListener`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::format::{DnsName, GoDuration};
use crate::{KeyAlgorithm, KeyRotation, Protocol};

/// Ports that clients connect to. Each BrokerListener is served by the Broker `default`; there may be several, also of
/// one service type. Where there is none, MQTT is served on 127.0.0.1:1883, over TLS on 8883 and over WebSocket on
/// 8083.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerSpec {
    /// The Kubernetes Service. In a pod, ports are bound on every interface whatever it is; elsewhere it decides who
    /// can reach them; `--bind` decides against it.
    #[schemars(
        extend(
            "x-default" = "ClusterIp",
            "x-change" = "live; connections to a port whose address changes end with DISCONNECT 0x98",
        ),
    )]
    pub(crate) service_type: Option<ServiceType>,
    /// Name of the Kubernetes Service; no two listeners share one. Certificates made by `Automatic` are valid for it:
    /// `NAME`, `NAME.NAMESPACE`, `NAME.NAMESPACE.svc`, `NAME.NAMESPACE.svc.cluster.local`.
    #[schemars(
        extend(
            "format" = "service-name",
            "x-default" = "the listener's name",
            "x-change" = "live; a new certificate is made, connections stay",
        ),
    )]
    pub(crate) service_name: Option<String>,
    /// One entry a port.
    #[schemars(required, length(min = 1))]
    pub(crate) ports: Option<Vec<PortSpec>>,
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

/// Who can reach a listener's ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum ServiceType {
    /// Inside only: outside a pod, programs on this machine (127.0.0.1).
    #[default]
    ClusterIp,
    /// Everybody: every interface.
    LoadBalancer,
    /// Everybody, on `nodePort`: every interface.
    NodePort,
}

/// One entry of `ports`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortSpec {
    /// TCP port; 0 is any free one. A port taken away ends its connections with DISCONNECT 0x98.
    #[schemars(
        required,
        range(min = 0, max = 65535),
        extend("x-change" = "live; connections to a port that goes end with DISCONNECT 0x98"),
    )]
    pub(crate) port: Option<u16>,
    /// Port of each node, with the service type `NodePort` only. Outside a pod it is the port that is bound.
    #[schemars(
        range(min = 30000, max = 32767),
        extend("x-default" = "`port`", "x-change" = "live; connections to the port end with DISCONNECT 0x98"),
    )]
    pub(crate) node_port: Option<u16>,
    /// What is spoken.
    #[schemars(extend("x-default" = "Mqtt", "x-change" = "live; connections to the port end with DISCONNECT 0x98"))]
    pub(crate) protocol: Option<Protocol>,
    /// The BrokerAuthentication that says who is let in, by its name. Left out, everybody is.
    #[schemars(
        extend(
            "format" = "resource-name",
            "x-default" = "none",
            "x-change" = "live; who is connected is checked again, as far as that is possible without asking him",
        ),
    )]
    pub(crate) authentication_ref: Option<String>,
    /// The BrokerAuthorization that says what they may do, by its name; needs `authenticationRef`. Left out, they may
    /// publish and subscribe everywhere.
    #[schemars(
        extend(
            "format" = "resource-name",
            "x-default" = "none",
            "x-change" = "live; who is connected stays if he may, and his subscriptions as far as they are allowed",
        ),
    )]
    pub(crate) authorization_ref: Option<String>,
    /// How the port is secured. Left out, it is not. TLS 1.2 and 1.3.
    pub(crate) tls: Option<TlsSpec>,
}

/// `ports[].tls`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TlsSpec {
    /// Who makes the certificate.
    #[schemars(
        required,
        extend("x-change" = "live; with TLS turned on or off, connections to the port end with DISCONNECT 0x98"),
    )]
    pub(crate) mode: Option<TlsMode>,
    /// What the certificate is to be; with `Automatic` only. Left out, everything is at its default.
    pub(crate) cert_manager_certificate_spec: Option<CertManagerCertificateSpec>,
    /// Where the certificate is; with `Manual` only, which needs it.
    pub(crate) manual: Option<ManualSpec>,
}

/// Who makes a port's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum TlsMode {
    /// The broker, with the authority in `tls/ca.crt` of the data directory; it renews it, too.
    Automatic,
    /// Somebody else, who puts it into a Secret.
    Manual,
}

/// `ports[].tls.certManagerCertificateSpec`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CertManagerCertificateSpec {
    /// Whose authority signs.
    #[schemars(required)]
    pub(crate) issuer_ref: Option<IssuerRef>,
    /// How long a certificate is valid; a minute or more. `h`, `m` and `s`, also together: `1h30m`.
    #[schemars(extend("x-default" = "2160h", "x-change" = "live; a new certificate is made, connections stay"))]
    pub(crate) duration: Option<GoDuration>,
    /// How long before its end a certificate is renewed; a second or more, less than `duration`.
    #[schemars(extend("x-default" = "a third of `duration`", "x-change" = "live"))]
    pub(crate) renew_before: Option<GoDuration>,
    /// Where the certificate is kept: the folder of this name in `tls` of the data directory, with `tls.crt`, `tls.key`
    /// and `ca.crt`. No two ports share one.
    #[schemars(
        extend(
            "format" = "object-name",
            "x-default" = "LISTENER-PORT",
            "x-change" = "live; a new certificate is made, connections stay",
        ),
    )]
    pub(crate) secret_name: Option<String>,
    /// Its key.
    pub(crate) private_key: Option<KeySpec>,
    /// Further names and addresses it is valid for, besides those of the Service and of this machine.
    pub(crate) san: Option<SanSpec>,
}

/// `ports[].tls.certManagerCertificateSpec.issuerRef`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuerRef {
    /// cert-manager's group; no other.
    #[schemars(extend("x-default" = "cert-manager.io", "x-change" = "live"))]
    pub(crate) group: Option<IssuerGroup>,
    /// Either one names the built-in issuer.
    #[schemars(required, extend("x-change" = "live"))]
    pub(crate) kind: Option<IssuerKind>,
    /// `azure-iot-operations-aio-certificate-issuer`, which is built in: the authority in `tls/ca.crt` of the data
    /// directory. Another name is a reference to nothing.
    #[schemars(required, extend("x-change" = "live"))]
    pub(crate) name: Option<String>,
}

/// Group of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum IssuerGroup {
    /// cert-manager's.
    #[serde(rename = "cert-manager.io")]
    CertManager,
}

/// Kind of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub(crate) enum IssuerKind {
    /// Of a namespace.
    Issuer,
    /// Of the cluster.
    ClusterIssuer,
}

/// `ports[].tls.certManagerCertificateSpec.privateKey`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeySpec {
    /// Kind of key.
    #[schemars(extend("x-default" = "Ec256", "x-change" = "live; a new certificate is made, connections stay"))]
    pub(crate) algorithm: Option<KeyAlgorithm>,
    /// Whether a renewal makes a new key.
    #[schemars(extend("x-default" = "Always", "x-change" = "live"))]
    pub(crate) rotation_policy: Option<KeyRotation>,
}

/// `ports[].tls.certManagerCertificateSpec.san`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SanSpec {
    /// DNS names; the first label may be `*`.
    #[schemars(extend("x-default" = "none", "x-change" = "live; a new certificate is made, connections stay"))]
    pub(crate) dns: Option<Vec<DnsName>>,
    /// IP addresses.
    #[schemars(extend("x-default" = "none", "x-change" = "live; a new certificate is made, connections stay"))]
    pub(crate) ip: Option<Vec<std::net::IpAddr>>,
}

/// `ports[].tls.manual`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManualSpec {
    /// Secret with `tls.crt` (leaf first, then intermediates, one kind of key in all of them) and `tls.key`: a
    /// manifest, or a directory `secrets/NAME`. A change of its content is a change of the certificate.
    #[schemars(required, extend("format" = "object-name", "x-change" = "live; connections stay"))]
    pub(crate) secret_ref: Option<String>,
}
