//! An identity of one's own: a token of the pod is exchanged for one of Microsoft Entra.

use std::fs;
use std::path::PathBuf;

use causeway_tests::Resources;
use causeway_tests::identity_server::{Entra, Mint, Trusted, pairs};
use causeway_tests::pki::TestAuthority;
use causeway_tests::token::{Signer, now_seconds};
use serde_json::json;

use super::scene::{EVENT_GRID, Local, Remote, crosses, replace};
use crate::shown::{self, DESTINATION};

const TRUSTED: Trusted = Trusted {
    tenant: "72f988bf-86f1-41af-91ab-2d7cd011db47",
    client: "9d2b6c1e-3f40-4a57-8b66-0c1d2e3f4a5b",
    issuer: "https://oidc.example/cluster/",
    subject: "system:serviceaccount:azure-iot-operations:aio-dataflow",
};

/// The settings of this identity, with a scope or without.
pub fn identity(scope: Option<&str>) -> String {
    let Trusted { tenant, client, .. } = TRUSTED;
    let scope = scope.map_or(String::new(), |scope| format!("  scope: \"{scope}\"\n"));
    format!(
        "method: UserAssignedManagedIdentity\nuserAssignedManagedIdentitySettings:\n  clientId: {client}\n  \
         tenantId: {tenant}\n{scope}"
    )
}

/// What a cluster gives a pod for the exchange.
pub fn assertion() -> String {
    Signer::new("ES256", "cluster").sign(&json!({
        "aud": ["api://AzureADTokenExchange"], "iss": TRUSTED.issuer, "sub": TRUSTED.subject,
        "iat": now_seconds(), "exp": now_seconds() + 3600,
    }))
}

/// A pod: its token, the token host that its environment names, and the authorities that it believes.
pub struct Pod {
    pub entra: Entra,
    pub token: PathBuf,
    authorities: PathBuf,
    _folder: Resources,
}

impl Pod {
    pub fn new(mint: &std::sync::Arc<Mint>) -> Self {
        let entra = Entra::start(mint, &TRUSTED);
        let folder = Resources::new();
        let [token, authorities] = ["azure-identity-token", "authorities.pem"].map(|name| folder.path().join(name));
        fs::write(&token, assertion()).expect("a token");
        fs::write(&authorities, &entra.server.authority.certificate).expect("an authority");
        Pod { entra, token, authorities, _folder: folder }
    }

    /// As the webhook of workload identity sets them, and one that TLS libraries know.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("AZURE_AUTHORITY_HOST", self.entra.authority_host()),
            ("AZURE_FEDERATED_TOKEN_FILE", self.token.display().to_string()),
            ("SSL_CERT_FILE", self.authorities.display().to_string()),
        ]
    }
}

#[test]
fn the_pods_token_is_exchanged_for_one_of_the_identity() {
    for (line, scope, audience) in
        [("hostType: EventGrid", None, EVENT_GRID), ("", Some("api://plant 7/.default"), "api://plant 7")]
    {
        let mint = Mint::new();
        let remote = Remote::of_tokens(&mint, audience);
        let pod = Pod::new(&mint);
        let local = Local::start(Local::resources(&remote, line, &identity(scope)), &pod.variables());
        crosses(&local, &remote);
        let asked = pod.entra.server.seen();
        assert_eq!(asked.len(), 1, "{asked:?}");
        let path = format!("/{}/oauth2/v2.0/token", TRUSTED.tenant);
        assert_eq!((asked[0].method.as_str(), &asked[0].target), ("POST", &path));
        assert_eq!(asked[0].header("content-type"), Some("application/x-www-form-urlencoded"));
        let assertion = fs::read_to_string(&pod.token).expect("the token");
        let expected = [
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_id", TRUSTED.client),
            ("grant_type", "client_credentials"),
            ("scope", scope.unwrap_or("https://eventgrid.azure.net/.default")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(&asked[0].text), expected.into());
    }
}

#[test]
fn a_missing_federated_credential_is_shown_and_repaired() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let pod = Pod::new(&mint);
    pod.entra.trusts(None);
    let local = Local::start(Local::resources(&remote, "hostType: EventGrid", &identity(None)), &pod.variables());
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "token", 1);
    for expected in [
        "refuses the identity with AADSTS70021 (No matching federated identity record found for presented assertion.)",
        "add a federated credential with issuer https://oidc.example/cluster/, subject \
         system:serviceaccount:azure-iot-operations:aio-dataflow and audience api://AzureADTokenExchange",
    ] {
        assert!(failing.text.contains(expected), "{}", failing.text);
    }
    assert!(!failing.text.contains("Trace ID"), "{}", failing.text);
    assert_eq!(pod.entra.server.seen().len(), 1, "somebody has to change something first");
    // With the credential there, a new token of the pod is tried at once.
    pod.entra.trusts(Some(&TRUSTED));
    replace(&pod.token, &assertion());
    crosses(&local, &remote);
}

#[test]
fn a_token_host_that_nobody_vouches_for_is_told_nothing() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let pod = Pod::new(&mint);
    fs::write(&pod.authorities, TestAuthority::new("Another").certificate).expect("an authority");
    let local = Local::start(Local::resources(&remote, "hostType: EventGrid", &identity(None)), &pod.variables());
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "token", 2);
    assert!(failing.text.contains("certificate") && failing.text.contains("AZURE_AUTHORITY_HOST"), "{}", failing.text);
    assert_eq!(pod.entra.server.seen().len(), 0);
}
