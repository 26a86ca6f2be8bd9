//! How to reach servers.

use auth::authentication::HttpsSettings;
use causeway_tests::https_server::Server;
use causeway_tests::pki::TestAuthority;

use super::pki::file;

/// Trusting who signed the server's certificate.
pub fn trusted(server: &Server) -> HttpsSettings {
    reachable(&server.authority)
}

pub fn reachable(authority: &TestAuthority) -> HttpsSettings {
    HttpsSettings { authorities: Some(vec![file("ca.crt", &[authority])]), identity: None }
}
