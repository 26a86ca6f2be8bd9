//! Addresses of servers.

use hyper::Uri;

/// Which addresses are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemes {
    HttpsOnly,
    /// `http` too, to this machine.
    HttpOnLoopback,
}

/// A checked address: a scheme that is allowed, a host, no user, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

/// Why a text is no address to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    #[error("{0} is no address; it must be like https://host:port/path")]
    Unreadable(String),
    #[error("{0} is not over https; what is sent there is secret, and what comes back is believed")]
    NotHttps(String),
    #[error("an address with a user or password in it; use headers or a client certificate instead")]
    User,
    #[error("{0} has a query, which has no place there")]
    Query(String),
}

impl Endpoint {
    pub fn parse(text: &str, schemes: Schemes) -> Result<Self, EndpointError> {
        // An address with a user may hold a password: it is not repeated.
        if text.split(['?', '#']).next().is_some_and(|front| front.contains('@')) {
            return Err(EndpointError::User);
        }
        let uri: Uri = text.parse().map_err(|_| EndpointError::Unreadable(text.to_owned()))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| EndpointError::Unreadable(text.to_owned()))?;
        // What stands behind the host must be a number.
        if uri.authority().is_some_and(|authority| authority.as_str() != host) && uri.port_u16().is_none() {
            return Err(EndpointError::Unreadable(text.to_owned()));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if schemes == Schemes::HttpOnLoopback && is_loopback(host) => {}
            _ => return Err(EndpointError::NotHttps(text.to_owned())),
        }
        Ok(Self(uri))
    }

    /// The address with `path` after its own, and nothing but `query` as its query.
    pub fn join(&self, path: &str, query: Option<&str>) -> Result<Uri, EndpointError> {
        if self.0.query().is_some() {
            return Err(EndpointError::Query(self.0.to_string()));
        }
        let own = self.0.path().trim_end_matches('/');
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = self.0.clone().into_parts();
        let unreadable = |_| EndpointError::Unreadable(self.0.to_string());
        parts.path_and_query = Some(format!("{own}{path}{query}").parse().map_err(unreadable)?);
        Uri::from_parts(parts).map_err(|_| EndpointError::Unreadable(self.0.to_string()))
    }

    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_https_or_this_machine() {
        let both = [Schemes::HttpsOnly, Schemes::HttpOnLoopback];
        for (text, expected) in [
            ("https://auth.example:8443/a", [true, true]),
            ("http://127.0.0.1:8080", [false, true]),
            ("http://[::1]:8080/x", [false, true]),
            ("http://localhost/x", [false, true]),
            ("http://127.0.0.1.example/x", [false, false]),
            ("http://auth.example", [false, false]),
            ("ftp://127.0.0.1", [false, false]),
            ("https://", [false, false]),
            ("https:///path", [false, false]),
            ("/path", [false, false]),
            ("", [false, false]),
            ("https://host:port/x", [false, false]),
            ("https://host:/x", [false, false]),
            ("https://[::1]/x", [true, true]),
            ("https://host:99999/x", [false, false]),
            ("https://user:secret@host/", [false, false]),
        ] {
            assert_eq!(both.map(|schemes| Endpoint::parse(text, schemes).is_ok()), expected, "{text}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_not_repeated() {
        let error = Endpoint::parse("https://user:hunter2@host", Schemes::HttpsOnly).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn its_own_path_is_kept() {
        for (text, expected) in [
            ("https://a", "https://a/?v=1"),
            ("https://a/", "https://a/?v=1"),
            ("https://a:1/x", "https://a:1/x/?v=1"),
            ("https://a:1/x/", "https://a:1/x/?v=1"),
        ] {
            let endpoint = Endpoint::parse(text, Schemes::HttpsOnly).unwrap();
            assert_eq!(endpoint.join("/", Some("v=1")).unwrap().to_string(), expected);
        }
        assert!(Endpoint::parse("https://a/?q", Schemes::HttpsOnly).unwrap().join("/", None).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(https?://)?\\PC{0,40}") {
            if let Ok(endpoint) = Endpoint::parse(&text, Schemes::HttpOnLoopback) {
                let _ = endpoint.join("/", Some("api-version=0.5.0"));
            }
        }
    }
}
