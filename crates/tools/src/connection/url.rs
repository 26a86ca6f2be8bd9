//! `-L`: broker, user and topic in one word.

use super::secret::Hidden;
use crate::failure::Failure;

/// A URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub scheme: Scheme,
    pub username: Option<String>,
    pub password: Option<Hidden>,
    pub host: String,
    pub port: Option<u16>,
    /// What follows the host's slash; `None` when it is nothing.
    pub path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
}

const SCHEMES: [(&str, Scheme); 4] =
    [("mqtt", Scheme::Mqtt), ("mqtts", Scheme::Mqtts), ("ws", Scheme::Ws), ("wss", Scheme::Wss)];

impl Url {
    /// `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`; user and password may be percent-encoded.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        // The text may hold a password: it is not repeated.
        let wrong = |what: &str| {
            Failure::usage(format!(
                "-L: {what}; expected mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC] or ws[s]://...[/PATH]"
            ))
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("there is no scheme"))?;
        let scheme = SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, scheme)| *scheme);
        let scheme = scheme.ok_or_else(|| wrong("the scheme is none of mqtt, mqtts, ws, wss"))?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => (None, None),
            Some((name, "")) => (Some(decode(name)), None),
            Some((name, password)) => (Some(decode(name)), Some(decode(password))),
        };
        let decoded = |part: Option<Option<String>>| match part {
            Some(None) => Err(wrong("user or password is not percent-encoded UTF-8")),
            Some(part) => Ok(part),
            None => Ok(None),
        };
        let (host, port) = split_port(address).ok_or_else(|| wrong("the port is not a number up to 65535"))?;
        if host.is_empty() {
            return Err(wrong("there is no host"));
        }
        Ok(Self {
            scheme,
            username: decoded(username)?,
            password: decoded(password)?.map(Hidden),
            host: host.to_owned(),
            port,
            path: (!path.is_empty()).then(|| path.to_owned()),
        })
    }

    pub fn has_tls(&self) -> bool {
        matches!(self.scheme, Scheme::Mqtts | Scheme::Wss)
    }

    pub fn has_websocket(&self) -> bool {
        matches!(self.scheme, Scheme::Ws | Scheme::Wss)
    }
}

/// `HOST[:PORT]`, IPv6 in brackets.
fn split_port(address: &str) -> Option<(&str, Option<u16>)> {
    if let Some(bracketed) = address.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Some((host, None)),
            None => None,
            Some(port) => Some((host, Some(port.parse().ok()?))),
        };
    }
    match address.split_once(':') {
        None => Some((address, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

/// Undoes percent-encoding; `None` if what comes out is not UTF-8 or an escape is cut short.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (digits, behind) = after.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_found() {
        let url = Url::parse("mqtts://me:p%40ss%3Aword@host.example:8884/a/b c").unwrap();
        assert_eq!(url.scheme, Scheme::Mqtts);
        assert_eq!((url.username.as_deref(), url.password), (Some("me"), Some(Hidden("p@ss:word".to_owned()))));
        assert_eq!((url.host.as_str(), url.port, url.path.as_deref()), ("host.example", Some(8884), Some("a/b c")));
    }

    #[test]
    fn everything_but_the_host_may_be_missing() {
        let url = Url::parse("ws://[::1]").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.path), ("::1", None, None));
        assert_eq!(Url::parse("mqtt://[fe80::1]:1884/t").unwrap().port, Some(1884));
        assert_eq!(Url::parse("mqtt://u@h").unwrap().password, None);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (text, expected) in [
            ("localhost", "no scheme"),
            ("http://h", "none of mqtt"),
            ("mqtt://", "no host"),
            ("mqtt://u:secret@h:port", "not a number"),
            ("mqtt://u:secret%f@h", "percent-encoded"),
            ("mqtt://u:secret%ff@h", "percent-encoded"),
        ] {
            let failure = Url::parse(text).unwrap_err();
            assert!(failure.text.contains(expected), "{text}: {}", failure.text);
            assert!(!failure.text.contains("secret"), "{text}: {}", failure.text);
        }
    }
}
