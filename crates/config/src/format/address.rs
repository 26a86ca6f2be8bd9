//! Addresses of servers that the broker asks. Whoever asks them reads them whole.

/// `https` and a host; no user, no fragment.
pub(super) fn is_https(text: &str) -> bool {
    host(text, "https://").is_some()
}

/// `https` and a host, or `http` and this machine.
pub(super) fn is_of_keys(text: &str) -> bool {
    is_https(text) || host(text, "http://").is_some_and(is_loopback)
}

fn host<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let start = text.get(..scheme.len())?;
    let rest = &text[scheme.len()..];
    let whole = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let host = &authority[..end];
    let named = !host.is_empty() && !authority.contains('@');
    (start.eq_ignore_ascii_case(scheme) && whole && named).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_https, is_of_keys};

    #[test]
    fn https_everywhere_and_http_at_home() {
        for (text, https, keys) in [
            ("https://auth.example", true, true),
            ("HTTPS://auth.example:8443/a?b=c", true, true),
            ("https://[fd00::1]:8443", true, true),
            ("http://127.0.0.1:8080/keys", false, true),
            ("http://[::1]/keys", false, true),
            ("http://localhost", false, true),
            ("http://localhost.example", false, false),
            ("http://auth.example", false, false),
            ("https://", false, false),
            ("https:///path", false, false),
            ("https://:443", false, false),
            ("https://[::1", false, false),
            ("https://ann:secret@auth.example", false, false),
            ("https://auth.example#part", false, false),
            ("https://auth example", false, false),
            ("auth.example", false, false),
            ("", false, false),
            ("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}", false, false),
        ] {
            assert_eq!((is_https(text), is_of_keys(text)), (https, keys), "{text}");
        }
    }
}
