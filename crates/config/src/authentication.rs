//! Who is let in by a port: the methods of a BrokerAuthentication, with the contents of the files they need.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::{Place, SecretBytes, SecretText};

/// A BrokerAuthentication. The first of its methods that is relevant for a client decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// Where it was written; fields are below `spec`: `authenticationMethods[0]`.
    pub place: Place,
    /// In the order in which they are asked.
    pub methods: Vec<Method>,
}

/// One way to prove who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A token that Kubernetes gave a pod.
    ServiceAccountToken(ServiceAccountToken),
    /// A client certificate.
    X509(X509),
    /// A server of the user's own decides.
    Custom(Custom),
    /// A JSON Web Token of any issuer.
    Jwt(Jwt),
    /// A name and a password out of a file.
    UserPassword(UserPassword),
}

/// What a file of a ConfigMap holds. Contents are as they are: nobody has parsed them yet. Debug prints none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// `configmaps/NAME/KEY`, wherever the ConfigMap was written.
    pub name: String,
    /// Not empty, unless it is a revocation list.
    pub content: Vec<u8>,
}

/// What a file of a Secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// `secrets/NAME/KEY`, wherever the Secret was written.
    pub name: String,
    /// Not empty.
    pub content: SecretBytes,
}

/// Authorities that sign the certificates of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustBundle {
    /// This process' own, which signs the certificates of listeners: `tls/ca.crt` of the data directory.
    Own,
    /// Those in these files, each of which holds at least one certificate in PEM form. Never empty.
    Files(Vec<File>),
}

/// `method: ServiceAccountToken`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountToken {
    /// A token has to be for one of them. Never empty.
    pub audiences: Vec<String>,
    /// Who says whether it is good.
    pub verification: TokenVerification,
}

/// Who says whether a service account's token is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenVerification {
    /// The cluster that this process runs in.
    InCluster,
    /// The cluster of a kubeconfig.
    Kubeconfig {
        /// The kubeconfig; nobody has parsed it yet.
        file: SecretFile,
        /// `None` is the kubeconfig's current one.
        context: Option<String>,
    },
    /// The keys that the cluster publishes; nobody is asked about a single token.
    Offline(OfflineTokens),
}

/// How tokens of a cluster are checked without asking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineTokens {
    /// To the letter what `iss` of the tokens says.
    pub issuer: String,
    /// Never [`Keys::Secret`].
    pub keys: Keys,
    /// Attribute name to claim; `None` asks for the usual ones.
    pub attributes: Option<BTreeMap<String, String>>,
    /// How far the cluster's clock and ours may differ.
    pub leeway: Duration,
}

/// Keys that sign tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// A JSON Web Key Set.
    File(File),
    /// A JSON Web Key Set that a server publishes.
    Remote(RemoteKeys),
    /// Shared with who signs; 32 bytes or more.
    Secret(SecretBytes),
}

/// How published keys are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteKeys {
    /// Where they are.
    pub place: KeyPlace,
    /// Of the server's certificate; `None` are this machine's.
    pub authorities: Option<TrustBundle>,
    /// How old they may grow before they are fetched again.
    pub refresh: Duration,
}

/// Where keys are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// At this address; `https`, or `http` on this machine.
    Address(String),
    /// Where the issuer's OpenID configuration says.
    Discovery,
}

/// `method: X509`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct X509 {
    /// Whose certificates are taken.
    pub authorities: TrustBundle,
    /// Revocation lists in PEM or DER form.
    pub revocation_lists: Vec<File>,
    /// Rules by name.
    pub attributes: BTreeMap<String, AttributeRule>,
}

/// Attributes for whoever has a certificate with this subject, or one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRule {
    /// As it was written; nobody has parsed it yet.
    pub subject: String,
    /// By name.
    pub attributes: BTreeMap<String, String>,
}

/// `method: Custom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Begins with `https://`.
    pub endpoint: String,
    /// Of the server's certificate; `None` are this machine's.
    pub authorities: Option<TrustBundle>,
    /// What is shown to the server.
    pub identity: Option<ClientPair>,
    /// Sent along with each request.
    pub headers: BTreeMap<String, SecretText>,
    /// For one client, over all requests it takes.
    pub deadline: Duration,
}

/// A certificate with its key. Both texts look like PEM; whether they fit each other is for the one who loads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPair {
    /// `secrets/NAME`, for messages.
    pub name: String,
    /// The Secret's `tls.crt`: our own certificate first.
    pub chain_pem: Vec<u8>,
    /// The Secret's `tls.key`.
    pub key_pem: SecretBytes,
}

/// `method: Jwt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// To the letter what `iss` of the tokens says.
    pub issuer: String,
    /// A token has to be for one of them. Never empty.
    pub audiences: Vec<String>,
    /// What signs them.
    pub keys: Keys,
    /// How far the issuer's clock and ours may differ.
    pub leeway: Duration,
    /// The claim that is the username.
    pub username_claim: String,
    /// Attribute name to claim.
    pub attributes: BTreeMap<String, String>,
    /// Where clients put their token. Never empty, none twice.
    pub places: Vec<TokenPlace>,
}

/// Where a client puts its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// The Authentication Data of this Authentication Method (MQTT 5).
    Enhanced(String),
    /// The password.
    Password,
}

/// `method: UserPassword`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPassword {
    /// As `causeway passwd` writes it; nobody has parsed it yet.
    pub file: SecretFile,
}

impl Authentication {
    /// Whether a client certificate is among the ways in.
    pub fn takes_certificates(&self) -> bool {
        self.methods.iter().any(|method| matches!(method, Method::X509(_)))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({}, {} bytes)", self.name, self.content.len())
    }
}
