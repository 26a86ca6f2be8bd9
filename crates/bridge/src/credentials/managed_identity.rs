//! The identity that Azure gives a machine: which endpoint hands out its tokens, and asking it.

mod arc;
mod imds;

use std::time::SystemTime;

use hyper::Uri;

use self::arc::Agent;
use super::error::CredentialError;
use super::https::Https;
use super::presented::Presented;
use super::settings::SystemIdentity;
use super::surroundings::Surroundings;

const TOKEN_PATH: &str = "/metadata/identity/oauth2/token";

/// Who hands out tokens here.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Arc(Agent),
    Imds(Uri),
}

/// Asks for a token once.
pub(super) async fn presented(
    identity: &SystemIdentity,
    surroundings: &Surroundings,
    now: SystemTime,
) -> Result<Presented, CredentialError> {
    let resource = identity.audience.strip_suffix("/.default").unwrap_or(&identity.audience);
    let (https, deadline) = (Https::near(), surroundings.pace.near_deadline);
    match detect(surroundings)? {
        Place::Arc(agent) => agent.token(&https, resource, deadline, now).await,
        Place::Imds(uri) => imds::token(&https, &uri, resource, deadline, now).await,
    }
}

/// In the order in which other libraries look, so that a machine is the same to all of them.
fn detect(surroundings: &Surroundings) -> Result<Place, CredentialError> {
    let variables = &surroundings.variables;
    let elsewhere = |platform, because| Err(CredentialError::Platform { platform, because });
    match &variables.identity_endpoint {
        Some(_) if variables.has_identity_header && variables.identity_server_thumbprint.is_some() => elsewhere(
            "Azure Service Fabric",
            "IDENTITY_ENDPOINT, IDENTITY_HEADER and IDENTITY_SERVER_THUMBPRINT are set",
        ),
        Some(_) if variables.has_identity_header => {
            elsewhere("Azure App Service", "IDENTITY_ENDPOINT and IDENTITY_HEADER are set")
        }
        _ if variables.msi_endpoint.is_some() => elsewhere("Azure Cloud Shell", "MSI_ENDPOINT is set"),
        Some(endpoint) if variables.imds_endpoint.is_some() => {
            Ok(Place::Arc(Agent::new("IDENTITY_ENDPOINT", endpoint, &surroundings.arc_keys)?))
        }
        _ if surroundings.arc_agent.exists() => {
            let endpoint = format!("{}{TOKEN_PATH}", surroundings.arc.trim_end_matches('/'));
            Ok(Place::Arc(Agent::new("the address of the Azure Arc agent", &endpoint, &surroundings.arc_keys)?))
        }
        _ => {
            let endpoint = format!("{}{TOKEN_PATH}", surroundings.imds.trim_end_matches('/'));
            address("the address of the metadata service", &endpoint).map(Place::Imds)
        }
    }
}

/// A plain address with a host.
fn address(field: &'static str, text: &str) -> Result<Uri, CredentialError> {
    let uri: Option<Uri> = text.parse().ok();
    let expected = "like http://host:port/path";
    uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()))
        .ok_or_else(|| CredentialError::Setting { field, value: text.to_owned(), expected })
}

/// The same address with another query.
fn with_query(uri: &Uri, query: &str) -> Result<Uri, hyper::http::Error> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{query}", uri.path()).parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Variables;

    fn detected(change: impl FnOnce(&mut Surroundings)) -> Result<Place, CredentialError> {
        let mut surroundings = Surroundings { arc_agent: "/nowhere/himds".into(), ..Surroundings::default() };
        change(&mut surroundings);
        detect(&surroundings)
    }

    fn platform(variables: Variables) -> &'static str {
        match detected(|surroundings| surroundings.variables = variables) {
            Err(CredentialError::Platform { platform, .. }) => platform,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_sign_it_is_a_virtual_machine() {
        let expected = "http://169.254.169.254/metadata/identity/oauth2/token";
        assert_eq!(detected(|_| {}), Ok(Place::Imds(expected.parse().unwrap())));
    }

    #[test]
    fn arc_is_known_by_its_agent_or_its_variables() {
        let uri = |place| match place {
            Ok(Place::Arc(agent)) => agent.endpoint().to_string(),
            other => panic!("{other:?}"),
        };
        let there = detected(|surroundings| surroundings.arc_agent = "/".into());
        assert_eq!(uri(there), "http://127.0.0.1:40342/metadata/identity/oauth2/token");
        let variables = Variables {
            identity_endpoint: Some("http://localhost:40400/tokens".to_owned()),
            imds_endpoint: Some("http://localhost:40400".to_owned()),
            ..Variables::default()
        };
        assert_eq!(uri(detected(|surroundings| surroundings.variables = variables)), "http://localhost:40400/tokens");
    }

    #[test]
    fn other_platforms_come_first_and_are_named() {
        let app = Variables {
            identity_endpoint: Some("http://localhost:1".to_owned()),
            imds_endpoint: Some("http://localhost:1".to_owned()),
            has_identity_header: true,
            ..Variables::default()
        };
        let fabric = Variables { identity_server_thumbprint: Some("aa".to_owned()), ..app.clone() };
        let shell = Variables { msi_endpoint: Some("http://localhost:2".to_owned()), ..Variables::default() };
        assert_eq!(platform(app), "Azure App Service");
        assert_eq!(platform(fabric), "Azure Service Fabric");
        assert_eq!(platform(shell), "Azure Cloud Shell");
    }

    /// What the agent's key opens is not sent over a network.
    #[test]
    fn arc_answers_on_this_machine_only() {
        for endpoint in ["http://10.0.0.1:40342/x", "https://localhost/x", "http://localhost.example/x", "nonsense", ""]
        {
            let variables = Variables {
                identity_endpoint: Some(endpoint.to_owned()),
                imds_endpoint: Some("x".to_owned()),
                ..Variables::default()
            };
            let found = detected(|surroundings| surroundings.variables = variables);
            assert!(matches!(found, Err(CredentialError::Setting { .. })), "{endpoint}: {found:?}");
        }
    }
}
