//! The names that a certificate is good for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::SanType;
use rustls_pki_types::{DnsName, ServerName};

use crate::IdentityError;

/// Stands for the asterisk where a name with one is verified.
const ANY_LABEL: &str = "any";

/// The names a client may reach a server by; the subject alternative names of its certificate. A set: order and case of
/// letters make no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerNames {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl ServerNames {
    /// `localhost`, 127.0.0.1 and ::1, and the machine's host name where it is a valid DNS name.
    pub fn local(host_name: Option<&str>) -> Self {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let dns = ["localhost"].into_iter().chain(host_name).filter_map(valid_dns_name).collect();
        Self { dns, addresses: BTreeSet::from(loopback) }
    }

    /// Adds a DNS name; its first label may be an asterisk, which stands for any one label.
    ///
    /// # Errors
    /// It is not a DNS name.
    pub fn and_dns_name(mut self, name: &str) -> Result<Self, IdentityError> {
        let valid = valid_dns_name(name).ok_or_else(|| IdentityError::DnsName { name: name.to_owned() })?;
        self.dns.insert(valid);
        Ok(self)
    }

    /// Adds an address, such as the one a listener is bound to; the unspecified one is left out.
    pub fn and_address(mut self, address: IpAddr) -> Self {
        if !address.is_unspecified() {
            self.addresses.insert(address);
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.addresses.is_empty()
    }

    /// Whether a certificate with exactly these alternative names has the same ones.
    pub(crate) fn are(&self, dns: &BTreeSet<String>, addresses: &BTreeSet<IpAddr>) -> bool {
        self.dns == *dns && self.addresses == *addresses
    }

    /// One name to verify for each of the names.
    pub(crate) fn to_verify(&self) -> impl Iterator<Item = ServerName<'static>> + '_ {
        let dns = self.dns.iter().filter_map(|name| {
            let name = without_asterisk(name);
            DnsName::try_from(name).map(ServerName::DnsName).ok()
        });
        dns.chain(self.addresses.iter().map(|address| ServerName::from(*address)))
    }

    pub(crate) fn subject_alternatives(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let dns = self.dns.iter().map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
        dns.chain(self.addresses.iter().map(|address| Ok(SanType::IpAddress(*address)))).collect()
    }
}

/// The name in small letters, if it may stand in a certificate.
fn valid_dns_name(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    // A root dot is good in a query and bad in a certificate.
    let valid = !name.ends_with('.') && DnsName::try_from(without_asterisk(&name)).is_ok();
    valid.then_some(name)
}

fn without_asterisk(name: &str) -> String {
    match name.strip_prefix("*.") {
        Some(rest) => format!("{ANY_LABEL}.{rest}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_that_is_no_dns_name_is_left_out() {
        assert_eq!(ServerNames::local(Some("my laptop")), ServerNames::local(None));
        assert_ne!(ServerNames::local(Some("laptop")), ServerNames::local(None));
    }

    #[test]
    fn names_are_a_set_without_case() {
        let one = ServerNames::default().and_dns_name("a.Example").unwrap().and_dns_name("b.example").unwrap();
        let two = ServerNames::default().and_dns_name("B.example").unwrap().and_dns_name("a.example").unwrap();
        assert_eq!(one, two);
        assert_eq!(one.clone().and_address([0, 0, 0, 0].into()), one);
        assert_eq!(one.to_verify().count(), 2);
    }

    #[test]
    fn what_is_no_dns_name_is_refused() {
        for name in ["", "a..b", "-a", "a b", "a.b.", "*", "a.*.b", "*.*.b", "1.2.3.4", "é.example"] {
            let error = ServerNames::default().and_dns_name(name).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "{name:?} is not a DNS name; write labels of letters, digits and hyphens with dots between them (the first may be *)"
                )
            );
        }
        for name in ["a", "a-1.b", "*.b.example", "my_host"] {
            ServerNames::default().and_dns_name(name).unwrap();
        }
    }
}
