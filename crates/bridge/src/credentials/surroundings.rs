//! Where this process runs, as far as its identity depends on it: addresses, files, variables, and how patient to be.

use std::path::PathBuf;
use std::time::Duration;

use client::tls::Authorities;

/// Everything that is not the endpoint's to say. `Default` is Azure as it is, with no variable set.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The instance metadata service of an Azure virtual machine.
    pub imds: String,
    /// Where the agent of Azure Arc answers unless a variable says otherwise; on this machine.
    pub arc: String,
    /// Who has this file is connected by Azure Arc.
    pub arc_agent: PathBuf,
    /// The one folder in which the agent may name a key file.
    pub arc_keys: PathBuf,
    pub variables: Variables,
    /// Authorities of the token host's certificate; empty: those of this machine.
    pub authorities: Vec<Authorities>,
    pub pace: Pace,
}

/// What a hosting platform says in environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// `IDENTITY_ENDPOINT`
    pub identity_endpoint: Option<String>,
    /// Whether `IDENTITY_HEADER` is set; its value is a secret, and not taken.
    pub has_identity_header: bool,
    /// `IDENTITY_SERVER_THUMBPRINT`
    pub identity_server_thumbprint: Option<String>,
    /// `IMDS_ENDPOINT`
    pub imds_endpoint: Option<String>,
    /// `MSI_ENDPOINT`
    pub msi_endpoint: Option<String>,
    /// `AZURE_AUTHORITY_HOST`; the public cloud's where there is none.
    pub authority_host: Option<String>,
    /// `AZURE_FEDERATED_TOKEN_FILE`; where workload identity puts it unless told otherwise, where there is none.
    pub federated_token_file: Option<PathBuf>,
}

impl Variables {
    /// Looks up every variable by name; an empty one counts as none.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let look_up = |name: &str| look_up(name).filter(|value| !value.is_empty());
        Self {
            identity_endpoint: look_up("IDENTITY_ENDPOINT"),
            has_identity_header: look_up("IDENTITY_HEADER").is_some(),
            identity_server_thumbprint: look_up("IDENTITY_SERVER_THUMBPRINT"),
            imds_endpoint: look_up("IMDS_ENDPOINT"),
            msi_endpoint: look_up("MSI_ENDPOINT"),
            authority_host: look_up("AZURE_AUTHORITY_HOST"),
            federated_token_file: look_up("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
        }
    }
}

/// How often, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at a file.
    pub poll: Duration,
    /// For the answer of an endpoint on this machine or its host.
    pub near_deadline: Duration,
    /// For the answer of Entra's token host.
    pub far_deadline: Duration,
    /// Before its end, a token is renewed; one that is short-lived, when a fifth of its time is left.
    pub renewal_lead: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            near_deadline: Duration::from_secs(10),
            far_deadline: Duration::from_secs(30),
            renewal_lead: Duration::from_secs(300),
        }
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            imds: "http://169.254.169.254".to_owned(),
            arc: "http://127.0.0.1:40342".to_owned(),
            arc_agent: PathBuf::from("/opt/azcmagent/bin/himds"),
            arc_keys: PathBuf::from("/var/opt/azcmagent/tokens"),
            variables: Variables::default(),
            authorities: Vec::new(),
            pace: Pace::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_count_as_none() {
        let variables = Variables::read(|name| match name {
            "IDENTITY_ENDPOINT" => Some("http://localhost:40342/x".to_owned()),
            "IDENTITY_HEADER" => Some("secret".to_owned()),
            "AZURE_FEDERATED_TOKEN_FILE" => Some("/tokens/t".to_owned()),
            "MSI_ENDPOINT" => Some(String::new()),
            _ => None,
        });
        let expected = Variables {
            identity_endpoint: Some("http://localhost:40342/x".to_owned()),
            has_identity_header: true,
            federated_token_file: Some(PathBuf::from("/tokens/t")),
            ..Variables::default()
        };
        assert_eq!(variables, expected);
    }
}
