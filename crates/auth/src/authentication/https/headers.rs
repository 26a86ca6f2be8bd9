//! Headers of the settings, which may be secrets.

use std::collections::BTreeMap;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::authentication::secret::Secret;

/// Those that describe the request itself.
const OUR_OWN: &[&str] =
    &["host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer", "upgrade"];

/// Headers to send along, checked.
#[derive(Clone, Default)]
pub(crate) struct Headers(HeaderMap);

/// Why a header cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    #[error("{0:?} is no name of a header")]
    Name(String),
    #[error("the header {0} is the broker's own to write")]
    OurOwn(String),
    #[error("the value of the header {0} holds a line break or another control character")]
    Value(String),
}

impl Headers {
    pub fn new(settings: &BTreeMap<String, Secret>) -> Result<Self, HeaderError> {
        let mut headers = HeaderMap::new();
        for (name, value) in settings {
            let lower = name.to_ascii_lowercase();
            if OUR_OWN.contains(&lower.as_str()) {
                return Err(HeaderError::OurOwn(name.clone()));
            }
            let key = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| HeaderError::Name(name.clone()))?;
            let mut value = HeaderValue::from_bytes(value.bytes()).map_err(|_| HeaderError::Value(name.clone()))?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        Ok(Self(headers))
    }

    pub fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> Result<Headers, HeaderError> {
        Headers::new(&BTreeMap::from([(name.to_owned(), Secret::from(value))]))
    }

    #[test]
    fn a_header_that_would_change_the_request_is_refused() {
        assert!(of("Authorization", "Bearer x").is_ok());
        assert_eq!(of("Host", "x").err(), Some(HeaderError::OurOwn("Host".to_owned())));
        assert_eq!(of("a b", "x").err(), Some(HeaderError::Name("a b".to_owned())));
        let error = of("x-key", "secret\r\nX-Other: 1").err().unwrap();
        assert!(matches!(error, HeaderError::Value(_)) && !error.to_string().contains("secret"));
    }
}
